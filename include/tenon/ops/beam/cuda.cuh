// SPDX-License-Identifier: BSL-1.0
// The best continuations of hypotheses on a GPU: a block for each row.
#pragma once
#include <cstddef>
#include <cstdint>
#include <limits>

#include "../../cuda/block_reduce.hpp"
#include "../../cuda/queue.hpp"
#include "cpu.hpp"

namespace tenon::cuda {

template <class T, std::size_t Rows, std::size_t Held, std::size_t Words, std::size_t Kept, bool Limited>
struct best_continuations_body {
  static constexpr std::size_t operands = Limited ? 10 : 9;
  static constexpr index threads = 256;
  static_assert(Rows * Held * Words < (std::size_t{1} << 31), "a tensor of over 2^31 elements");
  static constexpr grid size() {
    return {static_cast<index>(Rows), threads, block_reduce_bytes<threads, T> + 2 * Held * sizeof(T)};
  }

  /// The candidates are numbered hypothesis · Words + word. Each round finds the best one behind the last,
  /// the first of equals; that of an ended hypothesis is its word 0.
  template <class Block, class Arguments>
  TENON_DEVICE static void run(Block const& block, Arguments const& a) {
    constexpr T nothing = -std::numeric_limits<T>::infinity();
    auto const words = static_cast<index>(
        cpu::used_logits<Words, Limited>(Limited ? a.template in<std::int32_t>(9) : nullptr));
    std::int32_t const end = *a.template in<std::int32_t>(8);
    index const first = block.number() * Held;
    T const* const x = a.template in<T>(4) + first * Words;
    T const* const totals = a.template in<T>(5) + first;
    std::int32_t const* const last_words = a.template in<std::int32_t>(6) + first;
    std::int32_t const* const lengths = a.template in<std::int32_t>(7) + first;
    auto const ended = [&](index h) { return last_words[h] == end && lengths[h] > 0; };
    auto const grown = [&](index h) { return ended(h) ? lengths[h] : lengths[h] + 1; };

    T* const log_sums = block.template shared<T>() + threads / warp;
    T* const penalties = log_sums + Held;
    for (index h = 0; h < Held; ++h) {
      T top = std::numeric_limits<T>::lowest(), total{};
      for (index v = block.thread(); v < words; v += threads) top = larger{}(x[h * Words + v], top);
      top = over_block<threads>(block, top, larger{});
      for (index v = block.thread(); v < words; v += threads) total += math::exp(x[h * Words + v] - top);
      total = over_block<threads>(block, total, plus{});
      if (block.thread() != 0) continue;
      log_sums[h] = top + math::log(total);
      penalties[h] = static_cast<T>(cpu::length_penalty(grown(h), a.scalars[0]));
    }
    block.sync();

    auto const total_of = [&](index h, index v) {
      return ended(h) ? totals[h] : totals[h] + (x[h * Words + v] - log_sums[h]);
    };
    T last = std::numeric_limits<T>::infinity();
    index last_number = 0;
    for (index k = 0; k < Kept; ++k) {
      T best = nothing;
      index number = std::numeric_limits<index>::max();
      for (index h = 0; h < Held; ++h) {
        index const choices = ended(h) ? 1 : words;
        for (index v = block.thread(); v < choices; v += threads) {
          T const score = total_of(h, v) / penalties[h];
          index const n = h * static_cast<index>(Words) + v;
          if ((score < last || (score == last && n > last_number)) && score > best) {
            best = score;
            number = n;
          }
        }
      }
      T const top = over_block<threads>(block, best, larger{});
      number =
          over_block<threads>(block, best == top ? number : std::numeric_limits<index>::max(), smaller{});
      last = top;
      last_number = number;
      if (block.thread() != 0) continue;
      index const to = block.number() * static_cast<index>(Kept) + k;
      bool const found = top > nothing;
      index const h = found ? number / static_cast<index>(Words) : 0,
                  v = found ? number % static_cast<index>(Words) : 0;
      a.template out<T>(0)[to] = found ? total_of(h, v) : nothing;
      a.template out<std::int32_t>(1)[to] = found && !ended(h) ? static_cast<std::int32_t>(v) : end;
      a.template out<std::int32_t>(2)[to] = static_cast<std::int32_t>(first + h);
      a.template out<std::int32_t>(3)[to] = found ? grown(h) : 0;
    }
  }
};

template <class T, std::size_t Rows, std::size_t Held, std::size_t Words, std::size_t Kept, bool Limited>
struct lowering<cpu::best_continuations_kernel<T, Rows, Held, Words, Kept, Limited>> {
  static void enqueue(queue& q, call_arguments const& a) {
    using body = best_continuations_body<T, Rows, Held, Words, Kept, Limited>;
    q.run<body>(body::size(), kernel_arguments<body::operands>(a));
  }
};

}  // namespace tenon::cuda
