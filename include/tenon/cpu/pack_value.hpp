// SPDX-License-Identifier: BSL-1.0
// Packs: one register's worth of elements, as the vector types of GCC and Clang, so that `+ - * / < & ?:` are
// the compiler's own. Every pack has as many lanes as a pack of float has, whatever its element type, so that
// expressions of mixed types line up; a pack of double is two registers and the compiler splits it.
//
// What is written with `V` below takes a pack or a plain scalar (lane count one) alike. That is how the same
// formula serves vector loops, scalar code and device code. All parameters are references: everything is
// inlined, but g++ remarks on wide vectors passed by value (-Wpsabi).
#pragma once
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "tenon/config.hpp"
#include "tenon/element.hpp"

// May be defined beforehand to any of 64, 32, 16 and 4 that the target has; 4 is one lane: a pack<T> is a
// plain T then. So it is in .cu files, whose front end refuses vector types in what device code may call.
#if !defined(TENON_PACK_BYTES)
#if defined(__CUDACC__) || !defined(__GNUC__)
#define TENON_PACK_BYTES 4
#elif defined(__AVX512F__)
#define TENON_PACK_BYTES 64
#elif defined(__AVX__)
#define TENON_PACK_BYTES 32
#else
#define TENON_PACK_BYTES 16
#endif
#endif
#if defined(__SSE2__) && TENON_PACK_BYTES > 4
#define TENON_PACK_X86 1
#if TENON_PACK_BYTES > 16
#include <immintrin.h>
#else
#include <xmmintrin.h>  // all that is needed, and read in a tenth of the time
#endif
#else
#define TENON_PACK_X86 0
#endif

#if defined(__GNUC__)
// "The ABI for returning such vectors depends on -m flags": nothing is returned, all of it is inlined. Not
// restored at the end of the file, because compilers report it where the functions are used.
#pragma GCC diagnostic ignored "-Wpsabi"
#endif

namespace tenon::cpu {
// The width follows the compiler's -m flags; its own namespace keeps two translation units that were compiled
// with different flags from sharing (and mixing up) these functions.
#define TENON_PACK_NAMESPACE_2(bytes) bytes_##bytes
#define TENON_PACK_NAMESPACE_1(bytes) TENON_PACK_NAMESPACE_2(bytes)
#define TENON_PACK_NAMESPACE TENON_PACK_NAMESPACE_1(TENON_PACK_BYTES)
inline namespace TENON_PACK_NAMESPACE {

inline constexpr std::size_t lanes = TENON_PACK_BYTES / sizeof(float);

template <class T>
struct pack_of {
#if TENON_PACK_BYTES > 4
  typedef T type __attribute__((vector_size(lanes * sizeof(T))));
#else
  using type = T;
#endif
};
template <>
struct pack_of<bf16> : pack_of<float> {};
/// `lanes` values of T; bf16 only ever lies in memory, its packs are packs of float. T: float, double or an
/// integer. Comparisons give masks: packs of signed integers of the same element size, each lane 0 or -1.
template <class T>
using pack = typename pack_of<T>::type;

namespace detail {
template <class V>
struct element {
  using type = std::remove_cvref_t<decltype(std::declval<V&>()[0])>;
};
template <class V>
requires std::is_arithmetic_v<V>
struct element<V> {
  using type = V;
};
}  // namespace detail

/// The element type of a pack; a scalar is its own.
template <class V>
using element_of = typename detail::element<V>::type;

template <class V>
concept any_pack = !std::is_arithmetic_v<V>;

/// A pack of T where V is a pack, T itself where V is a scalar.
template <class T, class V>
using rebind = typename std::conditional_t<any_pack<V>, pack_of<T>, std::type_identity<T>>::type;

/// What `v < v` gives: a pack of integers as wide as V's elements, or bool.
template <class V>
using mask_of = std::remove_cvref_t<decltype(std::declval<V>() < std::declval<V>())>;

// ---- making

/// All lanes x. (`x - 0` and not `0 + x`, which would lose the sign of -0.)
template <class V>
TENON_HOST_DEVICE TENON_ALWAYS_INLINE V splat(element_of<V> x) {
  return x - V{};
}
template <class T>
TENON_ALWAYS_INLINE pack<T> broadcast(T x) {
  return splat<pack<T>>(x);
}
namespace detail {
template <class T, std::size_t... I>
TENON_ALWAYS_INLINE pack<T> iota_of(std::index_sequence<I...>) {
  return pack<T>{static_cast<T>(I)...};
}
}  // namespace detail
/// 0, 1, 2, …
template <class T>
TENON_ALWAYS_INLINE pack<T> iota() {
  return detail::iota_of<T>(std::make_index_sequence<lanes>{});
}

// ---- lane by lane, packs and scalars

/// a where the mask is set, else b. The mask may come from elements of another size than V's.
template <class M, class V>
TENON_HOST_DEVICE TENON_ALWAYS_INLINE V select(M const& mask, V const& a, V const& b) {
  if constexpr (any_pack<V> && sizeof(M) != sizeof(V))
    return __builtin_convertvector(mask, mask_of<V>) ? a : b;
  else
    return mask ? a : b;
}
/// Each lane's value as a To; float to integer truncates and needs the value in range.
template <class To, class V>
TENON_HOST_DEVICE TENON_ALWAYS_INLINE rebind<To, V> convert(V const& v) {
  if constexpr (any_pack<V>)
    return __builtin_convertvector(v, pack<To>);
  else
    return static_cast<To>(v);
}
/// Each lane's bits as a To of the same size.
template <class To, class V>
TENON_HOST_DEVICE TENON_ALWAYS_INLINE rebind<To, V> bit_cast(V const& v) {
  return __builtin_bit_cast(rebind<To, V>, v);
}
/// The smaller (larger) one. Where one is a NaN the result is b, as the hardware's instruction has it:
/// `max(x, m)` skips a NaN in x, `max(m, x)` takes it.
template <class V>
TENON_HOST_DEVICE TENON_ALWAYS_INLINE V min(V const& a, V const& b) {
  return a < b ? a : b;
}
template <class V>
TENON_HOST_DEVICE TENON_ALWAYS_INLINE V max(V const& a, V const& b) {
  return a > b ? a : b;
}
/// The same, but a NaN where either is one.
template <class V>
TENON_HOST_DEVICE TENON_ALWAYS_INLINE V min_or_nan(V const& a, V const& b) {
  return select(a == a, min(a, b), a);
}
template <class V>
TENON_HOST_DEVICE TENON_ALWAYS_INLINE V max_or_nan(V const& a, V const& b) {
  return select(a == a, max(a, b), a);
}

/// Each lane of floats rounded to what a bf16 can hold: to nearest, ties to even; a NaN stays a NaN.
template <class V>
TENON_HOST_DEVICE TENON_ALWAYS_INLINE V rounded_to_bf16(V const& v) {
  auto const u = bit_cast<std::uint32_t>(v);
  auto const r = select(v == v, u + 0x7fffu + ((u >> 16) & 1u), u | 0x00400000u);
  return bit_cast<float>(r & 0xffff0000u);
}

namespace detail {
/// The unsigned integer that holds the bits of a T.
template <class T>
using bits_of = std::conditional_t<sizeof(T) == 8, std::uint64_t, std::uint32_t>;
template <class T>
inline constexpr bits_of<T> sign_bit = bits_of<T>{1} << (8 * sizeof(T) - 1);
}  // namespace detail

/// The magnitude of `v` with the sign of `sign`; floating point.
template <class V>
TENON_HOST_DEVICE TENON_ALWAYS_INLINE V copy_sign(V const& v, V const& sign) {
  using T = element_of<V>;
  using U = detail::bits_of<T>;
  auto result = bit_cast<T>((bit_cast<U>(v) & static_cast<U>(~detail::sign_bit<T>)) |
                            (bit_cast<U>(sign) & detail::sign_bit<T>));
#if defined(__clang__) && defined(__AVX512F__) && TENON_PACK_BYTES > 4
  // Clang (19 at least) emits a wrong vpternlogd where a later select of this result and `v` or `sign`
  // becomes a masked form of it (LLVM issue 157929). It does not look through an empty asm statement.
  if constexpr (any_pack<V> && sizeof(V) <= 64) asm("" : "+v"(result));
  if constexpr (any_pack<V> && sizeof(V) > 64) asm("" : "+m"(result));
#endif
  return result;
}
template <class V>
TENON_HOST_DEVICE TENON_ALWAYS_INLINE V abs(V const& v) {
  using T = element_of<V>;
  if constexpr (std::is_floating_point_v<T>) {
    using U = detail::bits_of<T>;
    return bit_cast<T>(bit_cast<U>(v) & static_cast<U>(~detail::sign_bit<T>));
  } else {
    return v < T{0} ? -v : v;
  }
}
/// The nearest whole number, ties to even; keeps -0, infinities and NaN. Adding 2^23 (2^52) leaves no bits
/// for a fraction, so that the addition itself rounds.
template <class V>
TENON_HOST_DEVICE TENON_ALWAYS_INLINE V round(V const& v) {
  using T = element_of<V>;
  constexpr T whole = sizeof(T) == 8 ? static_cast<T>(0x1p52) : static_cast<T>(0x1p23);
  V const magnitude = abs(v);
  return copy_sign(select(magnitude < whole, (magnitude + whole) - whole, magnitude), v);
}
/// The largest whole number that is not above v.
template <class V>
TENON_HOST_DEVICE TENON_ALWAYS_INLINE V floor(V const& v) {
  using T = element_of<V>;
  V const nearest = round(v);
  return select(nearest > v, nearest - T{1}, nearest);
}
/// f of each lane, one at a time: for what has no vector form.
template <class V, class F>
TENON_HOST_DEVICE TENON_ALWAYS_INLINE V map_lanes(V const& v, F f) {
  if constexpr (any_pack<V>) {
    element_of<V> lane[lanes];
    for (std::size_t l = 0; l != lanes; ++l) lane[l] = f(v[l]);
    V result;
    __builtin_memcpy(&result, lane, sizeof result);
    return result;
  } else {
    return f(v);
  }
}

// ---- across lanes

namespace detail {
struct plus {
  template <class V>
  TENON_HOST_DEVICE TENON_ALWAYS_INLINE V operator()(V const& a, V const& b) const {
    return a + b;
  }
};
struct larger {
  template <class V>
  TENON_HOST_DEVICE TENON_ALWAYS_INLINE V operator()(V const& a, V const& b) const {
    return max(a, b);
  }
};
struct larger_or_nan {
  template <class V>
  TENON_HOST_DEVICE TENON_ALWAYS_INLINE V operator()(V const& a, V const& b) const {
    return max_or_nan(a, b);
  }
};
#if TENON_PACK_BYTES > 4
template <class F, class V, std::size_t... I>
TENON_ALWAYS_INLINE element_of<V> fold(F f, V const& v, std::index_sequence<I...>) {
  constexpr std::size_t half = sizeof...(I);
  if constexpr (half == 1) {
    return f(element_of<V>{v[0]}, element_of<V>{v[1]});
  } else {
    auto const folded = f(__builtin_shufflevector(v, v, I...), __builtin_shufflevector(v, v, (half + I)...));
    return fold(f, folded, std::make_index_sequence<half / 2>{});
  }
}
/// Folds the upper half onto the lower one until one lane is left: a fixed order, the same in every run.
template <class F, class V>
TENON_ALWAYS_INLINE element_of<V> fold(F f, V const& v) {
  return fold(f, v, std::make_index_sequence<lanes / 2>{});
}
#else
template <class F, class V>
TENON_ALWAYS_INLINE V fold(F, V const& v) {
  return v;
}
#endif
}  // namespace detail

/// The sum of all lanes, added pairwise: lane l and lane l + lanes/2 first.
template <class V>
TENON_ALWAYS_INLINE element_of<V> sum(V const& v) {
  return detail::fold(detail::plus{}, v);
}
/// The largest lane; unspecified where a lane is a NaN.
template <class V>
TENON_ALWAYS_INLINE element_of<V> max_of(V const& v) {
  return detail::fold(detail::larger{}, v);
}
/// The largest lane; a NaN where a lane is one.
template <class V>
TENON_ALWAYS_INLINE element_of<V> max_or_nan_of(V const& v) {
  return detail::fold(detail::larger_or_nan{}, v);
}

}  // namespace TENON_PACK_NAMESPACE
}  // namespace tenon::cpu
