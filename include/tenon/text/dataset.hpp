// SPDX-License-Identifier: BSL-1.0
// Sentence pairs as arrays of token ids, ready to be cut in batches.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tenon/error.hpp"
#include "tenon/text/language.hpp"
#include "tenon/text/pairs.hpp"
#include "tenon/text/tokenise.hpp"
#include "tenon/text/vocabulary.hpp"

namespace tenon::text {

/// The order of ids (see vocabulary::by_code_point and by_frequency), and what is counted: by_code_point the
/// tokens that the model sees, after cutting to length; by_frequency all tokens of the sentences.
enum class vocabulary_order { by_code_point, by_frequency };

/// How a recipe turns sentence pairs into arrays. Steps are token counts per row; target_steps counts the
/// decoder's steps (labels), so `<bos>` comes on top of it.
struct dataset_rules {
  using tokeniser = word_tokeniser;
  tokenisation_rules tokenisation = d2l_1_0;
  vocabulary_order order = vocabulary_order::by_code_point;
  std::size_t minimum_frequency = 2;
  bool source_eos = true;
  std::size_t source_steps = 9;
  std::size_t target_steps = 9;
};

inline constexpr dataset_rules d2l_1_0_dataset{};
inline constexpr dataset_rules d2l_0_17_dataset{.tokenisation = d2l_0_17,
                                                .order = vocabulary_order::by_frequency,
                                                .source_steps = 10,
                                                .target_steps = 10};
/// This edition's ten target steps include `<bos>`.
inline constexpr dataset_rules mxnet_lstm_dataset{.tokenisation = mxnet_lstm,
                                                  .order = vocabulary_order::by_frequency,
                                                  .minimum_frequency = 3,
                                                  .source_eos = false,
                                                  .source_steps = 10,
                                                  .target_steps = 9};

/// Row-major arrays of ids. A row is cut or padded at its end, so `<eos>` is missing where a sentence was
/// cut.
struct encoded_pairs {
  std::size_t pairs = 0, source_steps = 0, target_steps = 0;
  std::vector<std::int32_t> source;        ///< (pairs, source_steps)
  std::vector<std::int32_t> source_valid;  ///< (pairs): how many tokens of the row are not `<pad>`
  std::vector<std::int32_t> target_input;  ///< (pairs, target_steps): `<bos>`, then the labels but the last
  std::vector<std::int32_t> labels;        ///< (pairs, target_steps)
  std::vector<float> label_weights;        ///< (pairs, target_steps): 0 where the label is `<pad>`, else 1

  /// The number of labels that are not `<pad>`: what a mean loss is divided by.
  std::size_t label_tokens() const {
    return static_cast<std::size_t>(std::count(label_weights.begin(), label_weights.end(), 1.0F));
  }
};

/// The most tokens that each side's vocabulary may have.
struct vocabulary_capacities {
  std::size_t source = std::numeric_limits<std::size_t>::max();
  std::size_t target = std::numeric_limits<std::size_t>::max();
};

namespace detail {

inline void check_steps(std::size_t source_steps, std::size_t target_steps) {
  constexpr std::size_t most = std::size_t{1} << 20U;
  for (std::size_t const steps : {source_steps, target_steps}) {
    if (steps == 0 || steps > most) {
      throw error("a data set with rows of " + std::to_string(steps) + " steps: give between 1 and " +
                  std::to_string(most));
    }
  }
}

}  // namespace detail

/// Writes tokens and `<eos>` (if asked) as ids, cut or padded to fill the row; returns the count of non-pad
/// ids.
inline std::int32_t encode_row(std::span<std::string const> tokens, bool eos, vocabulary const& words,
                               std::span<std::int32_t> row) {
  std::int32_t valid = 0;
  for (std::size_t i = 0; i < row.size(); ++i) {
    if (i < tokens.size()) {
      row[i] = words.id(tokens[i]);
    } else {
      row[i] = i == tokens.size() && eos ? words.eos() : words.pad();
    }
    // Counted, not derived from the length, because the text itself may contain "<pad>".
    if (row[i] != words.pad()) ++valid;
  }
  return valid;
}

/// Encodes one source sentence into `ids`, whose size is the number of steps; returns its valid length.
/// Throws tenon::error if the sentence is not valid UTF-8.
template <class Tokeniser, class Rules>
std::int32_t encode_source(std::string_view sentence, language<Tokeniser> const& source, Rules const& rules,
                           std::span<std::int32_t> ids) {
  return encode_row(source.tokeniser.tokens(sentence), rules.source_eos, source.words, ids);
}

/// Encodes pairs in given languages, as for a trained model; rules: dataset_rules, or others with source_eos,
/// source_steps and target_steps. Throws tenon::error if `target` has no `<bos>`, the steps are 0 or absurd,
/// or a sentence is not valid UTF-8.
template <class Tokeniser, class Rules>
encoded_pairs encode(std::span<sentence_pair const> pairs, language<Tokeniser> const& source,
                     language<Tokeniser> const& target, Rules const& rules) {
  detail::check_steps(rules.source_steps, rules.target_steps);
  std::int32_t const bos = target.words.bos();
  std::size_t const steps = rules.target_steps;
  encoded_pairs result{pairs.size(), rules.source_steps, steps, {}, {}, {}, {}, {}};
  result.source.resize(pairs.size() * rules.source_steps);
  result.source_valid.resize(pairs.size());
  result.target_input.resize(pairs.size() * steps);
  result.labels.resize(pairs.size() * steps);
  result.label_weights.resize(pairs.size() * steps);
  for (std::size_t p = 0; p < pairs.size(); ++p) {
    auto const row = std::span(result.source).subspan(p * rules.source_steps, rules.source_steps);
    result.source_valid[p] = encode_source(pairs[p].source, source, rules, row);

    auto const labels = std::span(result.labels).subspan(p * steps, steps);
    auto const input = std::span(result.target_input).subspan(p * steps, steps);
    auto const weights = std::span(result.label_weights).subspan(p * steps, steps);
    encode_row(target.tokeniser.tokens(pairs[p].target), true, target.words, labels);
    input[0] = bos;
    std::copy(labels.begin(), labels.end() - 1, input.begin() + 1);
    std::transform(labels.begin(), labels.end(), weights.begin(),
                   [&](std::int32_t label) { return label == target.words.pad() ? 0.0F : 1.0F; });
  }
  return result;
}

/// Makes both vocabularies. Throws tenon::error if there are no pairs, or a vocabulary exceeds its capacity.
inline languages<word_tokeniser> learn(std::span<sentence_pair const> pairs, dataset_rules const& rules,
                                       vocabulary_capacities const& capacities = {}) {
  if (pairs.empty()) throw error("there are no sentence pairs to make a vocabulary from: give at least one");
  token_counts source_counts, target_counts;
  bool const as_seen = rules.order == vocabulary_order::by_code_point;
  // Special tokens need no counting: every vocabulary has those of its side.
  auto const count = [&](std::string const& sentence, std::size_t steps, token_counts& counts) {
    std::vector<std::string> const tokens = tokenise(sentence, rules.tokenisation);
    std::size_t const counted = as_seen ? std::min(tokens.size(), steps) : tokens.size();
    for (std::string const& token : std::span(tokens).first(counted)) counts.add(token);
  };
  for (sentence_pair const& pair : pairs) {
    count(pair.source, rules.source_steps, source_counts);
    count(pair.target, rules.target_steps, target_counts);
  }
  auto const make = [&](token_counts const& counts, side which, std::size_t capacity) {
    auto words = as_seen ? vocabulary::by_code_point(counts, rules.minimum_frequency, which)
                         : vocabulary::by_frequency(counts, rules.minimum_frequency);
    check_capacity(words, capacity, which);
    return language<word_tokeniser>{{rules.tokenisation}, std::move(words)};
  };
  return {make(source_counts, side::source, capacities.source),
          make(target_counts, side::target, capacities.target)};
}

}  // namespace tenon::text
