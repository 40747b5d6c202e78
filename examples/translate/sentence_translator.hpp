// SPDX-License-Identifier: BSL-1.0
// A program at work on a sentence: its translation out.
#pragma once
#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "loss_session.hpp"
#include "model.hpp"

namespace tenon::translate {

/// A sentence's translation and where it looked.
struct translation {
  std::string text;                       ///< for people to read
  std::vector<std::string> source_steps;  ///< the tokens that the encoder read, with <eos>
  std::vector<std::string> steps;  ///< the tokens that the decoder chose, with <eos> if it came that far
  std::vector<float> weights;      ///< row-major, steps × source_steps; empty: the model has no attention
  bool cut = false;                ///< the sentence has more tokens than the model reads
  bool ended = false;              ///< the decoder came to <eos>
  double score = 0;                ///< by beam search: log-probability divided by the length penalty
};

/// Translates one sentence at a time. The model must outlive it, and its weights stay as they are.
template <class Recipe>
class sentence_translator {
 public:
  /// With `weights` as bfloat16 those of products are kept in half the bytes: a word takes little more than
  /// half the time, and its logits differ in the third digit.
  explicit sentence_translator(translator<Recipe>& model, std::size_t threads = 1,
                               element_type weights = element_type::float32)
      : model_(model), threads_(threads), weights_(weights) {}

  /// The best translation. Throws tenon::error if the sentence is not valid UTF-8.
  translation operator()(std::string_view sentence) { return best(sentence, 1).front(); }

  /// The best `count` ≤ Recipe::beams translations, the best first.
  std::vector<translation> best(std::string_view sentence, std::size_t count) {
    auto const tokens = model_.source.tokeniser.tokens(sentence);
    std::size_t const length = tokens.size() + (Recipe::text.source_eos ? 1 : 0);
    std::size_t bucket = 0;
    while (bucket + 1 < buckets.size() && buckets[bucket].source_steps < length) ++bucket;
    auto found = best_in(bucket, sentence, tokens, count);
    // Where there was no room for the end, there may be in the next bucket.
    while (!found.front().ended && bucket + 1 < buckets.size())
      found = best_in(++bucket, sentence, tokens, count);
    return found;
  }

 private:
  static constexpr auto& buckets = recipes::buckets_of<Recipe>;

  session<device>& session_of(std::size_t bucket) {
    auto& made = sessions_[bucket];
    if (!made) {
      static constexpr auto programs = [](element_type weights) {
        return of_each_bucket<Recipe>([weights](auto b) {
          return weights == element_type::bfloat16 ? &translation_of_one<Recipe, element_type::bfloat16, b()>
                                                   : &translation_of_one<Recipe, element_type::float32, b()>;
        });
      };
      made.emplace(programs(weights_)[bucket](), model_.weights, threads_);
      made->template input_elements<std::int32_t>("first")[0] = model_.target.words.bos();
      made->template input_elements<std::int32_t>("used")[0] =
          static_cast<std::int32_t>(model_.target.words.size());
      if constexpr (Recipe::beams > 1)
        made->template input_elements<std::int32_t>("eos")[0] = model_.target.words.eos();
    }
    return *made;
  }

  std::vector<translation> best_in(std::size_t bucket, std::string_view sentence,
                                   std::vector<std::string> const& tokens, std::size_t count) {
    auto& s = session_of(bucket);
    auto const source = s.template input_elements<std::int32_t>("source");
    auto const valid = text::encode_source(sentence, model_.source, Recipe::text, source);
    s.template input_elements<std::int32_t>("source_valid")[0] = valid;
    s.run();

    translation read;
    read.cut = tokens.size() + (Recipe::text.source_eos ? 1 : 0) > source.size();
    // The word itself at the axis, also where the model saw <unk>.
    for (std::size_t i = 0; i < static_cast<std::size_t>(valid); ++i)
      read.source_steps.push_back(i < tokens.size() ? tokens[i] : std::string(text::eos_token));
    std::vector<translation> result;
    for (std::size_t beam = 0; beam < std::min(count, Recipe::beams); ++beam) {
      result.push_back(hypothesis(bucket, read, beam));
      if (beam > 0 && !std::isfinite(result.back().score))
        result.pop_back();  // there are fewer candidates than beams
    }
    return result;
  }

  /// What the last run in a bucket found as number `beam`; `read`: what is known of the source.
  translation hypothesis(std::size_t bucket, translation result, std::size_t beam) {
    auto& s = *sessions_[bucket];
    auto const tokens = s.template output_elements<std::int32_t>("tokens");
    std::vector<std::size_t> at(buckets[bucket].target_steps);  // where each step's word is among the outputs
    std::iota(at.begin(), at.end(), std::size_t{0});
    if constexpr (Recipe::beams > 1) {
      auto const path =
          beam_path(s.template output_elements<std::int32_t>("parents"), 1, Recipe::beams, 0, beam);
      for (std::size_t t = 0; t < at.size(); ++t) at[t] = t * Recipe::beams + path[t];
      result.score = static_cast<double>(s.template output_elements<float>("totals")[beam]) /
                     cpu::length_penalty(s.template output_elements<std::int32_t>("lengths")[beam],
                                         Recipe::length_penalty);
    }
    auto const& words = model_.target.words;
    for (std::size_t const step : at) {
      result.steps.push_back(words.token(tokens[step]));
      result.ended = tokens[step] == words.eos();
      if (result.ended) break;
    }
    result.text = model_.target.tokeniser.text(
        std::span(result.steps).first(result.steps.size() - (result.ended ? 1 : 0)));
    if constexpr (attends<Recipe>) {
      auto const weights = s.template output_elements<float>("weights");
      std::size_t const width = buckets[bucket].source_steps;
      for (std::size_t t = 0; t < result.steps.size(); ++t) {
        auto const row = weights.subspan(at[t] * width, result.source_steps.size());
        result.weights.insert(result.weights.end(), row.begin(), row.end());
      }
    }
    return result;
  }

  translator<Recipe>& model_;
  std::size_t threads_;
  element_type weights_;
  std::array<std::optional<session<device>>, buckets.size()> sessions_;  // made when first needed
};

}  // namespace tenon::translate
