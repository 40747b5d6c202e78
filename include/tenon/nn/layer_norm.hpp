// SPDX-License-Identifier: BSL-1.0
// Layer normalisation (Ba, Kiros, Hinton, 2016) in PyTorch's form.
#pragma once
#include <cstddef>

#include "../fit.hpp"
#include "../ops/map/map.hpp"
#include "initialisers.hpp"

namespace tenon {

/// (x − mean) / √(variance + 1e-5) · weight + bias, mean and variance over the axes A; others stay as they
/// are. Starts with weight 1 and bias 0.
///
///   layer_norm<hiddens<256>> norm;                // or over more axes: layer_norm<gates<4>, hiddens<256>>
template <axis_type... A>
struct layer_norm;
template <template <std::size_t> class... Name, std::size_t... N>
struct layer_norm<Name<N>...> {
  parameter<Name<N>...> weight{constant(1)};
  parameter<Name<N>...> bias;
  TENON_MEMBERS(layer_norm, weight, bias)

  template <class X>
  using error =
      typename detail::first_of<detail::axis_error<operation::layer_norm, shape_of<X>, Name<N>>...>::type;

  template <operand X>
  requires std::is_void_v<error<X>>
  constexpr auto operator()(X const& x) const {
    constexpr double epsilon = 1e-5;
    auto const value = keep(x);
    auto const centred = keep(value - mean<Name...>(value));
    return keep(centred / sqrt(mean<Name...>(centred * centred) + epsilon) * weight + bias);
  }
  template <operand X, shape_error Error = error<X>>
  Error operator()(X const& x) const;
};

}  // namespace tenon
