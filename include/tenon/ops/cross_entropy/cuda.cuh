// SPDX-License-Identifier: BSL-1.0
// Cross-entropy on a GPU: a team of threads for each row of logits.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "../../cuda/queue.hpp"
#include "../../cuda/row_team.cuh"
#include "cpu.hpp"

namespace tenon::cuda {

template <class T, std::size_t Rows, std::size_t Count, class WalkLabels, bool Limited>
struct cross_entropy_body {
  using team = row_team<Rows, Count, T>;
  static constexpr std::size_t operands = Limited ? 5 : 4;
  static constexpr index threads = team::threads;

  template <class Block, class Arguments>
  TENON_DEVICE static void run(Block const& block, Arguments const& a) {
    index const row = team::row(block);
    if (row >= Rows) return;  // with its whole team
    auto const count = static_cast<index>(
        cpu::used_logits<Count, Limited>(Limited ? a.template in<std::int32_t>(4) : nullptr));
    T const* const x = a.template in<T>(2) + row * Count;
    T top = std::numeric_limits<T>::lowest();
    for (index i = team::member(block); i < count; i += team::size) top = larger{}(x[i], top);
    top = team::joined(block, top, larger{});
    T total{};
    for (index i = team::member(block); i < count; i += team::size) total += math::exp(x[i] - top);
    total = team::joined(block, total, plus{});
    T mean{};
    auto const spread = static_cast<T>(a.scalars[0]);
    if (spread > 0) {  // for all rows or for none
      for (index i = team::member(block); i < count; i += team::size) mean += x[i];
      mean = team::joined(block, mean, plus{}) / static_cast<T>(count);
    }
    if (team::member(block) != 0) return;
    T const log_sum = top + math::log(total);
    T expected = x[cpu::clamped_row(a.template in<std::int32_t>(3)[WalkLabels::offset(row)], count)];
    if (spread > 0) expected += spread * (mean - expected);
    a.template out<T>(0)[row] = log_sum - expected;
    a.template out<T>(1)[row] = log_sum;
  }
};

/// A thread for each logit.
template <class T, std::size_t Rows, std::size_t Count, class WalkLabels, bool Limited>
struct cross_entropy_gradient_body {
  static constexpr std::size_t operands = Limited ? 6 : 5;
  static constexpr std::size_t elements = Rows * Count;
  static constexpr bool lone_threads = true;
  static constexpr index threads = block_threads(elements);
  static_assert(elements < (std::size_t{1} << 31), "a tensor of over 2^31 elements");
  static constexpr grid size() {
    return {static_cast<index>(std::min<std::size_t>(divide_up(elements, threads), 4096)), threads, 0};
  }

  template <class Block, class Arguments>
  TENON_DEVICE static void run(Block const& block, Arguments const& a) {
    auto const count = static_cast<index>(
        cpu::used_logits<Count, Limited>(Limited ? a.template in<std::int32_t>(5) : nullptr));
    T* const dx = a.template out<T>(0);
    T const* const x = a.template in<T>(3);
    bool const add = a.adds_to(0);
    auto const spread = static_cast<T>(a.scalars[0]);
    for (index e = block.number() * threads + block.thread(); e < elements; e += block.count() * threads) {
      index const row = e / Count, i = e % Count;
      T d{};
      if (i < count) {
        T const g = a.template in<T>(1)[row];
        d = (math::exp(x[e] - a.template in<T>(2)[row]) - spread / static_cast<T>(count)) * g;
        if (i == cpu::clamped_row(a.template in<std::int32_t>(4)[WalkLabels::offset(row)], count))
          d -= g * (1 - spread);
      }
      dx[e] = add ? dx[e] + d : d;
    }
  }
};

template <class T, std::size_t Rows, std::size_t Count, class WalkLabels, bool Limited>
struct lowering<cpu::cross_entropy_kernel<T, Rows, Count, WalkLabels, Limited>> {
  static void enqueue(queue& q, call_arguments const& a) {
    using body = cross_entropy_body<T, Rows, Count, WalkLabels, Limited>;
    q.run<body>(body::team::size_of_grid(), kernel_arguments<body::operands>(a));
  }
};
template <class T, std::size_t Rows, std::size_t Count, class WalkLabels, bool Limited>
struct lowering<cpu::cross_entropy_gradient_kernel<T, Rows, Count, WalkLabels, Limited>> {
  static void enqueue(queue& q, call_arguments const& a) {
    using body = cross_entropy_gradient_body<T, Rows, Count, WalkLabels, Limited>;
    q.run<body>(body::size(), kernel_arguments<body::operands>(a));
  }
};

}  // namespace tenon::cuda
