// SPDX-License-Identifier: BSL-1.0
// Text of unknown origin in messages, which are one line.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace tenon {

/// `text` fit for one line of a terminal: control characters (C0, DEL and the C1 range of UTF-8) become
/// `\xNN`, and what lies beyond `limit` bytes becomes "...". Names and paths come from outside, so they may
/// hold anything.
inline std::string printable(std::string_view text, std::size_t limit = std::string_view::npos) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  auto const escape = [&](unsigned char byte) {
    out += "\\x";
    out += digits[byte >> 4U];
    out += digits[byte & 15U];
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    auto const byte = static_cast<unsigned char>(text[i]);
    auto const next = static_cast<unsigned char>(i + 1 < text.size() ? text[i + 1] : '\0');
    bool const continues = (byte & 0xC0U) == 0x80U;  // never cut inside a UTF-8 character
    if (i >= limit && !continues) return out + "...";
    if (byte == 0xC2 && next >= 0x80 && next < 0xA0) {
      escape(byte);
      escape(next);
      ++i;
    } else if (byte < 0x20 || byte == 0x7F) {
      escape(byte);
    } else {
      out += text[i];
    }
  }
  return out;
}

/// A name from a file, quoted for a message.
inline std::string in_quotes(std::string_view name) {
  return '"' + printable(name, 80) + '"';
}

}  // namespace tenon
