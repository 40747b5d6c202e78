// SPDX-License-Identifier: BSL-1.0
// Element types that the language does not have.
#pragma once
#include <cstdint>
#include <type_traits>

#include "tenon/config.hpp"

namespace tenon {

/// bfloat16: the upper half of a float. A storage type only: arithmetic happens in float, to which it
/// converts implicitly and exactly; the way back rounds and is therefore explicit.
struct bf16 {
  std::uint16_t bits;

  bf16() = default;

  /// Rounds to nearest, ties to even; what is too large becomes an infinity, a NaN stays a (quiet) NaN.
  TENON_HOST_DEVICE explicit constexpr bf16(float value)
      : bits{rounded(__builtin_bit_cast(std::uint32_t, value))} {}

  TENON_HOST_DEVICE static constexpr bf16 from_bits(std::uint16_t b) {
    bf16 result{0.0f};
    result.bits = b;
    return result;
  }

  TENON_HOST_DEVICE constexpr operator float() const {
    return __builtin_bit_cast(float, static_cast<std::uint32_t>(bits) << 16);
  }

 private:
  TENON_HOST_DEVICE static constexpr std::uint16_t rounded(std::uint32_t u) {
    bool const is_nan = (u & 0x7fffffffu) > 0x7f800000u;
    // Without the quiet bit, a NaN whose payload lies in the lower half alone would turn into an infinity.
    std::uint32_t const r = is_nan ? (u | 0x00400000u) : u + 0x7fffu + ((u >> 16) & 1u);
    return static_cast<std::uint16_t>(r >> 16);
  }
};

static_assert(sizeof(bf16) == 2 && std::is_trivial_v<bf16>);

/// What tensors and inputs may be made of.
template <class T>
concept supported_element = std::is_same_v<T, float> || std::is_same_v<T, double> ||
    std::is_same_v<T, bf16> || std::is_same_v<T, std::int32_t>;

}  // namespace tenon
