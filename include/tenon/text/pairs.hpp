// SPDX-License-Identifier: BSL-1.0
// Sentence pairs from a tab-separated file, such as the exports of Tatoeba at manythings.org/anki, or from
// two files line by line, such as Multi30k's.
#pragma once
#include <cstddef>
#include <filesystem>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tenon/error.hpp"
#include "tenon/text/lines.hpp"

namespace tenon::text {

/// A sentence and its translation, as they stand in the file.
struct sentence_pair {
  std::string source, target;
  bool operator==(sentence_pair const&) const = default;
};

/// Splits a line at its first two tabs into `pair`; later columns (an attribution, say) are ignored. Returns
/// what is wrong with the line, or nullptr.
inline char const* parse_pair(std::string_view line, sentence_pair& pair) {
  constexpr auto advice = "has one column: a line is the source sentence, a tab, the target sentence";
  std::size_t const tab = line.find('\t');
  if (tab == std::string_view::npos) return advice;
  std::string_view const source = line.substr(0, tab);
  std::string_view const target = line.substr(tab + 1, line.find('\t', tab + 1) - (tab + 1));
  if (is_blank(source)) {
    return "has no source sentence before the tab: fill it in or delete the line";
  }
  if (is_blank(target)) {
    return "has no target sentence after the tab: fill it in or delete the line";
  }
  pair.source = source;
  pair.target = target;
  return nullptr;
}

/// Reads at most `max_pairs` pairs from the start of a UTF-8 file: source, tab, target on each line, blank
/// lines skipped. Lines after the last pair wanted are not looked at. Throws tenon::error (with path and
/// line) for a missing, unreadable or empty file, and for lines that are not two columns of valid UTF-8.
inline std::vector<sentence_pair> read_pairs(
    std::filesystem::path const& path, std::size_t max_pairs = std::numeric_limits<std::size_t>::max()) {
  line_reader reader(path);
  if (max_pairs == 0) throw error(reader.name() + ": asked for 0 sentence pairs: ask for at least 1");
  std::vector<sentence_pair> pairs;
  std::string_view line;
  while (pairs.size() < max_pairs && reader.next(line)) {
    if (is_blank(line)) continue;
    sentence_pair pair;
    if (char const* wrong = parse_pair(line, pair)) reader.fail(wrong);
    pairs.push_back(std::move(pair));
  }
  if (pairs.empty()) {
    throw error(reader.name() +
                ": has no sentence pairs: a line is the source sentence, a tab, the target sentence");
  }
  return pairs;
}

/// Reads at most `max_pairs` pairs from two files: line n of one is the translation of line n of the other;
/// where both are blank there is no pair. Throws tenon::error as read_pairs does, where one file has a
/// sentence and the other has none, and where the first line has a tab: then it is a file of pairs.
inline std::vector<sentence_pair> read_parallel(
    std::filesystem::path const& source, std::filesystem::path const& target,
    std::size_t max_pairs = std::numeric_limits<std::size_t>::max()) {
  line_reader sources(source), targets(target);
  std::vector<sentence_pair> pairs;
  std::string_view source_line, target_line;
  while (pairs.size() < max_pairs) {
    bool const more = sources.next(source_line), more_targets = targets.next(target_line);
    if (more != more_targets) {
      (more ? sources : targets)
          .fail("has no line beside it in " + (more ? targets : sources).name() +
                ": give two files of which each line translates the other's");
    }
    if (!more) break;
    if (is_blank(source_line) && is_blank(target_line)) continue;
    if (pairs.empty()) {  // such a file has tabs in all its lines; other text has one here and there
      for (auto const& [lines, line] : {std::pair{&sources, source_line}, std::pair{&targets, target_line}})
        if (line.find('\t') != std::string_view::npos)
          lines->fail("has a tab: of two files each has a sentence in a line; give a file of pairs alone");
    }
    if (is_blank(source_line))
      sources.fail("is blank where " + targets.name() + " has a sentence: fill it in");
    if (is_blank(target_line))
      targets.fail("is blank where " + sources.name() + " has a sentence: fill it in");
    pairs.push_back({std::string(source_line), std::string(target_line)});
  }
  if (pairs.empty()) throw error(sources.name() + ": has no sentences: give text with one on each line");
  return pairs;
}

}  // namespace tenon::text
