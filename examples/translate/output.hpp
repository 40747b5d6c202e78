// SPDX-License-Identifier: BSL-1.0
// What the commands print, and how they ask whether it arrived.
#pragma once
#include <algorithm>
#include <cstddef>
#include <numeric>
#include <optional>
#include <ostream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sessions.hpp"
#include "tenon/text/bleu.hpp"
#include "tenon/train/format.hpp"
#include "tenon/train/report.hpp"

namespace tenon::translate {

/// Hands out what was printed. Throws tenon::error if it cannot be written: a full disk must not look like
/// success.
inline void flush(std::ostream& out) {
  if (!out.flush()) throw error("standard output: cannot be written: free some space, or print to elsewhere");
}

/// The reference of a sentence that the recipe knows, in whatever case and spacing it is written.
template <class Recipe>
std::string known_reference(std::string_view sentence) {
  auto const words = text::tokenise(sentence, Recipe::text.tokenisation);
  for (auto const& sample : Recipe::samples)
    if (text::tokenise(sample.source, Recipe::text.tokenisation) == words) return std::string(sample.target);
  return {};
}

/// A translation with what is known about it. An empty reference: none.
template <class Recipe>
train::sample as_sample(std::string_view sentence, translation const& made, std::string reference) {
  train::sample s;
  s.source = sentence;
  s.prediction = text::join(made.words);
  if (!reference.empty())
    s.bleu = text::bleu(made.words, text::tokenise(reference, Recipe::text.tokenisation), 2);
  s.reference = std::move(reference);
  s.source_tokens = made.source_steps;
  s.prediction_tokens = made.steps;
  s.weights = made.weights;
  return s;
}

/// The recipe's samples, translated.
template <class Recipe>
std::vector<train::sample> translate_samples(sentence_translator<Recipe>& translate) {
  std::vector<train::sample> samples;
  for (auto const& sample : Recipe::samples)
    samples.push_back(as_sample<Recipe>(sample.source, translate(sample.source), std::string(sample.target)));
  return samples;
}

/// "go . => va !  bleu 1.000"
inline void print(std::ostream& out, train::sample const& s) {
  out << io::printable(s.source) << " => " << s.prediction;
  if (s.score) out << "  score " << train::fixed(*s.score, 3);
  if (s.bleu) out << "  bleu " << train::fixed(*s.bleu, 3);
  out << '\n';
}

/// The losses of pairs `first` … `first + count − 1`, batch by batch: f(loss and words of the batch).
template <class Recipe, class F>
void for_each_batch(loss_session<Recipe>& session, text::encoded_pairs const& pairs, std::size_t first,
                    std::size_t count, F const& f) {
  std::vector<std::size_t> rows;
  for (std::size_t done = 0; done < count; done += rows.size()) {
    rows.resize(std::min(count - done, Recipe::batch_size));
    std::iota(rows.begin(), rows.end(), first + done);
    f(session(pairs, rows));
  }
}

}  // namespace tenon::translate
