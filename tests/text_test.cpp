// SPDX-License-Identifier: BSL-1.0
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tenon/text/batches.hpp"
#include "tenon/text/bleu.hpp"
#include "tenon/text/dataset.hpp"
#include "tenon/text/length_buckets.hpp"
#include "tenon/text/lines.hpp"
#include "tenon/text/pairs.hpp"
#include "tenon/text/static_words.hpp"
#include "tenon/text/tokenise.hpp"
#include "tenon/text/utf8.hpp"
#include "tenon/text/vocabulary.hpp"

#ifndef TENON_SHARED_DATA
#define TENON_SHARED_DATA "../shared/data"
#endif

namespace {

using namespace tenon::text;
using tenon::printable;
using namespace std::string_literals;
namespace fs = std::filesystem;
using tokens = std::vector<std::string>;
using ids = std::vector<std::int32_t>;

/// A folder of its own, removed at the end of the test.
class scratch {
 public:
  scratch() {
    auto const base = fs::temp_directory_path();
    for (int i = 0;; ++i) {
      path_ = base / ("tenon_text_test_" + std::to_string(i));
      if (fs::create_directory(path_)) return;
    }
  }
  scratch(scratch const&) = delete;
  scratch& operator=(scratch const&) = delete;
  ~scratch() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  fs::path file(std::string const& name, std::string const& content) const {
    std::ofstream(path_ / name, std::ios::binary) << content;
    return path_ / name;
  }
  fs::path const& path() const { return path_; }

 private:
  fs::path path_;
};

/// The message of the tenon::error that `action` throws; empty if it throws none.
template <class Action>
std::string message_of(Action action) {
  try {
    action();
  } catch (tenon::error const& e) {
    return e.what();
  }
  return "";
}

bool has(std::string const& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

vocabulary words(std::initializer_list<char const*> list) {
  return vocabulary(tokens(list.begin(), list.end()));
}

TEST_CASE("buckets of lengths leave as few steps as any that are cut by the longer side") {
  std::uint32_t state = 5;
  auto const draw = [&](std::uint32_t most) {
    return 1 + ((state = state * 1664525U + 1013904223U) >> 16) % most;
  };
  for (int round = 0; round < 20; ++round) {
    std::vector<pair_length> lengths(static_cast<std::size_t>(draw(30)));
    for (auto& l : lengths) l = {draw(9), draw(9)};
    auto const steps_of = [&](std::span<length_bucket const> buckets) {
      std::size_t steps = 0;
      for (auto const& l : lengths) {
        auto const b = std::ranges::find_if(buckets, [&](length_bucket const& x) {
          return l.source <= x.source_steps && l.target <= x.target_steps;
        });
        REQUIRE(b != buckets.end());
        steps += b->source_steps + b->target_steps;
      }
      return steps;
    };
    auto const chosen = choose_buckets(lengths, 3);
    std::size_t held = 0, all = 0;
    for (auto const& b : chosen) held += b.pairs;
    for (auto const& l : lengths) all += l.source + l.target;
    CHECK(held == lengths.size());
    CHECK(filled(chosen, lengths) ==
          doctest::Approx(static_cast<double>(all) / static_cast<double>(steps_of(chosen))));
    auto const room_for = [&](std::size_t most) {  // of all pairs with sides up to that
      length_bucket room;
      for (auto const& l : lengths)
        if (std::max(l.source, l.target) <= most)
          room = {std::max(room.source_steps, l.source), std::max(room.target_steps, l.target), 0};
      return room;
    };
    for (std::size_t a = 1; a <= 9; ++a)
      for (std::size_t b = a; b <= 9; ++b)
        CHECK(steps_of(chosen) <= steps_of(std::array{room_for(a), room_for(b), room_for(9)}));
  }
  std::vector<pair_length> outlier(1000, {5, 6});
  outlier.back() = {90, 80};
  CHECK(choose_buckets(outlier, 4, 0.999).back().source_steps == 5);
  CHECK(choose_buckets(outlier, 4).back().source_steps == 90);
  CHECK(choose_buckets(outlier, 4).size() == 2);
  // Of a few pairs 99.9 % are all.
  CHECK(choose_buckets(std::span(outlier).last(300), 2, 0.999).back().source_steps == 90);
  CHECK_THROWS_AS(choose_buckets({}, 4), tenon::error);
  CHECK_THROWS_AS(choose_buckets(outlier, 0), tenon::error);
}

constexpr std::string_view some_words[] = {"b",       "<unk>", "a",        "<eos>", "<pad>", "",
                                           "\u03c3a", ".",     "i\u0307s", "<bos>", "?"};

TEST_CASE("sentences are encoded alike with and without a heap") {
  using fixed = static_vocabulary<some_words>;
  vocabulary const words({std::begin(some_words), std::end(some_words)});
  CHECK(fixed::longest == 5);
  CHECK((fixed::unk == words.unk() && fixed::pad == words.pad() && fixed::eos == words.eos()));
  for (auto const& rules : {d2l_1_0, d2l_0_17, mxnet_lstm})
    for (bool const eos : {true, false})
      for (std::string const& sentence :
           {"a b"s, "A  B."s, ""s, " "s, "a?b"s, "a\u202f."s, "\u03a3A \u0130S"s, "abcdefghijklm a"s,
            "<pad> a"s, "a b a b a b a b a b a b"s, ". . a"s, "b "s}) {
        CAPTURE(sentence);
        ids made(9), wanted(9);
        auto const words_of_it = tokenise(sentence, rules);
        auto const valid = encode_row(words_of_it, eos, words, wanted);
        auto const row = encode_words<fixed>(sentence, rules, eos, made);
        REQUIRE(row.has_value());
        CHECK(made == wanted);
        CHECK(row->valid == valid);
        CHECK(row->tokens == words_of_it.size());
      }
  ids row(9);
  CHECK(!encode_words<fixed>("a \xff", d2l_1_0, true, row));
  CHECK(!encode_words<fixed>(std::string(most_code_points + 1, 'a'), d2l_1_0, true, row));
  CHECK(encode_words<fixed>(std::string(most_code_points, 'a'), d2l_1_0, true, row)->tokens == 1);
}

}  // namespace

TEST_CASE("pairs: columns, line ends, byte order mark, limit") {
  scratch const folder;
  auto const path = folder.file("pairs.tsv",
                                "\xEF\xBB\xBFgo .\tva !\r\n"
                                "\r\n"
                                "  \t \n"
                                "hi\tsalut\tCC-BY 2.0 (by X)\tmore\n"
                                "caf\u00e9\tno newline at the end");
  auto const all = read_pairs(path);
  REQUIRE(all.size() == 3);
  CHECK(all[0] == sentence_pair{"go .", "va !"});
  CHECK(all[1] == sentence_pair{"hi", "salut"});
  CHECK(all[2] == sentence_pair{"caf\u00e9", "no newline at the end"});
  CHECK(read_pairs(path, 2).size() == 2);
  // What lies behind the last pair wanted may be anything.
  CHECK(read_pairs(folder.file("tail", "a\tb\n\xFF\xFF"), 1).size() == 1);
  // The longest line that is accepted, with LF, CRLF and without a line end.
  std::string const longest = std::string(longest_line - 2, 'a') + "\tb";
  for (std::string const end : {"", "\n", "\r\n"}) {
    CHECK(read_pairs(folder.file("long", longest + end)).front().target == "b");
  }
}

TEST_CASE("pairs: bad files give one line that says where and what to do") {
  scratch const folder;
  struct bad {
    char const* what;
    std::string content;
    char const* place;
    char const* part;
  };
  std::vector<bad> const table = {
      {"empty file", "", "bad.tsv: ", "no sentence pairs"},
      {"only a mark", "\xEF\xBB\xBF", "bad.tsv: ", "no sentence pairs"},
      {"blank lines", "\n\r\n \n", "bad.tsv: ", "no sentence pairs"},
      {"one column", "a\tb\n\nonly one\n", "bad.tsv:3: ", "one column"},
      {"no source", "a\tb\n\tb\n", "bad.tsv:2: ", "no source sentence"},
      {"no target", "a\t \n", "bad.tsv:1: ", "no target sentence"},
      {"Latin-1", "a\tb\ncaf\xE9\tx\n", "bad.tsv:2: ", "UTF-8 (byte 4)"},
      {"overlong", "a\tb\xC0\xAF\n", "bad.tsv:1: ", "UTF-8 (byte 4)"},
      {"surrogate", "a\t\xED\xA0\x80\n", "bad.tsv:1: ", "UTF-8 (byte 3)"},
      {"beyond U+10FFFF", "a\t\xF4\x90\x80\x80\n", "bad.tsv:1: ", "UTF-8 (byte 3)"},
      {"cut sequence at the end", "a\t\xE2\x82", "bad.tsv:1: ", "UTF-8 (byte 3)"},
      {"bad bytes in an ignored column", "a\tb\t\xFF\n", "bad.tsv:1: ", "UTF-8 (byte 5)"},
      {"UTF-16 LE", "\xFF\xFEg\0o\0\t\0v\0a\0\n\0"s, "bad.tsv:1: ", "UTF-16"},
      {"UTF-16 BE", "\xFE\xFF\0g\0o\0\t\0v\0a\0\n"s, "bad.tsv:1: ", "UTF-16"},
      {"UTF-16 LE without mark", "g\0o\0\t\0v\0a\0\n\0"s, "bad.tsv:1: ", "NUL"},
      {"UTF-16 of ideographs, no NUL", "\xFF\xFE\x2D\x4E\x87\x65", "bad.tsv:1: ", "UTF-16"},
      {"binary", "a\tb\nx\ty\0z\n"s, "bad.tsv:2: ", "NUL"},
      {"gzip", "\x1F\x8B\x08\x01\xAA\xBB", "bad.tsv:1: ", "compressed"},
      {"long line", "a\tb\nc\t" + std::string(longest_line - 1, 'x') + "\n",
       "bad.tsv:2: ", "longer than 65536"},
      {"endless line", std::string(10 * longest_line, 'x'), "bad.tsv:1: ", "longer than 65536"},
      {"old Mac line ends", "a\tb\rc\td\r", "bad.tsv:1: ", "carriage return"},
  };
  for (auto const& [what, content, place, part] : table) {
    CAPTURE(what);
    auto const path = folder.file("bad.tsv", content);
    std::string const message = message_of([&] { (void)read_pairs(path); });
    CAPTURE(message);
    CHECK(has(message, folder.path().string()));
    CHECK(has(message, place));
    CHECK(has(message, part));
    CHECK(!has(message, "\n"));
  }
  CHECK(has(message_of([&] { (void)read_pairs(folder.path() / "missing"); }),
            "missing: cannot be opened (No such"));
  CHECK(has(message_of([&] { (void)read_pairs(folder.path() / "a\nb"); }), "a\\x0ab: cannot be opened"));
  CHECK(has(message_of([&] { (void)read_pairs(folder.path()); }), "is a directory"));
  CHECK(has(message_of([&] { (void)read_pairs(folder.file("p", "a\tb"), 0); }), "asked for 0"));
}

TEST_CASE("pairs: what cannot be read is an error, and not the end of the file") {
  // Linux opens this file for its process, but refuses to read its first page.
  if (!fs::exists("/proc/self/mem")) {
    MESSAGE("skipped: no /proc/self/mem");
    return;
  }
  CHECK(has(message_of([] { (void)read_pairs("/proc/self/mem"); }), "cannot be read ("));
  // A permission does not stop the superuser, so the check is made only where it holds.
  scratch const folder;
  auto const path = folder.file("closed", "a\tb\n");
  fs::permissions(path, fs::perms::none);
  if (std::FILE* open = std::fopen(path.string().c_str(), "rb")) {
    std::fclose(open);
  } else {
    CHECK(has(message_of([&] { (void)read_pairs(path); }), "cannot be opened (Permission denied"));
  }
}

TEST_CASE("lines: a stream is read and left open") {
  std::FILE* stream = std::tmpfile();
  REQUIRE(stream != nullptr);
  std::fputs("one\n\ntwo", stream);
  std::rewind(stream);
  {
    line_reader reader(stream, "standard input");
    std::string_view line;
    tokens read;
    while (reader.next(line)) read.emplace_back(line);
    CHECK(read == tokens{"one", "", "two"});
    CHECK(reader.number() == 3);
    CHECK(!reader.next(line));
    CHECK(message_of([&] { reader.fail("what"); }) == "standard input:3: what");
  }
  CHECK(std::fseek(stream, 0, SEEK_SET) == 0);
  CHECK(std::fgetc(stream) == 'o');
  std::fclose(stream);
}

TEST_CASE("utf8: decoding and what is shown") {
  CHECK(decode_utf8("a\u00e9\u20ac\U0001F600") == U"a\u00e9\u20ac\U0001F600");
  std::string back;
  for (char32_t const code : U"a\u00e9\u20ac\U0001F600"s) append_utf8(back, code);
  CHECK(back == "a\u00e9\u20ac\U0001F600");
  CHECK(valid_utf8_prefix("ab\xC3") == 2);
  CHECK(has(message_of([] { (void)decode_utf8("ab\xFFz"); }), "not valid UTF-8 (byte 3)"));
  CHECK(printable("a\tb\x1B[1m") == "a\\x09b\\x1b[1m");
  CHECK(printable("ab\u00e9\u00e9", 4) == "ab\u00e9...");
  CHECK(printable("ab\u00e9", 4) == "ab\u00e9");
}

TEST_CASE("tokenise: the 1.0 rules") {
  CHECK(tokenise("Go.") == tokens{"go", "."});
  CHECK(tokenise("Va\u202f!") == tokens{"va", "!"});
  CHECK(tokenise("Cours\u00a0!") == tokens{"cours", "!"});
  CHECK(tokenise("He's calm.") == tokens{"he's", "calm", "."});
  CHECK(tokenise("Wait... what?!") == tokens{"wait", ".", ".", ".", "what", "?", "!"});
  CHECK(tokenise("  two  spaces ") == tokens{"two", "spaces"});
  CHECK(tokenise("3,5 m") == tokens{"3", ",5", "m"});
  CHECK(tokenise("\u00c9T\u00c9 \u0152UVRE \u00c7A") == tokens{"\u00e9t\u00e9", "\u0153uvre", "\u00e7a"});
  CHECK(tokenise("a\tb") == tokens{"a\tb"});
  CHECK(tokenise("").empty());
  CHECK(tokenise("   ").empty());
  // The first character gets no space before it, and none is added where one stands.
  CHECK(normalise(".a .b", d2l_1_0) == ".a .b");
  CHECK(normalise("!?", d2l_1_0) == "! ?");
  CHECK(has(message_of([] { (void)tokenise("caf\xE9"); }), "not valid UTF-8"));
}

TEST_CASE("tokenise: other recipes' rules") {
  CHECK(tokenise("Who  is it?", d2l_0_17) == tokens{"who", "", "is", "it", "?"});
  CHECK(tokenise("", d2l_0_17) == tokens{""});
  CHECK(tokenise("a ", d2l_0_17) == tokens{"a", ""});
  CHECK(tokenise("Who? Me!", mxnet_lstm) == tokens{"who?", "me", "!"});
  constexpr tokenisation_rules chinese{.lowercase = false, .spaced_punctuation = U"\u3002\uff01"};
  CHECK(tokenise("Tom \u4f60\u597d\uff01", chinese) == tokens{"Tom", "\u4f60\u597d", "\uff01"});
}

TEST_CASE("tokenise: lower case of whole strings, as str.lower() gives it") {
  CHECK(lower(U"\u0130STANBUL") == U"i\u0307stanbul");
  CHECK(lower(U"\u1E9E\u01C5\u2160\U00010400") == U"\u00df\u01C6\u2170\U00010428");
  // Sigma: at the end of a word, inside, alone, before an apostrophe and more letters, at the end of a
  // sentence.
  CHECK(lower(U"\u039F\u03A3 \u03A3\u0391\u03A3.") == U"\u03BF\u03C2 \u03C3\u03B1\u03C2.");
  CHECK(lower(U"\u03A3") == U"\u03C3");
  CHECK(lower(U"A\u03A3'B A\u03A3\u0301 1\u03A3") == U"a\u03C3'b a\u03C2\u0301 1\u03C3");
}

TEST_CASE("tokenise: join undoes split") {
  CHECK(join(tokens{"va", "!"}) == "va !");
  CHECK(join(tokens{}) == "");
  CHECK(split(join(tokens{"a", "b", "c"})) == tokens{"a", "b", "c"});
}

TEST_CASE("vocabulary: order of code point") {
  token_counts counts;
  for (char const* token : {"b", "b", "a", "a", "rare", "\u00e9", "\u00e9", "\U0001F600", "\U0001F600",
                            "\uff01", "\uff01", "<pad>", "<pad>", "Z", "Z"}) {
    counts.add(token);
  }
  counts.add("never", 0);
  auto const source = vocabulary::by_code_point(counts, 2, side::source);
  // U+FF01 sorts before U+1F600, which an order by UTF-16 units would get wrong.
  CHECK(source.tokens() ==
        tokens{"<eos>", "<pad>", "<unk>", "Z", "a", "b", "\u00e9", "\uff01", "\U0001F600"});
  CHECK(source.eos() == 0);
  CHECK(source.pad() == 1);
  CHECK(source.unk() == 2);
  CHECK(source.id("b") == 5);
  CHECK(source.id("rare") == source.unk());
  CHECK(source.token(5) == "b");
  CHECK(source.contains("a"));
  CHECK(!source.contains("rare"));
  CHECK(has(message_of([&] { (void)source.bos(); }), "no <bos>"));
  auto const target = vocabulary::by_code_point(counts, 1, side::target);
  CHECK(target.size() == 11);
  CHECK(target.token(target.bos()) == "<bos>");
  for (std::int32_t const id : {-1, 11, 1 << 30}) {
    CHECK(has(message_of([&] { (void)target.token(id); }), "outside the vocabulary of 11 tokens"));
  }
}

TEST_CASE("vocabulary: order of frequency, stable") {
  token_counts counts;
  for (char const* token : {"once", "z", "a", "m", "a", "z", "m", "m", "<eos>", "<eos>"}) counts.add(token);
  auto const v = vocabulary::by_frequency(counts, 2);
  CHECK(v.tokens() == tokens{"<unk>", "<pad>", "<bos>", "<eos>", "m", "z", "a"});
  CHECK(v.bos() == 2);
}

TEST_CASE("vocabulary: from a stored list") {
  auto const v = words({"<eos>", "<pad>", "<unk>", "x", ""});
  CHECK(v.id("x") == 3);
  CHECK(v.id("") == 4);
  CHECK(vocabulary(v.tokens()) == v);
  auto const copy = v;  // a copy must not look into the original
  CHECK(copy.id("x") == 3);
  struct bad {
    tokens list;
    char const* part;
  };
  std::vector<bad> const table = {
      {{}, "is empty"},
      {{"<pad>", "<eos>"}, "no <unk>"},
      {{"<unk>", "<eos>"}, "no <pad>"},
      {{"<unk>", "<pad>"}, "no <eos>"},
      {{"<unk>", "<pad>", "<eos>", "a\n", "a\n"}, "\"a\\x0a\" twice"},
      {{"<unk>", "<pad>", "<eos>", "\xFF"}, "token 3 of the vocabulary is not valid"}};
  for (auto const& [list, part] : table) {
    std::string const message = message_of([&] { vocabulary const made(list); });
    CAPTURE(message);
    CHECK(has(message, part));
    CHECK(!has(message, "\n"));
  }
}

TEST_CASE("dataset: rows are ended, cut, padded and shifted") {
  language<word_tokeniser> const source{{d2l_1_0}, words({"<eos>", "<pad>", "<unk>", "a", "b"})};
  language<word_tokeniser> const target{{d2l_1_0}, words({"<bos>", "<eos>", "<pad>", "<unk>", "x", "y"})};
  dataset_rules rules;
  rules.source_steps = 3;
  rules.target_steps = 2;
  std::vector<sentence_pair> const pairs = {{"a", "x"}, {"A b", "x y"}, {"a b c", "z"}, {"a b a b", " "}};
  auto const e = encode(pairs, source, target, rules);
  CHECK(e.pairs == 4);
  CHECK(e.source_steps == 3);
  CHECK(e.target_steps == 2);
  CHECK(e.source == ids{3, 0, 1, 3, 4, 0, 3, 4, 2, 3, 4, 3});
  CHECK(e.source_valid == ids{2, 3, 3, 3});
  CHECK(e.labels == ids{4, 1, 4, 5, 3, 1, 1, 2});
  CHECK(e.target_input == ids{0, 4, 0, 4, 0, 3, 0, 1});
  CHECK(e.label_weights == std::vector<float>{1, 1, 1, 1, 1, 1, 1, 0});
  CHECK(e.label_tokens() == 7);

  rules.source_eos = false;
  ids row(3, -1);
  CHECK(encode_source("a", source, rules, row) == 1);
  CHECK(row == ids{3, 1, 1});
  // "<pad>" typed by a user is a pad, and not counted.
  CHECK(encode_source("a <pad> b", source, rules, row) == 2);
  CHECK(encode_source("a", source, rules, std::span<std::int32_t>()) == 0);

  CHECK(encode(std::span<sentence_pair const>(), source, target, rules).pairs == 0);
  CHECK(has(message_of([&] { (void)encode(pairs, target, source, rules); }), "no <bos>"));
  rules.target_steps = 0;
  CHECK(has(message_of([&] { (void)encode(pairs, source, target, rules); }), "0 steps"));
  rules.target_steps = static_cast<std::size_t>(-1);
  CHECK(has(message_of([&] { (void)encode(pairs, source, target, rules); }), "steps: give between 1"));
}

TEST_CASE("dataset: what is counted for the vocabularies") {
  std::vector<sentence_pair> const pairs = {{"a b late", "x"}, {"b a late", "y"}};
  dataset_rules rules;
  rules.source_steps = 2;
  rules.target_steps = 2;
  // 1.0 counts the cut rows: "late" never shows. Specials that are too rare stay in, or rows could not be
  // padded.
  auto const as_seen = learn(pairs, rules);
  CHECK(as_seen.source.words.tokens() == tokens{"<eos>", "<pad>", "<unk>", "a", "b"});
  CHECK(as_seen.target.words.tokens() == tokens{"<bos>", "<eos>", "<pad>", "<unk>"});
  CHECK(encode(pairs, as_seen.source, as_seen.target, rules).source == ids{3, 4, 4, 3});
  // 0.17 counts the sentences.
  rules.order = vocabulary_order::by_frequency;
  auto const own = learn(pairs, rules);
  CHECK(own.source.words.tokens() == tokens{"<unk>", "<pad>", "<bos>", "<eos>", "a", "b", "late"});
  CHECK(own.target.words.size() == 4);

  CHECK(has(message_of([&] { (void)learn({}, rules); }), "no sentence pairs"));
  CHECK_NOTHROW((void)learn(pairs, rules, {.source = 7, .target = 4}));
  std::string const message = message_of([&] { (void)learn(pairs, rules, {.source = 6, .target = 4}); });
  CHECK(has(message, "source vocabulary has 7 tokens"));
  CHECK(has(message, "at most 6"));
  CHECK(has(message_of([&] { (void)learn(pairs, rules, {.source = 7, .target = 3}); }),
            "target vocabulary has 4"));
}

TEST_CASE("dataset: the figures of fra.txt") {
  fs::path const path = fs::path(TENON_SHARED_DATA) / "fra-eng" / "fra.txt";
  if (!fs::exists(path)) {
    MESSAGE("skipped: no " << path.string());
    return;
  }
  // A checksum over rows of ids, computed independently with the book's Python.
  auto const checksum = [](ids const& rows) {
    return std::accumulate(rows.begin(), rows.end(), std::int64_t{0},
                           [](std::int64_t sum, std::int32_t id) { return (sum * 31 + id) % 1000003; });
  };
  SUBCASE("1.0") {
    auto const pairs = read_pairs(path, 641);
    REQUIRE(pairs.size() == 641);
    auto const [source, target] = learn(pairs, d2l_1_0_dataset);
    auto const encoded = encode(pairs, source, target, d2l_1_0_dataset);
    CHECK(source.words.size() == 194);
    CHECK(source.words.eos() == 3);
    CHECK(source.words.pad() == 4);
    CHECK(source.words.unk() == 5);
    CHECK(target.words.size() == 214);
    CHECK(target.words.bos() == 3);
    CHECK(target.words.eos() == 4);
    CHECK(target.words.pad() == 5);
    CHECK(target.words.unk() == 6);
    CHECK(checksum(encoded.source) == 851807);
    CHECK(checksum(encoded.target_input) == 225346);
    CHECK(checksum(encoded.labels) == 70937);
    std::span const all(pairs);
    CHECK(encode(all.first(512), source, target, d2l_1_0_dataset).label_tokens() == 2136);
    CHECK(encode(all.last(129), source, target, d2l_1_0_dataset).label_tokens() == 628);
    CHECK(batch_order(512, 128, 0).batches() == 4);
  }
  SUBCASE("0.17") {
    auto const pairs = read_pairs(path, 601);
    auto const [source, target] = learn(pairs, d2l_0_17_dataset);
    auto const encoded = encode(pairs, source, target, d2l_0_17_dataset);
    CHECK(source.words.size() == 184);
    CHECK(target.words.size() == 201);
    CHECK(checksum(encoded.source) == 978564);
    CHECK(checksum(encoded.labels) == 173031);
  }
  SUBCASE("MXNet LSTM") {
    auto const [source, target] = learn(read_pairs(path, 1001), mxnet_lstm_dataset);
    CHECK(source.words.size() == 180);
    CHECK(target.words.size() == 162);
  }
  SUBCASE("the whole file") {
    auto const pairs = read_pairs(path);
    CHECK(pairs.size() == 167130);
    token_counts counts;
    for (auto const& pair : pairs) {
      for (auto const& token : tokenise(pair.source, d2l_0_17)) counts.add(token);
    }
    CHECK(vocabulary::by_frequency(counts, 2).size() == 10012);
  }
}

TEST_CASE("batches: every pair once, same order for the same seed and epoch") {
  batch_order order(10, 4, 7);
  CHECK(order.batches() == 3);
  auto const epoch = [&order] {
    std::vector<std::size_t> seen;
    for (std::size_t b = 0; b < order.batches(); ++b) {
      for (std::size_t const pair : order.batch(b)) seen.push_back(pair);
    }
    return seen;
  };
  std::vector<std::size_t> in_order(10);
  std::iota(in_order.begin(), in_order.end(), std::size_t{0});
  CHECK(epoch() == in_order);
  CHECK(order.batch(2).size() == 2);

  order.shuffle(3);
  auto const third = epoch();
  CHECK(third != in_order);
  CHECK(std::is_permutation(third.begin(), third.end(), in_order.begin()));
  // The very order, so that it stays the same on every platform and in every release.
  CHECK(third == std::vector<std::size_t>{8, 3, 0, 9, 7, 5, 2, 6, 1, 4});
  order.shuffle(4);
  CHECK(epoch() != third);
  order.shuffle(3);
  CHECK(epoch() == third);
  batch_order other(10, 4, 8);
  other.shuffle(3);
  CHECK(!std::ranges::equal(other.batch(0), std::span(third).first(4)));

  CHECK(batch_order(8, 4, 0).batches() == 2);
  CHECK(batch_order(1, 4, 0).batch(0).size() == 1);
  CHECK(has(message_of([&] { (void)order.batch(3); }), "an epoch has 3"));
  CHECK(has(message_of([] { batch_order const none(0, 4, 0); }), "no sentence pairs"));
  CHECK(has(message_of([] { batch_order const none(4, 0, 0); }), "batch size is 0"));
}

TEST_CASE("batches: each has pairs of one bucket, in another order in each epoch") {
  std::vector<std::size_t> buckets(100);
  for (std::size_t i = 0; i < buckets.size(); ++i) buckets[i] = i % 10 == 0 ? 2 : i % 3 == 0 ? 1 : 0;
  std::array<std::size_t, 3> const sizes{16, 8, 4};
  batch_order order(buckets, sizes, 5);
  std::array<std::size_t, 3> of_bucket{};
  for (std::size_t const b : buckets) ++of_bucket[b];
  CHECK(order.batches() == (of_bucket[0] + 15) / 16 + (of_bucket[1] + 7) / 8 + (of_bucket[2] + 3) / 4);
  std::vector<std::vector<std::size_t>> epochs;
  for (std::uint64_t const epoch : {1U, 2U, 1U}) {
    order.shuffle(epoch);
    std::vector<std::size_t> seen;
    std::size_t changes = 0;
    for (std::size_t i = 0; i < order.batches(); ++i) {
      CHECK(order.batch(i).size() <= sizes[order.bucket(i)]);
      changes += i > 0 && order.bucket(i) != order.bucket(i - 1) ? 1 : 0;
      for (std::size_t const pair : order.batch(i)) {
        CHECK(buckets[pair] == order.bucket(i));
        seen.push_back(pair);
      }
    }
    CHECK(changes > 2);  // the buckets are mixed
    epochs.push_back(seen);
    std::ranges::sort(seen);
    for (std::size_t i = 0; i < seen.size(); ++i) CHECK(seen[i] == i);
    CHECK(seen.size() == buckets.size());
  }
  CHECK(epochs[0] != epochs[1]);
  CHECK(epochs[0] == epochs[2]);
  CHECK(has(message_of([&] { batch_order const none(buckets, std::span(sizes).first(2), 0); }), "bucket 2"));
}

TEST_CASE("batches: rows are cut to the width that is wanted") {
  std::vector<int> const table{1, 2, 3, 4, 5, 6};
  std::vector<int> to(6, -1);
  std::vector<std::size_t> const rows{1, 0};
  copy_rows(table, row_width{3, 2}, rows, to, 9);
  CHECK(to == std::vector<int>{4, 5, 1, 2, 9, 9});
  CHECK(has(message_of([&] { copy_rows(table, row_width{3, 4}, rows, to, 9); }), "cannot be copied"));
}

TEST_CASE("pairs: two files line by line") {
  scratch const folder;
  auto const source = folder.file("source", "one\n\n three \n"),
             target = folder.file("target", "un\n\ntrois\n");
  CHECK(read_parallel(source, target) == std::vector<sentence_pair>{{"one", "un"}, {" three ", "trois"}});
  CHECK(read_parallel(source, target, 1).size() == 1);
  auto const shorter = folder.file("shorter", "un\n\n"), more = folder.file("more", "un\ndeux\n\n"),
             nothing = folder.file("nothing", "\n\n\n");
  auto const columns = folder.file("columns", "un\tone\n\ntrois\tthree\n");
  CHECK(has(message_of([&] { (void)read_parallel(source, columns); }), "columns:1: has a tab"));
  CHECK(has(message_of([&] { (void)read_parallel(columns, source); }), "columns:1: has a tab"));
  auto const tab = folder.file("tab", "un\n\nt\trois\n");
  CHECK(read_parallel(source, tab).back() == sentence_pair{" three ", "t\trois"});
  CHECK(has(message_of([&] { (void)read_parallel(source, shorter); }), "source:3: has no line beside it"));
  CHECK(has(message_of([&] { (void)read_parallel(shorter, source); }), "source:3: has no line beside it"));
  CHECK(has(message_of([&] { (void)read_parallel(source, more); }), "source:2: is blank where"));
  CHECK(has(message_of([&] { (void)read_parallel(more, source); }), "source:2: is blank where"));
  CHECK(has(message_of([&] { (void)read_parallel(nothing, nothing); }), "has no sentences"));
}

TEST_CASE("batches: all orders are about equally likely") {
  // 6 orders of 3 pairs in 6,000 epochs: 1,000 each, standard deviation 29.
  std::vector<int> times(27, 0);
  batch_order order(3, 3, 1);
  for (std::uint64_t e = 0; e < 6000; ++e) {
    order.shuffle(e);
    auto const o = order.batch(0);
    ++times[o[0] * 9 + o[1] * 3 + o[2]];
  }
  CHECK(std::count(times.begin(), times.end(), 0) == 21);
  for (int const n : times) CHECK((n == 0 || std::abs(n - 1000) < 150));
}

TEST_CASE("batches: rows are copied and the rest is filled") {
  ids const data = {1, 2, 3, 4, 5, 6};
  ids batch(6, -1);
  copy_rows(data, 2, std::vector<std::size_t>{2, 0}, batch, 9);
  CHECK(batch == ids{5, 6, 1, 2, 9, 9});
  CHECK(has(message_of([&] { copy_rows(data, 2, std::vector<std::size_t>{3}, batch, 9); }), "row 3"));
  CHECK(has(message_of([&] { copy_rows(data, 2, std::vector<std::size_t>(4, 0), batch, 9); }), "4 rows"));
  CHECK(has(message_of([&] { copy_rows(data, 0, std::vector<std::size_t>{0}, batch, 9); }), "width 0"));
}

TEST_CASE("bleu: the book's definition") {
  auto const near = [](double value) { return doctest::Approx(value).epsilon(1e-12); };
  CHECK(bleu("va !", "va !", 2) == near(1));
  CHECK(bleu("va", "va !", 2) == near(std::exp(-1.0)));
  // A longer prediction has no penalty: p1 = 4/6, p2 = 3/5.
  CHECK(bleu("il est calme . <unk> .", "il est calme .", 2) ==
        near(std::pow(4.0 / 6, 0.5) * std::pow(3.0 / 5, 0.25)));
  // Clipped: the label has "a" once, so p1 = 1/3, p2 = 0.
  CHECK(bleu("a a a", "a", 1) == near(std::sqrt(1.0 / 3)));
  CHECK(bleu("a a a", "a", 2) == 0);
  // One word cannot have a bigram, and is judged by its unigram alone.
  CHECK(bleu("a", "a", 4) == near(1));
  CHECK(bleu("je suis \u00e0 la maison .", "je suis chez moi .", 2) ==
        near(std::pow(3.0 / 6, 0.5) * std::pow(1.0 / 5, 0.25)));
  // A translation that the book prints, with its .658.
  CHECK(bleu("il est riche .", "il est calme .", 2) == doctest::Approx(0.658).epsilon(1e-3));
  CHECK(bleu("", "va !", 2) == 0);
  CHECK(bleu("va", "", 2) == 0);
  CHECK(bleu("", "", 2) == 0);
  // Words are compared, not the letters between spaces: "ab c" is not "a bc".
  CHECK(bleu(tokens{"ab", "c"}, tokens{"a", "bc"}, 1) == 0);
  CHECK(bleu("x", "y", 5000) == 0);
  CHECK(has(message_of([] { (void)bleu("a", "a", 0); }), "k of at least 1"));
}
