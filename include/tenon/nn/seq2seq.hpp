// SPDX-License-Identifier: BSL-1.0
// Translators: an encoder and a decoder.
#pragma once
#include <cstddef>
#include <type_traits>
#include <utility>

#include "../ops/argmax/argmax.hpp"
#include "../ops/cross_entropy/cross_entropy.hpp"
#include "decoder.hpp"
#include "encoder.hpp"
#include "lstm.hpp"
#include "luong_decoder.hpp"
#include "normalised_cells.hpp"

namespace tenon {

namespace detail {
/// What is wrong with what a call gives: the error that stands in the place of its result; else void.
template <class Result>
struct error_of_result {
  using type = void;
};
template <class Result>
requires(!requires { sizeof(Result); }) struct error_of_result<Result> {
  using type = Result;
};

template <class Encoder, class Decoder, mode Mode, class Source, class Valid, class Target, class Rates>
struct logits_rule {
  using encoded = decltype(std::declval<Encoder const&>().template encode<Mode>(
      std::declval<Source const&>(), std::declval<Valid const&>(), std::declval<Rates const&>()));
  template <class Error>
  struct after_encoder {
    using type = Error;
  };
  template <class Error>
  requires std::is_void_v<Error>
  struct after_encoder<Error> : error_of_result<decltype(std::declval<Decoder const&>().template decode<Mode>(
                                    std::declval<encoded const&>(), std::declval<Valid const&>(),
                                    std::declval<Target const&>(), std::declval<Rates const&>()))> {
  };
  using type = typename after_encoder<typename error_of_result<encoded>::type>::type;
};
template <class Encoder, class Decoder, mode Mode, class... X>
using logits_error = typename logits_rule<Encoder, Decoder, Mode, X...>::type;
}  // namespace detail

/// The whole translator of any encoder and decoder that fit: source and target words in, logits out.
template <class Encoder, class Decoder>
struct translator_of {
  Encoder encoder;
  Decoder decoder;
  TENON_MEMBERS(translator_of, encoder, decoder)

  /// source (batch, steps) with `valid` (batch) words each, target (batch, target_steps) → logits
  /// (target_steps, batch, vocab).
  template <mode Mode, operand Source, operand Valid, operand Target, dropout_spec Rates = double>
  requires std::is_void_v<detail::logits_error<Encoder, Decoder, Mode, Source, Valid, Target, Rates>>
  constexpr auto logits(Source const& source, Valid const& valid, Target const& target,
                        Rates const& dropout = {}) const {
    return decoder.template decode<Mode>(encoder.template encode<Mode>(source, valid, dropout), valid, target,
                                         dropout);
  }
  template <mode Mode, operand Source, operand Valid, operand Target, dropout_spec Rates = double,
            shape_error Error = detail::logits_error<Encoder, Decoder, Mode, Source, Valid, Target, Rates>>
  Error logits(Source const& source, Valid const& valid, Target const& target,
               Rates const& dropout = {}) const;
};

/// With additive attention and GRU cells, or others.
template <std::size_t SourceVocab, std::size_t TargetVocab, std::size_t E, std::size_t H, std::size_t L,
          class Cells = gru_cells, template <std::size_t> class Attention = additive_attention>
using encoder_decoder = translator_of<rnn_encoder<SourceVocab, E, H, L, Cells>,
                                      attention_decoder<TargetVocab, E, H, L, Cells, Attention>>;

/// With Luong's decoder, which feeds its attentional vector back, or does not.
template <std::size_t SourceVocab, std::size_t TargetVocab, std::size_t E, std::size_t H, std::size_t L,
          class Cells = gru_cells, template <std::size_t> class Attention = additive_attention,
          bool Feeding = true>
using luong_encoder_decoder = translator_of<rnn_encoder<SourceVocab, E, H, L, Cells>,
                                            luong_decoder<TargetVocab, E, H, L, Cells, Attention, Feeding>>;

/// Without attention.
template <std::size_t SourceVocab, std::size_t TargetVocab, std::size_t E, std::size_t H, std::size_t L,
          class Cells = gru_cells, bool Fed = true>
using plain_encoder_decoder = translator_of<rnn_encoder<SourceVocab, E, H, L, Cells>,
                                            fixed_context_decoder<TargetVocab, E, H, L, Cells, Fed>>;

}  // namespace tenon
