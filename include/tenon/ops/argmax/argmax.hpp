// SPDX-License-Identifier: BSL-1.0
// argmax<a>(x): the position of the largest element along axis a (int32), the first of equals. No derivative.
// argmax<a>(x, used): among the first `used` positions (one int32 at run time).
#pragma once
#include <cstddef>
#include <cstdint>

#include "../cross_entropy/cpu.hpp"
#include "../emit.hpp"
#include "../view/view.hpp"

namespace tenon {

namespace cpu {
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
}  // namespace cpu

template <template <std::size_t> class Name, operand X, operand... Used>
requires(has_name<shape_of<X>, Name> && sizeof...(Used) <= 1) constexpr auto argmax(X&& x, Used&&... used) {
  auto const value = keep(std::forward<X>(x));
  using V = std::remove_cvref_t<decltype(value)>;
  using rows = typename detail::drop<shape_of<V>, Name>::type;
  using walk = cpu::row_walk<strides_of_extents<rows>, strides_in<shape_of<V>, typename V::layout, rows>>;
  using K = cpu::argmax_kernel<element_of<V>, extent_of<shape_of<V>, Name>, detail::stride_of<V, Name>, walk,
                               sizeof...(Used) == 1>;
  call_spec spec;
  spec.name = "argmax";
  spec.run = &K::run;
  spec.chunks = K::chunks;
  spec.touched = &K::touched;
  spec.flops = shape_of<V>::size;
  return emit<std::int32_t, rows>(spec, value, keep(std::forward<Used>(used))...);
}
template <template <std::size_t> class Name, operand X,
          shape_error Error = detail::require_name<operation::argmax, shape_of<X>, Name>>
Error argmax(X&& x, operand auto&&... used);

}  // namespace tenon
