// SPDX-License-Identifier: BSL-1.0
// Corpus BLEU and chrF against the figures of sacreBLEU: tests/reference/make_scores.py made the file.
#include <doctest/doctest.h>

#include <array>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tenon/error.hpp"
#include "tenon/text/corpus_scores.hpp"
#include "tenon/text/lines.hpp"

using namespace tenon::text;

TEST_CASE("BLEU and chrF of corpora are sacreBLEU's") {
  line_reader lines(std::filesystem::path(TENON_SOURCE_DIR) / "tests/reference/data/scores.tsv");
  corpus_bleu bleu;
  corpus_chrf chrf;
  std::size_t corpora = 0;
  for (std::string_view line; lines.next(line);) {
    if (line.starts_with('#')) continue;
    std::vector<std::string_view> fields;
    for (std::size_t at = 0, tab = 0; tab != std::string_view::npos; at = tab + 1) {
      tab = line.find('\t', at);
      fields.push_back(line.substr(at, tab == std::string_view::npos ? tab : tab - at));
    }
    REQUIRE(fields.size() >= 2);
    if (fields[0] != "=") {
      bleu.add(fields[0], std::span(fields).subspan(1));
      chrf.add(fields[0], std::span(fields).subspan(1));
      continue;
    }
    ++corpora;
    CAPTURE(corpora);
    CHECK(bleu.score() == doctest::Approx(std::stod(std::string(fields[1]))).epsilon(1e-9));
    CHECK(chrf.score() == doctest::Approx(std::stod(std::string(fields[2]))).epsilon(1e-9));
    bleu = {};
    chrf = {};
  }
  CHECK(corpora == 13);
}

TEST_CASE("signatures say how many references there are") {
  using namespace std::string_view_literals;
  corpus_bleu bleu;
  CHECK(bleu.signature() == "nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp");
  bleu.add("a", std::array{"a"sv, "b"sv});
  CHECK(bleu.signature().starts_with("nrefs:2|"));
  bleu.add("a", "b");
  CHECK(bleu.signature().starts_with("nrefs:var|"));
  CHECK(corpus_chrf{}.signature() == "nrefs:1|case:mixed|eff:yes|nc:6|nw:0|space:no");
}

TEST_CASE("space at the end of a line is cut off before its words are found") {
  for (auto const* line : {"a b c d foo-\n", "a b c d foo- "}) {
    corpus_bleu bleu;
    bleu.add(line, "a b c d foo");
    CHECK(bleu.score() == doctest::Approx(66.87403049764218).epsilon(1e-9));  // as sacreBLEU 2.6.0 has it
  }
}

TEST_CASE("scores of nothing, and of what is not text") {
  CHECK(corpus_bleu{}.score() == 0);
  CHECK(corpus_chrf{}.score() == 0);
  corpus_bleu bleu;
  CHECK_THROWS_AS(bleu.add("\xff", "a"), tenon::error);
  corpus_chrf chrf;
  CHECK_THROWS_AS(chrf.add("a", "\xc3"), tenon::error);
  CHECK_THROWS_AS(bleu.add("a", std::span<std::string_view const>{}), tenon::error);
  CHECK_THROWS_AS(chrf.add("a", std::span<std::string_view const>{}), tenon::error);
  CHECK(tokenise_13a("Don't: 3,5-4 (x).") ==
        std::vector<std::string>{"Don't", ":", "3,5", "-", "4", "(", "x", ")", "."});
}
