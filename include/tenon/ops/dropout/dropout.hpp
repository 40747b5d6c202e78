// SPDX-License-Identifier: BSL-1.0
// dropout(x, rate): x with each element dropped with probability `rate` and the others scaled by 1 / (1 −
// rate) (Srivastava et al., JMLR 15, 2014, in its inverted form). The factors are drawn again when they are
// needed again, so no mask is stored; they depend on the run's seed and step, the place in the program and
// the element alone.
#pragma once
#include <cstdint>
#include <stdexcept>

#include "../view/view.hpp"

namespace tenon {

namespace detail {
constexpr double checked_rate(double rate) {
  if (!(rate >= 0 && rate < 1))
    throw std::logic_error("dropout: the rate is at least 0, which drops nothing, and less than 1");
  return rate;
}
}  // namespace detail

/// In a recording: an expression, drawn anew after each update. std::logic_error: a rate outside of [0, 1).
template <operand X>
requires is_recorded<X>
constexpr auto dropout(X&& x, double rate) {
  auto const site = recorder_of(x).next_random_site();
  return std::forward<X>(x) * keep_mask<shape_of<X>>{detail::checked_rate(rate), site};
}

/// On tensors, at once: `site` takes the place of the program's count.
template <operand X>
requires(!is_recorded<X>) constexpr auto dropout(X&& x, double rate, std::uint64_t site) {
  return std::forward<X>(x) * keep_mask<shape_of<X>>{detail::checked_rate(rate), site};
}
template <operand X>
requires(!is_recorded<X>) recording_required<operation::dropout> dropout(X&& x, double rate);

}  // namespace tenon
