// SPDX-License-Identifier: BSL-1.0
// Corpus BLEU and chrF against the figures of sacreBLEU: tests/reference/make_scores.py made the file.
#include <doctest/doctest.h>

#include <filesystem>
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
    auto const tab = line.find('\t');
    REQUIRE(tab != std::string_view::npos);
    auto const left = line.substr(0, tab), right = line.substr(tab + 1);
    if (left != "=") {
      bleu.add(left, right);
      chrf.add(left, right);
      continue;
    }
    ++corpora;
    CAPTURE(corpora);
    auto const second = right.find('\t');
    CHECK(bleu.score() == doctest::Approx(std::stod(std::string(right.substr(0, second)))).epsilon(1e-9));
    CHECK(chrf.score() == doctest::Approx(std::stod(std::string(right.substr(second + 1)))).epsilon(1e-9));
    bleu = {};
    chrf = {};
  }
  CHECK(corpora == 10);
}

TEST_CASE("scores of nothing, and of what is not text") {
  CHECK(corpus_bleu{}.score() == 0);
  CHECK(corpus_chrf{}.score() == 0);
  corpus_bleu bleu;
  CHECK_THROWS_AS(bleu.add("\xff", "a"), tenon::error);
  corpus_chrf chrf;
  CHECK_THROWS_AS(chrf.add("a", "\xc3"), tenon::error);
  CHECK(tokenise_13a("Don't: 3,5-4 (x).") ==
        std::vector<std::string>{"Don't", ":", "3,5", "-", "4", "(", "x", ")", "."});
}
