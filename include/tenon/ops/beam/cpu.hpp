// SPDX-License-Identifier: BSL-1.0
// The best continuations of hypotheses on the CPU.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "../../cpu/libm.hpp"
#include "../rows.hpp"

namespace tenon::cpu {

/// The penalty by which a hypothesis of `length` words is divided: ((5 + length) / 6)^alpha (Wu et al., 2016,
/// equation 14).
TENON_HOST_DEVICE inline double length_penalty(std::int32_t length, double alpha) {
  return libm::pow((5.0 + static_cast<double>(length)) / 6.0, alpha);
}

/// Operands, outputs first: totals, last words, parents, lengths of the Kept best; logits, totals, last
/// words, lengths of the Held hypotheses of each row; the word that ends; if Limited, the number of words in
/// use. scalars[0]: α of the length penalty.
template <class T, std::size_t Rows, std::size_t Held, std::size_t Words, std::size_t Kept, bool Limited>
struct best_continuations_kernel {
  static constexpr std::size_t chunks = chunks_for(Rows * Held * Words, 14, Rows);
  static constexpr reach touched(std::size_t k) {
    return k < 4 ? reach_of<2>({Rows, Kept}, {Kept, 1}, 0, chunks, k == 0 ? sizeof(T) : sizeof(std::int32_t))
           : k == 4 ? reach_of<2>({Rows, Held * Words}, {Held * Words, 1}, 0, chunks, sizeof(T))
           : k < 8
               ? reach_of<2>({Rows, Held}, {Held, 1}, 0, chunks, k == 5 ? sizeof(T) : sizeof(std::int32_t))
               : reach{0, sizeof(std::int32_t), 0, 0};
  }

  static void run(call_arguments const& a, std::size_t chunk) {
    std::size_t const words = used_logits<Words, Limited>(Limited ? a.in<std::int32_t>(9) : nullptr);
    std::int32_t const end = *a.in<std::int32_t>(8);
    auto const rows = part_of(Rows, chunks, chunk);
    for (std::size_t row = rows.begin; row < rows.end; ++row) {
      list best;
      best.candidates.fill({-std::numeric_limits<T>::infinity(), -std::numeric_limits<T>::infinity(), end,
                            static_cast<std::int32_t>(row * Held), 0});
      for (std::size_t h = row * Held; h < (row + 1) * Held; ++h) {
        T const total = a.in<T>(5)[h];
        std::int32_t const length = a.in<std::int32_t>(7)[h];
        bool const ended = a.in<std::int32_t>(6)[h] == end && length > 0;
        std::int32_t const grown = ended ? length : length + 1;
        auto const penalty = static_cast<T>(length_penalty(grown, a.scalars[0]));
        auto const parent = static_cast<std::int32_t>(h);
        if (ended)
          best.insert({total / penalty, total, end, parent, grown});
        else
          continue_with(a.in<T>(4) + h * Words, words, {T{}, total, 0, parent, grown}, penalty, best);
      }
      for (std::size_t k = 0; k < Kept; ++k) {
        auto const& made = best.candidates[k];
        a.out<T>(0)[row * Kept + k] = made.total;
        a.out<std::int32_t>(1)[row * Kept + k] = made.word;
        a.out<std::int32_t>(2)[row * Kept + k] = made.parent;
        a.out<std::int32_t>(3)[row * Kept + k] = made.length;
      }
    }
  }

 private:
  struct candidate {
    T score, total;
    std::int32_t word, parent, length;
  };
  /// The best so far, the best first; the first of equals stays before the others.
  struct list {
    std::array<candidate, Kept> candidates;
    T worst() const { return candidates[Kept - 1].score; }
    void insert(candidate const& c) {
      if (!(c.score > worst())) return;
      std::size_t k = Kept - 1;
      for (; k > 0 && c.score > candidates[k - 1].score; --k) candidates[k] = candidates[k - 1];
      candidates[k] = c;
    }
  };

  /// All words behind one hypothesis; `from` has what they share.
  static void continue_with(T const* x, std::size_t words, candidate from, T penalty, list& best) {
    T const log_sum = log_sum_exp(x, words), total = from.total;
    auto const one = [&](std::size_t v) {
      from.total = total + (x[v] - log_sum);
      from.score = from.total / penalty;
      from.word = static_cast<std::int32_t>(v);
      best.insert(from);
    };
    std::size_t v = 0;
    for (; v + lanes <= words; v += lanes)  // few of a vocabulary are good enough: look at whole packs first
      if ((total + (max_of(load(x + v)) - log_sum)) / penalty > best.worst())
        for (std::size_t lane = 0; lane < lanes; ++lane) one(v + lane);
    for (; v < words; ++v) one(v);
  }
};

}  // namespace tenon::cpu
