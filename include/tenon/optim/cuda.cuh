// SPDX-License-Identifier: BSL-1.0
// Optimisers over the flat parameter block on a GPU: one kernel for the norm, one that clips and updates.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "../cpu/libm.hpp"
#include "../cuda/block_reduce.hpp"
#include "../cuda/queue.hpp"
#include "cpu.hpp"

namespace tenon::cuda {

/// A block for each of the sums of squares.
struct norm_body {
  static constexpr index threads = 256;
  static constexpr grid size() {
    return {tenon::detail::norm_parts, threads, block_reduce_bytes<threads, double>};
  }
  template <class Block, class Arguments>
  TENON_DEVICE static void run(Block const& block, Arguments const& a) {
    auto const mine =
        cpu::part_of(static_cast<std::size_t>(a.integers[0]), tenon::detail::norm_parts, block.number());
    float const* const g = a.template in<float>(1);
    double total = 0;
    for (std::size_t i = mine.begin + block.thread(); i < mine.end; i += threads) {
      auto const v = static_cast<double>(g[i]);
      total += v * v;
    }
    total = over_block<threads>(block, total, plus{});
    if (block.thread() == 0) a.template out<double>(0)[block.number()] = total;
  }
};

/// Parameters that a block of an optimiser updates at a time, and the blocks for `count` of them.
inline constexpr index update_threads = 256;
inline grid update_grid(std::size_t count) {
  return {static_cast<index>(std::clamp<std::size_t>(divide_up(count, update_threads), 1, 2048)),
          update_threads, block_reduce_bytes<update_threads, double> + 4 * sizeof(double)};
}

/// What detail::gradient_factor computes; every thread gets it.
template <bool Divided, class Block, class Arguments>
TENON_DEVICE float gradient_factor(Block const& block, Arguments const& a, std::size_t k, double limit) {
  static_assert(tenon::detail::norm_parts <= update_threads);
  double const part =
      block.thread() < tenon::detail::norm_parts ? a.template in<double>(k)[block.thread()] : 0.0;
  double const norm = libm::sqrt(over_block<update_threads>(block, part, plus{}));
  double const factor = norm > limit ? limit / norm : 1.0;
  if constexpr (Divided)
    return static_cast<float>(factor / static_cast<double>(*a.template in<float>(k + 1)));
  return static_cast<float>(factor);
}

/// Operands and constants as those of detail::adam_kernel.
template <bool Divided>
struct adam_body {
  static constexpr index threads = update_threads;
  template <class Block, class Arguments>
  TENON_DEVICE static void run(Block const& block, Arguments const& a) {
    if (!tenon::detail::steps_after(a.state->step, a.integers[1])) return;
    float const scale = gradient_factor<Divided>(block, a, 4, a.scalars[4]);
    // The powers take long: one thread of each block computes them.
    double* const corrections = block.template shared<double>() + threads / warp;
    double const learning_rate = a.scalars[0] * static_cast<double>(a.state->learning_rate_scale);
    if (block.thread() == 0) {
      double const step = tenon::detail::steps_by(a.state->step, a.integers[1]);
      corrections[0] = learning_rate / (1.0 - libm::pow(a.scalars[1], step));
      corrections[1] = 1.0 / libm::sqrt(1.0 - libm::pow(a.scalars[2], step));
    }
    block.sync();
    auto const rate = static_cast<float>(corrections[0]), root = static_cast<float>(corrections[1]);
    auto const b1 = static_cast<float>(a.scalars[1]), c1 = static_cast<float>(1.0 - a.scalars[1]);
    auto const b2 = static_cast<float>(a.scalars[2]), c2 = static_cast<float>(1.0 - a.scalars[2]);
    auto const epsilon = static_cast<float>(a.scalars[3]),
               kept = static_cast<float>(1.0 - learning_rate * a.scalars[5]);
    auto const count = static_cast<std::size_t>(a.integers[0]);
    float* const p = a.template out<float>(0);
    float* const m = a.template out<float>(1);
    float* const v = a.template out<float>(2);
    float const* const g = a.template in<float>(3);
    for (std::size_t i = block.number() * threads + block.thread(); i < count; i += block.count() * threads) {
      float const clipped = g[i] * scale;
      float const m1 = b1 * m[i] + c1 * clipped, v1 = b2 * v[i] + c2 * clipped * clipped;
      m[i] = m1;
      v[i] = v1;
      p[i] = kept * p[i] - rate * m1 / (libm::sqrt(v1) * root + epsilon);
    }
  }
};

/// Operands and constants as those of detail::sgd_kernel.
template <bool Divided>
struct sgd_body {
  static constexpr index threads = update_threads;
  template <class Block, class Arguments>
  TENON_DEVICE static void run(Block const& block, Arguments const& a) {
    if (!tenon::detail::steps_after(a.state->step, a.integers[1])) return;
    float const rate = static_cast<float>(a.scalars[0]) * a.state->learning_rate_scale *
                       gradient_factor<Divided>(block, a, 2, a.scalars[1]);
    auto const count = static_cast<std::size_t>(a.integers[0]);
    float* const p = a.template out<float>(0);
    float const* const g = a.template in<float>(1);
    for (std::size_t i = block.number() * threads + block.thread(); i < count; i += block.count() * threads)
      p[i] -= rate * g[i];
  }
};

/// Operands and constants as those of detail::momentum_kernel.
template <bool Divided>
struct momentum_body {
  static constexpr index threads = update_threads;
  template <class Block, class Arguments>
  TENON_DEVICE static void run(Block const& block, Arguments const& a) {
    if (!tenon::detail::steps_after(a.state->step, a.integers[1])) return;
    float const scale = gradient_factor<Divided>(block, a, 3, a.scalars[1]);
    float const rate = static_cast<float>(a.scalars[0]) * a.state->learning_rate_scale;
    auto const momentum = static_cast<float>(a.scalars[2]);
    auto const count = static_cast<std::size_t>(a.integers[0]);
    float* const p = a.template out<float>(0);
    float* const v = a.template out<float>(1);
    float const* const g = a.template in<float>(2);
    for (std::size_t i = block.number() * threads + block.thread(); i < count; i += block.count() * threads) {
      float const velocity = momentum * v[i] + scale * g[i];
      v[i] = velocity;
      p[i] -= rate * velocity;
    }
  }
};

/// Operands and constants as those of detail::accumulate_kernel.
struct accumulate_body {
  static constexpr index threads = update_threads;
  template <class Block, class Arguments>
  TENON_DEVICE static void run(Block const& block, Arguments const& a) {
    bool const first = a.state->step % static_cast<std::uint64_t>(a.integers[1]) == 0;
    float const share = 1.0F / static_cast<float>(a.integers[1]);
    auto const count = static_cast<std::size_t>(a.integers[0]);
    float* const mean = a.template out<float>(0);
    float const* const g = a.template in<float>(1);
    for (std::size_t i = block.number() * threads + block.thread(); i < count; i += block.count() * threads)
      mean[i] = (first ? 0.0F : mean[i]) + share * g[i];
  }
};

/// Operands and constants as those of detail::average_kernel.
struct average_body {
  static constexpr index threads = update_threads;
  template <class Block, class Arguments>
  TENON_DEVICE static void run(Block const& block, Arguments const& a) {
    if (!tenon::detail::steps_after(a.state->step, a.integers[1])) return;
    auto const kept = static_cast<float>(tenon::detail::kept_of_average(
        a.scalars[0], tenon::detail::steps_by(a.state->step, a.integers[1]) - 1));
    auto const count = static_cast<std::size_t>(a.integers[0]);
    float* const average = a.template out<float>(0);
    float const* const p = a.template in<float>(1);
    for (std::size_t i = block.number() * threads + block.thread(); i < count; i += block.count() * threads)
      average[i] += (1 - kept) * (p[i] - average[i]);
  }
};

template <>
struct lowering<tenon::detail::norm_kernel> {
  static void enqueue(queue& q, call_arguments const& a) {
    q.run<norm_body>(norm_body::size(), kernel_arguments<2>(a));
  }
};
template <bool Divided>
struct lowering<tenon::detail::adam_kernel<Divided>> {
  static void enqueue(queue& q, call_arguments const& a) {
    q.run<adam_body<Divided>>(update_grid(static_cast<std::size_t>(a.integers[0])),
                              kernel_arguments<5 + Divided>(a));
  }
};
template <>
struct lowering<tenon::detail::accumulate_kernel> {
  static void enqueue(queue& q, call_arguments const& a) {
    q.run<accumulate_body>(update_grid(static_cast<std::size_t>(a.integers[0])), kernel_arguments<2>(a));
  }
};
template <>
struct lowering<tenon::detail::average_kernel> {
  static void enqueue(queue& q, call_arguments const& a) {
    q.run<average_body>(update_grid(static_cast<std::size_t>(a.integers[0])), kernel_arguments<2>(a));
  }
};
template <bool Divided>
struct lowering<tenon::detail::sgd_kernel<Divided>> {
  static void enqueue(queue& q, call_arguments const& a) {
    q.run<sgd_body<Divided>>(update_grid(static_cast<std::size_t>(a.integers[0])),
                             kernel_arguments<3 + Divided>(a));
  }
};

template <bool Divided>
struct lowering<tenon::detail::momentum_kernel<Divided>> {
  static void enqueue(queue& q, call_arguments const& a) {
    q.run<momentum_body<Divided>>(update_grid(static_cast<std::size_t>(a.integers[0])),
                                  kernel_arguments<4 + Divided>(a));
  }
};

}  // namespace tenon::cuda
