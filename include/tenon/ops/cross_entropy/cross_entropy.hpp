// SPDX-License-Identifier: BSL-1.0
// cross_entropy<vocab>(logits, labels)        −log softmax_vocab(logits)[label], for each row
// cross_entropy<vocab>(logits, labels, used)  the same over the first `used` logits (one int32 at run time):
//                                             a vocabulary below capacity
// mean_cross_entropy<vocab>(logits, labels, weight)
//                                             Σ weight · cross entropy / Σ weight, a scalar; `used` may follow
//
// As the last argument of each, label_smoothing{ε} (Szegedy et al., CVPR 2016; PyTorch's form): the label
// counts 1 − ε, and ε is spread evenly over all logits in use.
//
// Derivative: g (softmax − one-hot), written over the logits where nothing else needs them.
#pragma once
#include <cstddef>
#include <cstdint>
#include <stdexcept>

#include "../emit.hpp"
#include "../view/view.hpp"
#include "cpu.hpp"

#if TENON_CUDA
#include "cuda.cuh"  // IWYU pragma: export
#endif

namespace tenon {

/// How much of each label is spread evenly over all classes, 0 to 1.
struct label_smoothing {
  double rate = 0;
};

namespace detail {

template <class T, class S, template <std::size_t> class Name, class Labels, class LabelsLayout, bool Limited>
struct cross_entropy_form {
  using rows = typename drop<S, Name>::type;
  static constexpr std::size_t count = extent_of<S, Name>;
  using walk = cpu::row_walk<strides_of_extents<rows>, strides_in<Labels, LabelsLayout, rows>>;

  static constexpr void pull(recording& r, std::size_t index) {
    auto const losses = r.operand_of(index, 0), sums = r.operand_of(index, 1),
               logits = r.operand_of(index, 2);
    auto const g = r.gradient_source<rows, row_major<rows>>(losses);
    if (!g.exists()) return;
    auto const sink = r.gradient_sink<S, row_major<S>>(logits);
    if (!sink.where.exists()) return;
    using K = cpu::cross_entropy_gradient_kernel<T, rows::size, count, walk, Limited>;
    call_spec spec;
    spec.name = "cross entropy gradient";
    spec.computed_by<K>();
    spec.flops = S::size * 3;
    spec.scalars = r.calls()[index].scalars;
    spec.in_place = 1U << 2;
    auto const g_rows = standing_at<T, rows>(r, g);
    auto const log_sums = standing_at<T, rows>(r, sums);
    auto const x = standing_at<T, S>(r, logits);
    auto const label_ids = standing_at<std::int32_t, Labels, LabelsLayout>(r, r.operand_of(index, 3));
    if constexpr (Limited)
      record_call<T, S>(r, spec, sink.where, sink.add, g_rows, log_sums, x, label_ids,
                        standing_at<std::int32_t, shape<>>(r, r.operand_of(index, 4)));
    else
      record_call<T, S>(r, spec, sink.where, sink.add, g_rows, log_sums, x, label_ids);
  }

  static constexpr call_spec spec(label_smoothing const& smoothing) {
    if (!(smoothing.rate >= 0 && smoothing.rate <= 1))
      throw std::logic_error("cross_entropy: label smoothing is between 0 and 1");
    using K = cpu::cross_entropy_kernel<T, rows::size, count, walk, Limited>;
    call_spec s;
    s.name = "cross entropy";
    s.computed_by<K>();
    s.flops = S::size * 3;
    s.scalars[0] = smoothing.rate;
    return s;
  }
};

/// Rows, if `Each` (labels, weights) has one element for each of them, in whatever order of axes; else the
/// error.
template <class Rows, class Each>
struct one_each {
  using type = Rows;  // an error
};
template <well_formed Rows, class Each>
struct one_each<Rows, Each> {
  using type = typename first_of<typename misfit<Rows, Each, operation::cross_entropy>::type,
                                 typename misfit<Each, Rows, operation::cross_entropy>::type, Rows>::type;
};

template <class S, template <std::size_t> class Name, class Labels>
struct cross_entropy_shape {
  using type = axis_missing<operation::cross_entropy, Name, S>;
};
template <class S, template <std::size_t> class Name, class Labels>
requires has_name<S, Name>
struct cross_entropy_shape<S, Name, Labels> {
  using rows = typename drop<S, Name>::type;
  using type = typename one_each<rows, Labels>::type;
};
template <class X, template <std::size_t> class Name, class Labels>
using cross_entropy_t =
    typename first_of<mixture_error<operation::cross_entropy, X, Labels>,
                      fraction_error<operation::cross_entropy, element_of<X>>,
                      element_error<operation::cross_entropy, element_of<Labels>, std::int32_t>,
                      typename cross_entropy_shape<shape_of<X>, Name, shape_of<Labels>>::type>::type;

template <class X, template <std::size_t> class Name, class Labels, class Weight>
using mean_cross_entropy_t = typename one_each<cross_entropy_t<X, Name, Labels>, shape_of<Weight>>::type;

template <template <std::size_t> class Name, class X, class Labels, class... Used>
constexpr auto cross_entropy_rows(label_smoothing const& smoothing, X const& x, Labels const& labels,
                                  Used const&... used) {
  using T = element_of<X>;
  using S = shape_of<X>;
  static_assert(
      is_dense<S, typename X::layout> && is_named<axis_at<S, S::rank - 1>, Name>,
      "cross_entropy: the classes must be the logits' innermost axis; keep(arrange<…>(logits)) first");
  using form =
      cross_entropy_form<T, S, Name, shape_of<Labels>, typename Labels::layout, sizeof...(Used) == 1>;
  using rows = typename form::rows;
  auto spec = form::spec(smoothing);
  if constexpr (is_recorded<X> || is_recorded<Labels>) {
    auto& r = recorder_of(x, labels);
    set_pullback<form>(r, spec);
    auto const losses = r.template make<T, rows>();
    auto const sums = r.template make<T, rows>();
    r.begin(spec);
    r.result(losses.at, bytes_in<decltype(losses)>);
    r.result(sums.at, bytes_in<decltype(sums)>);
    r.operand(r.place(x), bytes_in<X>);
    r.operand(r.place(labels), bytes_in<Labels>);
    (r.operand(r.place(used), bytes_in<Used>), ...);
    r.end();
    return losses;
  } else {
    tensor_of<T, rows> losses, sums;
    void* const operands[] = {losses.data(), sums.data(), address_of(x), address_of(labels),
                              address_of(used)...};
    run_now(spec, operands);
    return losses;
  }
}

}  // namespace detail

/// The loss of each row of logits; labels past the end count as the last class.
template <template <std::size_t> class Name, operand X, operand Labels>
requires well_formed<detail::cross_entropy_t<X, Name, Labels>>
constexpr auto cross_entropy(X&& logits, Labels&& labels, label_smoothing const& smoothing = {}) {
  return detail::cross_entropy_rows<Name>(smoothing, keep(std::forward<X>(logits)),
                                          keep(std::forward<Labels>(labels)));
}
template <template <std::size_t> class Name, operand X, operand Labels, operand Used>
requires well_formed<detail::cross_entropy_t<X, Name, Labels>>
constexpr auto cross_entropy(X&& logits, Labels&& labels, Used&& used,
                             label_smoothing const& smoothing = {}) {
  static_assert(std::is_same_v<shape_of<Used>, shape<>> && std::is_same_v<element_of<Used>, std::int32_t>,
                "cross_entropy: the number of classes in use is one int32");
  return detail::cross_entropy_rows<Name>(smoothing, keep(std::forward<X>(logits)),
                                          keep(std::forward<Labels>(labels)), keep(std::forward<Used>(used)));
}
template <template <std::size_t> class Name, operand X, operand Labels,
          shape_error Error = detail::cross_entropy_t<X, Name, Labels>>
Error cross_entropy(X&& logits, Labels&& labels, auto&&... more);

/// Σ weight · cross entropy / Σ weight: the mean over the rows that count. `more`: the number of classes in
/// use, label smoothing, as cross_entropy takes them.
template <template <std::size_t> class Name, operand X, operand Labels, operand Weight, class... More>
requires well_formed<detail::mean_cross_entropy_t<X, Name, Labels, Weight>>
constexpr auto mean_cross_entropy(X&& logits, Labels&& labels, Weight&& weight, More&&... more) {
  auto const losses =
      cross_entropy<Name>(std::forward<X>(logits), std::forward<Labels>(labels), std::forward<More>(more)...);
  auto const w = keep(std::forward<Weight>(weight));
  return keep(sum(losses * w) / sum(w));
}
template <template <std::size_t> class Name, operand X, operand Labels, operand Weight,
          shape_error Error = detail::mean_cross_entropy_t<X, Name, Labels, Weight>>
Error mean_cross_entropy(X&&, Labels&&, Weight&&, auto&&... more);

}  // namespace tenon
