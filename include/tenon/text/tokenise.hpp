// SPDX-License-Identifier: BSL-1.0
// From sentences to tokens, by the rules of a recipe.
#pragma once
#include <utf8proc.h>

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tenon/error.hpp"
#include "tenon/text/utf8.hpp"

namespace tenon::text {

/// What is done to a sentence before it is split at spaces, in this order.
struct tokenisation_rules {
  /// Characters that become an ordinary space (French sets no-break spaces before "!" and "?").
  std::u32string_view spaces = U"\u202f\u00a0";
  bool lowercase = true;
  /// Characters that get a space before them, unless one is there already or they start the sentence.
  std::u32string_view spaced_punctuation = U",.!?";
  /// Whether two spaces in a row make an empty token, as they do when splitting with Python's split(' ').
  bool keep_empty_tokens = false;
};

/// Dive into Deep Learning, edition 1.0.
inline constexpr tokenisation_rules d2l_1_0{};
/// Edition 0.17: the same text rules, but empty tokens are kept.
inline constexpr tokenisation_rules d2l_0_17{.keep_empty_tokens = true};
/// The older MXNet edition with an LSTM: a question mark stays with its word.
inline constexpr tokenisation_rules mxnet_lstm{.spaced_punctuation = U",.!", .keep_empty_tokens = true};

namespace detail {

/// Unicode's Case_Ignorable: marks, format characters, modifiers, and the punctuation that may stand in a
/// word.
inline bool case_ignorable(char32_t code) {
  constexpr std::u32string_view in_words =
      U"'.:\u00b7\u0387\u055f\u05f4\u2018\u2019\u2024\u2027\ufe13\ufe52\ufe55\uff07\uff0e\uff1a";
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(code))) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_SK:
      return true;
    default:
      return in_words.find(code) != std::u32string_view::npos;
  }
}

/// Unicode's Cased, for characters that are not Case_Ignorable.
inline bool cased(char32_t code) {
  auto const c = static_cast<utf8proc_int32_t>(code);
  switch (utf8proc_category(c)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
      return true;
    default:
      break;
  }
  if (utf8proc_tolower(c) != c || utf8proc_toupper(c) != c) return true;
  // Letters by property that have no other case: ordinals, and squared and circled capitals.
  auto const within = [code](char32_t first, char32_t last) { return first <= code && code <= last; };
  return code == 0xAA || code == 0xBA || within(0x1F130, 0x1F149) || within(0x1F150, 0x1F169) ||
         within(0x1F170, 0x1F189);
}

/// Unicode's Final_Sigma condition at `at`: a cased letter before, none after (SpecialCasing.txt).
inline bool final_sigma(std::u32string_view text, std::size_t at) {
  std::size_t before = at;
  while (before > 0 && case_ignorable(text[before - 1])) --before;
  if (before == 0 || !cased(text[before - 1])) return false;
  std::size_t after = at + 1;
  while (after < text.size() && case_ignorable(text[after])) ++after;
  return after == text.size() || !cased(text[after]);
}

}  // namespace detail

/// Unicode's full lower case, which is what Python's str.lower() gives: code point by code point, except that
/// U+0130 becomes two and a capital sigma depends on its place in the word. Hands each code point to put.
template <class Put>
void lower_each(std::u32string_view text, Put const& put) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    char32_t const code = text[i];
    if (code < 0x80) {
      put(code >= U'A' && code <= U'Z' ? code + 32 : code);
    } else if (code == U'\u0130') {
      put(U'i');
      put(U'\u0307');
    } else if (code == U'\u03a3') {
      put(detail::final_sigma(text, i) ? U'\u03c2' : U'\u03c3');
    } else {
      put(static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(code))));
    }
  }
}

inline std::u32string lower(std::u32string_view text) {
  std::u32string result;
  result.reserve(text.size());
  lower_each(text, [&](char32_t code) { result.push_back(code); });
  return result;
}

/// Applies `rules` to a sentence, in place as far as its spaces go, and hands each code point of what comes
/// out to put.
template <class Put>
void normalise_each(std::span<char32_t> codes, tokenisation_rules const& rules, Put const& put) {
  for (char32_t& code : codes) {
    if (rules.spaces.find(code) != std::u32string_view::npos) code = U' ';
  }
  char32_t previous = U' ';
  auto const spaced = [&](char32_t code) {
    if (previous != U' ' && rules.spaced_punctuation.find(code) != std::u32string_view::npos) put(U' ');
    put(code);
    previous = code;
  };
  if (rules.lowercase)
    lower_each({codes.data(), codes.size()}, spaced);
  else
    for (char32_t const code : codes) spaced(code);
}

/// The sentence with `rules` applied, not yet split. Throws tenon::error if it is not valid UTF-8.
inline std::string normalise(std::string_view sentence, tokenisation_rules const& rules) {
  std::u32string codes = decode_utf8(sentence);
  std::string result;
  result.reserve(sentence.size() + 4);
  normalise_each(codes, rules, [&](char32_t code) { append_utf8(result, code); });
  return result;
}

/// Splits at each space. An empty text gives no tokens, or one empty token if those are kept.
inline std::vector<std::string> split(std::string_view text, bool keep_empty_tokens = false) {
  std::vector<std::string> tokens;
  for (std::size_t begin = 0; begin <= text.size();) {
    std::size_t const end = std::min(text.find(' ', begin), text.size());
    if (end > begin || keep_empty_tokens) tokens.emplace_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return tokens;
}

/// The tokens of a sentence, without special tokens. Throws tenon::error if it is not valid UTF-8.
inline std::vector<std::string> tokenise(std::string_view sentence,
                                         tokenisation_rules const& rules = d2l_1_0) {
  return split(normalise(sentence, rules), rules.keep_empty_tokens);
}

/// The tokens with one space between them: how translations are printed.
inline std::string join(std::span<std::string const> tokens) {
  std::string text;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (i > 0) text.push_back(' ');
    text += tokens[i];
  }
  return text;
}

}  // namespace tenon::text
