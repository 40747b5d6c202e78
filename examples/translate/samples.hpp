// SPDX-License-Identifier: BSL-1.0
// Translations with what is known about them: references, scores, attention.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sentence_translator.hpp"
#include "tenon/config.hpp"
#include "tenon/text/bleu.hpp"
#include "tenon/train/report.hpp"

namespace tenon::translate {

/// The reference of a sentence that the recipe knows, in whatever case and spacing its tokeniser takes for
/// the same.
template <class Recipe>
std::string known_reference(translator<Recipe> const& model, std::string_view sentence) {
  auto const& tokeniser = model.source.tokeniser;
  for (auto const& sample : Recipe::samples)
    if (tokeniser.comparable(sample.source) == tokeniser.comparable(sentence))
      return std::string(sample.target);
  return {};
}

/// BLEU(k) of one translation, over words between spaces.
inline double sentence_bleu(std::string_view said, std::string_view expected, std::size_t k) {
  auto const words = [](std::string_view text) {
    return text.empty() ? std::vector<std::string>{} : text::split(text, true);
  };
  return text::bleu(words(said), words(expected), k);
}

/// A translation with what is known about it. An empty reference: none.
template <class Recipe>
train::sample as_sample(translator<Recipe> const& model, std::string_view sentence, translation const& made,
                        std::string reference) {
  train::sample s;
  s.source = sentence;
  s.prediction = made.text;
  if (!reference.empty()) s.bleu = sentence_bleu(made.text, model.target.tokeniser.comparable(reference), 2);
  s.reference = std::move(reference);
  s.source_tokens = made.source_steps;
  s.prediction_tokens = made.steps;
  s.weights = made.weights;
  s.cut = made.cut;
  return s;
}

/// The recipe's samples, translated.
template <class Recipe>
TENON_COLD std::vector<train::sample> translate_samples(translator<Recipe>& model) {
  sentence_translator<Recipe> translate(model);
  std::vector<train::sample> samples;
  for (auto const& sample : Recipe::samples)
    samples.push_back(as_sample(model, sample.source, translate(sample.source), std::string(sample.target)));
  return samples;
}

}  // namespace tenon::translate
