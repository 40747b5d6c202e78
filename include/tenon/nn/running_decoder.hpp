// SPDX-License-Identifier: BSL-1.0
// A decoder that goes on word by word, as greedy decoding (greedy.hpp) and beam search (beam.hpp) need it.
// They ask the same of it and of what may take its place (several models: ensemble.hpp):
//
//   attends          has it attention?
//   next(words)      the logits of the words behind these, and what was attended to; moves on
//   of_states(f)     a copy with f applied to all that steps change
#pragma once
#include <cstddef>
#include <type_traits>

#include "decoder.hpp"

namespace tenon {

/// The logits of a step's words and what was attended to.
template <class Logits, class Weights>
struct decoder_step {
  Logits logits;    ///< (…, vocab)
  Weights weights;  ///< (…, steps); or no_weights
};

/// A decoder, what it carries, and its memory's gates where there are few rows (see attention_decoder).
template <class Decoder, class Context, class MemoryGates>
struct running_decoder {
  static constexpr bool attends = Decoder::attends;
  Decoder const* decoder;
  Context context;
  MemoryGates memory_gates;

  /// words (…), int32, with the axes of the states' rows.
  template <operand Words>
  constexpr auto next(Words const& words) {
    auto const gates = decoder->word_gates(context, decoder->embedding(words));
    auto const weights = [&] {
      if constexpr (std::is_same_v<MemoryGates, no_weights>)
        return decoder->template step<mode::inference>(context, gates, 0);
      else
        return decoder->step_from(context, gates, memory_gates);
    }();
    auto const logits = decoder->logits(decoder->output(context));
    return decoder_step<std::remove_cvref_t<decltype(logits)>, std::remove_cvref_t<decltype(weights)>>{
        logits, weights};
  }

  template <class F>
  constexpr auto of_states(F const& f) const {
    auto const changed = decoder->each_state(f, context);
    return running_decoder<Decoder, std::remove_cvref_t<decltype(changed)>, MemoryGates>{decoder, changed,
                                                                                         memory_gates};
  }
};

namespace detail {
/// What a search cannot start from: its first words have the axes of the counts of valid words, Numbers are
/// one int32 each.
template <class First, class... Numbers>
using words_error =
    typename first_of<element_error<operation::decoder, element_of<First>, std::int32_t>,
                      element_error<operation::decoder, element_of<Numbers>, std::int32_t>...,
                      typename misfit<shape<>, shape_of<Numbers>, operation::decoder>::type...>::type;
template <class Decoder, class Encoded, class Valid, class First, class... Numbers>
using search_error =
    typename first_of<typename Decoder::template start_error<Encoded, Valid>,
                      typename misfit<shape_of<Valid>, shape_of<First>, operation::decoder>::type,
                      typename misfit<shape_of<First>, shape_of<Valid>, operation::decoder>::type,
                      words_error<First, Numbers...>>::type;
}  // namespace detail

/// Starts a decoder from an encoder's result, to go on with so many hypotheses for each of Rows sentences.
/// The decoder must outlive what this gives. The memory is multiplied beforehand where there are few rows,
/// and where a sentence has several hypotheses, which usually take more steps together than its source has
/// words.
template <std::size_t Rows, std::size_t Hypotheses = 1, class Decoder, class Encoded, operand Valid>
constexpr auto run_decoder(Decoder const& decoder, Encoded const& encoded, Valid const& valid) {
  auto const start = decoder.start(encoded, valid);
  auto const memory_gates = [&] {
    if constexpr (Decoder::attends && (Rows < few_rows || Hypotheses > 1))
      return decoder.memory_gates(start);
    else
      return no_weights{};
  }();
  return running_decoder<Decoder, std::remove_cvref_t<decltype(start)>,
                         std::remove_cvref_t<decltype(memory_gates)>>{&decoder, start, memory_gates};
}
template <std::size_t Rows, std::size_t Hypotheses = 1, class Decoder, class Encoded, operand Valid>
void run_decoder(Decoder const&&, Encoded const&, Valid const&) = delete;  // it would be gone

}  // namespace tenon
