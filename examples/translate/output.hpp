// SPDX-License-Identifier: BSL-1.0
// What the commands print, and how they ask whether it arrived.
#pragma once
#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <ostream>
#include <span>
#include <string>
#include <vector>

#include "tenon/config.hpp"
#include "tenon/error.hpp"
#include "tenon/printable.hpp"
#include "tenon/text/vocabulary.hpp"
#include "tenon/train/format.hpp"
#include "tenon/train/report.hpp"

namespace tenon::translate {

/// Hands out what was printed. Throws tenon::error if it cannot be written: a full disk must not look like
/// success.
inline void flush(std::ostream& out) {
  errno = 0;
  if (out.flush()) return;
  throw error(errno == EPIPE ? "standard output: nobody reads it any more"
                             : "standard output: cannot be written: free some space, or print to elsewhere");
}

/// What is wrong with a model whose loss is this.
inline std::string loss_not_finite(double loss) {
  return "the loss of these pairs is " + train::fixed(loss, 3) +
         ": the model's weights are too large to compute with: train again with a lower learning rate";
}

/// For each token of a translation, without <eos>, the token of the source that it looked at most: "0-0 2-1",
/// source before translation, counted from 0 (the format of Pharaoh).
TENON_COLD inline std::string alignment(train::sample const& s) {
  auto const words = [](std::vector<std::string> const& tokens) {
    return tokens.size() - (!tokens.empty() && tokens.back() == text::eos_token ? 1 : 0);
  };
  std::string result;
  std::size_t const width = s.source_tokens.size();
  for (std::size_t t = 0; t < words(s.prediction_tokens) && words(s.source_tokens) > 0; ++t) {
    auto const row = std::span(s.weights).subspan(t * width, words(s.source_tokens));
    auto const most = std::ranges::max_element(row) - row.begin();
    result += (t == 0 ? "" : " ") + std::to_string(most) + '-' + std::to_string(t);
  }
  return result;
}

/// "go . => va !  bleu 1.000"
inline void print(std::ostream& out, train::sample const& s, bool aligned = false) {
  out << io::printable(s.source) << " => " << io::printable(s.prediction);
  if (s.score) out << "  score " << train::fixed(*s.score, 3);
  if (s.bleu) out << "  bleu " << train::fixed(*s.bleu, 3);
  if (aligned) out << "  align " << alignment(s);
  out << '\n';
}

}  // namespace tenon::translate
