// SPDX-License-Identifier: BSL-1.0
// How the learning rate changes over the steps of a training.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>

namespace tenon::train {

enum class decay_form : std::uint8_t {
  none,
  inverse_square_root,  ///< √(warm-up / step), as Transformers are trained (Vaswani et al., NeurIPS 2017)
  linear,               ///< down to 0, which the step after the last one would have
  cosine                ///< the same along half a cosine (Loshchilov and Hutter, ICLR 2017)
};

/// Rises in a straight line for `warm_up` steps, then falls.
struct learning_rate_schedule {
  std::size_t warm_up = 0;
  decay_form decay = decay_form::none;

  /// What the learning rate is multiplied with at a step, counted from 0, of a training of `steps` steps.
  double factor(std::size_t step, std::size_t steps) const {
    double const done = static_cast<double>(step) + 1, rise = static_cast<double>(warm_up);
    if (step < warm_up) return done / rise;
    if (decay == decay_form::none) return 1;
    if (decay == decay_form::inverse_square_root) return std::sqrt(std::max(rise, 1.0) / done);
    double const fall = std::max(static_cast<double>(steps) - rise, 1.0);
    double const part = std::min((done - 1 - rise) / fall, 1.0);
    return decay == decay_form::linear ? 1 - part : (1 + std::cos(std::numbers::pi * part)) / 2;
  }
};

}  // namespace tenon::train
