// SPDX-License-Identifier: BSL-1.0
// Words of unknown origin made fit for SVG and HTML: valid UTF-8, nothing that XML forbids, nothing that
// could be taken for markup.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace tenon::train::svg {

/// One code point and the bytes that it took.
struct decoded {
  char32_t code;
  std::size_t length;
};

/// Decodes the UTF-8 at `text[at]`, `at < text.size()`. What is not valid (stray or missing continuation
/// bytes, overlong forms, surrogates, beyond U+10FFFF) gives U+FFFD and the length of the longest beginning
/// of a character, at least 1 (Unicode 15, section 3.9, "maximal subparts").
inline decoded decode_utf8(std::string_view text, std::size_t at) {
  auto const byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  unsigned const lead = byte(at);
  if (lead < 0x80) return {lead, 1};
  std::size_t const length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4) return {0xFFFD, 1};
  // The second byte's range shuts out overlong forms, surrogates and code points that are too large.
  unsigned low = 0x80, high = 0xBF;
  if (lead == 0xE0) low = 0xA0;
  if (lead == 0xED) high = 0x9F;
  if (lead == 0xF0) low = 0x90;
  if (lead == 0xF4) high = 0x8F;
  char32_t code = lead & (0x7Fu >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if (at + i >= text.size() || byte(at + i) < low || byte(at + i) > high) return {0xFFFD, i};
    code = (code << 6) | (byte(at + i) & 0x3Fu);
    low = 0x80, high = 0xBF;
  }
  return {code, length};
}

/// The control characters of ASCII and of Latin-1.
inline bool is_control(char32_t code) {
  return code < 0x20 || (code >= 0x7F && code < 0xA0);
}

/// Text for element content and for quoted attribute values, in XML and HTML. Invalid UTF-8 and noncharacters
/// become U+FFFD, tabs and line ends a space, other control characters are dropped.
inline std::string escape(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    auto const [code, length] = decode_utf8(text, at);
    auto const original = text.substr(at, length);
    at += length;
    bool const noncharacter = (code & 0xFFFE) == 0xFFFE || (code >= 0xFDD0 && code <= 0xFDEF);
    if (code == '\t' || code == '\n' || code == '\r') {
      out += ' ';
    } else if (is_control(code)) {
      continue;
    } else if (code == 0xFFFD || noncharacter) {
      out += "\xEF\xBF\xBD";
    } else if (code == '&') {
      out += "&amp;";
    } else if (code == '<') {
      out += "&lt;";
    } else if (code == '>') {
      out += "&gt;";
    } else if (code == '"') {
      out += "&quot;";
    } else if (code == '\'') {
      out += "&#39;";
    } else {
      out += original;
    }
  }
  return out;
}

/// Roughly how wide `text` is set, in the widths of an average letter: East Asian letters and symbols count
/// two, combining marks none. Good enough to reserve room in a drawing.
inline std::size_t text_width(std::string_view text) {
  std::size_t width = 0;
  for (std::size_t at = 0; at < text.size();) {
    auto const [code, length] = decode_utf8(text, at);
    at += length;
    if (code < 0x20 || (code >= 0x300 && code < 0x370)) continue;
    bool const wide = (code >= 0x1100 && code < 0x1160) || (code >= 0x2E80 && code < 0xD7A4) ||
                      (code >= 0xF900 && code < 0xFB00) || (code >= 0xFF00 && code < 0xFF61) ||
                      code >= 0x1F300;
    width += wide ? 2 : 1;
  }
  return width;
}

/// `text` cut to at most `limit` average letters, the cut shown by an ellipsis.
inline std::string shorten(std::string_view text, std::size_t limit) {
  if (text_width(text) <= limit) return std::string(text);
  std::size_t at = 0, width = 0;
  while (at < text.size()) {
    auto const length = decode_utf8(text, at).length;
    width += text_width(text.substr(at, length));
    if (width + 1 > limit) break;
    at += length;
  }
  return std::string(text.substr(0, at)) + "\xE2\x80\xA6";
}

}  // namespace tenon::train::svg
