// SPDX-License-Identifier: BSL-1.0
// Packs (see pack_value.hpp) and memory: load, store, gather, scatter. No alignment is asked for.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

#include "tenon/config.hpp"
#include "tenon/cpu/pack_value.hpp"
#include "tenon/element.hpp"

namespace tenon::cpu {
inline namespace TENON_PACK_NAMESPACE {

namespace detail {
/// Copies n ≤ lanes elements as pieces of fixed sizes: a memcpy of n would be a call of the C library.
template <class T>
TENON_ALWAYS_INLINE void copy_some(T* to, T const* from, std::size_t n) {
  if (n > lanes) __builtin_unreachable();  // g++ would warn of what lies beyond
  std::size_t done = 0;
  auto const piece = [&]<std::size_t N>(std::integral_constant<std::size_t, N>) {
    if constexpr (N <= lanes) {
      if ((n & N) == 0) return;
      std::memcpy(to + done, from + done, N * sizeof(T));
      done += N;
    }
  };
  piece(std::integral_constant<std::size_t, 16>{});
  piece(std::integral_constant<std::size_t, 8>{});
  piece(std::integral_constant<std::size_t, 4>{});
  piece(std::integral_constant<std::size_t, 2>{});
  piece(std::integral_constant<std::size_t, 1>{});
}
TENON_ALWAYS_INLINE pack<float> widen(pack<std::uint16_t> v) {
  return bit_cast<float>(convert<std::uint32_t>(v) << 16);
}
/// As bf16's own conversion: nearest even, NaN kept.
TENON_ALWAYS_INLINE pack<std::uint16_t> narrow(pack<float> v) {
  return convert<std::uint16_t>(bit_cast<std::uint32_t>(rounded_to_bf16(v)) >> 16);
}
#if TENON_PACK_BYTES == 64
TENON_ALWAYS_INLINE __mmask16 first_lanes(std::size_t n) {
  return static_cast<__mmask16>((1u << n) - 1u);
}
#elif TENON_PACK_BYTES == 32
TENON_ALWAYS_INLINE __m256i first_lanes(std::size_t n) {
  return __builtin_bit_cast(__m256i, iota<std::int32_t>() < broadcast(static_cast<std::int32_t>(n)));
}
#endif
}  // namespace detail

/// p[0] … p[lanes - 1]. bf16 in memory is a pack of float.
template <class T>
TENON_ALWAYS_INLINE pack<T> load(T const* p) {
  pack<T> v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
TENON_ALWAYS_INLINE pack<float> load(bf16 const* p) {
  pack<std::uint16_t> v;
  std::memcpy(&v, p, sizeof v);
  return detail::widen(v);
}
/// The first n ≤ lanes elements, zero in the other lanes; reads nothing beyond them.
template <class T>
TENON_ALWAYS_INLINE pack<T> load_partial(T const* p, std::size_t n) {
#if TENON_PACK_BYTES == 64
  if constexpr (sizeof(T) == 4)
    return __builtin_bit_cast(pack<T>, _mm512_maskz_loadu_epi32(detail::first_lanes(n), p));
#elif TENON_PACK_BYTES == 32
  if constexpr (sizeof(T) == 4)
    return __builtin_bit_cast(pack<T>,
                              _mm256_maskload_ps(reinterpret_cast<float const*>(p), detail::first_lanes(n)));
#endif
  T lane[lanes]{};
  detail::copy_some(lane, p, n);
  return load(lane);
}
TENON_ALWAYS_INLINE pack<float> load_partial(bf16 const* p, std::size_t n) {
  bf16 lane[lanes];
  std::memset(lane, 0, sizeof lane);
  detail::copy_some(lane, p, n);
  return load(lane);
}
/// p[l] = v[l] for all lanes l.
template <class T>
TENON_ALWAYS_INLINE void store(T* p, pack<T> const& v) {
  std::memcpy(p, &v, sizeof v);
}
TENON_ALWAYS_INLINE void store(bf16* p, pack<float> v) {
  auto const narrow = detail::narrow(v);
  std::memcpy(p, &narrow, sizeof narrow);
}
/// p[l] = v[l] for the first n ≤ lanes lanes; writes nothing beyond them.
template <class T>
TENON_ALWAYS_INLINE void store_partial(T* p, pack<T> const& v, std::size_t n) {
#if TENON_PACK_BYTES == 64
  if constexpr (sizeof(T) == 4)
    return _mm512_mask_storeu_epi32(p, detail::first_lanes(n), __builtin_bit_cast(__m512i, v));
#elif TENON_PACK_BYTES == 32
  if constexpr (sizeof(T) == 4)
    return _mm256_maskstore_ps(reinterpret_cast<float*>(p), detail::first_lanes(n),
                               __builtin_bit_cast(__m256, v));
#endif
  T lane[lanes];
  store(lane, v);
  detail::copy_some(p, lane, n);
}
TENON_ALWAYS_INLINE void store_partial(bf16* p, pack<float> v, std::size_t n) {
  bf16 lane[lanes];
  store(lane, v);
  detail::copy_some(p, lane, n);
}
namespace detail {
template <class T, std::size_t... I>
TENON_ALWAYS_INLINE pack<T> gather_of(T const* p, std::ptrdiff_t stride, std::index_sequence<I...>) {
  return pack<T>{p[static_cast<std::ptrdiff_t>(I) * stride]...};
}
}  // namespace detail
/// Lane l is p[l * stride]. Built from single loads, which current CPUs do as fast as their gather
/// instruction.
template <class T>
TENON_ALWAYS_INLINE pack<T> gather(T const* p, std::ptrdiff_t stride) {
  return detail::gather_of(p, stride, std::make_index_sequence<lanes>{});
}
/// The first n ≤ lanes of them, zero in the other lanes; reads nothing beyond them. (Lanes are not set one by
/// one in a loop: g++ 12 at -O3 with AVX-512 makes wrong code of `v[l] = p[l * stride]`.)
template <class T>
TENON_ALWAYS_INLINE pack<T> gather_partial(T const* p, std::ptrdiff_t stride, std::size_t n) {
  element_of<pack<T>> lane[lanes]{};
  for (std::size_t l = 0; l != n; ++l) lane[l] = p[static_cast<std::ptrdiff_t>(l) * stride];
  return load(lane);
}
/// p[l * stride] = v[l] for the first n ≤ lanes lanes.
template <class T>
TENON_ALWAYS_INLINE void scatter(T* p, std::ptrdiff_t stride, pack<T> const& v, std::size_t n = lanes) {
  element_of<pack<T>> lane[lanes];
  std::memcpy(lane, &v, sizeof lane);
  for (std::size_t l = 0; l != n; ++l) p[static_cast<std::ptrdiff_t>(l) * stride] = T{lane[l]};
}

// Pairs of bf16, a word each.
#if TENON_PACK_BYTES == 64 && defined(__AVX512BF16__)
#define TENON_BF16_PAIRS 1  ///< the processor multiplies them

/// Lane l: sum + the products of both elements of the pairs in lane l of a and b; denormals count as zero.
TENON_ALWAYS_INLINE void add_products_of_pairs(pack<float>& sum, pack<std::uint32_t> const& a,
                                               pack<std::uint32_t> const& b) {
  sum = __builtin_bit_cast(pack<float>,
                           _mm512_dpbf16_ps(__builtin_bit_cast(__m512, sum), __builtin_bit_cast(__m512bh, a),
                                            __builtin_bit_cast(__m512bh, b)));
}
/// Rounds n neighbours to bf16, behind each other in `to`; zeros up to a multiple of two packs.
inline void round_to_pairs(float const* from, std::size_t n, bf16* to) {
  for (std::size_t i = 0; i < n; i += 2 * lanes) {
    std::size_t const rest = n - i;
    auto const low = load_partial(from + i, rest < lanes ? rest : lanes);
    auto const high = rest > lanes ? load_partial(from + i + lanes, rest < 2 * lanes ? rest - lanes : lanes)
                                   : pack<float>{};
    auto const both = _mm512_cvtne2ps_pbh(__builtin_bit_cast(__m512, high), __builtin_bit_cast(__m512, low));
    std::memcpy(to + i, &both, sizeof both);
  }
}
#else
#define TENON_BF16_PAIRS 0
#endif

// Pairs of 16-bit whole numbers, a word each.

/// Lane l: the sum of the products of both numbers of the pairs in lane l of a and b.
TENON_ALWAYS_INLINE pack<std::int32_t> products_of_pairs(pack<std::uint32_t> const& a,
                                                         pack<std::uint32_t> const& b) {
#if TENON_PACK_BYTES == 64 && defined(__AVX512BW__)
  return __builtin_bit_cast(
      pack<std::int32_t>, _mm512_madd_epi16(__builtin_bit_cast(__m512i, a), __builtin_bit_cast(__m512i, b)));
#elif TENON_PACK_BYTES == 32 && defined(__AVX2__)
  return __builtin_bit_cast(
      pack<std::int32_t>, _mm256_madd_epi16(__builtin_bit_cast(__m256i, a), __builtin_bit_cast(__m256i, b)));
#elif TENON_PACK_BYTES == 16 && defined(__SSE2__)
  typedef short halves __attribute__((vector_size(16)));
  return __builtin_bit_cast(pack<std::int32_t>, __builtin_ia32_pmaddwd128(__builtin_bit_cast(halves, a),
                                                                          __builtin_bit_cast(halves, b)));
#else
  auto const low = [](auto const& v) { return bit_cast<std::int32_t>(v << 16) >> 16; };
  auto const high = [](auto const& v) { return bit_cast<std::int32_t>(v) >> 16; };
  return low(a) * low(b) + high(a) * high(b);
#endif
}
/// The same, added to a sum: one instruction with AVX512-VNNI and AVX-VNNI, else two.
TENON_ALWAYS_INLINE void add_products_of_pairs(pack<std::int32_t>& sum, pack<std::uint32_t> const& a,
                                               pack<std::uint32_t> const& b) {
#if TENON_PACK_BYTES == 64 && defined(__AVX512VNNI__)
  sum = __builtin_bit_cast(pack<std::int32_t>, _mm512_dpwssd_epi32(__builtin_bit_cast(__m512i, sum),
                                                                   __builtin_bit_cast(__m512i, a),
                                                                   __builtin_bit_cast(__m512i, b)));
#elif TENON_PACK_BYTES == 32 && defined(__AVXVNNI__)
  sum = __builtin_bit_cast(pack<std::int32_t>, _mm256_dpwssd_avx_epi32(__builtin_bit_cast(__m256i, sum),
                                                                       __builtin_bit_cast(__m256i, a),
                                                                       __builtin_bit_cast(__m256i, b)));
#else
  sum += products_of_pairs(a, b);
#endif
}

// Quads of bytes, a word each.
#if TENON_PACK_BYTES == 64 && defined(__AVX512VNNI__)
#define TENON_BYTE_QUADS 1  ///< the processor multiplies them, as fast as it does floats or faster
/// Lane l: sum + the products of the four bytes in lane l of a, each of 0 … 127, and of b, of −127 … 127.
TENON_ALWAYS_INLINE void add_products_of_quads(pack<std::int32_t>& sum, pack<std::uint32_t> const& a,
                                               pack<std::uint32_t> const& b) {
  sum = __builtin_bit_cast(pack<std::int32_t>, _mm512_dpbusd_epi32(__builtin_bit_cast(__m512i, sum),
                                                                   __builtin_bit_cast(__m512i, a),
                                                                   __builtin_bit_cast(__m512i, b)));
}
#elif TENON_PACK_BYTES == 32 && defined(__AVX2__)
#define TENON_BYTE_QUADS 1
TENON_ALWAYS_INLINE void add_products_of_quads(pack<std::int32_t>& sum, pack<std::uint32_t> const& a,
                                               pack<std::uint32_t> const& b) {
  // A sum of two products has room in 16 bits.
  auto const pairs = _mm256_maddubs_epi16(__builtin_bit_cast(__m256i, a), __builtin_bit_cast(__m256i, b));
  sum += __builtin_bit_cast(pack<std::int32_t>, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}
#else
#define TENON_BYTE_QUADS 0
#endif

}  // namespace TENON_PACK_NAMESPACE
}  // namespace tenon::cpu
