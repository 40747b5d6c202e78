// SPDX-License-Identifier: BSL-1.0
// Softmax along one axis on a GPU: a team of threads for each row.
#pragma once
#include <cstddef>
#include <cstdint>
#include <limits>

#include "../../cuda/queue.hpp"
#include "../../cuda/row_team.cuh"
#include "cpu.hpp"

namespace tenon::cuda {

/// How many elements of row r count.
template <std::size_t Count, class WalkValid, bool Masked, class Arguments>
TENON_DEVICE std::int32_t valid_of(Arguments const& a, std::size_t operand, index row) {
  if constexpr (Masked)
    return a.template in<std::int32_t>(operand)[WalkValid::offset(row)];
  else
    return static_cast<std::int32_t>(Count);
}

template <class T, std::size_t Count, std::size_t StrideX, class WalkX, class WalkY, std::size_t StrideY,
          class WalkValid, bool Masked, bool Log>
struct softmax_body {
  using team = row_team<WalkX::count, Count, T>;
  static constexpr std::size_t operands = Masked ? 3 : 2;
  static constexpr index threads = team::threads;

  template <class Block, class Arguments>
  TENON_DEVICE static void run(Block const& block, Arguments const& a) {
    index const row = team::row(block);
    if (row < WalkX::count) run_row(block, a, row);  // with its whole team
  }
  /// One row, by one team.
  template <class Block, class Arguments>
  TENON_DEVICE static void run_row(Block const& block, Arguments const& a, index row) {
    T const* const x = a.template in<T>(1) + WalkX::offset(row);
    T* const y = a.template out<T>(0) + WalkY::offset(row);
    auto const valid = valid_of<Count, WalkValid, Masked>(a, 2, row);
    auto const read = [&](index i) {
      return Masked && static_cast<std::int32_t>(i) >= valid ? cpu::masked_score<T> : x[i * StrideX];
    };
    T top = std::numeric_limits<T>::lowest();
    for (index i = team::member(block); i < Count; i += team::size) top = larger{}(read(i), top);
    top = team::joined(block, top, larger{});
    T total{};
    for (index i = team::member(block); i < Count; i += team::size) {
      T const e = math::exp(read(i) - top);
      if constexpr (!Log) y[i * StrideY] = e;
      total += e;
    }
    total = team::joined(block, total, plus{});
    if constexpr (Log) {
      T const shift = top + math::log(total);
      for (index i = team::member(block); i < Count; i += team::size) y[i * StrideY] = read(i) - shift;
    } else {
      T const scale = T(1) / total;
      for (index i = team::member(block); i < Count; i += team::size) y[i * StrideY] *= scale;
    }
  }
};

template <class T, std::size_t Count, std::size_t StrideX, class WalkX, class WalkY, std::size_t StrideY,
          class WalkValid, bool Masked, bool Log>
struct softmax_gradient_body {
  using team = row_team<WalkX::count, Count, T>;
  static constexpr std::size_t operands = Masked ? 4 : 3;
  static constexpr index threads = team::threads;

  template <class Block, class Arguments>
  TENON_DEVICE static void run(Block const& block, Arguments const& a) {
    index const row = team::row(block);
    if (row < WalkX::count) run_row(block, a, row);
  }
  template <class Block, class Arguments>
  TENON_DEVICE static void run_row(Block const& block, Arguments const& a, index row) {
    T* const dx = a.template out<T>(0) + WalkX::offset(row);
    T const* const g = a.template in<T>(1) + WalkY::offset(row);
    T const* const y = a.template in<T>(2) + WalkY::offset(row);
    auto const valid = valid_of<Count, WalkValid, Masked>(a, 3, row);
    bool const add = a.adds_to(0);
    T total{};
    for (index i = team::member(block); i < Count; i += team::size)
      total += Log ? g[i * StrideY] : g[i * StrideY] * y[i * StrideY];
    total = team::joined(block, total, plus{});
    for (index i = team::member(block); i < Count; i += team::size) {
      T const gy = g[i * StrideY], yy = y[i * StrideY];
      T d = Log ? gy - math::exp(yy) * total : yy * (gy - total);
      if (Masked && static_cast<std::int32_t>(i) >= valid) d = T{};
      dx[i * StrideX] = add ? d + dx[i * StrideX] : d;
    }
  }
};

template <class T, std::size_t Count, std::size_t StrideX, class WalkX, class WalkY, std::size_t StrideY,
          class WalkValid, bool Masked, bool Log>
struct lowering<cpu::softmax_kernel<T, Count, StrideX, WalkX, WalkY, StrideY, WalkValid, Masked, Log>> {
  using body = softmax_body<T, Count, StrideX, WalkX, WalkY, StrideY, WalkValid, Masked, Log>;
  static void enqueue(queue& q, call_arguments const& a) {
    q.run<body>(body::team::size_of_grid(), kernel_arguments<body::operands>(a));
  }
};
template <class T, std::size_t Count, std::size_t StrideX, class WalkX, class WalkY, std::size_t StrideY,
          class WalkValid, bool Masked, bool Log>
struct lowering<
    cpu::softmax_gradient_kernel<T, Count, StrideX, WalkX, WalkY, StrideY, WalkValid, Masked, Log>> {
  using body = softmax_gradient_body<T, Count, StrideX, WalkX, WalkY, StrideY, WalkValid, Masked, Log>;
  static void enqueue(queue& q, call_arguments const& a) {
    q.run<body>(body::team::size_of_grid(), kernel_arguments<body::operands>(a));
  }
};

}  // namespace tenon::cuda
