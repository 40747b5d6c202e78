// SPDX-License-Identifier: BSL-1.0
// The position of the largest element along an axis on the CPU.
#pragma once
#include <cstddef>
#include <cstdint>

#include "../rows.hpp"

namespace tenon::cpu {

/// Where the first of the largest of x[0] … x[count − 1] is; count > 0. A NaN is not larger than anything,
/// and nothing than it: where x[0] is one, it stays there.
template <class T>
std::size_t first_of_largest(T const* x, std::size_t count) {
  auto top = broadcast<T>(x[0]);
  pack<std::int32_t> place{};  // in each lane
  auto const look_at = [&](auto const& v, auto const& larger, std::size_t i) {
    top = select(larger, v, top);
    place = select(larger, broadcast(static_cast<std::int32_t>(i)) + iota<std::int32_t>(), place);
  };
  std::size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    auto const v = load(x + i);
    look_at(v, v > top, i);
  }
  std::size_t best = 0;
#if TENON_PACK_BYTES > 4
  for (std::size_t l = 0; l < lanes; ++l) {
    auto const at = static_cast<std::size_t>(place[l]);
    if (x[at] > x[best] || (x[at] == x[best] && at < best)) best = at;
  }
#else
  best = static_cast<std::size_t>(place);
#endif
  for (; i < count; ++i)
    if (x[i] > x[best]) best = i;
  return best;
}

/// Operands: positions, x and, if Limited, how many positions are in use.
template <class T, std::size_t Count, std::size_t Stride, class Walk, bool Limited>
struct argmax_kernel {
  static constexpr std::size_t chunks = chunks_for(Walk::count * Count, 1, Walk::count);
  static constexpr reach touched(std::size_t k) {
    return k == 0   ? reach_of<1>({Walk::count}, {1}, 0, chunks, sizeof(std::int32_t))
           : k == 1 ? Walk::touched(Count, Stride, chunks, sizeof(T))
                    : reach{0, sizeof(std::int32_t), 0, 0};
  }
  static void run(call_arguments const& a, std::size_t chunk) {
    std::size_t const count = used_logits<Count, Limited>(Limited ? a.in<std::int32_t>(2) : nullptr);
    auto const rows = part_of(Walk::count, chunks, chunk);
    for (std::size_t r = rows.begin; r < rows.end; ++r) {
      T const* const x = a.in<T>(1) + Walk::offset(r);
      std::size_t best = 0;
      if constexpr (Stride == 1)
        best = first_of_largest(x, count);
      else
        for (std::size_t i = 1; i < count; ++i)
          if (x[i * Stride] > x[best * Stride]) best = i;
      a.out<std::int32_t>(0)[r] = static_cast<std::int32_t>(best);
    }
  }
};

}  // namespace tenon::cpu
