// SPDX-License-Identifier: BSL-1.0
// The encoder of a translator (Sutskever, Vinyals, Le, NeurIPS 2014).
#pragma once
#include <cstddef>
#include <cstdint>

#include "embedding.hpp"
#include "gru.hpp"

namespace tenon {

/// source (batch, steps) → the top layer's outputs (steps, batch, hiddens) and the last states of all layers.
template <std::size_t V, std::size_t E, std::size_t H, std::size_t L, class Cells = gru_cells>
struct rnn_encoder {
  embedding_table<V, E> embedding;
  recurrent_layers<Cells, tenon::embedding<E>, H, L> rnn;
  TENON_MEMBERS(rnn_encoder, embedding, rnn)

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
template <std::size_t V, std::size_t E, std::size_t H, std::size_t L>
using gru_encoder = rnn_encoder<V, E, H, L, gru_cells>;

}  // namespace tenon
