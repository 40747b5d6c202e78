// SPDX-License-Identifier: BSL-1.0
// The position of the largest element on a GPU: a team of threads for each row.
#pragma once
#include <cstddef>
#include <cstdint>
#include <limits>

#include "../../cuda/queue.hpp"
#include "../../cuda/row_team.cuh"
#include "cpu.hpp"

namespace tenon::cuda {

template <class T, std::size_t Count, std::size_t Stride, class Walk, bool Limited>
struct argmax_body {
  using team = row_team<Walk::count, Count, T>;
  static constexpr std::size_t operands = Limited ? 3 : 2;
  static constexpr index threads = team::threads;

  template <class Block, class Arguments>
  TENON_DEVICE static void run(Block const& block, Arguments const& a) {
    index const row = team::row(block);
    if (row >= Walk::count) return;  // with its whole team
    auto const count = static_cast<index>(
        cpu::used_logits<Count, Limited>(Limited ? a.template in<std::int32_t>(2) : nullptr));
    T const* const x = a.template in<T>(1) + Walk::offset(row);
    index best = team::member(block) < count ? team::member(block) : 0;
    for (index i = best; i < count; i += team::size)
      if (x[i * Stride] > x[best * Stride]) best = i;
    T const top = team::joined(block, x[best * Stride], larger{});
    // The first of equals; NaN equals nothing: then the first position.
    index const mine = x[best * Stride] == top ? best : std::numeric_limits<index>::max();
    index const first = team::joined(block, mine, smaller{});
    if (team::member(block) == 0)
      a.template out<std::int32_t>(0)[row] = first < count ? static_cast<std::int32_t>(first) : 0;
  }
};

template <class T, std::size_t Count, std::size_t Stride, class Walk, bool Limited>
struct lowering<cpu::argmax_kernel<T, Count, Stride, Walk, Limited>> {
  static void enqueue(queue& q, call_arguments const& a) {
    using body = argmax_body<T, Count, Stride, Walk, Limited>;
    q.run<body>(body::team::size_of_grid(), kernel_arguments<body::operands>(a));
  }
};

}  // namespace tenon::cuda
