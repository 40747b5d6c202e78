// SPDX-License-Identifier: BSL-1.0
// Programs at work: a batch in, its loss out; a sentence in, its translation out.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "model.hpp"
#include "tenon/recipes/terms.hpp"
#include "tenon/tenon.hpp"
#include "tenon/text/batches.hpp"
#include "tenon/text/tokenise.hpp"
#include "tenon/train/training_loop.hpp"

namespace tenon::translate {

/// What the translator runs on: tenon_add_translator(… DEVICE cuda) says cuda_device.
#if !defined(TENON_TRANSLATOR_DEVICE)
#define TENON_TRANSLATOR_DEVICE cpu_device
#endif
using device = TENON_TRANSLATOR_DEVICE;

/// A session of a program with the inputs of `batch_loss`.
template <class Recipe>
class loss_session {
 public:
  /// Program and model must outlive the session.
  loss_session(program_view const& program, translator<Recipe>& model, std::size_t threads,
               recipes::loss_terms terms)
      : terms_(terms),
        pad_source_(model.source_words.pad()),
        pad_target_(model.target_words.pad()),
        session_(program, model.weights, threads) {
    session_.input_elements<std::int32_t>("used")[0] = static_cast<std::int32_t>(model.target_words.size());
  }

  /// Runs the program on those pairs, at most a batch; the rows that are missing count nothing.
  train::step_outcome operator()(text::encoded_pairs const& pairs, std::span<std::size_t const> rows) {
    auto const words = begin(pairs, rows);
    return {loss_of(session_.output_elements<float>("loss")), words};
  }
  /// The same, but a device that works by itself is not waited for: what it gives is the outcome of the run
  /// before, nothing if there is none. Then `rest` gives the last one.
  std::optional<train::step_outcome> pipelined(text::encoded_pairs const& pairs,
                                               std::span<std::size_t const> rows) {
    if constexpr (works_by_itself) {
      auto const words = begin(pairs, rows);
      std::optional<train::step_outcome> before;
      if (words_at_work_) before = {loss_of(session_.output_elements_before<float>("loss")), *words_at_work_};
      words_at_work_ = words;
      return before;
    } else {
      return (*this)(pairs, rows);
    }
  }
  /// The outcome of the last run of `pipelined`.
  train::step_outcome rest() {
    auto const words = words_at_work_.value();
    words_at_work_.reset();
    return {loss_of(session_.output_elements<float>("loss")), words};
  }
  static constexpr bool works_by_itself = !std::is_same_v<device, cpu_device>;

  session<device>& raw() { return session_; }

 private:
  static double loss_of(std::span<float const> loss) { return static_cast<double>(loss[0]); }
  /// Starts a run; the words that it learns from.
  std::size_t begin(text::encoded_pairs const& pairs, std::span<std::size_t const> rows) {
    text::copy_rows(pairs.source, pairs.source_steps, rows, source_, pad_source_);
    text::copy_rows(pairs.source_valid, 1, rows, source_valid_, 1);
    text::copy_rows(pairs.target_input, pairs.target_steps, rows, target_in_, pad_target_);
    text::copy_rows(pairs.labels, pairs.target_steps, rows, labels_, pad_target_);
    text::copy_rows(pairs.label_weights, pairs.target_steps, rows, weight_, 0.0F);
    auto const words = static_cast<std::size_t>(std::count(weight_.begin(), weight_.end(), 1.0F));
    if (terms_ == recipes::loss_terms::steps)
      std::ranges::fill(weight_.first(rows.size() * pairs.target_steps), 1.0F);
    session_.run();
    return words;
  }

  recipes::loss_terms terms_;
  std::optional<std::size_t> words_at_work_;
  std::int32_t pad_source_, pad_target_;
  session<device> session_;
  std::span<std::int32_t> source_ = session_.input_elements<std::int32_t>("source"),
                          source_valid_ = session_.input_elements<std::int32_t>("source_valid"),
                          target_in_ = session_.input_elements<std::int32_t>("target_in"),
                          labels_ = session_.input_elements<std::int32_t>("labels");
  std::span<float> weight_ = session_.input_elements<float>("weight");
};

/// A sentence's translation and where it looked.
struct translation {
  std::vector<std::string> words;         ///< without <eos>
  std::vector<std::string> source_steps;  ///< the words that the encoder read, with <eos>
  std::vector<std::string> steps;  ///< the words that the decoder chose, with <eos> if it came that far
  std::vector<float> weights;      ///< row-major, steps × source_steps; empty: the model has no attention
  bool cut = false;                ///< the sentence has more words than the model reads
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
      : model_(model),
        session_(weights == element_type::bfloat16 ? translation_of_one<Recipe, element_type::bfloat16>.view()
                                                   : translation_of_one<Recipe, element_type::float32>.view(),
                 model.weights, threads) {
    session_.template input_elements<std::int32_t>("first")[0] = model.target_words.bos();
    session_.template input_elements<std::int32_t>("used")[0] =
        static_cast<std::int32_t>(model.target_words.size());
    if constexpr (Recipe::beams > 1)
      session_.template input_elements<std::int32_t>("eos")[0] = model.target_words.eos();
  }

  /// The best translation. Throws tenon::error if the sentence is not valid UTF-8.
  translation operator()(std::string_view sentence) { return best(sentence, 1).front(); }

  /// The best `count` ≤ Recipe::beams translations, the best first.
  std::vector<translation> best(std::string_view sentence, std::size_t count) {
    auto const source = session_.template input_elements<std::int32_t>("source");
    auto const valid = text::encode_source(sentence, model_.source_words, Recipe::text, source);
    session_.template input_elements<std::int32_t>("source_valid")[0] = valid;
    session_.run();

    translation read;
    auto const words = text::tokenise(sentence, Recipe::text.tokenisation);
    read.cut = words.size() + (Recipe::text.source_eos ? 1 : 0) > Recipe::source_steps;
    // The word itself at the axis, also where the model saw <unk>.
    for (std::size_t i = 0; i < static_cast<std::size_t>(valid); ++i)
      read.source_steps.push_back(i < words.size() ? words[i] : std::string(text::eos_token));
    std::vector<translation> result;
    for (std::size_t beam = 0; beam < std::min(count, Recipe::beams); ++beam) {
      result.push_back(hypothesis(read, beam));
      if (beam > 0 && !std::isfinite(result.back().score))
        result.pop_back();  // there are fewer candidates than beams
    }
    return result;
  }

 private:
  /// What the session's last run found as number `beam`; `read`: what is known of the source.
  translation hypothesis(translation result, std::size_t beam) {
    auto const tokens = session_.template output_elements<std::int32_t>("tokens");
    std::vector<std::size_t> at(Recipe::target_steps);  // where each step's word is among the outputs
    std::iota(at.begin(), at.end(), std::size_t{0});
    if constexpr (Recipe::beams > 1) {
      auto const path =
          beam_path(session_.template output_elements<std::int32_t>("parents"), 1, Recipe::beams, 0, beam);
      for (std::size_t t = 0; t < at.size(); ++t) at[t] = t * Recipe::beams + path[t];
      result.score = static_cast<double>(session_.template output_elements<float>("totals")[beam]) /
                     cpu::length_penalty(session_.template output_elements<std::int32_t>("lengths")[beam],
                                         Recipe::length_penalty);
    }
    for (std::size_t const step : at) {
      result.steps.push_back(model_.target_words.token(tokens[step]));
      if (tokens[step] == model_.target_words.eos()) break;
      result.words.push_back(result.steps.back());
    }
    if constexpr (attends<Recipe>) {
      auto const weights = session_.template output_elements<float>("weights");
      for (std::size_t t = 0; t < result.steps.size(); ++t) {
        auto const row = weights.subspan(at[t] * Recipe::source_steps, result.source_steps.size());
        result.weights.insert(result.weights.end(), row.begin(), row.end());
      }
    }
    return result;
  }

  translator<Recipe>& model_;
  session<device> session_;
};

}  // namespace tenon::translate
