// SPDX-License-Identifier: BSL-1.0
// What an operation does with the call that it has specified: in a recording it is written down, on tensors
// it is run.
#pragma once
#include <cstddef>

#include "../expr/expression.hpp"

namespace tenon {

/// Runs all chunks of a call here and now.
inline void run_now(call_spec const& spec, void* const* operands, std::uint32_t accumulate = 0) {
  run_state const state{};
  call_arguments const a{operands, spec.scalars.data(), spec.integers.data(), accumulate, &state};
  run_chunks(spec, a, 0, spec.chunks);
}

namespace detail {
template <class X>
void* address_of(X const& x) {
  return const_cast<void*>(static_cast<void const*>(x.data()));
}
template <class X>
constexpr std::size_t bytes_in = X::shape_type::size * sizeof(typename X::element);
}  // namespace detail

/// The derivative of an operation that has none: its result does not depend smoothly on its operands.
struct no_pullback {};

/// Says how the gradient of a call's result is carried back, if whoever records wants derivatives.
template <class Pullback, class Recorder>
constexpr void set_pullback([[maybe_unused]] Recorder& r, [[maybe_unused]] call_spec& spec) {
  if constexpr (keeps_derivatives<Recorder> && !std::is_same_v<Pullback, no_pullback>)
    spec.pull = &Pullback::pull;
}

/// Records a call with one output and the operands x…: bytes moved are counted from their types.
template <class T, class S, class... X>
constexpr void record_call(recording& r, call_spec const& spec, location out, bool add, X const&... x) {
  r.begin(spec);
  r.result(out, S::size * sizeof(T), add);
  (r.operand(r.place(x), detail::bytes_in<X>), ...);
  r.end();
}

/// The result, of element type T and shape S, of a call on stored operands: a variable of their recording, or
/// a tensor. Pullback::pull(recording&, index) records how the result's gradient is carried back; where no
/// derivatives are wanted, it is never compiled.
template <class T, class S, class Pullback = no_pullback, stored... X>
constexpr auto emit(call_spec spec, X const&... x) {
  if constexpr ((is_recorded<X> || ...)) {
    auto& r = recorder_of(x...);
    set_pullback<Pullback>(r, spec);
    auto const out = r.template make<T, S>();
    record_call<T, S>(r, spec, out.at, false, x...);
    return out;
  } else {
    tensor_of<T, S> out;
    void* const operands[] = {out.data(), detail::address_of(x)...};
    run_now(spec, operands);
    return out;
  }
}

/// A handle on a place of a recording, for pullbacks that record operations of their own.
template <class T, class S, class L = row_major<S>, class Recorder>
constexpr variable<T, S, L, Recorder> standing_at(Recorder& r, location where) {
  return {&r, where};
}

}  // namespace tenon
