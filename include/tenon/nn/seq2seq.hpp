// SPDX-License-Identifier: BSL-1.0
// The encoder-decoder with attention (Sutskever, Vinyals, Le, NeurIPS 2014; Bahdanau, Cho, Bengio, ICLR
// 2015).
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>

#include "../ops/argmax/argmax.hpp"
#include "../ops/cross_entropy/cross_entropy.hpp"
#include "attention.hpp"
#include "embedding.hpp"

namespace tenon {

/// source (batch, steps) → the top layer's outputs (steps, batch, hiddens) and the last states of all layers.
template <std::size_t V, std::size_t E, std::size_t H, std::size_t L>
struct gru_encoder {
  embedding_table<V, E> embedding;
  gru<tenon::embedding<E>, H, L> rnn;
  TENON_MEMBERS(gru_encoder, embedding, rnn)

  template <class Ids>
  using error = typename detail::first_of<
      detail::name_error<operation::encoder, shape_of<Ids>, steps>,
      detail::name_error<operation::encoder, shape_of<Ids>, batch>,
      detail::element_error<operation::encoder, element_of<Ids>, std::int32_t>>::type;

  template <mode Mode, operand Ids>
  requires std::is_void_v<error<Ids>>
  constexpr auto encode(Ids const& source, double dropout_rate) const {
    return rnn.template run<steps, Mode>(embedding(arrange<steps, batch>(source)), dropout_rate);
  }
  template <mode Mode, operand Ids, shape_error Error = error<Ids>>
  Error encode(Ids const& source, double dropout_rate) const;
};

namespace detail {
template <std::size_t N>
struct decoder_inputs : axis<N> {};  // [context ; embedding]

template <class Encoded>
using memory_shape = shape_of<decltype(Encoded::outputs)>;
template <class Encoded>
inline constexpr std::size_t encoded_layers = std::tuple_size_v<decltype(Encoded::states)>;
}  // namespace detail

/// A decoder whose query at each step is its top layer's last state. Input of its bottom layer: [context ;
/// embedding].
template <std::size_t V, std::size_t E, std::size_t H, std::size_t L>
struct attention_decoder {
  additive_attention<H> attention;
  embedding_table<V, E> embedding;
  gru<detail::decoder_inputs<H + E>, H, L> rnn;
  linear_layer<hiddens<H>, vocab<V>> dense;
  TENON_MEMBERS(attention_decoder, attention, embedding, rnn, dense)

  /// The columns of the bottom layer's weight that act on the context and on the embedding.
  constexpr auto context_weight() const { return columns<hiddens<H>>(0); }
  constexpr auto embedding_weight() const { return columns<tenon::embedding<E>>(H); }

  /// What the decoder carries from step to step, and what it reads at every step.
  template <class Memory, class Keys, class Valid, class State>
  struct context_of {
    Memory memory;
    Keys keys;
    Valid valid;
    std::array<State, L> states;
  };

  /// What of an encoder's result does not fit: it needs the hiddens and the layers of the decoder.
  template <class Encoded, class Valid>
  using start_error = typename detail::first_of<
      detail::name_error<operation::decoder, detail::memory_shape<Encoded>, steps>,
      detail::axis_error<operation::decoder, detail::memory_shape<Encoded>, hiddens<H>>,
      std::conditional_t<detail::encoded_layers<Encoded> == L, void,
                         layer_count_mismatch<operation::decoder, detail::encoded_layers<Encoded>, L>>,
      detail::extent_error<operation::decoder, detail::memory_shape<Encoded>, shape_of<Valid>>>::type;

  /// Starts from the encoder's result: states of all layers, outputs as memory.
  template <class Encoded, operand Valid>
  requires std::is_void_v<start_error<Encoded, Valid>>
  constexpr auto start(Encoded const& encoded, Valid const& valid) const {
    auto const keys = attention.keys(encoded.outputs);
    using State = variable<float, shape_of<decltype(encoded.states[0])>>;
    context_of<decltype(encoded.outputs), decltype(keys), Valid, State> c{encoded.outputs, keys, valid, {}};
    for (std::size_t i = 0; i < L; ++i) c.states[i] = encoded.states[i];
    return c;
  }
  template <class Encoded, operand Valid, shape_error Error = start_error<Encoded, Valid>>
  Error start(Encoded const& encoded, Valid const& valid) const;

  /// One step: the embedding's part of the bottom gates (batch, gates, hiddens) → the attention weights;
  /// moves c.states on.
  template <mode Mode, class C, operand G>
  constexpr auto step(C& c, G const& embedded_gates, double dropout_rate) const {
    auto const seen =
        attention.template attend<Mode>(c.states[L - 1], c.keys, c.memory, c.valid, dropout_rate);
    auto const input = add_linear(embedded_gates, seen.context, context_weight());
    c.states[0] = hana::front(rnn.layers)(input, c.states[0]);
    layers_above<Mode, 1>(c, dropout_rate);
    return seen.weights;
  }

  /// What the memory contributes to the bottom layer's gates if all of a step's weight lies on it: memory
  /// (steps, batch, hiddens) → (steps, batch, gates, hiddens).
  template <class C>
  constexpr auto memory_gates(C const& c) const {
    return linear(c.memory, context_weight());
  }

  /// One step of inference from `memory_gates`, which the attention weights mix as they would the memory: for
  /// a few rows, where the time of a product is that of reading its weights, once for all steps instead of at
  /// each.
  template <class C, operand G, operand M>
  constexpr auto step_from(C& c, G const& embedded_gates, M const& memory_gates) const {
    auto const weights = attention.look(c.states[L - 1], c.keys, c.valid);
    auto const input = keep(embedded_gates + keep(sum<steps>(weights * memory_gates)));
    c.states[0] = hana::front(rnn.layers)(input, c.states[0]);
    layers_above<mode::inference, 1>(c, 0);
    return weights;
  }

  /// The embedding's part of the bottom layer's gates, for any ids: (…) → (…, gates, hiddens).
  template <operand Ids>
  constexpr auto embedded_gates(Ids const& ids) const {
    return linear(embedding(ids), embedding_weight());
  }

  template <class Encoded, class Valid, class Ids>
  using decode_error = typename detail::first_of<
      start_error<Encoded, Valid>, detail::name_error<operation::decoder, shape_of<Ids>, target_steps>,
      detail::name_error<operation::decoder, shape_of<Ids>, batch>,
      detail::extent_error<operation::decoder, detail::memory_shape<Encoded>, shape_of<Ids>>,
      detail::element_error<operation::decoder, element_of<Ids>, std::int32_t>>::type;

  /// Teacher forcing: target (batch, target_steps) → logits (target_steps, batch, vocab).
  template <mode Mode, class Encoded, operand Valid, operand Ids>
  requires std::is_void_v<decode_error<Encoded, Valid, Ids>>
  constexpr auto decode(Encoded const& encoded, Valid const& valid, Ids const& target,
                        double dropout_rate) const {
    auto c = start(encoded, valid);
    constexpr std::size_t count = extent_of<shape_of<Ids>, target_steps>;
    auto const embedded = embedded_gates(arrange<target_steps, batch>(target));
    std::array<std::remove_cvref_t<decltype(c.states[0])>, count> tops{};
    for (std::size_t t = 0; t < count; ++t) {
      step<Mode>(c, slice<target_steps>(embedded, t), dropout_rate);
      tops[t] = c.states[L - 1];
    }
    return dense(stack<target_steps>(tops));
  }
  template <mode Mode, class Encoded, operand Valid, operand Ids,
            shape_error Error = decode_error<Encoded, Valid, Ids>>
  Error decode(Encoded const& encoded, Valid const& valid, Ids const& target, double dropout_rate) const;

 private:
  template <axis_type In>
  constexpr auto columns(std::size_t begin) const {
    using whole = parameter<gates<3>, hiddens<H>, from<detail::decoder_inputs<H + E>>>;
    return parameter_part<whole, shape<gates<3>, hiddens<H>, from<In>>, typename whole::layout>{
        hana::front(rnn.layers).weight_ih, begin * sizeof(float)};
  }

  template <mode Mode, std::size_t I, class C>
  constexpr void layers_above(C& c, double dropout_rate) const {
    if constexpr (I < L) {
      auto const& cell = hana::at_c<I>(rnn.layers);
      auto const input = [&] {
        if constexpr (Mode == mode::training)
          return cell.input_gates(keep(dropout(c.states[I - 1], dropout_rate)));
        else
          return cell.input_gates(c.states[I - 1]);
      }();
      c.states[I] = cell(input, c.states[I]);
      layers_above<Mode, I + 1>(c, dropout_rate);
    }
  }
};

/// The whole translator: source and target words in, logits out.
template <std::size_t SourceVocab, std::size_t TargetVocab, std::size_t E, std::size_t H, std::size_t L>
struct encoder_decoder {
  gru_encoder<SourceVocab, E, H, L> encoder;
  attention_decoder<TargetVocab, E, H, L> decoder;
  TENON_MEMBERS(encoder_decoder, encoder, decoder)

  /// source (batch, steps) with `valid` (batch) words each, target (batch, target_steps) → logits
  /// (target_steps, batch, vocab).
  template <mode Mode, operand Source, operand Valid, operand Target>
  constexpr auto logits(Source const& source, Valid const& valid, Target const& target,
                        double dropout_rate = 0) const {
    return decoder.template decode<Mode>(encoder.template encode<Mode>(source, dropout_rate), valid, target,
                                         dropout_rate);
  }
};

}  // namespace tenon
