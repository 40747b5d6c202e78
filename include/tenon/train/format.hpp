// SPDX-License-Identifier: BSL-1.0
// Numbers, sizes and durations as people read them. The same in every locale: reports and logs are compared
// and parsed, so a decimal comma from the environment must not creep in.
#pragma once
#include <charconv>
#include <cmath>
#include <cstdint>
#include <string>

namespace tenon::train {

/// `value` with `decimals` digits after the point; "nan", "inf" and "-inf" for what is not finite, scientific
/// notation from 1e15 on.
inline std::string fixed(double value, int decimals) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  char buffer[64];
  auto const style = std::fabs(value) < 1e15 ? std::chars_format::fixed : std::chars_format::scientific;
  auto const end = std::to_chars(buffer, buffer + sizeof buffer, value, style, decimals).ptr;
  std::string text(buffer, end);
  // A rounded "-0.00" reads as if the sign meant something.
  if (text.find_first_not_of("-0.") == std::string::npos && text.front() == '-') text.erase(0, 1);
  return text;
}

/// As `fixed`, without trailing zeros: 0.5 instead of 0.500.
inline std::string trimmed(double value, int decimals) {
  auto text = fixed(value, decimals);
  if (text.find('.') == std::string::npos || text.find('e') != std::string::npos) return text;
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text;
}

/// As few digits as tell it from any other float: 0.005, 1e-07.
inline std::string shortest(float value) {
  char buffer[32];
  return {buffer, std::to_chars(buffer, buffer + sizeof buffer, value).ptr};
}

/// A whole number with a comma between groups of three digits: 2,066,390.
inline std::string grouped(std::uint64_t value) {
  auto text = std::to_string(value);
  for (auto at = text.size(); at > 3; at -= 3) text.insert(at - 3, 1, ',');
  return text;
}

/// A size in bytes with a binary unit: 512 B, 1.5 KiB, 24 MiB.
inline std::string bytes_text(std::uint64_t bytes) {
  constexpr char const* units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  auto value = static_cast<double>(bytes);
  int unit = 0;
  while (value >= 1024 && unit < 6) value /= 1024, ++unit;
  return trimmed(value, value < 100 ? 1 : 0) + ' ' + units[unit];
}

/// Seconds as people say them: 0.42 s, 42 s, 3 min 05 s, 2 h 07 min, 3 d 4 h. "unknown" for NaN, infinity and
/// negative values.
inline std::string duration_text(double seconds) {
  if (!(seconds >= 0) || seconds > 3e9) return "unknown";
  if (seconds < 9.995) return trimmed(seconds, 2) + " s";
  auto const padded = [](std::uint64_t n) { return (n < 10 ? "0" : "") + std::to_string(n); };
  auto const s = static_cast<std::uint64_t>(seconds + 0.5);
  if (s < 60) return std::to_string(s) + " s";
  if (s < 3600) return std::to_string(s / 60) + " min " + padded(s % 60) + " s";
  if (s < 86400) return std::to_string(s / 3600) + " h " + padded(s % 3600 / 60) + " min";
  return std::to_string(s / 86400) + " d " + std::to_string(s % 86400 / 3600) + " h";
}

}  // namespace tenon::train
