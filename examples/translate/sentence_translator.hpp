// SPDX-License-Identifier: BSL-1.0
// Programs at work on sentences: their translations out.
#pragma once
#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <numeric>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "loss_session.hpp"
#include "model.hpp"

namespace tenon::translate {

/// A sentence as an encoder reads it.
struct tokenised_sentence {
  std::vector<std::string> tokens;
  std::size_t length = 0;  ///< with <eos>, where the recipe wants it
};

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

/// How sentences are translated.
struct decoding {
  /// float32, or int16: with that the weights of products are kept in half the bytes, a word takes little more
  /// than half the time.
  element_type weights = element_type::float32;
  /// The most probable word at each step, where a recipe has several beams: several times as fast, and a
  /// little worse.
  bool greedy = false;

  template <class Recipe>
  std::size_t beams() const {
    return greedy ? 1 : Recipe::beams;
  }
};

/// A translation program, which takes some sentences at a time.
template <class Recipe>
class translation_session {
 public:
  translation_session(program_view const& program, recipes::bucket const& sizes, std::size_t beams,
                      translator<Recipe> const& model, parameter_block& weights, std::size_t threads)
      : sizes_(sizes), beams_(beams), model_(model), session_(program, weights, threads) {
    std::ranges::fill(session_.template input_elements<std::int32_t>("first"), model.target.words.bos());
    session_.template input_elements<std::int32_t>("used")[0] =
        static_cast<std::int32_t>(model.target.words.size());
    session_.template input_elements<std::int32_t>("eos")[0] = model.target.words.eos();
  }

  std::size_t rows() const { return sizes_.batch_size; }

  /// Packs no weights that another session has packed, which must have run and outlive this one.
  void share_weights(translation_session const& other) { session_.share_frozen(other.session_); }

  /// Translates at most rows() sentences, and at least one.
  void run(std::span<tokenised_sentence const* const> sentences) {
    auto const source = session_.template input_elements<std::int32_t>("source");
    auto const valid = session_.template input_elements<std::int32_t>("source_valid");
    // Rows that are left have the last sentence: it ends when it ends.
    for (std::size_t row = 0; row < rows(); ++row)
      valid[row] = text::encode_row(sentences[std::min(row, sentences.size() - 1)]->tokens,
                                    Recipe::text.source_eos, model_.source.words,
                                    source.subspan(row * sizes_.source_steps, sizes_.source_steps));
    session_.run();
    auto const words = session_.template output_elements<std::int32_t>("tokens");
    steps_ = beam_steps(words, rows() * beams_, model_.target.words.eos());
  }

  /// The `count` best that the last run found for the sentence in a row.
  std::vector<translation> found(tokenised_sentence const& sentence, std::size_t row, std::size_t count) {
    translation read;
    read.cut = sentence.length > sizes_.source_steps;
    auto const& tokens = sentence.tokens;
    // The word itself at the axis, also where the model saw <unk>.
    for (std::size_t i = 0; i < std::min(sentence.length, sizes_.source_steps); ++i)
      read.source_steps.push_back(i < tokens.size() ? tokens[i] : std::string(text::eos_token));
    std::vector<translation> result;
    for (std::size_t beam = 0; beam < std::min(count, beams_); ++beam) {
      result.push_back(hypothesis(read, row, beam));
      if (beam > 0 && !std::isfinite(result.back().score))
        result.pop_back();  // there are fewer candidates than beams
    }
    return result;
  }

 private:
  /// Number `beam` of a row; `result`: what is known of the source.
  translation hypothesis(translation result, std::size_t row, std::size_t beam) {
    auto const tokens = session_.template output_elements<std::int32_t>("tokens");
    auto const& words = model_.target.words;
    std::size_t const each = rows() * beams_;
    std::vector<std::size_t> at(steps_);  // where each step's word is among the outputs
    for (std::size_t t = 0; t < steps_; ++t) at[t] = t * each + row;
    if (beams_ > 1) {
      auto const parents = session_.template output_elements<std::int32_t>("parents").first(steps_ * each);
      auto const path = beam_path(parents, rows(), beams_, row, beam);
      for (std::size_t t = 0; t < steps_; ++t) at[t] = t * each + row * beams_ + path[t];
      result.score =
          static_cast<double>(session_.template output_elements<float>("totals")[at.back()]) /
          cpu::length_penalty(session_.template output_elements<std::int32_t>("lengths")[at.back()],
                              Recipe::length_penalty);
    }
    for (std::size_t const step : at) {
      result.steps.push_back(words.token(tokens[step]));
      result.ended = tokens[step] == words.eos();
      if (result.ended) break;
    }
    result.text = model_.target.tokeniser.text(
        std::span(result.steps).first(result.steps.size() - (result.ended ? 1 : 0)));
    if constexpr (attends<Recipe>) {
      auto const weights = session_.template output_elements<float>("weights");
      for (std::size_t t = 0; t < result.steps.size(); ++t) {
        auto const looked = weights.subspan(at[t] * sizes_.source_steps, result.source_steps.size());
        result.weights.insert(result.weights.end(), looked.begin(), looked.end());
      }
    }
    return result;
  }

  recipes::bucket sizes_;
  std::size_t beams_;
  translator<Recipe> const& model_;
  session<device> session_;
  std::size_t steps_ = 0;
};

/// Translates sentences, one or many. The model must outlive it, and the weights stay as they are.
template <class Recipe>
class sentence_translator {
 public:
  explicit sentence_translator(translator<Recipe>& model, std::size_t threads = 1, decoding how = {})
      : sentence_translator(model, model.weights, threads, how) {}
  /// With other weights than the model's own, laid out like them: those of so many models, one behind the
  /// other, which translate together.
  sentence_translator(translator<Recipe> const& model, parameter_block& weights, std::size_t threads,
                      decoding how, std::size_t models = 1)
      : model_(model), translated_with_(weights), threads_(threads), how_(how), models_(models) {}

  /// The best translation. Throws tenon::error if the sentence is not valid UTF-8.
  translation operator()(std::string_view sentence) { return best(sentence, 1).front(); }

  /// The best `count` translations, at most as many as there are beams, the best first.
  std::vector<translation> best(std::string_view sentence, std::size_t count) {
    return best_of_all(std::span(&sentence, 1), count).front();
  }

  /// The same of many sentences, as many at a time as the recipe says, those of like length together;
  /// done(sentences) tells how far it is.
  std::vector<std::vector<translation>> best_of_all(
      std::span<std::string_view const> sentences, std::size_t count,
      std::function<void(std::size_t)> const& done = [](std::size_t) {}) {
    std::vector<tokenised_sentence> read(sentences.size());
    for (std::size_t i = 0; i < read.size(); ++i) {
      try {
        read[i].tokens = model_.source.tokeniser.tokens(sentences[i]);
      } catch (error const& wrong) {
        throw error(sentences.size() == 1 ? std::string(wrong.what())
                                          : "sentence " + std::to_string(i + 1) + ": " + wrong.what());
      }
      read[i].length = read[i].tokens.size() + (Recipe::text.source_eos ? 1 : 0);
    }
    std::vector<std::size_t> left(read.size());  // from the shortest to the longest
    std::iota(left.begin(), left.end(), std::size_t{0});
    std::ranges::stable_sort(left, {}, [&](std::size_t i) { return read[i].length; });
    std::vector<std::vector<translation>> result(read.size());
    std::size_t finished = 0;
    for (std::size_t bucket = 0; bucket < buckets.size(); ++bucket) {
      bool const last = bucket + 1 == buckets.size();
      auto const first_beyond = [&](std::size_t b) {
        return std::ranges::find_if(left,
                                    [&](std::size_t i) { return read[i].length > buckets[b].source_steps; });
      };
      auto longer = last ? left.end() : first_beyond(bucket);
      if (!last) longer -= moved_on(longer - left.begin(), first_beyond(bucket + 1) - longer);
      std::vector<std::size_t> unfinished;
      for (auto begin = left.begin(); begin != longer;) {
        auto const rest = static_cast<std::size_t>(longer - begin);
        auto& session = session_of(bucket, rest > 1 && Recipe::sentences_at_once > 1);
        auto const end = begin + static_cast<std::ptrdiff_t>(std::min(rest, session.rows()));
        std::vector<tokenised_sentence const*> together;
        for (auto i = begin; i != end; ++i) together.push_back(&read[*i]);
        session.run(together);
        for (std::size_t row = 0; row < together.size(); ++row, ++begin) {
          result[*begin] = session.found(*together[row], row, count);
          // Where there was no room for the end, there may be in the next bucket.
          if (last || result[*begin].front().ended)
            ++finished;
          else
            unfinished.push_back(*begin);
        }
        done(finished);
      }
      unfinished.insert(unfinished.end(), longer, left.end());
      left = std::move(unfinished);
    }
    return result;
  }

 private:
  static constexpr auto& buckets = recipes::buckets_of<Recipe>;

  /// How many of a bucket's sentences are left for the next one, which has `next` of its own: those that fill
  /// no batch here and find room in one there.
  static constexpr std::ptrdiff_t moved_on(std::ptrdiff_t here, std::ptrdiff_t next) {
    constexpr auto rows = static_cast<std::ptrdiff_t>(Recipe::sentences_at_once);
    auto const room = (rows - next % rows) % rows;
    return here % rows <= room ? here % rows : 0;
  }

  translation_session<Recipe>& session_of(std::size_t bucket, bool many) {
    auto& made = sessions_[bucket][many ? 1 : 0];
    if (!made) {
      auto sizes = buckets[bucket];
      sizes.batch_size = many ? Recipe::sentences_at_once : 1;
      made = std::make_unique<translation_session<Recipe>>(
          program_of(bucket, many), sizes, how_.template beams<Recipe>(), model_, translated_with_, threads_);
      for (auto const& of_bucket : sessions_)
        for (auto const& other : of_bucket)
          if (other && other != made) made->share_weights(*other);
    }
    return *made;
  }

  program_view program_of(std::size_t bucket, bool many) {
    if constexpr (Recipe::ensembles)
      if (models_ > 1) {
        auto const record =
            asked_for(bucket, many, []<std::size_t Bucket, std::size_t Rows, std::size_t Beams>() {
              return &translation_of_several<Recipe, Bucket, Rows, Beams>;
            });
        return recorded_.emplace_front(record(how_.weights, models_)).view();
      }
    return asked_for(bucket, many, [this]<std::size_t Bucket, std::size_t Rows, std::size_t Beams>() {
      return how_.weights == element_type::int16
                 ? &translation_of<Recipe, element_type::int16, Bucket, Rows, Beams>
                 : &translation_of<Recipe, element_type::float32, Bucket, Rows, Beams>;
    })();
  }
  /// f<bucket, rows, beams>() of those that are asked for.
  template <class F>
  auto asked_for(std::size_t bucket, bool many, F const& f) const {
    constexpr std::size_t together = Recipe::sentences_at_once;
    return of_each_bucket<Recipe>([&](auto b) {
      if (how_.greedy)
        return many ? f.template operator()<b(), together, 1>() : f.template operator()<b(), 1, 1>();
      return many ? f.template operator()<b(), together, Recipe::beams>()
                  : f.template operator()<b(), 1, Recipe::beams>();
    })[bucket];
  }

  translator<Recipe> const& model_;
  parameter_block& translated_with_;
  std::size_t threads_;
  decoding how_;
  std::size_t models_;
  [[no_unique_address]] programs_of_several<Recipe> recorded_;
  std::array<std::array<std::unique_ptr<translation_session<Recipe>>, 2>, buckets.size()>
      sessions_;  // made when first needed
};

}  // namespace tenon::translate
