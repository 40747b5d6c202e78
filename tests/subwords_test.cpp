// SPDX-License-Identifier: BSL-1.0
#include "tenon/text/subwords.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "tenon/text/pairs.hpp"

using namespace tenon::text;

namespace {

std::vector<sentence_pair> const& corpus() {
  static auto const pairs =
      read_pairs(std::filesystem::path(TENON_SOURCE_DIR) / "examples" / "data" / "eng-fra.tsv");
  return pairs;
}

constexpr subword_rules small{
    .source_pieces = 300, .target_pieces = 350, .source_steps = 8, .target_steps = 10};

languages<subword_tokeniser> const& learnt() {
  static auto const both = learn(corpus(), small);
  return both;
}

template <class F>
std::string message_of(F const& f) {
  try {
    f();
  } catch (tenon::error const& wrong) {
    return wrong.what();
  }
  return "";
}

bool has(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

}  // namespace

TEST_CASE("sub-words: tokens become the sentence again, in its case and spacing") {
  auto const& [source, target] = learnt();
  CHECK(source.words.size() <= 300);
  CHECK(source.words.size() > 200);
  CHECK(target.words.size() <= 350);
  std::size_t tokens = 0, words = 0;
  for (auto const& pair : corpus()) {
    auto const made = target.tokeniser.tokens(pair.target);
    CHECK(target.tokeniser.text(made) == pair.target);
    CHECK(target.tokeniser.comparable(pair.target) == pair.target);
    tokens += made.size();
    words += split(pair.target).size();
  }
  // Longer than words, much shorter than letters.
  CHECK(tokens > words);
  CHECK(tokens < 4 * words);
}

TEST_CASE("sub-words: special tokens have the ids of 0.17, and no text gives them") {
  auto const& words = learnt().target.words;
  CHECK(words.unk() == 0);
  CHECK(words.pad() == 1);
  CHECK(words.bos() == 2);
  CHECK(words.eos() == 3);
  for (std::string_view text : {"<eos>", "<pad> <bos>", "a<unk>b"})
    for (auto const& token : learnt().target.tokeniser.tokens(text)) {
      CAPTURE(token);
      CHECK(words.id(token) != words.pad());
      CHECK(words.id(token) != words.bos());
      CHECK(words.id(token) != words.eos());
    }
  // Of pieces without a Latin letter, one that is a run of unknown letters.
  subword_rules const rules{.source_pieces = 40, .target_pieces = 40, .source_steps = 8, .target_steps = 8};
  std::vector<sentence_pair> russian;
  for (auto const* text :
       {"привет мир", "мир и труд", "привет и привет", "труд и мир", "и мир и труд и привет"})
    russian.push_back({text, text});
  auto const cyrillic = learn(russian, rules);
  for (std::string_view text : {"привет <pad> мир", "<eos>", "мир <bos>"})
    for (auto const& token : cyrillic.source.tokeniser.tokens(text)) {
      CAPTURE(token);
      CHECK(cyrillic.source.words.id(token) != words.pad());
      CHECK(cyrillic.source.words.id(token) != words.bos());
      CHECK(cyrillic.source.words.id(token) != words.eos());
    }
  // A letter that no sentence had.
  auto const snowman = learnt().target.tokeniser.tokens("\u2603");
  REQUIRE(!snowman.empty());
  CHECK(words.id(snowman.back()) == words.unk());
  CHECK(learnt().target.tokeniser.tokens("").empty());
  CHECK(learnt().target.tokeniser.text({}).empty());
}

TEST_CASE("sub-words: learning and loading give the same again") {
  auto const again = learn(corpus(), small);
  CHECK(again.source.words == learnt().source.words);
  CHECK(again.target.tokeniser.stored() == learnt().target.tokeniser.stored());
  subword_tokeniser const loaded(learnt().source.tokeniser.stored());
  CHECK(loaded.words() == learnt().source.words);
  for (auto const& pair : corpus())
    CHECK(loaded.tokens(pair.source) == learnt().source.tokeniser.tokens(pair.source));
}

TEST_CASE("sub-words: rows are ended, cut and padded") {
  auto const& [source, target] = learnt();
  auto const rows = encode(corpus(), source, target, small);
  for (std::size_t p = 0; p < rows.pairs; ++p) {
    auto const length = source.tokeniser.tokens(corpus()[p].source).size();
    CHECK(static_cast<std::size_t>(rows.source_valid[p]) == std::min<std::size_t>(length + 1, 8));
    if (length < 8) CHECK(rows.source[p * 8 + length] == source.words.eos());
    CHECK(rows.target_input[p * 10] == target.words.bos());
  }
}

TEST_CASE("sub-words: what cannot be learnt or loaded is said in one line") {
  auto const stored = learnt().source.tokeniser.stored();
  std::vector<std::string> bad{"", "no model", stored.substr(0, stored.size() / 2),
                               std::string(1000, '\xff')};
  for (auto const& content : bad) {
    auto const message = message_of([&] { subword_tokeniser const made(content); });
    CHECK(has(message, "SentencePiece"));
    CHECK(!has(message, "\n"));
  }
  CHECK(has(message_of([&] { (void)learn({}, small); }), "SentencePiece cannot learn"));
  std::vector<sentence_pair> const invisible{{"\u00a0 \u200b\u2581", "go"}, {"\u3000\ufffd\x07", "home"}};
  CHECK(has(message_of([&] { (void)learn(invisible, small); }), "nothing to see"));
  CHECK(has(message_of([&] { (void)learn(corpus(), small, {.source = 100, .target = 400}); }),
            "source vocabulary has"));
  CHECK(has(message_of([&] { (void)learnt().source.tokeniser.tokens("\xff"); }), "UTF-8"));
  // Whatever was done to a stored model, it is refused or works.
  for (std::size_t at = 0; at < stored.size(); at += stored.size() / 200 + 1) {
    auto damaged = stored;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x15);
    static_cast<void>(message_of([&] {
      subword_tokeniser const made(damaged);
      static_cast<void>(made.words());
      static_cast<void>(made.text(made.tokens("go home .")));
    }));
  }
}
