// SPDX-License-Identifier: BSL-1.0
// tenon-translate evaluate
#pragma once
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <iostream>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "ensemble.hpp"
#include "options.hpp"
#include "output.hpp"
#include "samples.hpp"
#include "tenon/text/corpus_scores.hpp"
#include "tenon/train/progress.hpp"

namespace tenon::translate {

struct pair_range {
  std::size_t first = 1, last = 0;
};

/// "513-641", counted from 1. Throws tenon::error if it is not that.
inline pair_range parse_range(std::string_view text) {
  pair_range range;
  auto const* const end = text.data() + text.size();
  auto const from = std::from_chars(text.data(), end, range.first);
  bool good = from.ec == std::errc() && from.ptr != end && *from.ptr == '-';
  if (good) {
    auto const to = std::from_chars(from.ptr + 1, end, range.last);
    good = to.ec == std::errc() && to.ptr == end;
  }
  if (!good || range.first == 0 || range.last < range.first)
    throw error("--pairs " + io::in_quotes(text) +
                " is no range of pairs: give FROM-TO, counted from 1, such as 513-641");
  return range;
}

/// The scores of a corpus that sacreBLEU gives, too.
struct corpus_scores {
  text::corpus_bleu bleu;
  text::corpus_chrf chrf;

  void add(std::string_view translation, std::span<std::string_view const> references) {
    bleu.add(translation, references);
    chrf.add(translation, references);
  }
  void print(std::ostream& out) const {
    out << "corpus bleu " << train::fixed(bleu.score(), 1) << " (" << bleu.signature() << ")\n"
        << "corpus chrf2 " << train::fixed(chrf.score(), 1) << " (" << chrf.signature() << ")\n";
  }
};

/// Prints a model's figures on sentence pairs. Throws tenon::error.
template <class Recipe>
TENON_COLD int evaluate_command(options const& chosen, std::ostream& out) {
  auto const wanted = chosen.range.empty() ? pair_range{1, std::numeric_limits<std::size_t>::max()}
                                           : parse_range(chosen.range);
  ensemble<Recipe> models(chosen);
  auto const& model = models.first;
  auto pairs = read_data(chosen.data, wanted.last);
  if (pairs.size() < (chosen.range.empty() ? 1 : wanted.last))
    io::fail(name_of(chosen.data), "has " + std::to_string(pairs.size()) +
                                       " sentence pairs, but --pairs asks for number " +
                                       std::to_string(wanted.last) + ": ask for fewer");
  pairs.erase(pairs.begin(), pairs.begin() + static_cast<std::ptrdiff_t>(wanted.first - 1));

  auto const encoded = text::encode(pairs, model.source, model.target, Recipe::text);
  loss_session<Recipe> measure(std::array{models.measured_loss()}, model, models.weights(), chosen.threads,
                               recipes::loss_terms::words);
  train::weighted_mean loss;
  {
    train::progress shown(std::cerr, train::is_terminal(2), train::terminal_columns(2));
    for_each_batch(measure, encoded, 0, pairs.size(),
                   [&](train::step_outcome const& batch, std::size_t first) {
                     loss.add(batch.loss, static_cast<double>(batch.tokens));
                     shown.count("measuring", "pairs/s", first, pairs.size());
                   });
  }
  if (!std::isfinite(loss.value())) throw error(loss_not_finite(loss.value()));

  // A sentence that several pairs share is translated once.
  std::vector<std::string_view> sentences;
  std::vector<std::size_t> number_of(pairs.size());  // each pair's sentence
  std::unordered_map<std::string_view, std::size_t> known;
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    auto const [found, added] = known.try_emplace(pairs[i].source, sentences.size());
    if (added) sentences.emplace_back(pairs[i].source);
    number_of[i] = found->second;
  }
  sentence_translator<Recipe> translate(model, models.weights(), chosen.threads,
                                        {chosen.weights, chosen.greedy}, models.size());
  auto const all = [&] {
    train::progress shown(std::cerr, train::is_terminal(2), train::terminal_columns(2));
    return translate.best_of_all(sentences, 1, [&](std::size_t done) {
      shown.count("translating", "sentences/s", done, sentences.size());
    });
  }();
  std::array<double, 3> bleu{};
  corpus_scores each_pair, each_sentence;
  std::size_t exact = 0;
  std::vector<std::vector<std::string>> references(sentences.size());
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    auto const& made = all[number_of[i]].front();
    auto expected = model.target.tokeniser.comparable(pairs[i].target);
    for (std::size_t k = 0; k < bleu.size(); ++k)
      bleu[k] += sentence_bleu(made.text, expected, k + 2) / static_cast<double>(pairs.size());
    exact += made.text == expected ? 1 : 0;
    each_pair.add(made.text, std::array{std::string_view(expected)});
    references[number_of[i]].push_back(std::move(expected));
  }
  for (std::size_t i = 0; i < sentences.size(); ++i)
    each_sentence.add(all[i].front().text,
                      std::vector<std::string_view>(references[i].begin(), references[i].end()));

  out << "pairs " << pairs.size() << " (" << wanted.first << '-' << wanted.first + pairs.size() - 1 << " of "
      << io::printable(name_of(chosen.data)) << "), label words " << encoded.label_tokens() << '\n'
      << "loss " << train::fixed(loss.value(), 3) << '\n'
      << "perplexity " << train::fixed(std::exp(loss.value()), 3) << '\n';
  for (std::size_t k = 0; k < bleu.size(); ++k)
    out << "bleu(" << k + 2 << ") " << train::fixed(bleu[k], 3) << '\n';
  each_pair.print(out);
  out << "exact matches " << exact << " ("
      << train::fixed(100 * static_cast<double>(exact) / static_cast<double>(pairs.size()), 1) << " %)\n";
  if (sentences.size() < pairs.size()) {
    out << "sentences " << sentences.size() << ", each with all its references\n";
    each_sentence.print(out);
  }
  flush(out);
  return 0;
}

}  // namespace tenon::translate
