// SPDX-License-Identifier: BSL-1.0
// BLEU of one sentence, as Dive into Deep Learning computes it.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tenon/error.hpp"
#include "tenon/text/tokenise.hpp"

namespace tenon::text {

/// BLEU(k) in [0, 1] of a predicted token sequence against one label:
/// exp(min(0, 1 − len_label/len_pred)) · ∏ p_n^(1/2ⁿ), n = 1 … min(k, len_pred), with p_n the share of the
/// prediction's n-grams that occur in the label, each label n-gram being used at most once. It follows
/// Papineni et al. (2002) but for the weights 1/2ⁿ, so it compares with the figures of that book and with no
/// others. An empty prediction scores 0. Throws tenon::error if k is 0.
inline double bleu(std::span<std::string const> prediction, std::span<std::string const> label,
                   std::size_t k) {
  if (k == 0) throw error("BLEU over n-grams up to length 0: give k of at least 1");
  if (prediction.empty()) return 0;
  auto const predicted = static_cast<double>(prediction.size());
  double score = std::exp(std::min(0.0, 1.0 - static_cast<double>(label.size()) / predicted));
  for (std::size_t n = 1; n <= std::min(k, prediction.size()); ++n) {
    std::map<std::vector<std::string_view>, std::size_t> unused;
    for (std::size_t i = 0; i + n <= label.size(); ++i) {
      auto const gram = label.subspan(i, n);
      ++unused[{gram.begin(), gram.end()}];
    }
    std::size_t matches = 0;
    for (std::size_t i = 0; i + n <= prediction.size(); ++i) {
      auto const gram = prediction.subspan(i, n);
      auto const found = unused.find({gram.begin(), gram.end()});
      if (found == unused.end() || found->second == 0) continue;
      --found->second;
      ++matches;
    }
    // No match at this length makes the product 0; stopping also keeps long k from reaching 1/2ⁿ = 0, where
    // 0⁰ = 1.
    if (matches == 0) return 0;
    double const precision = static_cast<double>(matches) / static_cast<double>(prediction.size() - n + 1);
    score *= std::pow(precision, std::pow(0.5, static_cast<double>(n)));
  }
  return score;
}

/// The same for token sequences written with spaces between the tokens.
inline double bleu(std::string_view prediction, std::string_view label, std::size_t k) {
  return bleu(split(prediction), split(label), k);
}

}  // namespace tenon::text
