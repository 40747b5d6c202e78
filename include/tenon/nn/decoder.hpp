// SPDX-License-Identifier: BSL-1.0
// Decoders: with attention (Bahdanau, Cho, Bengio, ICLR 2015), and with a context that stays as it is (Cho et
// al., EMNLP 2014); luong_decoder.hpp has Luong's. `decode` runs one over known words; greedy decoding and
// beam search run it over its own (running_decoder.hpp). For them a decoder has
//
//   attends                    has it attention?
//   logits(outputs)            (…, hiddens), what `output` gives → (…, vocab)
//   start(encoded, valid)      what it carries from step to step
//   embedding(ids)             words embedded
//   word_gates(c, words)       what embedded words contribute to the bottom layer's gates
//   step<Mode>(c, gates, rates) a step: gives the attention weights, or no_weights; of inference with rates 0
//   output(c)                  (…, hiddens), what the last step's logits are made of
//   each_state(f, c)           c with f of all that steps change: for beam search alone
//   memory_gates, step_from    if it attends: a step from the memory times the weights that the context
//                              meets, for few rows or several hypotheses
//
// What it starts from is a recurrent_result, of the same cells.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>

#include "attention.hpp"
#include "embedding.hpp"
#include "gru.hpp"
#include "output.hpp"

namespace tenon {

/// Stands for the attention weights of a decoder that has none.
struct no_weights {};

namespace detail {
template <std::size_t N>
struct decoder_inputs : axis<N> {};  // context and embedding

template <class Encoded>
using memory_shape = shape_of<decltype(Encoded::outputs)>;
template <class Encoded>
inline constexpr std::size_t encoded_layers = std::tuple_size_v<decltype(Encoded::states)>;
template <class Encoded>
using state_of = typename decltype(Encoded::states)::value_type;

/// What of an encoder's result does not fit a decoder of L layers of H hiddens and cells of a kind.
template <class Cells, std::size_t H, std::size_t L, class Encoded, class Valid>
using start_error = typename first_of<
    name_error<operation::decoder, memory_shape<Encoded>, steps>,
    axis_error<operation::decoder, memory_shape<Encoded>, hiddens<H>>,
    std::conditional_t<encoded_layers<Encoded> == L, void,
                       layer_count_mismatch<operation::decoder, encoded_layers<Encoded>, L>>,
    std::conditional_t<std::is_same_v<typename Encoded::cells, Cells>, void,
                       cell_mismatch<operation::decoder, typename Encoded::cells, Cells>>,
    extent_error<operation::decoder, memory_shape<Encoded>, shape_of<Valid>>>::type;

/// What decoders of L layers of H hiddens have in common: the start, decoding of known words (teacher
/// forcing) and logits. Decoder has context_from(encoded, valid), which makes of an encoder's result what it
/// carries, the members embedding and dense, and what is listed above.
template <class Decoder, class Cells, std::size_t H, std::size_t L>
struct decoder_base {
  /// What of an encoder's result does not fit: it needs the hiddens, the layers and the cells of the decoder.
  template <class Encoded, class Valid>
  using start_error = detail::start_error<Cells, H, L, Encoded, Valid>;

  template <class Encoded, operand Valid>
  requires std::is_void_v<start_error<Encoded, Valid>>
  constexpr auto start(Encoded const& encoded, Valid const& valid) const {
    return self().context_from(encoded, valid);
  }
  template <class Encoded, operand Valid, shape_error Error = start_error<Encoded, Valid>>
  Error start(Encoded const& encoded, Valid const& valid) const;

  template <operand X>
  constexpr auto logits(X const& outputs) const {
    return self().dense(outputs, self().embedding.weight);
  }

  template <class Encoded, class Valid, class Ids>
  using decode_error =
      typename first_of<start_error<Encoded, Valid>,
                        name_error<operation::decoder, shape_of<Ids>, target_steps>,
                        name_error<operation::decoder, shape_of<Ids>, batch>,
                        extent_error<operation::decoder, memory_shape<Encoded>, shape_of<Ids>>,
                        element_error<operation::decoder, element_of<Ids>, std::int32_t>>::type;

  /// target (batch, target_steps) → logits (target_steps, batch, vocab).
  template <mode Mode, class Encoded, operand Valid, operand Ids, dropout_spec Rates>
  requires std::is_void_v<decode_error<Encoded, Valid, Ids>>
  constexpr auto decode(Encoded const& encoded, Valid const& valid, Ids const& target,
                        Rates const& dropout) const {
    auto const& decoder = self();
    auto c = decoder.start(encoded, valid);
    constexpr std::size_t count = extent_of<shape_of<Ids>, target_steps>;
    auto const words =
        decoder.word_gates(c, dropped_at<Mode>(decoder.embedding(arrange<target_steps, batch>(target)),
                                               dropout, &dropout_rates::embeddings));
    std::array<std::remove_cvref_t<decltype(decoder.output(c))>, count> outputs{};
    for (std::size_t t = 0; t < count; ++t) {
      decoder.template step<Mode>(c, slice<target_steps>(words, t), dropout);
      outputs[t] = decoder.output(c);
    }
    return decoder.logits(dropped_at<Mode>(stack<target_steps>(outputs), dropout, &dropout_rates::outputs));
  }
  template <mode Mode, class Encoded, operand Valid, operand Ids, dropout_spec Rates,
            shape_error Error = decode_error<Encoded, Valid, Ids>>
  Error decode(Encoded const& encoded, Valid const& valid, Ids const& target, Rates const& dropout) const;

 private:
  constexpr Decoder const& self() const { return static_cast<Decoder const&>(*this); }
};
}  // namespace detail

/// A decoder whose query at each step is its top layer's last output. Input of its bottom layer: [context ;
/// embedding].
template <std::size_t V, std::size_t E, std::size_t H, std::size_t L, class Cells = gru_cells,
          template <std::size_t> class Attention = additive_attention,
          template <std::size_t, std::size_t, std::size_t> class Output = dense_output>
struct attention_decoder
    : detail::decoder_base<attention_decoder<V, E, H, L, Cells, Attention, Output>, Cells, H, L> {
  static constexpr bool attends = true;
  Attention<H> attention;
  embedding_table<V, E> embedding;
  recurrent_layers<Cells, detail::decoder_inputs<H + E>, H, L> rnn;
  Output<V, E, H> dense;
  TENON_MEMBERS(attention_decoder, attention, embedding, rnn, dense)

  /// The columns of the bottom layer's weight that act on the context and on the embedding.
  constexpr auto context_weight() const {
    return detail::input_columns<hiddens<H>>(rnn.bottom().weight_ih, 0);
  }
  constexpr auto embedding_weight() const {
    return detail::input_columns<tenon::embedding<E>>(rnn.bottom().weight_ih, H);
  }

  /// What the decoder carries from step to step, and what it reads at every step.
  template <class Memory, class Keys, class Valid, class State>
  struct context_of {
    Memory memory;
    Keys keys;
    Valid valid;
    std::array<State, L> states;
  };

  /// The top layer's.
  template <class C>
  constexpr auto output(C const& c) const {
    return rnn.output(c.states);
  }

  template <class F, class M, class K, class Valid, class State>
  constexpr auto each_state(F const& f, context_of<M, K, Valid, State> const& c) const {
    auto const states = rnn.each_part(f, c.states);
    return context_of<M, K, Valid, typename decltype(states)::value_type>{c.memory, c.keys, c.valid, states};
  }

  /// Starts from the encoder's result: states of all layers, outputs as memory.
  template <class Encoded, operand Valid>
  constexpr auto context_from(Encoded const& encoded, Valid const& valid) const {
    auto const keys = attention.keys(encoded.outputs);
    return context_of<decltype(encoded.outputs), std::remove_cvref_t<decltype(keys)>, Valid,
                      detail::state_of<Encoded>>{encoded.outputs, keys, valid, encoded.states};
  }

  /// What embedded words contribute to the bottom layer's gates: (…, embedding) → (…, gates, hiddens).
  template <class C, operand X>
  constexpr auto word_gates(C const&, X const& words) const {
    return linear(words, embedding_weight());
  }

  /// One step from a word's gates (batch, gates, hiddens) → the attention weights; moves c.states on.
  template <mode Mode, class C, operand G, dropout_spec Rates>
  constexpr auto step(C& c, G const& gates_of_word, Rates const& dropout) const {
    auto const seen = attention.template attend<Mode>(rnn.output(c.states), c.keys, c.memory, c.valid,
                                                      detail::attention_rate(dropout));
    rnn.template step<Mode>(add_linear(gates_of_word, seen.context, context_weight()), c.states,
                            detail::layer_rate(dropout));
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
  /// each; and for several hypotheses of a sentence, whose steps together are more than the memory's.
  template <class C, operand G, operand M>
  constexpr auto step_from(C& c, G const& gates_of_word, M const& memory_gates) const {
    auto const weights = attention.look(rnn.output(c.states), c.keys, c.valid);
    rnn.template step<mode::inference>(keep(gates_of_word + keep(sum<steps>(weights * memory_gates))),
                                       c.states, 0);
    return weights;
  }
};

/// A decoder without attention: its context is the encoder's last output, the same at every step. Input of
/// its bottom layer: [embedding ; context], or the embedding alone if it is not Fed the context.
template <std::size_t V, std::size_t E, std::size_t H, std::size_t L, class Cells = gru_cells,
          bool Fed = true, template <std::size_t, std::size_t, std::size_t> class Output = dense_output>
struct fixed_context_decoder
    : detail::decoder_base<fixed_context_decoder<V, E, H, L, Cells, Fed, Output>, Cells, H, L> {
  static constexpr bool attends = false;
  embedding_table<V, E> embedding;
  recurrent_layers<Cells, detail::decoder_inputs<Fed ? E + H : E>, H, L> rnn;
  Output<V, E, H> dense;
  TENON_MEMBERS(fixed_context_decoder, embedding, rnn, dense)

  constexpr auto embedding_weight() const {
    return detail::input_columns<tenon::embedding<E>>(rnn.bottom().weight_ih, 0);
  }
  constexpr auto context_weight() const requires Fed {
    return detail::input_columns<hiddens<H>>(rnn.bottom().weight_ih, E);
  }

  template <class Gates, class State>
  struct context_of {
    Gates gates;  ///< what the context contributes at every step: (batch, gates, hiddens)
    std::array<State, L> states;
  };

  /// The top layer's.
  template <class C>
  constexpr auto output(C const& c) const {
    return rnn.output(c.states);
  }

  template <class F, class Gates, class State>
  constexpr auto each_state(F const& f, context_of<Gates, State> const& c) const {
    auto const states = rnn.each_part(f, c.states);
    return context_of<Gates, typename decltype(states)::value_type>{c.gates, states};
  }

  /// Starts from the encoder's result: the context is the top layer's output in its last state.
  template <class Encoded, operand Valid>
  constexpr auto context_from(Encoded const& encoded, Valid const&) const {
    auto const gates = [&] {
      if constexpr (Fed) {
        return linear(rnn.output(encoded.states), context_weight());
      } else {
        return 0;
      }
    }();
    return context_of<std::remove_cvref_t<decltype(gates)>, detail::state_of<Encoded>>{gates, encoded.states};
  }

  /// What embedded words and the context contribute to the bottom layer's gates: (…, embedding) → (…, gates,
  /// hiddens).
  template <class C, operand X>
  constexpr auto word_gates(C const& c, X const& words) const {
    auto const of_words = linear(words, embedding_weight());
    if constexpr (Fed)
      return keep(of_words + c.gates);
    else
      return of_words;
  }

  /// One step from a word's gates (batch, gates, hiddens); moves c.states on.
  template <mode Mode, class C, operand G, dropout_spec Rates>
  constexpr no_weights step(C& c, G const& gates_of_word, Rates const& dropout) const {
    rnn.template step<Mode>(gates_of_word, c.states, detail::layer_rate(dropout));
    return {};
  }
};

}  // namespace tenon
