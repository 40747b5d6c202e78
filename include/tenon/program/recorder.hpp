// SPDX-License-Identifier: BSL-1.0
// Recorders: what functions record themselves through. A `recorder` keeps what derivatives need; an
// `inference_recorder` leaves them out, which halves what the compiler has to make of a program that only
// computes values.
#pragma once
#include <cstddef>
#include <stdexcept>
#include <type_traits>

#include "../shape_error.hpp"
#include "fill.hpp"
#include "recording.hpp"

namespace tenon {

namespace detail {
template <class Operation, class Shape, class T>
struct loss_rule {
  using type = fraction_error<Operation, T>;
};
template <class Operation, class A, class... Rest, class T>
struct loss_rule<Operation, shape<A, Rest...>, T> {
  using type = axis_without_place<Operation, A, shape<>>;
};
/// A loss is one number: what still has axes is to be reduced first.
template <class Operation, class X>
using loss_error = typename loss_rule<Operation, typename X::shape_type, typename X::element>::type;
/// A gradient is a sum of many parts, which numbers of few digits would lose.
template <class T>
using tracked_error =
    typename first_of<width_error<operation::track, T>, fraction_error<operation::track, T>>::type;
}  // namespace detail

/// What both recorders can do. Recorder: the one that derives from it.
template <class Recorder>
class recorder_of_values : public recording {
 public:
  /// Declares an input of the program. Its name is not copied: it must live as long as the program, as a
  /// literal does.
  template <supported_element T, axis_type... A>
  constexpr variable<T, shape<A...>, row_major<shape<A...>>, Recorder> input(char const* name) {
    auto const v = make<T, shape<A...>>(storage::kind_t::input, name);
    declare_input<T, shape<A...>>(name, v.at);
    return v;
  }
  template <class T, axis_type... A, shape_error Error = detail::support_error<operation::input, T>>
  Error input(char const* name);

  /// A new, unnamed value.
  template <class T, well_formed S>
  constexpr variable<T, S, row_major<S>, Recorder> make(storage::kind_t kind = storage::kind_t::temporary,
                                                        char const* name = "") {
    return {self(), add_value<T, S>(kind, name)};
  }

  /// A parameter as a variable, for what is computed from parameters alone.
  template <class T, class... A>
  constexpr variable<T, shape<A...>, row_major<shape<A...>>, Recorder> use(
      basic_parameter<T, A...> const& p) {
    return {self(), place(p)};
  }

  /// Makes a value an output of the program: it can be read after each run. The name must live as long as the
  /// program, as a literal does.
  template <has_shape X>
  constexpr void output(char const* name, X&& x);

 private:
  constexpr Recorder* self() { return static_cast<Recorder*>(this); }
};

/// Records a program that may have derivatives: one that trains, or gives gradients.
class recorder : public recorder_of_values<recorder> {
 public:
  /// Wants the derivative with respect to an input as well, of floats or doubles; parameters are always
  /// wanted. Call it before using the input.
  template <class T, class S>
  requires std::is_void_v<detail::tracked_error<T>>
  constexpr void track(variable<T, S> const& v) {
    if (is_used(place(v)))
      throw std::logic_error("track: something was computed from the input before: track() first");
    at(v.at.storage).active = true;
  }
  template <class T, class S, shape_error Error = detail::tracked_error<T>>
  Error track(variable<T, S> const& v);

  using recording::differentiate;
  template <has_shape X>
  requires std::is_void_v<detail::loss_error<operation::differentiate, X>>
  constexpr void differentiate(X const& loss);
  template <has_shape X, shape_error Error = detail::loss_error<operation::differentiate, X>>
  Error differentiate(X const& loss);

  /// The gradient of a value after `differentiate`, as a value of its own.
  template <class T, class S, class L>
  constexpr variable<T, S, L> gradient(variable<T, S, L> const& v) {
    if (!is_active(place(v)))
      throw std::logic_error("gradient: track() the input before anything is computed from it");
    if (!is_differentiated()) throw std::logic_error("gradient: differentiate() a loss first");
    auto where = gradient_source<S, L>(v.at);
    if (!where.exists()) {  // the loss does not depend on it
      storage s;
      s.element_bytes = sizeof(T);
      s.rank = 1;
      s.extents[0] = span_of<S, L>;
      s.bytes = s.extents[0] * sizeof(T);
      where = {add_storage(s), 0};
      begin(clear_spec(s.bytes));
      result(where, s.bytes);
      end();
    }
    return {this, where};
  }
};

/// Records a program without derivatives: a translation, a loss that is only looked at.
class inference_recorder : public recorder_of_values<inference_recorder> {
 public:
  // There is nothing to differentiate: no operation has said how its gradient would be carried back.
  template <has_shape X>
  derivatives_not_recorded<operation::differentiate, inference_recorder> differentiate(X const&);
  template <has_shape X>
  derivatives_not_recorded<operation::track, inference_recorder> track(X const&);
  template <has_shape X>
  derivatives_not_recorded<operation::gradient, inference_recorder> gradient(X const&);
};

/// Do operations recorded through R say how their gradients are carried back? Not those of a pullback, which
/// sees the recording alone: there are no second derivatives.
template <class R>
inline constexpr bool keeps_derivatives = std::is_same_v<R, recorder>;

/// The recorder that f takes.
template <class F>
using recorder_for =
    std::conditional_t<std::is_invocable_v<F const&, recorder&>, recorder, inference_recorder>;

}  // namespace tenon
