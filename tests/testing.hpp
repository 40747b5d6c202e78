// SPDX-License-Identifier: BSL-1.0
// What the tests of the core share: numbers to fill tensors with, and comparison of results.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>

#include "tenon/tenon.hpp"

namespace testing {

template <std::size_t N>
struct rows : tenon::axis<N> {};
template <std::size_t N>
struct columns : tenon::axis<N> {};
template <std::size_t N>
struct layers : tenon::axis<N> {};
template <std::size_t N>
struct heads : tenon::axis<N> {};
template <std::size_t N>
struct sides : tenon::axis<N> {};

/// The i-th number of a sequence in [0, 1) that looks random and is the same everywhere.
inline double number(std::size_t i, std::size_t seed) {
  std::uint64_t x = (std::uint64_t{i} + 1) * 0x9E3779B97F4A7C15U + std::uint64_t{seed} * 0xD1B54A32D192ED03U;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9U;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBU;
  return static_cast<double>((x ^ (x >> 31)) >> 11) * 0x1p-53;
}

/// Fills elements with numbers between low and high; for integers both are among them.
template <class T>
void fill(std::span<T> x, std::size_t seed, double low = -1, double high = 1) {
  for (std::size_t i = 0; i < x.size(); ++i) {
    double const u = number(i, seed);
    if constexpr (std::is_integral_v<T>)
      x[i] = static_cast<T>(std::floor(low + u * (high - low + 1)));
    else
      x[i] = static_cast<T>(static_cast<float>(low + u * (high - low)));
  }
}

template <class X>
X filled(std::size_t seed, double low = -1, double high = 1) {
  X x;
  fill(x.elements(), seed, low, high);
  return x;
}

/// The largest error of got against want, relative to 1 + |want|; infinite where one of them is a NaN and the
/// other is not.
template <class Got, class Want>
double worst(Got const& got, Want const& want) {
  if (got.size() != want.size()) return std::numeric_limits<double>::infinity();
  double result = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    auto const g = static_cast<double>(got[i]), w = static_cast<double>(want[i]);
    if (g == w || (std::isnan(g) && std::isnan(w))) continue;
    double const error = std::abs(g - w) / (1 + std::abs(w));
    result = std::isnan(error) ? std::numeric_limits<double>::infinity() : std::max(result, error);
  }
  return result;
}

/// The error that counts as rounding for sums of about n products of type T.
template <class T>
constexpr double rounding(std::size_t n = 1) {
  return static_cast<double>(std::numeric_limits<T>::epsilon()) * (8 + static_cast<double>(n));
}

}  // namespace testing
