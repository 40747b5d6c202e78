// SPDX-License-Identifier: BSL-1.0
#pragma once
#include "../ops/contract/contract.hpp"
#include "initialisers.hpp"

namespace tenon {

/// x's axis In → axis Out: x · W + b. Starts uniform in ±1/√in, as PyTorch's nn.Linear does.
template <axis_type In, axis_type Out>
struct linear_layer {
  parameter<Out, from<In>> weight{uniform_by(In::extent)};
  parameter<Out> bias{uniform_by(In::extent)};
  TENON_MEMBERS(linear_layer, weight, bias)

  template <operand X>
  requires well_formed<linear_t<X, parameter<Out, from<In>>>>
  constexpr auto operator()(X&& x) const { return linear(std::forward<X>(x), weight, bias); }
  template <operand X, shape_error Error = linear_t<X, parameter<Out, from<In>>>>
  Error operator()(X&& x) const;
};

/// The same without a bias.
template <axis_type In, axis_type Out>
struct linear_map {
  parameter<Out, from<In>> weight{uniform_by(In::extent)};
  TENON_MEMBERS(linear_map, weight)

  template <operand X>
  requires well_formed<linear_t<X, parameter<Out, from<In>>>>
  constexpr auto operator()(X&& x) const { return linear(std::forward<X>(x), weight); }
  template <operand X, shape_error Error = linear_t<X, parameter<Out, from<In>>>>
  Error operator()(X&& x) const;
};

}  // namespace tenon
