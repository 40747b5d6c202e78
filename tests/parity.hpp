// SPDX-License-Identifier: BSL-1.0
// What the tests against PyTorch share: files of numbers, the batch that they were made with.
#pragma once
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tenon/io/safetensors.hpp"
#include "tenon/tenon.hpp"
#include "tenon/train/stored_weights.hpp"

namespace parity {

using namespace tenon;

inline constexpr std::size_t B = 6, T = 7, S = 5, source_words = 17, target_words = 19;

inline std::filesystem::path reference(std::string_view name) {
  return std::filesystem::path(TENON_SOURCE_DIR) / "tests/reference/data" /
         (std::string(name) + ".safetensors");
}
inline io::safetensors_file read(std::string_view name) {
  return io::safetensors_file::read(reference(name));
}

inline std::vector<std::int32_t> integers(io::safetensors_file const& file, std::string_view name) {
  auto const& entry = file.at(name);
  REQUIRE(entry.type == io::dtype::i32);
  std::vector<std::int32_t> values(entry.bytes.size() / sizeof(std::int32_t));
  std::memcpy(values.data(), entry.bytes.data(), entry.bytes.size());
  return values;
}

/// Weights (or gradients) of a model in the block, under the names that they have in a file.
template <class Model>
std::vector<train::stored_weight> weights_of(Model const& model, std::span<float> block,
                                             std::string const& prefix = "") {
  auto weights = train::stored_weights(model, block, [](std::string_view name) {
    return name.starts_with("encoder.") ? source_words : target_words;
  });
  for (auto& w : weights) w.name = prefix + w.name;
  return weights;
}

template <class V>
void put(session<cpu_device>& s, std::string_view input, V const& values) {
  auto const to = s.input_elements<typename V::value_type>(input);
  REQUIRE(to.size() == values.size());
  std::ranges::copy(values, to.begin());
}

inline double largest_difference(std::span<float const> a, std::span<float const> b) {
  REQUIRE(a.size() == b.size());
  double worst = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    double const d = std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i]));
    worst = std::isnan(d) ? std::numeric_limits<double>::infinity() : std::max(worst, d);
  }
  return worst;
}
inline double norm(std::span<float const> a) {
  double sum = 0;
  for (float const x : a) sum += static_cast<double>(x) * static_cast<double>(x);
  return std::sqrt(sum);
}

/// Rows (batch, steps, …) from rows (steps, batch, …).
inline std::vector<float> batch_first(std::span<float const> from, std::size_t steps, std::size_t batch) {
  std::vector<float> to;
  std::size_t const width = from.size() / (steps * batch);
  for (std::size_t b = 0; b < batch; ++b)
    for (std::size_t t = 0; t < steps; ++t) {
      auto const row = from.subspan((t * batch + b) * width, width);
      to.insert(to.end(), row.begin(), row.end());
    }
  return to;
}

struct batch_inputs {
  variable<std::int32_t, shape<batch<B>, steps<T>>> source;
  variable<std::int32_t, shape<batch<B>>> valid;
  variable<std::int32_t, shape<batch<B>, target_steps<S>>> target;
};
constexpr auto record_logits(recorder& r, auto const& model) {
  batch_inputs const in{r.input<std::int32_t, batch<B>, steps<T>>("source"),
                        r.input<std::int32_t, batch<B>>("source_valid"),
                        r.input<std::int32_t, batch<B>, target_steps<S>>("target_input")};
  return model.template logits<mode::training>(in.source, in.valid, in.target, 0);
}

}  // namespace parity
