// SPDX-License-Identifier: BSL-1.0
// What cells whose gates are made of W_i x and W_h h have in common.
#pragma once
#include <cstddef>

#include "recurrent.hpp"

namespace tenon::detail {

/// The matrices of a cell with Gates gates. They start Xavier-uniform over all gates together.
template <class Kind, std::size_t Gates, axis_type In, std::size_t H>
struct gate_matrices {
  using kind = Kind;
  static constexpr std::size_t hidden_size = H;
  parameter<gates<Gates>, hiddens<H>, from<In>> weight_ih{xavier_uniform(In::extent, Gates* H)};
  parameter<gates<Gates>, hiddens<H>, from<hiddens<H>>> weight_hh{xavier_uniform(H, Gates* H)};

  /// What the inputs contribute to the gates, W_i x, and nothing more: x (…, In) → (…, gates, hiddens). With
  /// a steps axis it is one product over all steps; a bias costs least within the step's loop.
  template <operand X>
  requires std::is_void_v<axis_error<kind, shape_of<X>, In>>
  constexpr auto input_gates(X&& x) const { return linear(std::forward<X>(x), weight_ih); }
  template <operand X, shape_error Error = axis_error<kind, shape_of<X>, In>>
  Error input_gates(X&& x) const;

  /// What a step from gates G and a state S (its output) cannot work with.
  template <class G, class S>
  using step_error = cell_error<kind, Gates, H, G, S>;
};

/// With two biases, as PyTorch has it. They start uniform in ±1/√hiddens.
template <class Kind, std::size_t Gates, axis_type In, std::size_t H>
struct gated_cell : gate_matrices<Kind, Gates, In, H> {
  using base = gate_matrices<Kind, Gates, In, H>;
  using base::weight_ih, base::weight_hh;
  parameter<gates<Gates>, hiddens<H>> bias_ih{uniform_by(H)};
  parameter<gates<Gates>, hiddens<H>> bias_hh{uniform_by(H)};
  TENON_MEMBERS(gated_cell, weight_ih, weight_hh, bias_ih, bias_hh)
};

}  // namespace tenon::detail
