// SPDX-License-Identifier: BSL-1.0
// Recurrent cells with layer normalisation (Ba, Kiros, Hinton, 2016): the two parts of the gates are
// normalised before they meet, each over all gates and hiddens; the norms' biases stand for the cells' own.
#pragma once
#include <cstddef>

#include "gru.hpp"
#include "layer_norm.hpp"
#include "lstm.hpp"

namespace tenon {

namespace detail {

/// With two norms instead of biases.
template <class Kind, std::size_t Gates, axis_type In, std::size_t H>
struct normalised_cell : gate_matrices<Kind, Gates, In, H> {
  using base = gate_matrices<Kind, Gates, In, H>;
  using base::weight_ih, base::weight_hh;
  layer_norm<gates<Gates>, hiddens<H>> norm_ih, norm_hh;
  TENON_MEMBERS(normalised_cell, weight_ih, weight_hh, norm_ih, norm_hh)
};

}  // namespace detail

/// gru_cell's formula of LN(W_i x) and LN(W_h h).
template <axis_type In, std::size_t H>
struct normalised_gru_cell : detail::normalised_cell<operation::gru, 3, In, H>, detail::gru_form {
  using base = detail::normalised_cell<operation::gru, 3, In, H>;
  using base::weight_hh, base::norm_ih, base::norm_hh;
  template <class G, class S>
  using step_error = typename base::template step_error<G, S>;

  template <operand G, operand S>
  requires std::is_void_v<step_error<G, S>>
  constexpr auto operator()(G const& input, S const& state) const {
    auto const x = norm_ih(input);
    auto const h = norm_hh(linear(state, weight_hh));
    return gated([&](std::size_t i) { return slice<gates>(x, i); },
                 [&](std::size_t i) { return slice<gates>(h, i); }, state);
  }
  template <operand G, operand S, shape_error Error = step_error<G, S>>
  Error operator()(G const& input, S const& state) const;

  template <operand G>
  constexpr auto first(G const& input) const {
    auto const x = norm_ih(input);
    return gated(
        [&](std::size_t i) { return slice<gates>(x, i); },
        [&](std::size_t i) { return slice<gates>(norm_hh.bias, i); });  // what zeros are normalised to
  }
};

/// lstm_cell's formula of LN(W_i x) + LN(W_h h), with LN(c') inside the output's tanh.
template <axis_type In, std::size_t H>
struct normalised_lstm_cell : detail::normalised_cell<operation::lstm, 4, In, H>, detail::lstm_form {
  using base = detail::normalised_cell<operation::lstm, 4, In, H>;
  using base::weight_ih, base::weight_hh, base::norm_ih, base::norm_hh;
  layer_norm<hiddens<H>> norm_c;
  TENON_MEMBERS(normalised_lstm_cell, weight_ih, weight_hh, norm_ih, norm_hh, norm_c)
  template <class G, class S>
  using step_error = typename base::template step_error<G, S>;

  template <operand G, class Output, class Cell>
  requires std::is_void_v<step_error<G, Output>>
  constexpr auto operator()(G const& input, lstm_state<Output, Cell> const& state) const {
    auto const x = norm_ih(input);
    auto const h = norm_hh(linear(state.output, weight_hh));
    return gated([&](std::size_t i) { return slice<gates>(x, i) + slice<gates>(h, i); }, state.cell, norm_c);
  }
  template <operand G, class Output, class Cell, shape_error Error = step_error<G, Output>>
  Error operator()(G const& input, lstm_state<Output, Cell> const& state) const;

  template <operand G>
  constexpr auto first(G const& input) const {
    auto const x = norm_ih(input);
    return gated_first([&](std::size_t i) { return slice<gates>(x, i) + slice<gates>(norm_hh.bias, i); },
                       norm_c);
  }
};

struct normalised_gru_cells {
  using kind = operation::gru;
  template <axis_type In, std::size_t H>
  using cell = normalised_gru_cell<In, H>;
};
struct normalised_lstm_cells {
  using kind = operation::lstm;
  template <axis_type In, std::size_t H>
  using cell = normalised_lstm_cell<In, H>;
};

}  // namespace tenon
