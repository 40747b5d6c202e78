// SPDX-License-Identifier: BSL-1.0
// tenon-translate buckets
#pragma once
#include <algorithm>
#include <array>
#include <cstddef>
#include <iostream>
#include <span>
#include <string>
#include <vector>

#include "model.hpp"
#include "options.hpp"
#include "output.hpp"
#include "tenon/text/length_buckets.hpp"

namespace tenon::translate {

/// Prints how long the sentences of some data are by the recipe's tokens, and the buckets of lengths that
/// suit them, as a recipe writes them. Throws tenon::error.
template <class Recipe>
TENON_COLD int buckets_command(options const& chosen, std::ostream& out) {
  auto const pairs = read_data(chosen.data, every_pair);
  auto const both = learn(pairs, Recipe::text);  // whatever this translator has room for
  std::vector<text::pair_length> lengths(pairs.size());
  std::ranges::transform(pairs, lengths.begin(), [&](text::sentence_pair const& pair) {
    return text::pair_length{
        both.source.tokeniser.tokens(pair.source).size() + (Recipe::text.source_eos ? 1 : 0),
        both.target.tokeniser.tokens(pair.target).size() + 1};
  });
  out << pairs.size() << " pairs of " << io::printable(name_of(chosen.data)) << "; tokens with <eos>: ";
  auto const range = [&](char const* side, std::size_t text::pair_length::*length) {
    auto const [least, most] = std::ranges::minmax(lengths, {}, length);
    double sum = 0;
    for (auto const& l : lengths) sum += static_cast<double>(l.*length);
    out << side << ' ' << least.*length << " to " << most.*length << ", mean "
        << train::fixed(sum / static_cast<double>(lengths.size()), 1);
  };
  range("source", &text::pair_length::source);
  out << "; ";
  range("target", &text::pair_length::target);
  constexpr double covered = 0.999;
  auto const one = text::choose_buckets(lengths, 1, covered);
  auto const best = text::choose_buckets(lengths, chosen.buckets, covered);
  auto const percent = [&](std::span<text::length_bucket const> buckets) {
    return train::fixed(100 * text::filled(buckets, lengths), 1) + " %";
  };
  std::size_t fitting = 0;
  for (auto const& b : best) fitting += b.pairs;
  out << '\n'
      << fitting << " pairs fit the last bucket, " << pairs.size() - fitting
      << " longer ones would be cut\nsteps that are tokens: " << percent(one) << " in one bucket, "
      << percent(best) << " in these\n\n";
  for (auto const& b : best)
    out << "  source up to " << b.source_steps << ", target up to " << b.target_steps << ": " << b.pairs
        << " pairs\n";
  // As many labels a batch in each bucket, in rows that kernels like.
  constexpr std::size_t rows = 16;
  std::string written;
  for (auto const& b : best)
    written += (written.empty() ? "bucket{" : ", bucket{") +
               std::to_string(std::max(rows, chosen.batch_words / b.target_steps / rows * rows)) + ", " +
               std::to_string(b.source_steps) + ", " + std::to_string(b.target_steps) + "}";
  out << "\nstatic constexpr std::array buckets{" << written
      << "};\nstatic constexpr std::size_t source_steps = " << best.back().source_steps
      << ", target_steps = " << best.back().target_steps << ";\n";
  flush(out);
  return 0;
}

}  // namespace tenon::translate
