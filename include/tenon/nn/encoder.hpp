// SPDX-License-Identifier: BSL-1.0
// The encoder of a translator (Sutskever, Vinyals, Le, NeurIPS 2014).
#pragma once
#include <cstddef>
#include <cstdint>

#include "bidirectional.hpp"
#include "embedding.hpp"
#include "gru.hpp"

namespace tenon {

namespace detail {
/// What an encoder cannot read.
template <class Ids, class Valid>
using encoder_error =
    typename first_of<name_error<operation::encoder, shape_of<Ids>, steps>,
                      name_error<operation::encoder, shape_of<Ids>, batch>,
                      element_error<operation::encoder, element_of<Ids>, std::int32_t>,
                      name_error<operation::encoder, shape_of<Valid>, batch>,
                      extent_error<operation::encoder, shape_of<Ids>, shape_of<Valid>>,
                      element_error<operation::encoder, element_of<Valid>, std::int32_t>>::type;

/// The words of a source (batch, steps), embedded: (steps, batch, embedding).
template <mode Mode, class Table, class Ids, class Rates>
constexpr auto embedded(Table const& table, Ids const& source, Rates const& dropout) {
  return dropped_at<Mode>(table(arrange<steps, batch>(source)), dropout, &dropout_rates::embeddings);
}

/// What an encoder gives of what its layers gave.
template <mode Mode, class Cells, class Outputs, class State, std::size_t L, class Rates>
constexpr auto encoded(recurrent_result<Cells, Outputs, State, L> const& made, Rates const& dropout) {
  auto const memory = dropped_at<Mode>(made.outputs, dropout, &dropout_rates::memory);
  return recurrent_result<Cells, std::remove_cvref_t<decltype(memory)>, State, L>{memory, made.states};
}
}  // namespace detail

/// source (batch, steps) → the top layer's outputs (steps, batch, hiddens) and the last states of all layers.
/// Pads are words like any other here: `valid`, how many words each row has, is not looked at.
template <std::size_t V, std::size_t E, std::size_t H, std::size_t L, class Cells = gru_cells>
struct rnn_encoder {
  embedding_table<V, E> embedding;
  recurrent_layers<Cells, tenon::embedding<E>, H, L> rnn;
  TENON_MEMBERS(rnn_encoder, embedding, rnn)

  template <mode Mode, operand Ids, operand Valid, dropout_spec Rates = double>
  requires std::is_void_v<detail::encoder_error<Ids, Valid>>
  constexpr auto encode(Ids const& source, Valid const&, Rates const& dropout = {}) const {
    return detail::encoded<Mode>(
        rnn.template run<steps, Mode>(detail::embedded<Mode>(embedding, source, dropout),
                                      detail::layer_rate(dropout)),
        dropout);
  }
  template <mode Mode, operand Ids, operand Valid, dropout_spec Rates = double,
            shape_error Error = detail::encoder_error<Ids, Valid>>
  Error encode(Ids const& source, Valid const& valid, Rates const& dropout = {}) const;
};
template <std::size_t V, std::size_t E, std::size_t H, std::size_t L>
using gru_encoder = rnn_encoder<V, E, H, L, gru_cells>;

/// The same in both directions, with H / 2 hiddens in each, up to the `valid` words of each row.
template <std::size_t V, std::size_t E, std::size_t H, std::size_t L, class Cells = gru_cells>
struct bidirectional_encoder {
  embedding_table<V, E> embedding;
  bidirectional_layers<Cells, tenon::embedding<E>, H, L> rnn;
  TENON_MEMBERS(bidirectional_encoder, embedding, rnn)

  template <mode Mode, operand Ids, operand Valid, dropout_spec Rates = double>
  requires std::is_void_v<detail::encoder_error<Ids, Valid>>
  constexpr auto encode(Ids const& source, Valid const& valid, Rates const& dropout = {}) const {
    return detail::encoded<Mode>(
        rnn.template run<steps, Mode>(detail::embedded<Mode>(embedding, source, dropout), valid,
                                      detail::layer_rate(dropout)),
        dropout);
  }
  template <mode Mode, operand Ids, operand Valid, dropout_spec Rates = double,
            shape_error Error = detail::encoder_error<Ids, Valid>>
  Error encode(Ids const& source, Valid const& valid, Rates const& dropout = {}) const;
};

}  // namespace tenon
