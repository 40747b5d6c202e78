// SPDX-License-Identifier: BSL-1.0
// Counter-based random numbers: Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy
// as 1, 2, 3", SC 2011). A number depends on the seed, the step, the site in the program and the element
// alone, so nothing is stored, any part can be drawn again, and every device and thread count draws the same.
#pragma once
#include <cstddef>
#include <cstdint>

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

/// Random bits of element `element` of site `site`: 16 of them, so that one block of four words serves eight
/// neighbouring elements. V as for philox; the element numbers of a pack may be any.
template <class V>
TENON_HOST_DEVICE TENON_ALWAYS_INLINE V random16(V element, std::uint32_t site, std::uint64_t seed,
                                                 std::uint64_t step) {
  V const zero{};
  auto const block = philox<V>(element >> 3, zero + site, zero + static_cast<std::uint32_t>(step),
                               zero + static_cast<std::uint32_t>(step >> 32),
                               static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32));
  V const which = (element >> 1) & 3U;
  V const word =
      select(which == 0U, block.word[0],
             select(which == 1U, block.word[1], select(which == 2U, block.word[2], block.word[3])));
  return select((element & 1U) == 0U, word & 0xFFFFU, word >> 16);
}

}  // namespace tenon::cpu
