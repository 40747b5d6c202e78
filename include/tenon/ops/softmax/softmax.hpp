// SPDX-License-Identifier: BSL-1.0
// softmax<a>(x)          e^x / Σ_a e^x
// softmax<a>(x, valid)   the same over the first `valid` positions of axis a: scores after them become −10⁶
// log_softmax<a>(x)      the logarithm of the first, without leaving the range of the type
//
// Derivative: dx = y (g − Σ_a g y).
#pragma once
#include <cstddef>
#include <cstdint>

#include "../emit.hpp"
#include "../view/view.hpp"
#include "cpu.hpp"

#if TENON_CUDA
#include "cuda.cuh"  // IWYU pragma: export
#endif

namespace tenon {

namespace detail {

struct unmasked {  // stands for the valid counts where there are none
  using element = std::int32_t;
  using shape_type = shape<>;
  using layout = strides<>;
};

template <class Op, class S, template <std::size_t> class Name, class Valid>
struct softmax_shape {
  using type = axis_missing<Op, Name, S>;
};
template <class Op, class S, template <std::size_t> class Name, class Valid>
requires has_name<S, Name>
struct softmax_shape<Op, S, Name, Valid> {
  // The counts' axes must be rows' axes: with their extents, and not the axis that is normalised.
  using fit = typename misfit<typename drop<S, Name>::type, Valid, Op>::type;
  using type = std::conditional_t<std::is_void_v<fit>, S, fit>;
};

template <class T, class S, class L, template <std::size_t> class Name, class Valid, bool Log>
struct softmax_form {
  using rows = typename drop<S, Name>::type;
  using dense = row_major<S>;
  static constexpr std::size_t count = extent_of<S, Name>;
  template <class From, class Layout>
  using walk = cpu::row_walk<strides_of_extents<rows>, strides_in<From, Layout, rows>>;
  static constexpr bool masked = !std::is_same_v<Valid, unmasked>;
  template <template <class, std::size_t, std::size_t, class, class, std::size_t, class, bool, bool>
            class Kernel>
  using kernel = Kernel<T, count, L::values[position_of<Name>(S{})], walk<S, L>, walk<S, dense>,
                        dense::values[position_of<Name>(S{})],
                        walk<typename Valid::shape_type, typename Valid::layout>, masked, Log>;

  static constexpr void pull(recording& r, std::size_t index) {
    auto const y = r.operand_of(index, 0), x = r.operand_of(index, 1);
    auto const g = r.gradient_source<S, dense>(y);
    if (!g.exists()) return;
    auto const sink = r.gradient_sink<S, L>(x);
    if (!sink.where.exists()) return;
    using K = kernel<cpu::softmax_gradient_kernel>;
    call_spec spec;
    spec.name = "softmax gradient";
    spec.computed_by<K>();
    spec.flops = S::size * 4;
    spec.in_place = std::is_same_v<L, dense> ? 3 : 0;
    if constexpr (masked)
      record_call<T, S>(r, spec, sink.where, sink.add, standing_at<T, S>(r, g), standing_at<T, S>(r, y),
                        standing_at<std::int32_t, typename Valid::shape_type, typename Valid::layout>(
                            r, r.operand_of(index, 2)));
    else
      record_call<T, S>(r, spec, sink.where, sink.add, standing_at<T, S>(r, g), standing_at<T, S>(r, y));
  }

  static constexpr call_spec spec() {
    using K = kernel<cpu::softmax_kernel>;
    call_spec s;
    s.name = Log ? "log softmax" : "softmax";
    s.computed_by<K>();
    s.reads_result = true;
    s.flops = S::size * 4;
    s.in_place = std::is_same_v<L, dense> ? 1 : 0;
    return s;
  }
};

template <template <std::size_t> class Name, bool Log, class X, class... Counts>
constexpr auto emit_softmax(X const& x, Counts const&... counts) {
  using valid = typename list_at<0, list<Counts..., unmasked>>::type;
  using form = softmax_form<element_of<X>, shape_of<X>, typename X::layout, Name, valid, Log>;
  return emit<element_of<X>, shape_of<X>, form>(form::spec(), x, counts...);
}

template <class Op, class X, template <std::size_t> class Name, class Valid>
using softmax_t =
    typename first_of<mixture_error<Op, X, Valid>, fraction_error<Op, element_of<X>>,
                      element_error<Op, element_of<Valid>, std::int32_t>,
                      typename softmax_shape<Op, shape_of<X>, Name, shape_of<Valid>>::type>::type;

}  // namespace detail

/// e^x / Σ e^x along axis Name.
template <template <std::size_t> class Name, operand X>
requires well_formed<detail::softmax_t<operation::softmax, X, Name, detail::unmasked>>
constexpr auto softmax(X&& x) {
  auto const value = keep(std::forward<X>(x));
  return detail::emit_softmax<Name, false>(value);
}
template <template <std::size_t> class Name, operand X,
          shape_error Error = detail::softmax_t<operation::softmax, X, Name, detail::unmasked>>
Error softmax(X&& x);

/// The same over the first `valid` positions alone; valid (int32) has axes of x other than Name.
template <template <std::size_t> class Name, operand X, operand Valid>
requires well_formed<detail::softmax_t<operation::softmax, X, Name, Valid>>
constexpr auto softmax(X&& x, Valid&& valid) {
  auto const value = keep(std::forward<X>(x));
  auto const counts = keep(std::forward<Valid>(valid));
  return detail::emit_softmax<Name, false>(value, counts);
}
template <template <std::size_t> class Name, operand X, operand Valid,
          shape_error Error = detail::softmax_t<operation::softmax, X, Name, Valid>>
Error softmax(X&& x, Valid&& valid);

/// log(softmax<Name>(x)).
template <template <std::size_t> class Name, operand X>
requires well_formed<detail::softmax_t<operation::log_softmax, X, Name, detail::unmasked>>
constexpr auto log_softmax(X&& x) {
  auto const value = keep(std::forward<X>(x));
  return detail::emit_softmax<Name, true>(value);
}
template <template <std::size_t> class Name, operand X,
          shape_error Error = detail::softmax_t<operation::log_softmax, X, Name, detail::unmasked>>
Error log_softmax(X&& x);

}  // namespace tenon
