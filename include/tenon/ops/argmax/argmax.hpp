// SPDX-License-Identifier: BSL-1.0
// argmax<a>(x): the position of the largest element along axis a (int32), the first of equals. No derivative.
// argmax<a>(x, used): among the first `used` positions (one int32 at run time).
// argmin<a>(x), argmin<a>(x, used): those of the smallest.
#pragma once
#include <cstddef>
#include <cstdint>

#include "../../fit.hpp"
#include "../emit.hpp"
#include "../view/view.hpp"
#include "cpu.hpp"

#if TENON_CUDA
#include "cuda.cuh"  // IWYU pragma: export
#endif

namespace tenon {

namespace detail {
/// The positions of the largest elements of `value`, one for each of the rows S, as the call recorded last
/// offers to find them, if that computed the value; else what look_at_all(used…) gives.
template <class S, class V, class F, class... Used>
constexpr auto largest_of_last(V const& value, F const& look_at_all, Used const&... used) {
  auto& r = recorder_of(value);
  std::size_t const last = r.calls().size() - 1;
  if (!r.calls().empty() && r.operand_of(last, 0) == r.place(value)) {
    auto const way = r.calls()[last].largest;
    if (way.exists && way.rows == S::size && way.rows * way.columns == shape_of<V>::size) {  // not of a part
      location limit{};
      ((limit = r.place(used)), ...);
      auto const out = r.template make<std::int32_t, S>();
      if (way.run(r, last, out.at, limit)) return out;
    }
  }
  return look_at_all(used...);
}
template <class Op, class X, template <std::size_t> class Name, class... Used>
using argmax_error = typename first_of<mixture_error<Op, X, Used...>, name_error<Op, shape_of<X>, Name>,
                                       element_error<Op, element_of<Used>, std::int32_t>...,
                                       typename misfit<shape<>, shape_of<Used>, Op>::type...>::type;
}  // namespace detail

template <template <std::size_t> class Name, operand X, operand... Used>
requires std::is_void_v<detail::argmax_error<operation::argmax, X, Name, Used...>>
constexpr auto argmax(X&& x, Used&&... used) {
  static_assert(sizeof...(Used) <= 1, "argmax: one number of positions in use");
  auto const value = keep(std::forward<X>(x));
  using V = std::remove_cvref_t<decltype(value)>;
  using rows = typename detail::drop<shape_of<V>, Name>::type;
  using walk = cpu::row_walk<strides_of_extents<rows>, strides_in<shape_of<V>, typename V::layout, rows>>;
  using K = cpu::argmax_kernel<element_of<V>, extent_of<shape_of<V>, Name>, detail::stride_of<V, Name>, walk,
                               sizeof...(Used) == 1>;
  call_spec spec;
  spec.name = "argmax";
  spec.computed_by<K>();
  spec.flops = shape_of<V>::size;
  auto const look_at_all = [&](auto const&... in_use) {
    return emit<std::int32_t, rows>(spec, value, in_use...);
  };
  if constexpr (is_recorded<V> && detail::stride_of<V, Name> == 1 &&
                std::is_same_v<typename V::layout, row_major<shape_of<V>>>)
    return detail::largest_of_last<rows>(value, look_at_all, keep(std::forward<Used>(used))...);
  else
    return look_at_all(keep(std::forward<Used>(used))...);
}
template <template <std::size_t> class Name, operand X, operand... Used,
          shape_error Error = detail::argmax_error<operation::argmax, X, Name, Used...>>
Error argmax(X&& x, Used&&... used);

template <template <std::size_t> class Name, operand X, operand... Used>
requires std::is_void_v<detail::argmax_error<operation::argmin, X, Name, Used...>>
constexpr auto argmin(X&& x, Used&&... used) {
  return argmax<Name>(detail::turned_over(std::forward<X>(x)), std::forward<Used>(used)...);
}
template <template <std::size_t> class Name, operand X, operand... Used,
          shape_error Error = detail::argmax_error<operation::argmin, X, Name, Used...>>
Error argmin(X&& x, Used&&... used);

}  // namespace tenon
