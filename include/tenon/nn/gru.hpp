// SPDX-License-Identifier: BSL-1.0
// Gated recurrent units (Cho et al., EMNLP 2014) in PyTorch's form: reset after the hidden product, two
// biases.
#pragma once
#include <cstddef>

#include "gated_cell.hpp"

namespace tenon {

namespace detail {

/// What GRU cells do with the two parts of their gates, x(i) from the input and h(i) from the state, and what
/// a state is.
struct gru_form {
  template <class X, class H, class S>
  static constexpr auto gated(X const& x, H const& h, S const& state) {
    auto const r = keep_for_derivative(sigmoid(x(0) + h(0)));
    auto const z = keep_for_derivative(sigmoid(x(1) + h(1)));
    auto const n = keep_for_derivative(tanh(x(2) + r * h(2)));
    return keep(lerp(n, state, z));
  }
  /// From a state of zeros.
  template <class X, class H>
  static constexpr auto gated(X const& x, H const& h) {
    auto const r = keep_for_derivative(sigmoid(x(0) + h(0)));
    auto const z = keep_for_derivative(sigmoid(x(1) + h(1)));
    auto const n = keep_for_derivative(tanh(x(2) + r * h(2)));
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
  /// f of two states, part by part.
  template <class F, class S>
  static constexpr auto combined(F const& f, S const& a, S const& b) {
    return f(a, b);
  }
};

}  // namespace detail

/// r = σ(W_ir x + b_ir + W_hr h + b_hr), z likewise, n = tanh(W_in x + b_in + r ∘ (W_hn h + b_hn)), h' = (1 −
/// z) ∘ n + z ∘ h.
template <axis_type In, std::size_t H>
struct gru_cell : detail::gated_cell<operation::gru, 3, In, H>, detail::gru_form {
  using base = detail::gated_cell<operation::gru, 3, In, H>;
  using base::weight_hh, base::bias_ih, base::bias_hh;
  template <class G, class S>
  using step_error = typename base::template step_error<G, S>;

  /// One step from the inputs' part of the gates (batch, gates, hiddens) and the state (batch, hiddens).
  template <operand G, operand S>
  requires std::is_void_v<step_error<G, S>>
  constexpr auto operator()(G const& input, S const& state) const {
    auto const recurrent = linear(state, weight_hh);
    return gated(
        of_input(input), [&](std::size_t i) { return slice<gates>(recurrent, i) + slice<gates>(bias_hh, i); },
        state);
  }
  template <operand G, operand S, shape_error Error = step_error<G, S>>
  Error operator()(G const& input, S const& state) const;

  /// The step from a state of zeros, which needs no product.
  template <operand G>
  constexpr auto first(G const& input) const {
    return gated(of_input(input), [&](std::size_t i) { return slice<gates>(bias_hh, i); });
  }

 private:
  template <class G>
  constexpr auto of_input(G const& input) const {
    return [&, this](std::size_t i) { return slice<gates>(input, i) + slice<gates>(bias_ih, i); };
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
