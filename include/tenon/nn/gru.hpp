// SPDX-License-Identifier: BSL-1.0
// Gated recurrent units (Cho et al., EMNLP 2014) in PyTorch's form: reset after the hidden product, two
// biases.
#pragma once
#include <cstddef>

#include "gated_cell.hpp"

namespace tenon {

/// r = σ(W_ir x + b_ir + W_hr h + b_hr), z likewise, n = tanh(W_in x + b_in + r ∘ (W_hn h + b_hn)), h' = (1 −
/// z) ∘ n + z ∘ h.
template <axis_type In, std::size_t H>
struct gru_cell : detail::gated_cell<operation::gru, 3, In, H> {
  using base = detail::gated_cell<operation::gru, 3, In, H>;
  using base::weight_hh, base::bias_ih, base::bias_hh;
  template <class G, class S>
  using step_error = typename base::template step_error<G, S>;

  /// One step from the inputs' part of the gates (batch, gates, hiddens) and the state (batch, hiddens).
  template <operand G, operand S>
  requires std::is_void_v<step_error<G, S>>
  constexpr auto operator()(G const& input, S const& state) const {
    auto const recurrent = linear(state, weight_hh);
    auto const of_input = [&](std::size_t i) { return slice<gates>(input, i) + slice<gates>(bias_ih, i); };
    auto const of_state = [&](std::size_t i) {
      return slice<gates>(recurrent, i) + slice<gates>(bias_hh, i);
    };
    auto const r = sigmoid(of_input(0) + of_state(0));
    auto const z = sigmoid(of_input(1) + of_state(1));
    auto const n = tanh(of_input(2) + r * of_state(2));
    return keep(lerp(n, state, z));
  }
  template <operand G, operand S, shape_error Error = step_error<G, S>>
  Error operator()(G const& input, S const& state) const;

  /// The step from a state of zeros, which needs no product.
  template <operand G>
  constexpr auto first(G const& input) const {
    auto const gate = [&](std::size_t i) { return slice<gates>(input, i) + slice<gates>(bias_ih, i); };
    auto const r = sigmoid(gate(0) + slice<gates>(bias_hh, 0));
    auto const z = sigmoid(gate(1) + slice<gates>(bias_hh, 1));
    auto const n = tanh(gate(2) + r * slice<gates>(bias_hh, 2));
    return keep((1 - z) * n);
  }

  /// The state is the output.
  template <class S>
  static constexpr S output(S const& state) {
    return state;
  }
  template <class S, class Output>
  static constexpr Output with_output(S const&, Output const& output) {
    return output;
  }
};

struct gru_cells {
  using kind = operation::gru;
  template <axis_type In, std::size_t H>
  using cell = gru_cell<In, H>;
};

/// L layers of GRU cells.
template <axis_type In, std::size_t H, std::size_t L>
using gru = recurrent_layers<gru_cells, In, H, L>;

}  // namespace tenon
