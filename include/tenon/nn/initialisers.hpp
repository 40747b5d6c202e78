// SPDX-License-Identifier: BSL-1.0
// How weights start: each layer says how its own do, in PyTorch's way; functions over whole models let them
// start as others' do; `initialise` draws them.
#pragma once
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <span>
#include <string_view>

#include "../cpu/random.hpp"
#include "module.hpp"

namespace tenon {

/// √x by Newton's method: std::sqrt is not for constant expressions.
constexpr double square_root(double x) {
  if (x <= 0) return 0;
  double y = x > 1 ? x : 1;
  for (int i = 0; i < 200; ++i) {
    double const next = 0.5 * (y + x / y);
    if (next >= y) break;
    y = next;
  }
  return y;
}

constexpr initialiser constant(double value) {
  return {initialiser::kind_t::constant, static_cast<float>(value)};
}
constexpr initialiser uniform(double scale) {
  return {initialiser::kind_t::uniform, static_cast<float>(scale)};
}
constexpr initialiser normal(double deviation) {
  return {initialiser::kind_t::normal, static_cast<float>(deviation)};
}
/// Uniform in ±√(6 / (in + out)) (Glorot and Bengio, AISTATS 2010).
constexpr initialiser xavier_uniform(std::size_t in, std::size_t out) {
  return uniform(square_root(6.0 / static_cast<double>(in + out)));
}
/// Uniform in ±1/√in: PyTorch's way with linear layers and with the biases of recurrent ones (in = hiddens).
constexpr initialiser uniform_by(std::size_t in) {
  return uniform(1.0 / square_root(static_cast<double>(in)));
}

namespace detail {
/// How far an axis counts where `words` of the vocabulary are in use.
template <axis_type A>
constexpr std::size_t in_use(std::size_t words) {
  return is_named<A, vocab> ? words : A::extent;
}
/// Xavier-uniform over all of a weight as a matrix that acts on its last axis; a vector is one row.
template <class T, axis_type... A>
constexpr initialiser xavier_of(basic_parameter<T, A...> const&, std::size_t words) {
  std::size_t const extents[] = {in_use<A>(words)...};
  std::size_t out = 1;
  for (std::size_t i = 0; i + 1 < sizeof...(A); ++i) out *= extents[i];
  return xavier_uniform(extents[sizeof...(A) - 1], out);
}
template <class T, axis_type... A>
constexpr bool is_embedding(basic_parameter<T, A...> const&) {
  return is_named<axis_at<shape<A...>, sizeof...(A) - 1>, embedding>;
}
constexpr bool is_bias(member_path const& at) {
  return at.name.starts_with("bias");
}
/// As the weights of layer normalisation, which are no matrix.
constexpr bool starts_constant(initialiser const& init) {
  return init.kind == initialiser::kind_t::constant;
}
}  // namespace detail

/// Lets all matrices of the layers start Xavier-uniform, each over the whole of it, of whose vocabulary
/// `words` are in use; biases, embeddings and what starts constant do so as their layers say.
template <class Layers>
constexpr void start_with_xavier_matrices(Layers& layers, std::size_t words) {
  for_each_parameter(layers, [words](member_path const& at, auto& p) {
    if (!detail::is_bias(at) && !detail::is_embedding(p) && !detail::starts_constant(p.init))
      p.init = detail::xavier_of(p, words);
  });
}

/// Lets the layers start as MXNet's `Xavier()` has them: matrices and embeddings Xavier-uniform, biases zero;
/// what starts constant does so as its layer says.
template <class Layers>
constexpr void start_as_mxnet(Layers& layers, std::size_t words) {
  for_each_parameter(layers, [words](member_path const& at, auto& p) {
    if (!detail::starts_constant(p.init))
      p.init = detail::is_bias(at) ? initialiser{} : detail::xavier_of(p, words);
  });
}

/// Draws all weights anew. The same seed gives the same weights on every machine and device.
template <class Model>
void initialise(Model const& model, std::span<float> block, std::uint64_t seed) {
  std::uint32_t site = 0x80000000U;  // not the sites that programs' dropout counts from 0
  for_each_parameter(model, [&](member_path const&, auto const& p) {
    auto const values = values_of(block, p);
    for (std::size_t i = 0; i < values.size(); ++i) {
      auto const bits = cpu::philox<std::uint32_t>(static_cast<std::uint32_t>(i), site, 0, 0,
                                                   static_cast<std::uint32_t>(seed),
                                                   static_cast<std::uint32_t>(seed >> 32));
      // 24 bits, centred in their cells: never 0 or 1.
      double const u = (static_cast<double>(bits.word[0] >> 8) + 0.5) * 0x1p-24;
      double const v = (static_cast<double>(bits.word[1] >> 8) + 0.5) * 0x1p-24;
      switch (p.init.kind) {
        case initialiser::kind_t::constant:
          values[i] = p.init.scale;
          break;
        case initialiser::kind_t::uniform:
          values[i] = p.init.scale * static_cast<float>(2 * u - 1);
          break;
        case initialiser::kind_t::normal:  // Box and Muller
          values[i] = p.init.scale *
                      static_cast<float>(std::sqrt(-2 * std::log(u)) * std::cos(2 * std::numbers::pi * v));
          break;
      }
    }
    ++site;
  });
}

}  // namespace tenon
