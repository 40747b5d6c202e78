// SPDX-License-Identifier: BSL-1.0
// BLEU and chrF of a whole corpus, equal to those of sacreBLEU (Post, WMT 2018), version 2, with its usual
// settings and any number of references.
#pragma once
#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tenon/text/utf8.hpp"
#include "tenon/text/vocabulary.hpp"

namespace tenon::text {

namespace detail {

/// What Python's str.split() takes for space.
constexpr bool is_space(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F ||
         c == 0x3000;
}

inline void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
}

/// Each pair of neighbours that `matches` becomes first, middle, second with spaces: `left` the first has one
/// on either side, else the second. As a regular expression's replacement, pairs do not overlap.
template <class Matches>
std::string spread_pairs(std::string_view text, bool left, Matches const& matches) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (i + 1 == text.size() || !matches(text[i], text[i + 1])) {
      result += text[i];
      continue;
    }
    if (left) result += ' ';
    result += text[i];
    result += ' ';
    result += text[++i];
    if (!left) result += ' ';
  }
  return result;
}

}  // namespace detail

namespace detail {
/// A line without the space at its end, which sacreBLEU cuts off before it looks for words.
inline std::string_view without_end(std::string_view line) {
  return line.substr(0, line.find_last_not_of(" \t\n\v\f\r") + 1);
}
inline void require_references(std::size_t count) {
  if (count == 0) throw error("a translation to score has no reference: give at least one");
}
}  // namespace detail

/// The words of a line as mteval-v13a finds them: sacreBLEU's `tok:13a`. Throws tenon::error if the line is
/// not valid UTF-8.
inline std::vector<std::string> tokenise_13a(std::string_view line) {
  std::string text(line);
  detail::replace_all(text, "<skipped>", "");
  detail::replace_all(text, "-\n", "");
  detail::replace_all(text, "\n", " ");
  detail::replace_all(text, "&quot;", "\"");
  detail::replace_all(text, "&amp;", "&");
  detail::replace_all(text, "&lt;", "<");
  detail::replace_all(text, "&gt;", ">");
  auto const is_digit = [](char c) { return c >= '0' && c <= '9'; };
  auto const is_point = [](char c) { return c == '.' || c == ','; };
  std::string spaced = " ";
  for (char const c : text) {
    // Punctuation and symbols of ASCII but for ' , - .
    bool const apart = (c >= '{' && c <= '~') || (c >= '[' && c <= '`') || (c >= ' ' && c <= '&') ||
                       (c >= '(' && c <= '+') || (c >= ':' && c <= '@') || c == '/';
    if (apart) spaced += ' ';
    spaced += c;
    if (apart) spaced += ' ';
  }
  spaced += ' ';
  spaced = detail::spread_pairs(spaced, false, [&](char a, char b) { return !is_digit(a) && is_point(b); });
  spaced = detail::spread_pairs(spaced, true, [&](char a, char b) { return is_point(a) && !is_digit(b); });
  spaced = detail::spread_pairs(spaced, false, [&](char a, char b) { return is_digit(a) && b == '-'; });

  std::vector<std::string> words;
  std::string word;
  for (std::size_t at = 0; at < spaced.size();) {
    char32_t code = 0;
    std::size_t const length = decode_code_point(spaced, at, code);
    if (length == 0) static_cast<void>(decode_utf8(line));  // says where the line is wrong
    if (!detail::is_space(code)) {
      word.append(spaced, at, length);
    } else if (!word.empty()) {
      words.push_back(word);
      word.clear();
    }
    at += length;
  }
  if (!word.empty()) words.push_back(word);
  return words;
}

namespace detail {

/// How often each n-gram of N symbols, written one behind the other with a separator, occurs.
template <class Symbols, class Write>
token_map<std::size_t> count_ngrams(Symbols const& symbols, std::size_t n, Write const& write) {
  token_map<std::size_t> counts;
  std::string gram;
  for (std::size_t i = 0; i + n <= symbols.size(); ++i) {
    gram.clear();
    for (std::size_t k = i; k < i + n; ++k) write(gram, symbols[k]);
    ++counts[gram];
  }
  return counts;
}

/// N-grams of one length: how many the translations and the references have, and how many agree.
struct ngram_matches {
  std::size_t translated = 0, wanted = 0, matched = 0;

  void add(token_map<std::size_t> const& translation, token_map<std::size_t> const& reference) {
    for (auto const& [gram, count] : translation) {
      translated += count;
      if (auto const found = reference.find(gram); found != reference.end())
        matched += std::min(count, found->second);
    }
    for (auto const& [gram, count] : reference) wanted += count;
  }
  ngram_matches& operator+=(ngram_matches const& more) {
    translated += more.translated;
    wanted += more.wanted;
    matched += more.matched;
    return *this;
  }
};

/// How many references the translations of a corpus have, as sacreBLEU's signature says it.
class reference_counts {
 public:
  void add(std::size_t references) {
    least_ = std::min(least_, references);
    most_ = std::max(most_, references);
  }
  std::string signature() const {
    return "nrefs:" + (least_ < most_ ? "var" : std::to_string(std::max<std::size_t>(most_, 1)));
  }

 private:
  std::size_t least_ = std::numeric_limits<std::size_t>::max(), most_ = 0;
};

}  // namespace detail

/// Corpus BLEU (Papineni et al., ACL 2002) over n-grams of one to four words, cased, tokenised as mteval-v13a
/// does, zero precisions smoothed exponentially.
class corpus_bleu {
 public:
  /// As sacreBLEU prints it.
  std::string signature() const { return counts_.signature() + "|case:mixed|eff:no|tok:13a|smooth:exp"; }

  /// A translation and what it should be. Throws tenon::error if one is not valid UTF-8.
  void add(std::string_view translation, std::string_view reference) {
    add(translation, std::span(&reference, 1));
  }
  /// The same with several references, at least one: an n-gram counts as often as the one that has most of
  /// it, and the length is that of the one whose length is nearest, the shorter of two.
  void add(std::string_view translation, std::span<std::string_view const> references) {
    detail::require_references(references.size());
    auto const made = tokenise_13a(detail::without_end(translation));
    std::array<detail::token_map<std::size_t>, 4> most;
    std::size_t nearest = std::numeric_limits<std::size_t>::max();
    auto const apart = [&](std::size_t length) {
      return std::max(length, made.size()) - std::min(length, made.size());
    };
    for (auto const reference : references) {
      auto const wanted = tokenise_13a(detail::without_end(reference));
      for (std::size_t n = 1; n <= most.size(); ++n)
        for (auto const& [gram, count] : detail::count_ngrams(wanted, n, write)) {
          auto& known = most[n - 1][gram];
          known = std::max(known, count);
        }
      if (apart(wanted.size()) < apart(nearest) ||
          (apart(wanted.size()) == apart(nearest) && wanted.size() < nearest))
        nearest = wanted.size();
    }
    for (std::size_t n = 1; n <= matches_.size(); ++n)
      matches_[n - 1].add(detail::count_ngrams(made, n, write), most[n - 1]);
    translated_ += made.size();
    wanted_ += nearest;
    counts_.add(references.size());
  }

  /// 0 to 100.
  double score() const {
    double log_precisions = 0, smoothing = 1;
    bool any = false;
    for (auto const& m : matches_) any |= m.matched > 0;
    if (!any) return 0;
    for (auto const& m : matches_) {
      if (m.translated == 0) return 0;
      if (m.matched == 0) smoothing *= 2;
      double const numerator = m.matched == 0 ? 1 / smoothing : static_cast<double>(m.matched);
      log_precisions += std::log(numerator / static_cast<double>(m.translated));
    }
    return 100 * brevity_penalty() * std::exp(log_precisions / static_cast<double>(matches_.size()));
  }
  double brevity_penalty() const {
    if (translated_ >= wanted_) return 1;
    if (translated_ == 0) return 0;
    return std::exp(1 - static_cast<double>(wanted_) / static_cast<double>(translated_));
  }

 private:
  static void write(std::string& gram, std::string const& word) {
    gram += word;
    gram += ' ';
  }

  std::array<detail::ngram_matches, 4> matches_{};
  std::size_t translated_ = 0, wanted_ = 0;
  detail::reference_counts counts_;
};

/// Corpus chrF2 (Popović, WMT 2015): n-grams of one to six characters without spaces, recall counting twice.
class corpus_chrf {
 public:
  /// As sacreBLEU prints it.
  std::string signature() const { return counts_.signature() + "|case:mixed|eff:yes|nc:6|nw:0|space:no"; }

  /// A translation and what it should be. Throws tenon::error if one is not valid UTF-8.
  void add(std::string_view translation, std::string_view reference) {
    add(translation, std::span(&reference, 1));
  }
  /// The same with several references, at least one: the one counts that the translation is most like.
  void add(std::string_view translation, std::span<std::string_view const> references) {
    detail::require_references(references.size());
    std::array<detail::token_map<std::size_t>, orders> made;
    auto const characters = without_spaces(translation);
    for (std::size_t n = 1; n <= orders; ++n) made[n - 1] = detail::count_ngrams(characters, n, write);
    statistics best;
    double highest = -1;
    for (auto const reference : references) {
      auto const wanted = without_spaces(reference);
      statistics here;
      for (std::size_t n = 1; n <= orders; ++n) {
        auto const of_reference = detail::count_ngrams(wanted, n, write);
        // What has no counterpart because the reference is too short counts nothing.
        if (!of_reference.empty()) here[n - 1].add(made[n - 1], of_reference);
      }
      if (double const score = score_of(here); score > highest) {
        highest = score;
        best = here;
      }
    }
    for (std::size_t n = 0; n < orders; ++n) matches_[n] += best[n];
    counts_.add(references.size());
  }

  /// 0 to 100.
  double score() const { return score_of(matches_); }

 private:
  static constexpr std::size_t orders = 6;
  using statistics = std::array<detail::ngram_matches, orders>;

  static double score_of(statistics const& matches) {
    constexpr double factor = 4;  // β²
    double precision = 0, recall = 0, lengths = 0;
    for (auto const& m : matches) {
      if (m.translated == 0 || m.wanted == 0) continue;
      precision += static_cast<double>(m.matched) / static_cast<double>(m.translated);
      recall += static_cast<double>(m.matched) / static_cast<double>(m.wanted);
      ++lengths;
    }
    if (precision + recall == 0) return 0;
    precision /= lengths;
    recall /= lengths;
    return 100 * (1 + factor) * precision * recall / (factor * precision + recall);
  }
  static void write(std::string& gram, char32_t code) { append_utf8(gram, code); }
  static std::u32string without_spaces(std::string_view text) {
    std::u32string codes = decode_utf8(text);
    std::erase_if(codes, [](char32_t c) { return detail::is_space(c); });
    return codes;
  }

  statistics matches_{};
  detail::reference_counts counts_;
};

}  // namespace tenon::text
