// SPDX-License-Identifier: BSL-1.0
// A translator other than the 1.0 recipe's against PyTorch: tests/reference/make_variants.py made the files.
#pragma once
#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <initializer_list>
#include <string>
#include <vector>

#include "parity.hpp"

namespace parity {

inline constexpr std::size_t L = 2;

/// Weights of a file of make_variants.py.
template <class Model>
void load_weights(io::safetensors_file const& file, Model const& model, parameter_block& block) {
  for (auto const& w : weights_of(model, block.values(), "weight."))
    file.copy_to(file.at(w.name, w.shape), w.values);
}

/// The translator's logits, its gradients and its words against a file of make_variants.py.
template <class Model>
void check_variant(std::string const& name, label_smoothing smoothing = {}) {
  static constexpr auto model = laid_out(Model{});
  auto const file = read("variant_" + name);
  auto const put_all = [&](session<cpu_device>& s, std::initializer_list<char const*> names) {
    for (auto const* input : names) put(s, input, integers(file, input));
  };
  constexpr float rate = 4096;  // as in parity_test.cpp: gradients are read off a step of plain descent
  auto const learning = record_now([=](recorder& r) {
    auto const logits = record_logits(r, model);
    auto const labels = r.input<std::int32_t, batch<B>, target_steps<S>>("labels");
    auto const weight = r.input<float, batch<B>, target_steps<S>>("weight");
    auto const loss = mean_cross_entropy<vocab>(logits, labels, weight, smoothing);
    r.output("logits", logits);
    r.output("loss", loss);
    minimise(r, loss, parameter_count(model), sgd{.learning_rate = rate});
  });
  parameter_block block(parameter_count(model));
  load_weights(file, model, block);
  std::vector<float> moved(block.values().begin(), block.values().end());
  session<cpu_device> s(learning, block, 2);
  put_all(s, {"source", "source_valid", "target_input", "labels"});
  int const pad = std::stoi(file.metadata().at("pad"));
  std::ranges::transform(integers(file, "labels"), s.input_elements<float>("weight").begin(),
                         [pad](int id) { return id == pad ? 0.0F : 1.0F; });
  s.run();
  CHECK(largest_difference(batch_first(s.output_elements<float>("logits"), S, B),
                           file.floats(file.at("logits"))) <= 1e-5);
  CHECK(s.output<float>("loss")() == doctest::Approx(file.floats(file.at("loss"))[0]).epsilon(1e-5));
  for (std::size_t i = 0; i < moved.size(); ++i) moved[i] = (moved[i] - block.values()[i]) / rate;
  for (auto const& g : weights_of(model, moved, "grad.")) {
    CAPTURE(g.name);
    auto const want = file.floats(file.at(g.name, g.shape));
    std::vector<float> difference(want.size());
    std::ranges::transform(g.values, want, difference.begin(), std::minus{});
    CHECK(norm(difference) <= 1e-4 * norm(want));
  }

  auto const translating = record_now([](inference_recorder& r) {
    auto const source = r.input<std::int32_t, batch<B>, steps<T>>("source");
    auto const valid = r.input<std::int32_t, batch<B>>("source_valid");
    auto const first = r.input<std::int32_t, batch<B>>("first");
    auto const used = r.input<std::int32_t>("used");
    r.output("tokens",
             decode_greedily<S>(model.decoder, model.encoder.template encode<mode::inference>(source, valid),
                                valid, first, used)
                 .tokens);
  });
  load_weights(file, model, block);
  session<cpu_device> words(translating, block);
  put_all(words, {"source", "source_valid"});
  put(words, "first", std::vector<std::int32_t>(B, std::stoi(file.metadata().at("bos"))));
  words.input_elements<std::int32_t>("used")[0] = target_words;
  words.run();
  auto const tokens = words.output_elements<std::int32_t>("tokens");
  std::vector<std::int32_t> rows;
  for (std::size_t b = 0; b < B; ++b)
    for (std::size_t t = 0; t < S; ++t) rows.push_back(tokens[t * B + b]);
  CHECK(rows == integers(file, "tokens"));
}

}  // namespace parity
