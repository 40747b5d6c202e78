// SPDX-License-Identifier: BSL-1.0
// The position of the largest element along an axis on the CPU.
#pragma once
#include <cstddef>
#include <cstdint>

#include "../cross_entropy/cpu.hpp"

namespace tenon::cpu {

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
      for (std::size_t i = 1; i < count; ++i)
        if (x[i * Stride] > x[best * Stride]) best = i;
      a.out<std::int32_t>(0)[r] = static_cast<std::int32_t>(best);
    }
  }
};

}  // namespace tenon::cpu
