// SPDX-License-Identifier: BSL-1.0
// Long short-term memory (Hochreiter and Schmidhuber, Neural Computation 1997, with forget gates) in
// PyTorch's form: gates in the order i, f, g, o, two biases.
#pragma once
#include <cstddef>

#include "gated_cell.hpp"

namespace tenon {

/// What an LSTM carries from step to step.
template <class Output, class Cell>
struct lstm_state {
  Output output;  ///< h (batch, hiddens), which others see
  Cell cell;      ///< c (batch, hiddens), which it keeps for itself
};

/// c' = σ(f) ∘ c + σ(i) ∘ tanh(g), h' = σ(o) ∘ tanh(c'), each gate being W_i x + b_i + W_h h + b_h.
template <axis_type In, std::size_t H>
struct lstm_cell : detail::gated_cell<operation::lstm, 4, In, H> {
  using base = detail::gated_cell<operation::lstm, 4, In, H>;
  using base::weight_hh, base::bias_ih, base::bias_hh;
  template <class G, class S>
  using step_error = typename base::template step_error<G, S>;

  /// One step from the inputs' part of the gates (batch, gates, hiddens) and a state of (batch, hiddens).
  template <operand G, class Output, class Cell>
  requires std::is_void_v<step_error<G, Output>>
  constexpr auto operator()(G const& input, lstm_state<Output, Cell> const& state) const {
    auto const recurrent = linear(state.output, weight_hh);
    auto const gate = [&](std::size_t i) { return of_input(input, i) + slice<gates>(recurrent, i); };
    auto const cell = keep(sigmoid(gate(1)) * state.cell + sigmoid(gate(0)) * tanh(gate(2)));
    return with_cell(cell, gate(3));
  }
  template <operand G, class Output, class Cell, shape_error Error = step_error<G, Output>>
  Error operator()(G const& input, lstm_state<Output, Cell> const& state) const;

  /// The step from a state of zeros, which needs no product and forgets nothing.
  template <operand G>
  constexpr auto first(G const& input) const {
    auto const cell = keep(sigmoid(of_input(input, 0)) * tanh(of_input(input, 2)));
    return with_cell(cell, of_input(input, 3));
  }

  template <class Output, class Cell>
  static constexpr Output output(lstm_state<Output, Cell> const& state) {
    return state.output;
  }
  template <class Output, class Cell, class Seen>
  static constexpr auto with_output(lstm_state<Output, Cell> const& state, Seen const& output) {
    return lstm_state<Seen, Cell>{output, state.cell};
  }

 private:
  template <class G>
  constexpr auto of_input(G const& input, std::size_t i) const {
    return slice<gates>(input, i) + slice<gates>(bias_ih, i) + slice<gates>(bias_hh, i);
  }
  template <class Cell, class OutputGate>
  static constexpr auto with_cell(Cell const& cell, OutputGate const& gate) {
    auto const output = keep(sigmoid(gate) * tanh(cell));
    return lstm_state<std::remove_cvref_t<decltype(output)>, Cell>{output, cell};
  }
};

struct lstm_cells {
  using kind = operation::lstm;
  template <axis_type In, std::size_t H>
  using cell = lstm_cell<In, H>;
};

/// L layers of LSTM cells.
template <axis_type In, std::size_t H, std::size_t L>
using lstm = recurrent_layers<lstm_cells, In, H, L>;

}  // namespace tenon
