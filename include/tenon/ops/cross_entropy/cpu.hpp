// SPDX-License-Identifier: BSL-1.0
// −log softmax(logits)[label] for each row, with or without label smoothing, and its gradient, in one pass
// over the logits each.
#pragma once
#include <cstddef>
#include <cstdint>

#include "../rows.hpp"
#include "../softmax/cpu.hpp"

namespace tenon::cpu {

/// Operands: loss per row, log Σ e^logit per row (for the gradient), logits (rows dense, one after another),
/// labels and, if Limited, the number of logits in use (one int32). scalars[0]: how much of a label is spread
/// evenly over the logits.
template <class T, std::size_t Rows, std::size_t Count, class WalkLabels, bool Limited>
struct cross_entropy_kernel {
  static constexpr std::size_t chunks = chunks_for(Rows * Count, 12, Rows);
  static constexpr reach touched(std::size_t k) {
    return k < 2    ? reach_of<1>({Rows}, {1}, 0, chunks, sizeof(T))
           : k == 2 ? reach_of<2>({Rows, Count}, {Count, 1}, 0, chunks, sizeof(T))
           : k == 3 ? WalkLabels::touched(1, 1, chunks, sizeof(std::int32_t))
                    : reach{0, sizeof(std::int32_t), 0, 0};
  }
  static void run(call_arguments const& a, std::size_t chunk) {
    std::size_t const count = used_logits<Count, Limited>(Limited ? a.in<std::int32_t>(4) : nullptr);
    auto const spread = static_cast<T>(a.scalars[0]);
    auto const rows = part_of(Rows, chunks, chunk);
    for (std::size_t r = rows.begin; r < rows.end; ++r) {
      T const* const x = a.in<T>(2) + r * Count;
      T const log_sum = log_sum_exp(x, count);
      T expected = x[clamped_row(a.in<std::int32_t>(3)[WalkLabels::offset(r)], count)];
      if (spread > 0) expected += spread * (sum_of(x, count) / static_cast<T>(count) - expected);
      a.out<T>(0)[r] = log_sum - expected;
      a.out<T>(1)[r] = log_sum;
    }
  }
};

/// d logits = g (softmax − smoothed one-hot); operands: d logits, g per row, log sums, logits, labels, limit;
/// scalars[0] as before. d logits may stand where the logits stand.
template <class T, std::size_t Rows, std::size_t Count, class WalkLabels, bool Limited>
struct cross_entropy_gradient_kernel {
  static constexpr std::size_t chunks = chunks_for(Rows * Count, 12, Rows);
  static constexpr reach touched(std::size_t k) {
    return k == 0 || k == 3 ? reach_of<2>({Rows, Count}, {Count, 1}, 0, chunks, sizeof(T))
           : k < 3          ? reach_of<1>({Rows}, {1}, 0, chunks, sizeof(T))
           : k == 4         ? WalkLabels::touched(1, 1, chunks, sizeof(std::int32_t))
                            : reach{0, sizeof(std::int32_t), 0, 0};
  }
  static void run(call_arguments const& a, std::size_t chunk) {
    std::size_t const count = used_logits<Count, Limited>(Limited ? a.in<std::int32_t>(5) : nullptr);
    auto const rows = part_of(Rows, chunks, chunk);
    bool const add = a.adds_to(0);
    auto const spread = static_cast<T>(a.scalars[0]);
    auto const each = broadcast<T>(spread / static_cast<T>(count));
    for (std::size_t r = rows.begin; r < rows.end; ++r) {
      T const* const x = a.in<T>(3) + r * Count;
      T* const dx = a.out<T>(0) + r * Count;
      T const g = a.in<T>(1)[r];
      auto const scale = broadcast<T>(g), shift = broadcast<T>(a.in<T>(2)[r]);
      auto const label = clamped_row(a.in<std::int32_t>(4)[WalkLabels::offset(r)], count);
      std::size_t i = 0;
      for (; i + lanes <= count; i += lanes) {
        auto d = (math::exp(load(x + i) - shift) - each) * scale;
        if (add) d += load(dx + i);
        store(dx + i, d);
      }
      if (i < count) {
        auto d = (math::exp(load_partial(x + i, count - i) - shift) - each) * scale;
        if (add) d += load_partial(dx + i, count - i);
        store_partial(dx + i, d, count - i);
      }
      if (!add) std::fill(dx + count, dx + Count, T{});
      dx[label] -= g * (1 - spread);
    }
  }
};

}  // namespace tenon::cpu
