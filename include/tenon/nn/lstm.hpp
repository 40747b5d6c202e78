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

namespace detail {

/// What LSTM cells do with their gates, gate(i), and what a state is. The output gate's tanh sees seen(c),
/// which is c but for cells that normalise it.
struct lstm_form {
  template <class Gate, class Cell, class Seen>
  static constexpr auto gated(Gate const& gate, Cell const& before, Seen const& seen) {
    auto const f = keep_for_derivative(sigmoid(gate(1)));
    return with_cell(keep(f * before + added(gate)), gate(3), seen);
  }
  /// From a state of zeros, of which there is nothing to forget.
  template <class Gate, class Seen>
  static constexpr auto gated_first(Gate const& gate, Seen const& seen) {
    return with_cell(keep(added(gate)), gate(3), seen);
  }
  static constexpr auto as_it_is = [](auto const& cell) { return cell; };

  template <class Output, class Cell>
  static constexpr Output output(lstm_state<Output, Cell> const& state) {
    return state.output;
  }
  template <class Output, class Cell, class Seen>
  static constexpr auto with_output(lstm_state<Output, Cell> const& state, Seen const& output) {
    return lstm_state<Seen, Cell>{output, state.cell};
  }
  /// f of two states, part by part.
  template <class F, class Output, class Cell>
  static constexpr auto combined(F const& f, lstm_state<Output, Cell> const& a,
                                 lstm_state<Output, Cell> const& b) {
    auto const output = f(a.output, b.output);
    auto const cell = f(a.cell, b.cell);
    return lstm_state<std::remove_cvref_t<decltype(output)>, std::remove_cvref_t<decltype(cell)>>{output,
                                                                                                  cell};
  }

 private:
  /// i ∘ g, what is new in the cell.
  template <class Gate>
  static constexpr auto added(Gate const& gate) {
    // One by one: C++ leaves open which operand comes first, and programs shall be the same everywhere.
    auto const i = keep_for_derivative(sigmoid(gate(0)));
    auto const g = keep_for_derivative(tanh(gate(2)));
    return i * g;
  }
  template <class Cell, class OutputGate, class Seen>
  static constexpr auto with_cell(Cell const& cell, OutputGate const& gate, Seen const& seen) {
    auto const o = keep_for_derivative(sigmoid(gate));
    auto const output = keep(o * keep_for_derivative(tanh(seen(cell))));
    return lstm_state<std::remove_cvref_t<decltype(output)>, Cell>{output, cell};
  }
};

}  // namespace detail

/// c' = σ(f) ∘ c + σ(i) ∘ tanh(g), h' = σ(o) ∘ tanh(c'), each gate being W_i x + b_i + W_h h + b_h.
template <axis_type In, std::size_t H>
struct lstm_cell : detail::gated_cell<operation::lstm, 4, In, H>, detail::lstm_form {
  using base = detail::gated_cell<operation::lstm, 4, In, H>;
  using base::weight_hh, base::bias_ih, base::bias_hh;
  template <class G, class S>
  using step_error = typename base::template step_error<G, S>;

  /// One step from the inputs' part of the gates (batch, gates, hiddens) and a state of (batch, hiddens).
  template <operand G, class Output, class Cell>
  requires std::is_void_v<step_error<G, Output>>
  constexpr auto operator()(G const& input, lstm_state<Output, Cell> const& state) const {
    auto const recurrent = linear(state.output, weight_hh);
    return gated([&](std::size_t i) { return of_input(input, i) + slice<gates>(recurrent, i); }, state.cell,
                 as_it_is);
  }
  template <operand G, class Output, class Cell, shape_error Error = step_error<G, Output>>
  Error operator()(G const& input, lstm_state<Output, Cell> const& state) const;

  /// The step from a state of zeros, which needs no product.
  template <operand G>
  constexpr auto first(G const& input) const {
    return gated_first([&](std::size_t i) { return of_input(input, i); }, as_it_is);
  }

 private:
  template <class G>
  constexpr auto of_input(G const& input, std::size_t i) const {
    return slice<gates>(input, i) + slice<gates>(bias_ih, i) + slice<gates>(bias_hh, i);
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
