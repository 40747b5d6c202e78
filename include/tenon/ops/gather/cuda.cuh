// SPDX-License-Identifier: BSL-1.0
// Looking up rows of a table on a GPU, and adding rows up by number.
#pragma once
#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "../../cuda/queue.hpp"
#include "cpu.hpp"

namespace tenon::cuda {

template <class T, std::size_t Rows, std::size_t Width, class Walk>
struct gather_body {
  static constexpr std::size_t operands = 3;
  static constexpr std::size_t elements = Walk::count * Width;
  static constexpr bool lone_threads = true;
  static constexpr index threads = block_threads(elements);
  static_assert(elements < (std::size_t{1} << 31) && Rows * Width < (std::size_t{1} << 31),
                "a tensor of over 2^31 elements");
  static constexpr grid size() {
    return {static_cast<index>(std::min<std::size_t>(divide_up(elements, threads), 4096)), threads, 0};
  }
  template <class Block, class Arguments>
  TENON_DEVICE static void run(Block const& block, Arguments const& a) {
    T* const out = a.template out<T>(0);
    T const* const table = a.template in<T>(1);
    auto const* const ids = a.template in<std::int32_t>(2);
    bool const add = a.adds_to(0);
    for (index e = block.number() * threads + block.thread(); e < elements; e += block.count() * threads) {
      index const i = e / Width, k = e % Width;
      T const v =
          table[static_cast<index>(cpu::clamped_row(ids[Walk::offset(i)], Rows)) * static_cast<index>(Width) +
                k];
      out[e] = add ? out[e] + v : v;
    }
  }
};

/// A block for each row of the table, or for some of its columns: its warps look for the row's number among
/// the ids, 32 at a time, and add what belongs to it in the order of the ids.
template <class T, std::size_t Rows, std::size_t Width, class Walk>
struct scatter_add_body {
  static constexpr std::size_t operands = 3;
  static constexpr index threads = block_threads(Width);
  static constexpr auto pieces = static_cast<index>(divide_up(Width, threads));
  static_assert(Walk::count * Width < (std::size_t{1} << 31) && Rows * Width < (std::size_t{1} << 31),
                "a tensor of over 2^31 elements");
  static constexpr grid size() { return {static_cast<index>(Rows) * pieces, threads, 0}; }

  template <class Block, class Arguments>
  TENON_DEVICE static void run(Block const& block, Arguments const& a) {
    index const row = block.number() / pieces;
    index const column = block.number() % pieces * threads + block.thread();
    bool const used = column < Width;
    T* const to = a.template out<T>(0) + row * Width + column;
    T const* const rows = a.template in<T>(1) + column;
    auto const* const ids = a.template in<std::int32_t>(2);
    T total = used && a.adds_to(0) ? *to : T{};
    index const lane = block.thread() % warp;
    for (index first = 0; first < Walk::count; first += warp) {
      index const i = first + lane;
      index found = block.ballot(i < Walk::count && cpu::clamped_row(ids[Walk::offset(i)], Rows) == row);
      for (; found != 0; found &= found - 1)
        if (used) total += rows[(first + static_cast<index>(std::countr_zero(found))) * Width];
    }
    if (used) *to = total;
  }
};

template <class T, std::size_t Rows, std::size_t Width, class Walk>
struct lowering<cpu::gather_kernel<T, Rows, Width, Walk>> {
  static void enqueue(queue& q, call_arguments const& a) {
    using body = gather_body<T, Rows, Width, Walk>;
    q.run<body>(body::size(), kernel_arguments<body::operands>(a));
  }
};
template <class T, std::size_t Rows, std::size_t Width, class Walk>
struct lowering<cpu::scatter_add_kernel<T, Rows, Width, Walk>> {
  static void enqueue(queue& q, call_arguments const& a) {
    using body = scatter_add_body<T, Rows, Width, Walk>;
    q.run<body>(body::size(), kernel_arguments<body::operands>(a));
  }
};

}  // namespace tenon::cuda
