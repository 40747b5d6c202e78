// SPDX-License-Identifier: BSL-1.0
// Elementary functions without branches or tables, each written once for scalars and packs, host and device.
//
// Float errors below are the largest found, in units in the last place (ULP) of the exact result, against the
// double functions of the C library: over all floats with FMA and AVX-512, over every fifth with AVX2 and
// with SSE2, with FMA contracted or not, by g++ 12 and clang 19; pow: over three million random pairs. They
// do not rest on -ffast-math. exp flushes results below the smallest normal number to zero: on many CPUs such
// a number costs a hundred cycles, and a masked softmax would make one per padded position.
//
// Method: the argument is reduced to a short interval in two steps (Cody and Waite: the first part of the
// constant has so few bits that its products with the integers that occur are exact), then a polynomial. The
// polynomials minimise the largest relative error of the function (iteratively reweighted least squares on
// 1,500 Chebyshev nodes, references at 40 digits); the coefficients were rounded to the working precision one
// after another, lowest power first, the rest being fitted again each time. The error of the approximation
// alone is stated at each.
//
// Double versions call the standard library lane by lane: they serve gradient checks, not speed.
#pragma once
#include <cstdint>
#include <limits>
#include <type_traits>

#include "tenon/config.hpp"
#include "tenon/cpu/libm.hpp"
#include "tenon/cpu/pack_value.hpp"

namespace tenon::math {
using cpu::abs;
using cpu::bit_cast;
using cpu::convert;
using cpu::copy_sign;
using cpu::element_of;
using cpu::floor;
using cpu::max;
using cpu::max_or_nan;
using cpu::min;
using cpu::min_or_nan;
using cpu::round;
using cpu::rounded_to_bf16;
using cpu::select;
using cpu::splat;

namespace detail {
template <class V>
inline constexpr bool of_float = std::is_same_v<element_of<V>, float>;

inline constexpr float infinity = std::numeric_limits<float>::infinity();
inline constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();
inline constexpr float log2_e = 0x1.715476p+0f;
inline constexpr float ln2_high = 0x1.63p-1f;  // 9 bits
inline constexpr float ln2_low = -0x1.bd0106p-13f;
/// Adding it to a small number leaves the nearest integer in the low bits of the sum.
inline constexpr float rounder = 0x1.8p23f;

/// (e^r - 1 - r) / r² on |r| ≤ ln 2 / 2; e^r comes out within 3.2e-9 relative.
template <class V>
TENON_HOST_DEVICE TENON_ALWAYS_INLINE V exp_tail(V const& r) {
  return (((0x1.6a4d60p-10f * r + 0x1.12398ep-7f) * r + 0x1.5558b0p-5f) * r + 0x1.555492p-3f) * r +
         0x1.fffffcp-2f;
}
/// p · 2^n for whole n in [-126, 128]; 2^128 itself is no float, hence two factors.
template <class V>
TENON_HOST_DEVICE TENON_ALWAYS_INLINE V scale(V const& p, V const& n, V const& n_plus_rounder) {
#if TENON_PACK_BYTES == 64
  // Masked forms with all lanes set, here and below: the plain ones make g++ 12 warn about its own headers.
  if constexpr (cpu::any_pack<V>) return _mm512_mask_scalef_ps(p, 0xffff, p, n);
#endif
  static_cast<void>(n);
  constexpr auto offset = __builtin_bit_cast(std::uint32_t, rounder);
  auto const whole = bit_cast<std::int32_t>(bit_cast<std::uint32_t>(n_plus_rounder) - offset);
  auto const half = whole >> 1;
  auto const power = [](auto k) { return bit_cast<float>(bit_cast<std::uint32_t>(k + 127) << 23); };
  return p * power(half) * power(whole - half);
}

/// x = mantissa · 2^exponent with the mantissa in [√½, √2), for finite x > 0, subnormal ones too.
template <class V>
struct parts {
  V mantissa, exponent;
};
template <class V>
TENON_HOST_DEVICE TENON_ALWAYS_INLINE parts<V> split(V const& x) {
  constexpr std::uint32_t root_half = 0x3f3504f3;
  auto const tiny = x < std::numeric_limits<float>::min();
  V const normal = select(tiny, x * 0x1p23f, x);
  // Signed for the shift only: below √½ the difference is negative, and has to be rounded down.
  auto const exponent = bit_cast<std::int32_t>(bit_cast<std::uint32_t>(normal) - root_half) >> 23;
  auto const mantissa = bit_cast<std::uint32_t>(normal) - (bit_cast<std::uint32_t>(exponent) << 23);
  V const e = convert<float>(exponent);
  return {bit_cast<float>(mantissa), select(tiny, e - 23.0f, e)};
}
}  // namespace detail

/// e^x. Float: ≤ 1.02 ULP; +inf above 88.7228, 0 below -87.3365 (where the result would be subnormal).
template <class V>
TENON_HOST_DEVICE TENON_ALWAYS_INLINE V exp(V const& x) {
  if constexpr (!detail::of_float<V>) {
    return cpu::map_lanes(x, [](double v) { return libm::exp(v); });
  } else {
    constexpr float lowest = -0x1.5d589ep6f, highest = 89.0f;
    V y = select(x > highest, splat<V>(highest), x);  // comparisons that a NaN passes unchanged
    y = select(y < lowest, splat<V>(lowest), y);
    V const shifted = y * detail::log2_e + detail::rounder;
    V const n = shifted - detail::rounder;
    V const r = (y - n * detail::ln2_high) - n * detail::ln2_low;
    V const p = (r * r * detail::exp_tail(r) + r) + 1.0f;
    return select(x < lowest, V{}, detail::scale(p, n, shifted));
  }
}

/// Natural logarithm. Float: ≤ 0.83 ULP; log(0) = -inf, NaN below zero.
template <class V>
TENON_HOST_DEVICE TENON_ALWAYS_INLINE V log(V const& x) {
  if constexpr (!detail::of_float<V>) {
    return cpu::map_lanes(x, [](double v) { return libm::log(v); });
  } else {
    auto const [m, e] = detail::split(x);
    V const f = m - 1.0f;
    V const ff = f * f;
    // (log(1 + f) - f + f²/2) / f³ on [√½ - 1, √2 - 1]; log(1 + f) comes out within 7.7e-10 relative.
    V p = 0x1.14763ap-4f * f - 0x1.de02d6p-4f;
    p = p * f + 0x1.e6bf38p-4f;
    p = p * f - 0x1.fc2884p-4f;
    p = p * f + 0x1.233ba8p-3f;
    p = p * f - 0x1.555c46p-3f;
    p = p * f + 0x1.99a476p-3f;
    p = p * f - 0x1.000006p-2f;
    p = p * f + 0x1.555548p-2f;
    // Smallest terms first.
    V const small = (e * detail::ln2_low + f * ff * p) - 0.5f * ff;
    V const result = e * detail::ln2_high + (f + small);
    V const special = select(x == 0.0f, splat<V>(-detail::infinity), splat<V>(detail::not_a_number));
    V const top = select(x == detail::infinity, x, special);
    return select((x > 0.0f) & (x < detail::infinity), result, top);
  }
}

/// Hyperbolic tangent: an odd polynomial up to |x| = 0.625, then E / (E + 2) with E = e^(2|x|) - 1, whose
/// rounding errors matter little there. Float: ≤ 1.5 ULP; ±1 at ±inf, keeps -0 and subnormal values.
template <class V>
TENON_HOST_DEVICE TENON_ALWAYS_INLINE V tanh(V const& x) {
  if constexpr (!detail::of_float<V>) {
    return cpu::map_lanes(x, [](double v) { return libm::tanh(v); });
  } else {
    // (tanh(x) / x - 1) / x² in x² on |x| ≤ 0.63; tanh comes out within 4.9e-9 relative.
    V const xx = x * x;
    V p = 0x1.5194aep-6f - 0x1.7344p-8f * xx;
    p = p * xx - 0x1.b826a6p-5f;
    p = p * xx + 0x1.110686p-3f;
    p = p * xx - 0x1.555530p-2f;
    V const near = p * xx * x + x;

    // The bias of the exponent rides along: the low bits of `shifted` are those of 2^n, in need of a shift
    // only.
    constexpr float biased_rounder = detail::rounder + 127.0f;
    V const a = abs(x);
    V const y = select(a > 20.0f, splat<V>(40.0f), a + a);
    V const shifted = y * detail::log2_e + biased_rounder;
    V const n = shifted - biased_rounder;
    V const power = bit_cast<float>(bit_cast<std::uint32_t>(shifted) << 23);
    V const r = (y - n * detail::ln2_high) - n * detail::ln2_low;
    V const e = power * (r * r * detail::exp_tail(r) + r) + (power - 1.0f);
    return copy_sign(select(a < 0.625f, near, e / (e + 2.0f)), x);
  }
}

/// 1 / (1 + e^-x). Float: ≤ 2.5 ULP down to x = -87.3, where the result is the smallest normal
/// number.
template <class V>
TENON_HOST_DEVICE TENON_ALWAYS_INLINE V sigmoid(V const& x) {
  using T = element_of<V>;
  return T{1} / (T{1} + exp(-x));
}

/// Square root, correctly rounded; NaN below zero.
template <class V>
TENON_HOST_DEVICE TENON_ALWAYS_INLINE V sqrt(V const& x) {
  using T = element_of<V>;
#if TENON_PACK_X86
  if constexpr (cpu::any_pack<V> && detail::of_float<V>) {
#if TENON_PACK_BYTES == 64
    return _mm512_mask_sqrt_ps(x, 0xffff, x);
#elif TENON_PACK_BYTES == 32
    return _mm256_sqrt_ps(x);
#else
    return _mm_sqrt_ps(x);
#endif
  }
#endif
  return cpu::map_lanes(x, [](T v) { return libm::sqrt(v); });
}

/// x^y with the special cases of the C library. Float: ≤ 0.51 ULP, subnormal results included (half of their
/// own unit), because the logarithm and the exponential inside are computed in double, to 3e-14 and 5e-11,
/// far below half a float's ULP; ten to fifteen times the cost of exp.
template <class V>
TENON_HOST_DEVICE TENON_ALWAYS_INLINE V pow(V const& x, V const& y) {
  if constexpr (!detail::of_float<V>) {
    if constexpr (cpu::any_pack<V>) {
      V result;
      for (std::size_t l = 0; l != cpu::lanes; ++l) result[l] = libm::pow(x[l], y[l]);
      return result;
    } else {
      return libm::pow(x, y);
    }
  } else {
    using D = cpu::rebind<double, V>;
    V const a = abs(x);
    auto const parts = detail::split(a);
    D const m = convert<double>(parts.mantissa), e = convert<double>(parts.exponent);
    // log m = 2 artanh s, s = (m - 1)/(m + 1): a polynomial in s² on [0, 0.0295].
    D const s = (m - 1.0) / (m + 1.0);
    D const z = s * s;
    D p = 0x1.919bd5f3a37bbp-3 * z + 0x1.c62042accb9f1p-3;
    p = p * z + 0x1.24943a6783ddbp-2;
    p = p * z + 0x1.9999962588d01p-2;
    p = p * z + 0x1.5555555674a8cp-1;
    p = p * z + 0x1.fffffffffff0dp+0;
    constexpr double ln2 = 0x1.62e42fefa39efp-1, log2_e = 0x1.71547652b82fep+0;
    constexpr double infinity = std::numeric_limits<double>::infinity();
    D log_a = e * ln2 + s * p;
    log_a = select(a < detail::infinity, log_a, convert<double>(a));
    log_a = select(a == 0.0f, splat<D>(-infinity), log_a);

    D t = convert<double>(y) * log_a;
    t = select((a == 1.0f) & (y == y), D{}, t);
    t = select(t > 100.0, splat<D>(100.0), t);
    t = select(t < -120.0, splat<D>(-120.0), t);
    constexpr double biased_rounder = 0x1.8p52 + 1023.0;
    D const shifted = t * log2_e + biased_rounder;
    D const power = bit_cast<double>(bit_cast<std::uint64_t>(shifted) << 52);
    D const r = t - (shifted - biased_rounder) * ln2;
    D q = 0x1.9eb6c2a75c6e7p-13 * r + 0x1.6da511d0a4f62p-10;  // e^r on |r| ≤ ln 2 / 2
    q = q * r + 0x1.1112fb2bf2bbep-7;
    q = q * r + 0x1.555467f92cce3p-5;
    q = q * r + 0x1.5555534267300p-3;
    q = q * r + 0x1.0000005a10134p-1;
    q = q * r + 0x1.000000010c5dbp+0;
    q = q * r + 0x1.ffffffffab67dp-1;
    V result = convert<float>(q * power);

    V const half_y = 0.5f * y;
    auto const whole = round(y) == y;
    auto const odd = whole & (round(half_y) != half_y);
    result = select((bit_cast<std::int32_t>(x) < 0) & odd, -result, result);
    auto const undefined = (x < 0.0f) & (a < detail::infinity) & (round(y) != y);
    result = select(undefined, splat<V>(detail::not_a_number), result);
    return select((y == 0.0f) | (x == 1.0f), splat<V>(1.0f), result);
  }
}

}  // namespace tenon::math
