// SPDX-License-Identifier: BSL-1.0
// attend<a>(scores, valid, values)        weights = softmax<a>(scores, valid), context = Σ_a weights · values
// attend<a>(scores, valid, values, rate)  the same with dropout on the weights, in a recording
//
// What an attention does with its scores, whatever they are: most often a sum that is not stored yet,
// `sum<hiddens>(w * tanh(q + k))` or `sum<hiddens>(q * k)`. Composed of other operations, and differentiated
// through them; on a GPU all of it, the scores' sum included, is one kernel, and so is its derivative.
#pragma once
#include <cstddef>

#include "../../fit.hpp"
#include "../dropout/dropout.hpp"
#include "../softmax/softmax.hpp"

#if TENON_CUDA
#include "joint.cuh"  // IWYU pragma: export
#endif

namespace tenon {

/// A context and the weights that made it.
template <class Context, class Weights>
struct attended {
  Context context;  ///< the values' shape without the axis attended over
  Weights weights;  ///< the scores' shape; before dropout
};

namespace detail {

template <class S, class Valid, class V, template <std::size_t> class Name>
using attend_error =
    typename first_of<mixture_error<operation::attention, S, Valid, V>,
                      name_error<operation::attention, shape_of<S>, Name>,
                      name_error<operation::attention, shape_of<V>, Name>,
                      extent_error<operation::attention, shape_of<S>, shape_of<V>, shape_of<Valid>>,
                      element_error<operation::attention, element_of<Valid>, std::int32_t>,
                      typename misfit<typename drop<shape_of<S>, Name>::type, shape_of<Valid>,
                                      operation::attention>::type>::type;

/// thin: what becomes of the weights before they mix the values.
template <template <std::size_t> class Name, bool Thinned, class S, class Valid, class V, class Thin>
constexpr auto attend_through(S const& scores, Valid const& valid, V const& values, Thin const& thin) {
  auto const stored_values = keep(values);
#if TENON_CUDA
  joint_attention<S, Valid, std::remove_cvref_t<decltype(stored_values)>, Name, Thinned> const joint(scores);
#endif
  auto const weights = softmax<Name>(scores, valid);
  auto const context = keep(sum<Name>(thin(weights) * stored_values));
#if TENON_CUDA
  joint.recorded();
#endif
  return attended<decltype(context), decltype(weights)>{context, weights};
}

}  // namespace detail

/// scores (…, Name), valid (int32, axes of the scores other than Name), values (…, Name, …) → context (the
/// values' and scores' axes without Name) and weights (the scores' axes).
template <template <std::size_t> class Name, operand S, operand Valid, operand V>
requires std::is_void_v<detail::attend_error<S, Valid, V, Name>>
constexpr auto attend(S const& scores, Valid const& valid, V const& values) {
  return detail::attend_through<Name, false>(scores, valid, values,
                                             [](auto const& weights) { return weights; });
}
template <template <std::size_t> class Name, operand S, operand Valid, operand V,
          shape_error Error = detail::attend_error<S, Valid, V, Name>>
Error attend(S const& scores, Valid const& valid, V const& values);

template <template <std::size_t> class Name, operand S, operand Valid, operand V>
requires is_recorded<S> && std::is_void_v<detail::attend_error<S, Valid, V, Name>>
constexpr auto attend(S const& scores, Valid const& valid, V const& values, double dropout_rate) {
  // Stored, being little: within the sum each random factor would be drawn once per element of a value.
  return detail::attend_through<Name, true>(scores, valid, values, [dropout_rate](auto const& weights) {
    return keep(dropout(weights, dropout_rate));
  });
}
template <template <std::size_t> class Name, operand S, operand Valid, operand V,
          shape_error Error = detail::attend_error<S, Valid, V, Name>>
Error attend(S const& scores, Valid const& valid, V const& values, double dropout_rate);
template <template <std::size_t> class Name, operand S, operand Valid, operand V>
requires(!is_recorded<S> && std::is_void_v<detail::attend_error<S, Valid, V, Name>>)
    recording_required<operation::attention> attend(S const& scores, Valid const& valid, V const& values,
                                                    double dropout_rate);

}  // namespace tenon
