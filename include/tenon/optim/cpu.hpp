// SPDX-License-Identifier: BSL-1.0
// Optimisers over the flat parameter block on the CPU.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "../cpu/libm.hpp"
#include "../ops/map/loops.hpp"

namespace tenon::detail {

/// The sums of squares from which a norm is made, and the chunks that the work is cut into.
inline constexpr std::size_t norm_parts = 128, optimiser_chunks = 16;

/// Operands: sums of squares (norm_parts doubles), gradients. integers[0]: parameters.
struct norm_kernel {
  static constexpr std::size_t chunks = optimiser_chunks;
  static void run(call_arguments const& a, std::size_t chunk) {
    auto const* const g = a.in<float>(1);
    auto const parts = cpu::part_of(norm_parts, chunks, chunk);
    for (std::size_t part = parts.begin; part < parts.end; ++part)
      a.out<double>(0)[part] =
          sum_of_squares(g, cpu::part_of(static_cast<std::size_t>(a.integers[0]), norm_parts, part));
  }

 private:
  static double sum_of_squares(float const* g, cpu::range mine) {
    double total = 0;
    std::size_t i = mine.begin;
    // Blocks of some thousand floats: within a block float lanes are exact enough, across blocks a double is
    // needed.
    while (i < mine.end) {
      std::size_t const stop = std::min(mine.end, i + 4096);
      cpu::pack<float> sums{};
      for (; i + cpu::lanes <= stop; i += cpu::lanes) {
        auto const v = cpu::load(g + i);
        sums += v * v;
      }
      if (i < stop) {
        auto const v = cpu::load_partial(g + i, stop - i);
        sums += v * v;
        i = stop;
      }
      total += static_cast<double>(cpu::sum(sums));
    }
    return total;
  }
};

/// Does an optimiser step at the end of this run, counted from 0, if it steps once in so many runs?
TENON_HOST_DEVICE constexpr bool steps_after(std::uint64_t run, std::int64_t runs) {
  return runs <= 1 || (run + 1) % static_cast<std::uint64_t>(runs) == 0;
}
/// Its steps by then, this one among them.
TENON_HOST_DEVICE constexpr double steps_by(std::uint64_t run, std::int64_t runs) {
  return static_cast<double>(runs <= 1 ? run + 1 : (run + 1) / static_cast<std::uint64_t>(runs));
}

/// Operands: means so far, gradients. integers: parameters, runs that make a mean.
struct accumulate_kernel {
  static constexpr std::size_t chunks = optimiser_chunks;
  static void run(call_arguments const& a, std::size_t chunk) {
    auto const mine = cpu::part_of(static_cast<std::size_t>(a.integers[0]), chunks, chunk);
    bool const first = a.state->step % static_cast<std::uint64_t>(a.integers[1]) == 0;
    float const share = 1.0F / static_cast<float>(a.integers[1]);
    float* const mean = a.out<float>(0);
    float const* const g = a.in<float>(1);
    for (std::size_t i = mine.begin; i < mine.end; ++i) mean[i] = (first ? 0.0F : mean[i]) + share * g[i];
  }
};

/// The factor that clips the gradient by the sums of squares at operand k, and divides it by operand k + 1 if
/// there is one.
template <bool Divided>
float gradient_factor(call_arguments const& a, std::size_t k, double limit) {
  double total = 0;
  for (std::size_t i = 0; i < norm_parts; ++i) total += a.in<double>(k)[i];
  double const norm = libm::sqrt(total);
  double factor = norm > limit ? limit / norm : 1.0;
  if constexpr (Divided) factor /= static_cast<double>(*a.in<float>(k + 1));
  return static_cast<float>(factor);
}

/// Operands: parameters, first moments, second moments, gradients, sums of squares, divisor if Divided.
/// scalars: learning rate, β₁, β₂, ε, norm limit, weight decay; integers: parameters, runs that make a step.
template <bool Divided>
struct adam_kernel {
  static constexpr std::size_t chunks = optimiser_chunks;
  static void run(call_arguments const& a, std::size_t chunk) {
    if (!steps_after(a.state->step, a.integers[1])) return;
    auto const mine = cpu::part_of(static_cast<std::size_t>(a.integers[0]), chunks, chunk);
    float* const p = a.out<float>(0);
    float* const m = a.out<float>(1);
    float* const v = a.out<float>(2);
    float const* const g = a.in<float>(3);
    double const beta1 = a.scalars[1], beta2 = a.scalars[2];
    double const step = steps_by(a.state->step, a.integers[1]);
    double const correction1 = 1.0 - libm::pow(beta1, step), correction2 = 1.0 - libm::pow(beta2, step);
    using V = cpu::pack<float>;
    auto const splat = [](double x) { return cpu::broadcast<float>(static_cast<float>(x)); };
    double const learning_rate = a.scalars[0] * static_cast<double>(a.state->learning_rate_scale);
    V const rate = splat(learning_rate / correction1), kept = splat(1.0 - learning_rate * a.scalars[5]);
    V const b1 = splat(beta1), c1 = splat(1.0 - beta1), b2 = splat(beta2), c2 = splat(1.0 - beta2);
    V const root = splat(1.0 / libm::sqrt(correction2)), epsilon = splat(a.scalars[3]);
    V const scale = cpu::broadcast(gradient_factor<Divided>(a, 4, a.scalars[4]));
    auto const update = [&](V const& gradient, V& m1, V& v1, V& value) __attribute__((always_inline)) {
      V const clipped = gradient * scale;
      m1 = b1 * m1 + c1 * clipped;
      v1 = b2 * v1 + c2 * clipped * clipped;
      value = kept * value - rate * m1 / (math::sqrt(v1) * root + epsilon);
    };
    std::size_t i = mine.begin;
    for (; i + cpu::lanes <= mine.end; i += cpu::lanes) {
      V m1 = cpu::load(m + i), v1 = cpu::load(v + i), value = cpu::load(p + i);
      update(cpu::load(g + i), m1, v1, value);
      cpu::store(m + i, m1);
      cpu::store(v + i, v1);
      cpu::store(p + i, value);
    }
    if (i < mine.end) {
      std::size_t const n = mine.end - i;
      V m1 = cpu::load_partial(m + i, n), v1 = cpu::load_partial(v + i, n),
        value = cpu::load_partial(p + i, n);
      update(cpu::load_partial(g + i, n), m1, v1, value);
      cpu::store_partial(m + i, m1, n);
      cpu::store_partial(v + i, v1, n);
      cpu::store_partial(p + i, value, n);
    }
  }
};

/// Operands: parameters, gradients, sums of squares, divisor if Divided. scalars: learning rate, norm limit;
/// integers: parameters, runs that make a step.
template <bool Divided>
struct sgd_kernel {
  static constexpr std::size_t chunks = optimiser_chunks;
  static void run(call_arguments const& a, std::size_t chunk) {
    if (!steps_after(a.state->step, a.integers[1])) return;
    auto const mine = cpu::part_of(static_cast<std::size_t>(a.integers[0]), chunks, chunk);
    float* const p = a.out<float>(0);
    float const* const g = a.in<float>(1);
    float const rate = static_cast<float>(a.scalars[0]) * a.state->learning_rate_scale *
                       gradient_factor<Divided>(a, 2, a.scalars[1]);
    for (std::size_t i = mine.begin; i < mine.end; ++i) p[i] -= rate * g[i];
  }
};

/// Operands: parameters, velocities, gradients, sums of squares, divisor if Divided. scalars: learning rate,
/// norm limit, momentum; integers: parameters, runs that make a step.
template <bool Divided>
struct momentum_kernel {
  static constexpr std::size_t chunks = optimiser_chunks;
  static void run(call_arguments const& a, std::size_t chunk) {
    if (!steps_after(a.state->step, a.integers[1])) return;
    auto const mine = cpu::part_of(static_cast<std::size_t>(a.integers[0]), chunks, chunk);
    float* const p = a.out<float>(0);
    float* const v = a.out<float>(1);
    float const* const g = a.in<float>(2);
    float const rate = static_cast<float>(a.scalars[0]) * a.state->learning_rate_scale;
    float const scale = gradient_factor<Divided>(a, 3, a.scalars[1]),
                momentum = static_cast<float>(a.scalars[2]);
    for (std::size_t i = mine.begin; i < mine.end; ++i) {
      v[i] = momentum * v[i] + scale * g[i];
      p[i] -= rate * v[i];
    }
  }
};

/// How much of the average stays at a step, counted from 0: less at first, so that it forgets the start.
TENON_HOST_DEVICE constexpr double kept_of_average(double decay, double step) {
  double const young = step / (step + 9);
  return young < decay ? young : decay;
}

/// Operands: averages, parameters. scalars: decay; integers: parameters, runs that make a step.
struct average_kernel {
  static constexpr std::size_t chunks = optimiser_chunks;
  static void run(call_arguments const& a, std::size_t chunk) {
    auto const mine = cpu::part_of(static_cast<std::size_t>(a.integers[0]), chunks, chunk);
    if (!steps_after(a.state->step, a.integers[1])) return;
    auto const kept =
        static_cast<float>(kept_of_average(a.scalars[0], steps_by(a.state->step, a.integers[1]) - 1));
    float* const average = a.out<float>(0);
    float const* const p = a.in<float>(1);
    for (std::size_t i = mine.begin; i < mine.end; ++i) average[i] += (1 - kept) * (p[i] - average[i]);
  }
};

}  // namespace tenon::detail
