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
}  // namespace detail

/// source (batch, steps) → the top layer's outputs (steps, batch, hiddens) and the last states of all layers.
/// Pads are words like any other here: `valid`, how many words each row has, is not looked at.
template <std::size_t V, std::size_t E, std::size_t H, std::size_t L, class Cells = gru_cells>
struct rnn_encoder {
  embedding_table<V, E> embedding;
  recurrent_layers<Cells, tenon::embedding<E>, H, L> rnn;
  TENON_MEMBERS(rnn_encoder, embedding, rnn)

  template <mode Mode, operand Ids, operand Valid>
  requires std::is_void_v<detail::encoder_error<Ids, Valid>>
  constexpr auto encode(Ids const& source, Valid const&, double dropout_rate = 0) const {
    return rnn.template run<steps, Mode>(embedding(arrange<steps, batch>(source)), dropout_rate);
  }
  template <mode Mode, operand Ids, operand Valid, shape_error Error = detail::encoder_error<Ids, Valid>>
  Error encode(Ids const& source, Valid const& valid, double dropout_rate = 0) const;
};
template <std::size_t V, std::size_t E, std::size_t H, std::size_t L>
using gru_encoder = rnn_encoder<V, E, H, L, gru_cells>;

/// The same in both directions, with H / 2 hiddens in each, up to the `valid` words of each row.
template <std::size_t V, std::size_t E, std::size_t H, std::size_t L, class Cells = gru_cells>
struct bidirectional_encoder {
  embedding_table<V, E> embedding;
  bidirectional_layers<Cells, tenon::embedding<E>, H, L> rnn;
  TENON_MEMBERS(bidirectional_encoder, embedding, rnn)

  template <mode Mode, operand Ids, operand Valid>
  requires std::is_void_v<detail::encoder_error<Ids, Valid>>
  constexpr auto encode(Ids const& source, Valid const& valid, double dropout_rate = 0) const {
    return rnn.template run<steps, Mode>(embedding(arrange<steps, batch>(source)), valid, dropout_rate);
  }
  template <mode Mode, operand Ids, operand Valid, shape_error Error = detail::encoder_error<Ids, Valid>>
  Error encode(Ids const& source, Valid const& valid, double dropout_rate = 0) const;
};

}  // namespace tenon
