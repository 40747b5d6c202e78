// SPDX-License-Identifier: BSL-1.0
// tenon-translate score
#pragma once
#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <iostream>
#include <limits>
#include <span>

#include "loss_session.hpp"
#include "options.hpp"
#include "output.hpp"

namespace tenon::translate {

/// Prints how likely a model finds given translations, by the measure of `translate --n-best`: the
/// log-probability, divided by the length penalty. Throws tenon::error.
template <class Recipe>
TENON_COLD int score_command(options const& chosen, std::ostream& out) {
  auto model = translator<Recipe>::load(chosen.model, chosen);
  auto const pairs = read_data(chosen.data, std::numeric_limits<std::size_t>::max());
  auto const encoded = text::encode(pairs, model.source, model.target, Recipe::text);
  loss_session<Recipe> measure(std::array{measured_loss<Recipe>()}, model, model.weights, chosen.threads,
                               recipes::loss_terms::words);
  for_each_batch(measure, encoded, 0, pairs.size(), [&](train::step_outcome const&, std::size_t first) {
    auto const losses = measure.pair_losses(0);
    for (std::size_t row = 0; row < measure.batch_size(0) && first + row < pairs.size(); ++row) {
      auto const& pair = pairs[first + row];
      auto const labels = std::span(encoded.label_weights)
                              .subspan((first + row) * encoded.target_steps, encoded.target_steps);
      auto const length = static_cast<std::int32_t>(std::ranges::count(labels, 1.0F));
      if (!std::isfinite(losses[row])) throw error(loss_not_finite(losses[row]));
      train::sample shown;
      shown.source = pair.source;
      shown.prediction = pair.target;
      shown.score = -static_cast<double>(losses[row]) / cpu::length_penalty(length, Recipe::length_penalty);
      print(out, shown);
    }
    flush(out);
  });
  return 0;
}

}  // namespace tenon::translate
