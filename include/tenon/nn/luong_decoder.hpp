// SPDX-License-Identifier: BSL-1.0
// The decoder of Luong, Pham and Manning (EMNLP 2015), with and without input feeding: attention follows the
// recurrent layers instead of preceding them. OpenNMT's translators are of this kind.
//
//   s_t = rnn([embedding ; h̃_{t−1}]), h̃_0 = 0      or rnn(embedding) without feeding
//   c_t = attention(query s_t, memory)
//   h̃_t = tanh(W_c [c_t ; s_t])                      logits are made of this attentional vector
//
// W_c has no bias, as in the paper, and in OpenNMT where scores are dot products. h̃_t is fed back as it is:
// dropout_rates::outputs drops only of what the logits see.
#pragma once
#include <array>
#include <cstddef>

#include "decoder.hpp"

namespace tenon {

namespace detail {
template <std::size_t N>
struct attentional_inputs : axis<N> {};  // context and the top layer's output
}  // namespace detail

/// A decoder whose query at each step is its top layer's output of that step. Input of its bottom layer:
/// [embedding ; attentional vector of the step before], or the embedding alone without Feeding.
template <std::size_t V, std::size_t E, std::size_t H, std::size_t L, class Cells = gru_cells,
          template <std::size_t> class Attention = additive_attention, bool Feeding = true,
          template <std::size_t, std::size_t, std::size_t> class Output = dense_output>
struct luong_decoder
    : detail::decoder_base<luong_decoder<V, E, H, L, Cells, Attention, Feeding, Output>, Cells, H, L> {
  static constexpr bool attends = true;
  Attention<H> attention;
  embedding_table<V, E> embedding;
  recurrent_layers<Cells, detail::decoder_inputs<Feeding ? E + H : E>, H, L> rnn;
  linear_map<detail::attentional_inputs<2 * H>, hiddens<H>> W_c;
  Output<V, E, H> dense;
  TENON_MEMBERS(luong_decoder, attention, embedding, rnn, W_c, dense)

  /// The columns of the bottom layer's weight that act on the embedding and on what is fed back.
  constexpr auto embedding_weight() const {
    return detail::input_columns<tenon::embedding<E>>(rnn.bottom().weight_ih, 0);
  }
  constexpr auto feeding_weight() const requires Feeding {
    return detail::input_columns<hiddens<H>>(rnn.bottom().weight_ih, E);
  }
  /// The columns of W_c that act on the context and on the top layer's output.
  constexpr auto context_weight() const { return detail::input_columns<hiddens<H>>(W_c.weight, 0); }
  constexpr auto state_weight() const { return detail::input_columns<hiddens<H>>(W_c.weight, H); }

  /// What the decoder carries from step to step, and what it reads at every step. Before the first step
  /// `attentional` only has the shape: h̃_0 = 0 contributes nothing.
  template <class Memory, class Keys, class Valid, class State, class Attentional>
  struct context_of {
    Memory memory;
    Keys keys;
    Valid valid;
    std::array<State, L> states;
    Attentional attentional;
    bool started = false;
  };

  /// The attentional vector.
  template <class C>
  constexpr auto output(C const& c) const {
    return c.attentional;
  }

  template <class F, class M, class K, class Valid, class State, class Attentional>
  constexpr auto each_state(F const& f, context_of<M, K, Valid, State, Attentional> const& c) const {
    auto const states = rnn.each_part(f, c.states);
    auto const attentional = [&] {
      if constexpr (Feeding)
        return f(c.attentional);
      else
        return rnn.output(states);  // of that shape; the next step makes it anew before `output` is asked
    }();
    return context_of<M, K, Valid, typename decltype(states)::value_type,
                      std::remove_cvref_t<decltype(attentional)>>{c.memory, c.keys,      c.valid,
                                                                  states,   attentional, c.started};
  }

  /// Starts from the encoder's result: states of all layers, outputs as memory.
  template <class Encoded, operand Valid>
  constexpr auto context_from(Encoded const& encoded, Valid const& valid) const {
    auto const keys = attention.keys(encoded.outputs);
    auto const top = rnn.output(encoded.states);
    return context_of<decltype(encoded.outputs), std::remove_cvref_t<decltype(keys)>, Valid,
                      detail::state_of<Encoded>, std::remove_cvref_t<decltype(top)>>{
        encoded.outputs, keys, valid, encoded.states, top};
  }

  /// What embedded words contribute to the bottom layer's gates: (…, embedding) → (…, gates, hiddens).
  template <class C, operand X>
  constexpr auto word_gates(C const&, X const& words) const {
    return linear(words, embedding_weight());
  }

  /// One step from a word's gates (batch, gates, hiddens) → the attention weights; moves c on.
  template <mode Mode, class C, operand G, dropout_spec Rates>
  constexpr auto step(C& c, G const& gates_of_word, Rates const& dropout) const {
    auto const top = recurrent_step<Mode>(c, gates_of_word, detail::layer_rate(dropout));
    auto const seen =
        attention.template attend<Mode>(top, c.keys, c.memory, c.valid, detail::attention_rate(dropout));
    c.attentional = keep(tanh(add_linear(linear(top, state_weight()), seen.context, context_weight())));
    return seen.weights;
  }

  /// What the memory contributes to W_c [c_t ; s_t] if all of a step's weight lies on it: memory (steps,
  /// batch, hiddens) → (steps, batch, hiddens).
  template <class C>
  constexpr auto memory_gates(C const& c) const {
    return linear(c.memory, context_weight());
  }

  /// One step of inference from `memory_gates`, for a few rows: see attention_decoder.
  template <class C, operand G, operand M>
  constexpr auto step_from(C& c, G const& gates_of_word, M const& memory_gates) const {
    auto const top = recurrent_step<mode::inference>(c, gates_of_word, 0);
    auto const weights = attention.look(top, c.keys, c.valid);
    auto const seen = keep(sum<steps>(weights * memory_gates));
    c.attentional = keep(tanh(linear(top, state_weight()) + seen));
    return weights;
  }

 private:
  /// Moves the states on → the top layer's output.
  template <mode Mode, class C, operand G>
  constexpr auto recurrent_step(C& c, G const& gates_of_word, double dropout_rate) const {
    if constexpr (Feeding)
      if (c.started) add_linear(gates_of_word, c.attentional, feeding_weight());
    c.started = true;
    return rnn.template step<Mode>(gates_of_word, c.states, dropout_rate);
  }
};

}  // namespace tenon
