// SPDX-License-Identifier: BSL-1.0
// Translators: an encoder and a decoder.
#pragma once
#include <cstddef>

#include "../ops/argmax/argmax.hpp"
#include "../ops/cross_entropy/cross_entropy.hpp"
#include "decoder.hpp"
#include "encoder.hpp"
#include "lstm.hpp"
#include "luong_decoder.hpp"
#include "normalised_cells.hpp"

namespace tenon {

/// The whole translator of any encoder and decoder that fit: source and target words in, logits out.
template <class Encoder, class Decoder>
struct translator_of {
  Encoder encoder;
  Decoder decoder;
  TENON_MEMBERS(translator_of, encoder, decoder)

  /// source (batch, steps) with `valid` (batch) words each, target (batch, target_steps) → logits
  /// (target_steps, batch, vocab).
  template <mode Mode, operand Source, operand Valid, operand Target, dropout_spec Rates = double>
  constexpr auto logits(Source const& source, Valid const& valid, Target const& target,
                        Rates const& dropout = {}) const {
    return decoder.template decode<Mode>(encoder.template encode<Mode>(source, valid, dropout), valid, target,
                                         dropout);
  }
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
