// SPDX-License-Identifier: BSL-1.0
// How weights start: each layer says how its own do, as PyTorch's start but for the matrices of recurrent
// layers, which start Xavier-uniform; functions over whole models let them start as others' do; `initialise`
// draws them.
#pragma once
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <span>
#include <string_view>
#include <vector>

#include "../config.hpp"
#include "../cpu/libm.hpp"
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

/// All equal to `value`.
constexpr initialiser constant(double value) {
  return {initialiser::kind_t::constant, static_cast<float>(value)};
}
/// Uniform in ±scale.
constexpr initialiser uniform(double scale) {
  return {initialiser::kind_t::uniform, static_cast<float>(scale)};
}
/// Normal with mean 0 and this standard deviation.
constexpr initialiser normal(double deviation) {
  return {initialiser::kind_t::normal, static_cast<float>(deviation)};
}
/// Normal, without what lies beyond two standard deviations; `deviation` is that of what is left.
constexpr initialiser truncated_normal(double deviation) {
  return {initialiser::kind_t::truncated_normal, static_cast<float>(deviation)};
}
/// Matrices of so many rows, one below the other, whose columns are orthonormal; their rows, where those are
/// fewer (Saxe, McClelland, Ganguli, ICLR 2014).
constexpr initialiser orthogonal(std::size_t rows) {
  return {initialiser::kind_t::orthogonal, 1, rows};
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
constexpr initialiser xavier_of(basic_parameter<T, A...> const&, [[maybe_unused]] std::size_t words) {
  std::size_t const extents[] = {1, in_use<A>(words)...};
  std::size_t out = 1;
  for (std::size_t i = 0; i < sizeof...(A); ++i) out *= extents[i];
  return xavier_uniform(extents[sizeof...(A)], out);
}
template <class T, axis_type... A>
constexpr bool is_embedding(basic_parameter<T, A...> const&) {
  if constexpr (sizeof...(A) == 0)
    return false;
  else
    return is_named<axis_at<shape<A...>, sizeof...(A) - 1>, embedding>;
}
/// A weight as a matrix that acts on its last axis; a number is a matrix, too.
template <class T, axis_type... A>
constexpr std::size_t columns_of(basic_parameter<T, A...> const&) {
  if constexpr (sizeof...(A) == 0)
    return 1;
  else
    return axis_at<shape<A...>, sizeof...(A) - 1>::extent;
}
template <class P>
constexpr std::size_t rows_of(P const& p) {
  return P::shape_type::size / columns_of(p);
}
constexpr bool acts_on_states(member_path const& at) {
  return at.name == "weight_hh";
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

/// Lets the layers start as Keras' do: matrices Xavier-uniform, those that act on states orthogonal,
/// embeddings uniform in ±0.05, biases zero; what starts constant does so as its layer says.
template <class Layers>
constexpr void start_as_keras(Layers& layers, std::size_t words) {
  for_each_parameter(layers, [words](member_path const& at, auto& p) {
    if (detail::starts_constant(p.init)) return;
    p.init = detail::is_bias(at)          ? initialiser{}
             : detail::is_embedding(p)    ? uniform(0.05)
             : detail::acts_on_states(at) ? orthogonal(detail::rows_of(p))
                                          : detail::xavier_of(p, words);
  });
}

/// Lets the layers start as Flax' do: matrices normal without tails, of variance 1/in, those that act on
/// states orthogonal gate by gate, embeddings normal of variance 1/width, biases zero; what starts constant
/// does so as its layer says.
template <class Layers>
constexpr void start_as_flax(Layers& layers) {
  for_each_parameter(layers, [](member_path const& at, auto& p) {
    if (detail::starts_constant(p.init)) return;
    double const deviation = 1 / square_root(static_cast<double>(detail::columns_of(p)));
    p.init = detail::is_bias(at)          ? initialiser{}
             : detail::is_embedding(p)    ? normal(deviation)
             : detail::acts_on_states(at) ? orthogonal(detail::columns_of(p))
                                          : truncated_normal(deviation);
  });
}

namespace detail {

/// Two uniform numbers in (0, 1), by Philox: the `draw`-th of element i of the weight `site`.
struct uniform_pair {
  double u, v;
  uniform_pair(std::size_t i, std::uint32_t site, std::uint32_t draw, std::uint64_t seed) {
    auto const bits =
        cpu::philox<std::uint32_t>(static_cast<std::uint32_t>(i), site, draw, 0,
                                   static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32));
    // 24 bits, centred in their cells: never 0 or 1.
    u = (static_cast<double>(bits.word[0] >> 8) + 0.5) * 0x1p-24;
    v = (static_cast<double>(bits.word[1] >> 8) + 0.5) * 0x1p-24;
  }
  /// A normal number (Box and Muller).
  double normal() const { return libm::sqrt(-2 * libm::log(u)) * libm::cos(2 * std::numbers::pi * v); }
};

/// Makes the shorter sides of a matrix of normal numbers orthonormal, by the modified method of Gram and
/// Schmidt, twice for the sake of rounding: uniformly distributed over all such matrices.
TENON_WHEN_USED TENON_COLD inline void orthonormalise(std::span<float> matrix, std::size_t rows,
                                                      std::size_t columns) {
  bool const across = rows < columns;  // then rows are vectors
  std::size_t const count = across ? rows : columns, length = across ? columns : rows;
  std::vector<double> vectors(count * length);
  for (std::size_t c = 0; c < count; ++c)
    for (std::size_t i = 0; i < length; ++i)
      vectors[c * length + i] = matrix[across ? c * columns + i : i * columns + c];
  auto const dot = [&](std::size_t a, std::size_t b) {
    double sum = 0;
    for (std::size_t i = 0; i < length; ++i) sum += vectors[a * length + i] * vectors[b * length + i];
    return sum;
  };
  for (std::size_t c = 0; c < count; ++c) {
    for (int pass = 0; pass < 2; ++pass)
      for (std::size_t before = 0; before < c; ++before) {
        double const share = dot(c, before);
        for (std::size_t i = 0; i < length; ++i)
          vectors[c * length + i] -= share * vectors[before * length + i];
      }
    double const norm = libm::sqrt(dot(c, c));
    for (std::size_t i = 0; i < length; ++i) vectors[c * length + i] /= norm;
  }
  for (std::size_t c = 0; c < count; ++c)
    for (std::size_t i = 0; i < length; ++i)
      matrix[across ? c * columns + i : i * columns + c] = static_cast<float>(vectors[c * length + i]);
}

/// The standard deviation of a normal number that is known to lie within two of its own.
inline constexpr double deviation_without_tails = 0.87962566103423978;

}  // namespace detail

/// Draws all weights anew. The same seed gives the same weights on every machine and device. `block` is a
/// parameter block's values; std::logic_error if it is smaller than the model, or an orthogonal weight has no
/// whole number of matrices.
template <class Model>
TENON_COLD void initialise(Model const& model, std::span<float> block, std::uint64_t seed) {
  std::uint32_t site = 0x80000000U;  // not the sites that programs' dropout counts from 0
  for_each_parameter(model, [&](member_path const&, auto const& p) {
    auto const values = values_of(block, p);
    for (std::size_t i = 0; i < values.size(); ++i) {
      detail::uniform_pair const drawn(i, site, 0, seed);
      switch (p.init.kind) {
        case initialiser::kind_t::constant:
          values[i] = p.init.scale;
          break;
        case initialiser::kind_t::uniform:
          values[i] = p.init.scale * static_cast<float>(2 * drawn.u - 1);
          break;
        case initialiser::kind_t::orthogonal:  // made of normal numbers below
        case initialiser::kind_t::normal:
          values[i] = p.init.scale * static_cast<float>(drawn.normal());
          break;
        case initialiser::kind_t::truncated_normal: {
          double z = drawn.normal();
          for (std::uint32_t draw = 1; z < -2 || z > 2; ++draw)
            z = detail::uniform_pair(i, site, draw, seed).normal();
          values[i] = p.init.scale * static_cast<float>(z / detail::deviation_without_tails);
          break;
        }
      }
    }
    if (p.init.kind == initialiser::kind_t::orthogonal) {
      std::size_t const columns = detail::columns_of(p), each = p.init.rows * columns;
      if (each == 0 || values.size() % each != 0)
        throw std::logic_error("orthogonal: the weight's rows are no multiple of the rows of its matrices");
      for (std::size_t at = 0; at < values.size(); at += each)
        detail::orthonormalise(values.subspan(at, each), p.init.rows, columns);
    }
    ++site;
  });
}

}  // namespace tenon
