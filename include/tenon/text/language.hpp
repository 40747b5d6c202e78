// SPDX-License-Identifier: BSL-1.0
// One language of a translator. A tokeniser is a type with
//
//   tokens(sentence)      its tokens, without special ones; throws tenon::error if it is not valid UTF-8
//   text(tokens)          tokens as text again, for people to read
//   comparable(sentence)  the sentence as text(tokens) would spell it: what translations are compared with
#pragma once
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tenon/text/tokenise.hpp"
#include "tenon/text/vocabulary.hpp"

namespace tenon::text {

/// Words by rules; text in lower case, say, stays so.
struct word_tokeniser {
  tokenisation_rules rules;

  std::vector<std::string> tokens(std::string_view sentence) const { return tokenise(sentence, rules); }
  std::string text(std::span<std::string const> tokens) const { return join(tokens); }
  std::string comparable(std::string_view sentence) const { return join(tokens(sentence)); }
};

/// How sentences become tokens, and which ids tokens have.
template <class Tokeniser>
struct language {
  Tokeniser tokeniser;
  vocabulary words;
};

template <class Tokeniser>
struct languages {
  language<Tokeniser> source, target;
};

}  // namespace tenon::text
