// SPDX-License-Identifier: BSL-1.0
// Counter-based random numbers: Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy
// as 1, 2, 3", SC 2011). A number depends on the seed, the step, the site in the program and the element
// alone, so nothing is stored, any part can be drawn again, and every device and thread count draws the same.
#pragma once
#include <cstddef>
#include <cstdint>

#include "../program/call.hpp"
#include "pack.hpp"

namespace tenon::cpu {

/// Four words of random bits for a counter (c0 … c3) and a key (k0, k1); V is std::uint32_t or a pack of it.
template <class V>
struct philox_block {
  V word[4];
};

namespace detail {
/// The product of two 32-bit words as (high, low).
template <class V>
TENON_HOST_DEVICE TENON_ALWAYS_INLINE void multiply_wide(V a, std::uint32_t b, V& high, V& low) {
  auto const product = convert<std::uint64_t>(a) * std::uint64_t{b};
  high = convert<std::uint32_t>(product >> 32);
  low = a * b;
}
#if TENON_PACK_X86 && (TENON_PACK_BYTES != 32 || defined(__AVX2__))
/// x86 multiplies every second word of a pack, to 64 bits.
TENON_ALWAYS_INLINE void multiply_wide(pack<std::uint32_t> const& a, std::uint32_t b,
                                       pack<std::uint32_t>& high, pack<std::uint32_t>& low) {
  typedef std::uint64_t words __attribute__((vector_size(TENON_PACK_BYTES)));
  auto const factor = broadcast(b);
  auto const multiply = [&](words const& evens) __attribute__((always_inline)) {
#if TENON_PACK_BYTES == 64
    return __builtin_bit_cast(words, _mm512_maskz_mul_epu32(0xff, __builtin_bit_cast(__m512i, evens),
                                                            __builtin_bit_cast(__m512i, factor)));
#elif TENON_PACK_BYTES == 32
    return __builtin_bit_cast(
        words, _mm256_mul_epu32(__builtin_bit_cast(__m256i, evens), __builtin_bit_cast(__m256i, factor)));
#else
    return __builtin_bit_cast(
        words, _mm_mul_epu32(__builtin_bit_cast(__m128i, evens), __builtin_bit_cast(__m128i, factor)));
#endif
  };
  auto const pairs = __builtin_bit_cast(words, a);
  words const evens = multiply(pairs), odds = multiply(pairs >> 32);
  constexpr std::uint64_t upper = 0xFFFFFFFF00000000U;
  high = __builtin_bit_cast(pack<std::uint32_t>, (evens >> 32) | (odds & upper));
  low = __builtin_bit_cast(pack<std::uint32_t>, (evens & ~upper) | (odds << 32));
}
#endif
}  // namespace detail

template <class V>
TENON_HOST_DEVICE TENON_ALWAYS_INLINE philox_block<V> philox(V c0, V c1, V c2, V c3, std::uint32_t k0,
                                                             std::uint32_t k1) {
  for (int round = 0; round < 10; ++round) {
    V high0, low0, high1, low1;
    detail::multiply_wide(c0, 0xD2511F53U, high0, low0);
    detail::multiply_wide(c2, 0xCD9E8D57U, high1, low1);
    c0 = high1 ^ c1 ^ k0;
    c1 = low1;
    c2 = high0 ^ c3 ^ k1;
    c3 = low0;
    k0 += 0x9E3779B9U;
    k1 += 0xBB67AE85U;
  }
  return {{c0, c1, c2, c3}};
}

// Every element has 16 random bits: a block of four words serves eight elements. Sixteen neighbours (from a
// multiple of 16 on) take the same half-word of sixteen blocks, so that a pack of neighbours is a pack of
// blocks, and eight packs share them.

/// The number of the block that holds an element's bits; which of its eight half-words they are is (element
/// >> 4) & 7.
template <class V>
TENON_HOST_DEVICE TENON_ALWAYS_INLINE V random_block(V const& element) {
  return ((element >> 7) << 4) | (element & 15U);
}

template <class V>
TENON_HOST_DEVICE TENON_ALWAYS_INLINE philox_block<V> draw_block(V const& number, std::uint32_t site,
                                                                 run_state const& state) {
  V const zero{};
  return philox<V>(number, zero + site, zero + static_cast<std::uint32_t>(state.step),
                   zero + static_cast<std::uint32_t>(state.step >> 32),
                   static_cast<std::uint32_t>(state.seed), static_cast<std::uint32_t>(state.seed >> 32));
}

/// 16 random bits of each of the given elements, whatever they are.
template <class V>
TENON_HOST_DEVICE TENON_ALWAYS_INLINE V random16(V const& element, std::uint32_t site,
                                                 run_state const& state) {
  auto const block = draw_block(random_block(element), site, state);
  V const which = (element >> 5) & 3U;
  V const word =
      select(which == 0U, block.word[0],
             select(which == 1U, block.word[1], select(which == 2U, block.word[2], block.word[3])));
  return select((element & 16U) == 0U, word & 0xFFFFU, word >> 16);
}

/// Of 16 random bits as a number: an element is dropped with probability `rate` if it is below this one.
TENON_HOST_DEVICE constexpr std::uint32_t kept_from(double rate) {
  return static_cast<std::uint32_t>(rate * 65536.0 + 0.5);
}
/// What elements that are kept are multiplied by, so that their mean stays what it was.
TENON_HOST_DEVICE constexpr float scale_of_kept(double rate) {
  return static_cast<float>(1.0 / (1.0 - rate));
}

/// The bits of packs of neighbours, drawing a block once for the eight packs that share it.
struct random_cache {
  /// The last blocks of the packs that sixteen neighbours are.
  struct drawn_blocks {  // NOLINT(cppcoreguidelines-pro-type-member-init): `any` says whether `block` is set
    std::uint32_t number = 0, site = 0;
    bool any = false;
    philox_block<pack<std::uint32_t>> block;
  };
  static constexpr std::size_t packs = lanes < 16 ? 16 / lanes : 1;
  drawn_blocks drawn[packs];

  /// The same as random16 for the elements first, first + 1, …; first is a multiple of the number of lanes.
  TENON_ALWAYS_INLINE pack<std::uint32_t> neighbours(std::uint32_t first, std::uint32_t site,
                                                     run_state const& state) {
    std::uint32_t const number = random_block(first);
    auto& d = drawn[first / lanes % packs];
    if (!d.any || number != d.number || site != d.site) {
      d.block = draw_block(broadcast<std::uint32_t>(number) + iota<std::uint32_t>(), site, state);
      d.number = number;
      d.site = site;
      d.any = true;
    }
    auto const word = d.block.word[(first >> 5) & 3U];
    return (first & 16U) == 0 ? word & 0xFFFFU : word >> 16;
  }
};

}  // namespace tenon::cpu
