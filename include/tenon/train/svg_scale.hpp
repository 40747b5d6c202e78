// SPDX-License-Identifier: BSL-1.0
// Axes and colours of charts: round tick values, their labels, palettes that colour-blind readers can tell
// apart.
#pragma once
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

#include "tenon/train/format.hpp"

namespace tenon::train::svg {

/// The smallest of 1, 2, 5 times a power of ten that divides `span` into at most `wanted` parts. `span` > 0
/// and finite.
inline double nice_step(double span, int wanted) {
  double const raw = span / wanted;
  double const power = std::pow(10.0, std::floor(std::log10(raw)));
  for (double const factor : {1.0, 2.0, 5.0})
    if (factor * power >= raw * (1 - 1e-9)) return factor * power;
  return 10 * power;
}

/// The next 1, 2 or 5 times a power of ten that is not below `value`, `value` > 0.
inline double nice_above(double value) {
  return nice_step(value, 1);
}

/// The next one that is not above `value`.
inline double nice_below(double value) {
  return 1 / nice_step(1 / value, 1);
}

/// Multiples of `step` within [low, high], at most a thousand.
inline std::vector<double> ticks(double low, double high, double step) {
  std::vector<double> values;
  double const first = std::ceil(low / step - 1e-9);
  for (int i = 0; i < 1000; ++i) {
    double const value = (first + i) * step;
    if (!(value <= high + 1e-9 * step)) break;
    values.push_back(value);
  }
  return values;
}

/// Ticks of a logarithmic axis, 0 < low < high: powers of ten, with 2 and 5 times these where few powers fit,
/// and round linear values where even those are fewer than three.
inline std::vector<double> log_ticks(double low, double high) {
  std::vector<double> values;
  double const decades = std::log10(high) - std::log10(low);  // the quotient may overflow
  int const stride = std::max(1, static_cast<int>(decades / 8));
  int const last = static_cast<int>(std::floor(std::log10(high) + 1e-9));
  for (int e = static_cast<int>(std::floor(std::log10(low))); e <= last; e += stride)
    for (double const factor : {1.0, 2.0, 5.0}) {
      double const value = factor * std::pow(10.0, e);
      bool const wanted = factor == 1.0 || decades <= 3;
      if (wanted && value >= low * (1 - 1e-9) && value <= high * (1 + 1e-9)) values.push_back(value);
    }
  return values.size() >= 3 ? values : ticks(low, high, nice_step(high - low, 5));
}

/// The label of a tick: as many decimals as its `step` needs, scientific when very small or very large.
inline std::string tick_label(double value, double step) {
  double const size = std::fabs(value);
  if (size != 0 && (size >= 1e7 || size < 1e-5)) {
    char buffer[64];
    auto const end = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::general, 3).ptr;
    return std::string(buffer, end);
  }
  int const decimals = std::clamp(static_cast<int>(std::ceil(-std::log10(step) - 1e-9)), 0, 8);
  return fixed(value, decimals);
}

/// The label of a tick on a logarithmic axis: as many decimals as its own size needs.
inline std::string log_tick_label(double value) {
  return value >= 1e7 || value < 1e-5 ? tick_label(value, 1) : trimmed(value, 8);
}

/// A colour with 8 bits a channel.
struct rgb {
  int red, green, blue;

  std::string hex() const {
    constexpr char const* digits = "0123456789abcdef";
    std::string text = "#";
    for (int const channel : {red, green, blue}) {
      text += digits[(channel >> 4) & 15];
      text += digits[channel & 15];
    }
    return text;
  }
  /// Whether white reads better than black on it (luma of ITU-R BT.601; at the limit both have a contrast of
  /// about 4.6 : 1).
  bool is_dark() const { return 299 * red + 587 * green + 114 * blue < 100000; }
};

/// Colours for series and kinds, told apart with any colour vision (Okabe and Ito, "Color Universal Design",
/// 2008; the black of the set left out, a grey added).
inline constexpr std::array<rgb, 8> palette{{{0x00, 0x72, 0xB2},
                                             {0xD5, 0x5E, 0x00},
                                             {0x00, 0x9E, 0x73},
                                             {0xCC, 0x79, 0xA7},
                                             {0xE6, 0x9F, 0x00},
                                             {0x56, 0xB4, 0xE9},
                                             {0x8C, 0x8C, 0x8C},
                                             {0xF0, 0xE4, 0x42}}};

/// Dark violet for 0 over green to yellow for 1, even to the eye and in grey print (the stops follow viridis:
/// van der Walt and Smith, 2015). `share` is clamped to [0, 1]; it must not be NaN.
inline rgb viridis(double share) {
  constexpr std::array<rgb, 9> stops{{{68, 1, 84},
                                      {71, 44, 122},
                                      {59, 81, 139},
                                      {44, 113, 142},
                                      {33, 144, 141},
                                      {39, 173, 129},
                                      {92, 200, 99},
                                      {170, 220, 50},
                                      {253, 231, 37}}};
  double const at = std::clamp(share, 0.0, 1.0) * (stops.size() - 1);
  auto const i = std::min(static_cast<std::size_t>(at), stops.size() - 2);
  double const part = at - static_cast<double>(i);
  auto const mix = [part](int a, int b) { return static_cast<int>(std::lround(a + part * (b - a))); };
  return {mix(stops[i].red, stops[i + 1].red), mix(stops[i].green, stops[i + 1].green),
          mix(stops[i].blue, stops[i + 1].blue)};
}

}  // namespace tenon::train::svg
