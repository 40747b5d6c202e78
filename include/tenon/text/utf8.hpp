// SPDX-License-Identifier: BSL-1.0
// UTF-8 in and out, on top of utf8proc.
#pragma once
#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include "tenon/error.hpp"

namespace tenon::text {

/// Decodes the code point that starts at byte `at` (< text.size()) into `code`; returns its length in bytes,
/// or 0 if no valid UTF-8 sequence starts there (overlong forms and surrogates are invalid too).
inline std::size_t decode_code_point(std::string_view text, std::size_t at, char32_t& code) {
  auto const first = static_cast<unsigned char>(text[at]);
  if (first < 0x80) {
    code = first;
    return 1;
  }
  // Four bytes are the longest sequence, so the length given to utf8proc always fits its signed type.
  std::size_t const rest = std::min<std::size_t>(text.size() - at, 4);
  utf8proc_int32_t decoded = -1;
  auto const length = utf8proc_iterate(reinterpret_cast<utf8proc_uint8_t const*>(text.data() + at),
                                       static_cast<utf8proc_ssize_t>(rest), &decoded);
  if (length <= 0 || decoded < 0) return 0;
  code = static_cast<char32_t>(decoded);
  return static_cast<std::size_t>(length);
}

/// The number of leading bytes of `text` that are valid UTF-8; text.size() if all are.
inline std::size_t valid_utf8_prefix(std::string_view text) {
  std::size_t at = 0;
  char32_t code = 0;
  while (at < text.size()) {
    std::size_t const length = decode_code_point(text, at, code);
    if (length == 0) break;
    at += length;
  }
  return at;
}

/// Is there nothing to read: only spaces, of whatever width, and control characters?
constexpr bool is_blank(std::string_view text) {
  while (!text.empty()) {
    auto const first = static_cast<unsigned char>(text.front());
    std::string_view const wide = text.substr(0, 3);
    std::size_t blank = 0;
    if (first <= 0x20 || first == 0x7F)
      blank = 1;
    else if (text.starts_with("\u00A0"))
      blank = 2;
    else if ((wide >= "\u2000" && wide <= "\u200B") || wide == "\u202F" || wide == "\u3000")
      blank = 3;
    if (blank == 0) return false;
    text.remove_prefix(blank);
  }
  return true;
}

/// Writes the UTF-8 form of `code`, which must be a code point that decode_code_point gave; returns its
/// length.
inline std::size_t encode_code_point(char32_t code, std::array<char, 4>& bytes) {
  if (code < 0x80) {
    bytes[0] = static_cast<char>(code);
    return 1;
  }
  return static_cast<std::size_t>(utf8proc_encode_char(static_cast<utf8proc_int32_t>(code),
                                                       reinterpret_cast<utf8proc_uint8_t*>(bytes.data())));
}

inline void append_utf8(std::string& text, char32_t code) {
  std::array<char, 4> bytes{};
  text.append(bytes.data(), encode_code_point(code, bytes));
}

/// The code points of `text`. Throws tenon::error if it is not valid UTF-8.
inline std::u32string decode_utf8(std::string_view text) {
  std::u32string codes;
  codes.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    char32_t code = 0;
    std::size_t const length = decode_code_point(text, at, code);
    if (length == 0) {
      throw error("the text is not valid UTF-8 (byte " + std::to_string(at + 1) +
                  "): convert it, or set a UTF-8 locale in the terminal it was typed in");
    }
    codes.push_back(code);
    at += length;
  }
  return codes;
}

}  // namespace tenon::text
