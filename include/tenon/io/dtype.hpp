// SPDX-License-Identifier: BSL-1.0
// The element types of a safetensors file, and how the floating ones become float.
#pragma once
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <span>
#include <string_view>

namespace tenon::io {

// The format is little-endian with 64-bit lengths, and bytes are copied as they are.
static_assert(std::endian::native == std::endian::little, "tenon::io needs a little-endian machine");
static_assert(sizeof(std::size_t) == sizeof(std::uint64_t), "tenon::io needs a 64-bit machine");

/// Element types, named as in the format (`boolean` is its BOOL).
enum class dtype : std::uint8_t { f64, f32, f16, bf16, i64, i32, i16, i8, u8, boolean };

namespace detail {
struct dtype_facts {
  std::string_view name;
  std::size_t bytes;
};
inline constexpr std::array<dtype_facts, 10> dtypes{{{"F64", 8},
                                                     {"F32", 4},
                                                     {"F16", 2},
                                                     {"BF16", 2},
                                                     {"I64", 8},
                                                     {"I32", 4},
                                                     {"I16", 2},
                                                     {"I8", 1},
                                                     {"U8", 1},
                                                     {"BOOL", 1}}};
}  // namespace detail

/// The name in a file's header, such as "BF16".
constexpr std::string_view dtype_name(dtype type) {
  return detail::dtypes[static_cast<std::size_t>(type)].name;
}

/// Bytes of one element.
constexpr std::size_t dtype_bytes(dtype type) {
  return detail::dtypes[static_cast<std::size_t>(type)].bytes;
}

/// The type of that name, if there is one.
constexpr std::optional<dtype> parse_dtype(std::string_view name) {
  for (std::size_t i = 0; i < detail::dtypes.size(); ++i)
    if (detail::dtypes[i].name == name) return static_cast<dtype>(i);
  return std::nullopt;
}

/// Bytes of a tensor; nothing if a product of its non-zero extents, or that times the element, exceeds 64
/// bits. Zeros do not excuse the others, so that whoever multiplies the extents later is safe in any order.
constexpr std::optional<std::size_t> tensor_bytes(dtype type, std::span<std::size_t const> shape) {
  std::size_t product = dtype_bytes(type);
  bool empty = false;
  for (auto const extent : shape) {
    if (extent == 0) {
      empty = true;
    } else {
      if (product > std::numeric_limits<std::size_t>::max() / extent) return std::nullopt;
      product *= extent;
    }
  }
  return empty ? 0 : product;
}

/// The value of an IEEE 754 binary16 number, exact.
inline float half_to_float(std::uint16_t bits) {
  std::uint32_t const sign = (bits & 0x8000U) << 16U;
  std::uint32_t const exponent = (bits >> 10U) & 31U;
  std::uint32_t const fraction = bits & 0x3FFU;
  if (exponent == 0) {  // zero or subnormal: fraction · 2^-24
    float const magnitude = static_cast<float>(fraction) * 0x1p-24F;
    return sign == 0 ? magnitude : -magnitude;
  }
  // Infinity and NaN keep an exponent of all ones; the others move from bias 15 to bias 127.
  std::uint32_t const wide = exponent == 31 ? 255U : exponent + 112U;
  return std::bit_cast<float>(sign | (wide << 23U) | (fraction << 13U));
}

/// The value of a bfloat16 number, exact: the upper half of a float.
inline float bfloat16_to_float(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16U);
}

/// Rounded to float; beyond its range, an infinity.
inline float double_to_float(double value) {
  if (std::abs(value) > static_cast<double>(std::numeric_limits<float>::max()))
    return std::copysign(std::numeric_limits<float>::infinity(), value > 0 ? 1.0F : -1.0F);
  return static_cast<float>(value);
}

/// True for the types that `convert_to_float` takes.
constexpr bool is_floating(dtype type) {
  return type == dtype::f64 || type == dtype::f32 || type == dtype::f16 || type == dtype::bf16;
}

/// Converts out.size() elements of floating type `type`; `bytes` holds exactly those, at any alignment.
inline void convert_to_float(dtype type, std::span<std::byte const> bytes, std::span<float> out) {
  auto const each = [&]<class Element>(Element, auto convert) {
    for (std::size_t i = 0; i < out.size(); ++i) {
      Element element;
      std::memcpy(&element, bytes.data() + i * sizeof element, sizeof element);
      out[i] = convert(element);
    }
  };
  if (type == dtype::f64) each(double{}, double_to_float);
  if (type == dtype::f16) each(std::uint16_t{}, half_to_float);
  if (type == dtype::bf16) each(std::uint16_t{}, bfloat16_to_float);
  if (type == dtype::f32 && !out.empty()) std::memcpy(out.data(), bytes.data(), out.size_bytes());
}

/// Index of the first infinity or NaN. Looks at bits, so that it holds under -ffast-math too.
inline std::optional<std::size_t> find_non_finite(std::span<float const> values) {
  constexpr std::uint32_t exponent = 0x7F800000U;
  auto const bad = [](float value) { return (std::bit_cast<std::uint32_t>(value) & exponent) == exponent; };
  bool any = false;
  for (float const value : values) any |= bad(value);  // no early exit: this loop becomes vector instructions
  if (!any) return std::nullopt;
  std::size_t index = 0;
  while (!bad(values[index])) ++index;
  return index;
}

}  // namespace tenon::io
