// SPDX-License-Identifier: BSL-1.0
// What recordings are written in: variables, which stand for values, and parameters, which stand for weights.
#pragma once
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "../layout.hpp"
#include "call.hpp"
#include "element_type.hpp"

namespace tenon {

class recorder;

/// A value of a recording: a typed handle on storage that the plan places. Owner: what it was recorded
/// through, which says whether derivatives are wanted.
template <class T, well_formed S, class L = row_major<S>, class Owner = recorder>
struct variable {
  using element = T;
  using shape_type = S;
  using layout = L;
  using owner_type = Owner;

  Owner* owner = nullptr;
  location at{};
};

/// How a weight starts: uniform in ±scale; normal with standard deviation scale, or so after its tails beyond
/// two deviations were cut; orthogonal, as matrices of `rows` rows whose columns, or rows if these are fewer,
/// are of length scale and at right angles to each other; or all equal to scale.
struct initialiser {
  enum class kind_t : std::uint8_t { constant, uniform, normal, truncated_normal, orthogonal };
  kind_t kind = kind_t::constant;
  float scale = 0;
  std::size_t rows = 0;
};

/// Where a weight is that no parameter block has a place for yet.
inline constexpr std::size_t unplaced = static_cast<std::size_t>(-1);

/// A weight of a model: its place in the model's parameter block and how it starts. Any recording may use it.
template <class T, axis_type... A>
struct basic_parameter {
  static_assert(std::is_same_v<T, float>, "a weight is of floats, as its parameter block is: parameter<...>");
  using element = T;
  using shape_type = shape<A...>;
  using layout = row_major<shape_type>;

  initialiser init{};
  std::size_t offset = unplaced;  ///< bytes from the start of the parameter block
};
template <axis_type... A>
using parameter = basic_parameter<float, A...>;

/// A part of a weight, such as the columns of a matrix that act on one of two concatenated inputs.
template <class P, well_formed S, class L>
struct parameter_part {
  using element = typename P::element;
  using shape_type = S;
  using layout = L;

  P whole;
  std::size_t offset = 0;  ///< bytes from the start of `whole`
};

/// A named end of a program: an input to fill or an output to read.
struct port {
  char const* name = "";
  int storage = -1;
  element_type type = element_type::float32;
  std::size_t elements = 0;
  std::uint64_t axes = 0;  ///< the fingerprint of its shape
};

/// Values and expressions; not the error that an operation on misfits gives.
template <class X>
concept has_shape = requires {
  typename std::remove_cvref_t<X>::shape_type;
};

}  // namespace tenon
