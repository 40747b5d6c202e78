// SPDX-License-Identifier: BSL-1.0
// An attention with all its gradients, for the tests that compare devices or look for races.
#pragma once
#include <cstddef>
#include <cstdint>
#include <tenon/tenon.hpp>

namespace tenon {

/// Batch rows of Steps steps; scores(query, keys, weight) makes the scores; Thinned: with dropout.
template <std::size_t Batch, std::size_t Steps, bool Thinned, class Scores>
dynamic_program attention_program(Scores const& scores) {
  return record_now([&](recorder& r) {
    auto const query = r.input<float, batch<Batch>, hiddens<16>>("query");
    auto const keys = r.input<float, steps<Steps>, batch<Batch>, hiddens<16>>("keys");
    auto const values = r.input<float, batch<Batch>, steps<Steps>, vocab<7>>("values");
    auto const valid = r.input<std::int32_t, batch<Batch>>("valid");
    static constexpr parameter<hiddens<16>> weight{.offset = 0};
    r.track(query);
    r.track(keys);
    r.track(values);
    auto const seen = [&] {
      if constexpr (Thinned)
        return attend<steps>(scores(query, keys, weight), valid, values, 0.3);
      else
        return attend<steps>(scores(query, keys, weight), valid, values);
    }();
    r.output("context", seen.context);
    r.output("weights", seen.weights);
    auto const loss = keep(sum(seen.context * seen.context + seen.context));
    r.output("loss", loss);
    r.differentiate(loss.at);
    r.output("query gradient", r.gradient(query));
    r.output("keys gradient", r.gradient(keys));
    r.output("values gradient", r.gradient(values));
    r.output("weight gradient", r.gradient(r.use(weight)));
  });
}

inline constexpr auto additive_scores = [](auto const& query, auto const& keys, auto const& weight) {
  return sum<hiddens>(weight * tanh(query + keys));
};
inline constexpr auto product_scores = [](auto const& query, auto const& keys, auto const& weight) {
  return sum<hiddens>(query * keys * weight * 0.25);
};
/// Scores that are not part of the attention.
inline constexpr auto stored_scores = [](auto const& query, auto const& keys, auto const& weight) {
  return keep(sum<hiddens>(query * keys * weight));
};

}  // namespace tenon
