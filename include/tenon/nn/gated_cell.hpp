// SPDX-License-Identifier: BSL-1.0
// What cells whose gates are W_i x + b_i and W_h h + b_h have in common.
#pragma once
#include <cstddef>

#include "recurrent.hpp"

namespace tenon::detail {

/// The weights of a cell with Gates gates in PyTorch's form: two matrices, two biases. Matrices start
/// Xavier-uniform over all gates together, biases uniform in ±1/√hiddens.
template <class Kind, std::size_t Gates, axis_type In, std::size_t H>
struct gated_cell {
  using kind = Kind;
  static constexpr std::size_t hidden_size = H;
  parameter<gates<Gates>, hiddens<H>, from<In>> weight_ih{xavier_uniform(In::extent, Gates* H)};
  parameter<gates<Gates>, hiddens<H>, from<hiddens<H>>> weight_hh{xavier_uniform(H, Gates* H)};
  parameter<gates<Gates>, hiddens<H>> bias_ih{uniform_by(H)};
  parameter<gates<Gates>, hiddens<H>> bias_hh{uniform_by(H)};
  TENON_MEMBERS(gated_cell, weight_ih, weight_hh, bias_ih, bias_hh)

  /// What the inputs contribute to the gates, W_i x, without their bias, which costs least within the step's
  /// loop: x (…, In) → (…, gates, hiddens). With a steps axis it is one product over all steps.
  template <operand X>
  requires std::is_void_v<axis_error<kind, shape_of<X>, In>>
  constexpr auto input_gates(X&& x) const { return linear(std::forward<X>(x), weight_ih); }
  template <operand X, shape_error Error = axis_error<kind, shape_of<X>, In>>
  Error input_gates(X&& x) const;

  /// What a step from gates G and a state S (its output) cannot work with.
  template <class G, class S>
  using step_error = cell_error<kind, Gates, H, G, S>;
};

}  // namespace tenon::detail
