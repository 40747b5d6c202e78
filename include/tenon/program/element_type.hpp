// SPDX-License-Identifier: BSL-1.0
// Element types as run-time values, for the ports of programs and for what frozen weights are kept as.
#pragma once
#include <cstddef>
#include <cstdint>

#include "../element.hpp"

namespace tenon {

enum class element_type : std::uint8_t { float32, float64, bfloat16, int32, int16 };

template <supported_element T>
inline constexpr element_type element_type_of = element_type::float32;
template <>
inline constexpr element_type element_type_of<double> = element_type::float64;
template <>
inline constexpr element_type element_type_of<bf16> = element_type::bfloat16;
template <>
inline constexpr element_type element_type_of<std::int32_t> = element_type::int32;

/// Bytes of an element.
constexpr std::size_t size_of(element_type t) {
  return t == element_type::float64 ? 8 : t == element_type::bfloat16 || t == element_type::int16 ? 2 : 4;
}

constexpr char const* name_of(element_type t) {
  return t == element_type::float64    ? "float64"
         : t == element_type::bfloat16 ? "bfloat16"
         : t == element_type::int32    ? "int32"
         : t == element_type::int16    ? "int16"
                                       : "float32";
}

}  // namespace tenon
