// SPDX-License-Identifier: BSL-1.0
// A small translator's training step, for the tests that run one as a whole.
#pragma once
#include <cstddef>
#include <cstdint>
#include <tenon/tenon.hpp>

namespace tenon {

template <std::size_t H, std::size_t V>
inline constexpr auto small_translator = laid_out(encoder_decoder<V, V, H, H, 2>{});

/// A translator's training step: B sentences of T source and S target words.
template <auto const& Net, std::size_t B, std::size_t T, std::size_t S>
dynamic_program training_step_of(label_smoothing smoothing = {}) {
  return record_now([smoothing](recorder& r) {
    auto const source = r.input<std::int32_t, batch<B>, steps<T>>("source");
    auto const valid = r.input<std::int32_t, batch<B>>("source_valid");
    auto const target = r.input<std::int32_t, batch<B>, target_steps<S>>("target");
    auto const labels = r.input<std::int32_t, batch<B>, target_steps<S>>("labels");
    auto const weight = r.input<float, batch<B>, target_steps<S>>("weight");
    auto const logits = Net.template logits<mode::training>(source, valid, target, 0.2);
    auto const loss = mean_cross_entropy<vocab>(logits, labels, weight, smoothing);
    r.output("loss", loss);
    minimise(r, loss, parameter_count(Net), adam{.learning_rate = 0.005F}, clip_by_global_norm{1.0F});
  });
}
/// The same of H hidden units in two layers, V words in either vocabulary.
template <std::size_t B, std::size_t T, std::size_t S, std::size_t H, std::size_t V>
dynamic_program training_step() {
  return training_step_of<small_translator<H, V>, B, T, S>();
}

/// Fills its inputs with words at random, the same ones each time.
template <class Session>
void fill_translator_inputs(Session& s, std::uint32_t source_steps, std::uint32_t vocabulary) {
  std::uint32_t state = 1;
  auto const draw = [&state](std::uint32_t n) {
    state = state * 1664525U + 1013904223U;
    return static_cast<std::int32_t>((state >> 8) % n);
  };
  for (auto const name : {"source", "target", "labels"})
    for (auto& x : s.template input_elements<std::int32_t>(name)) x = draw(vocabulary);
  for (auto& x : s.template input_elements<std::int32_t>("source_valid")) x = 1 + draw(source_steps);
  for (auto& x : s.template input_elements<float>("weight")) x = draw(4) == 0 ? 0.0F : 1.0F;
}

}  // namespace tenon
