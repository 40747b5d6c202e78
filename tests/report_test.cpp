// SPDX-License-Identifier: BSL-1.0
// What reports are made of: escaped text, scales, the three charts, the page and its file.
#include "tenon/train/report.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <limits>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "tenon/error.hpp"
#include "tenon/train/format.hpp"
#include "tenon/train/svg.hpp"

namespace {

using namespace tenon::train;

constexpr double nan_value = std::numeric_limits<double>::quiet_NaN();

std::size_t count(std::string_view text, std::string_view part) {
  std::size_t found = 0;
  for (auto at = text.find(part); at != std::string_view::npos; at = text.find(part, at + part.size()))
    ++found;
  return found;
}

bool has(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

/// Every start tag has its end tag, in order; enough to notice a chart that forgot one.
bool balanced(std::string_view svg) {
  std::vector<std::string> open;
  for (auto at = svg.find('<'); at != std::string_view::npos; at = svg.find('<', at + 1)) {
    auto const end = svg.find('>', at);
    if (end == std::string_view::npos) return false;
    auto const tag = svg.substr(at + 1, end - at - 1);
    std::string const name(tag.substr(0, tag.find_first_of(" /", 1)));
    if (tag.front() == '/') {
      if (open.empty() || '/' + open.back() != name) return false;
      open.pop_back();
    } else if (tag.back() != '/') {
      open.push_back(name);
    }
  }
  return open.empty();
}

std::string message_of(auto&& call) {
  try {
    call();
  } catch (tenon::error const& e) {
    return e.what();
  }
  return "nothing thrown";
}

sample attended(std::string const& word) {
  return {.source = word + " .",
          .prediction = "va !",
          .reference = "va !",
          .bleu = 1.0,
          .source_tokens = {word, ".", "<eos>"},
          .prediction_tokens = {"va", "!"},
          .weights = {0.7F, 0.2F, 0.1F, 0.1F, 0.6F, 0.3F}};
}

}  // namespace

TEST_CASE("numbers, sizes and durations are written as people read them") {
  CHECK(fixed(1.2345, 2) == "1.23");
  CHECK(fixed(-0.001, 2) == "0.00");
  CHECK(fixed(nan_value, 2) == "nan");
  CHECK(fixed(-INFINITY, 2) == "-inf");
  CHECK(fixed(1e300, 2) == "1.00e+300");
  CHECK(trimmed(0.5, 3) == "0.5");
  CHECK(trimmed(100, 2) == "100");
  CHECK(grouped(0) == "0");
  CHECK(grouped(999) == "999");
  CHECK(grouped(1000) == "1,000");
  CHECK(grouped(2066390) == "2,066,390");
  CHECK(bytes_text(512) == "512 B");
  CHECK(bytes_text(1536) == "1.5 KiB");
  CHECK(bytes_text(UINT64_MAX) == "16 EiB");
  CHECK(duration_text(0.42) == "0.42 s");
  CHECK(duration_text(9.996) == "10 s");
  CHECK(duration_text(59.6) == "1 min 00 s");
  CHECK(duration_text(185) == "3 min 05 s");
  CHECK(duration_text(7630) == "2 h 07 min");
  CHECK(duration_text(3.2 * 86400) == "3 d 4 h");
  CHECK(duration_text(nan_value) == "unknown");
  CHECK(duration_text(-1) == "unknown");
}

TEST_CASE("text is escaped and made valid") {
  CHECK(svg::escape("<script>\"it's\" & co") == "&lt;script&gt;&quot;it&#39;s&quot; &amp; co");
  CHECK(svg::escape("d\u00e9j\u00e0 \u6211 \U0001F600") == "d\u00e9j\u00e0 \u6211 \U0001F600");
  CHECK(svg::escape(std::string_view("a\0b\x1b[2Jc\x7f", 9)) == "ab[2Jc");
  CHECK(svg::escape("a\tb\nc") == "a b c");
  CHECK(svg::escape("a\xc2\x85z") == "az");  // a C1 control
  std::string const unknown = "\xEF\xBF\xBD";
  CHECK(svg::escape("a\xff"
                    "b") == "a" + unknown + "b");
  CHECK(svg::escape("\xe6\x88") == unknown);  // cut off at the end
  CHECK(svg::escape("\xe6\x88"
                    "a") == unknown + "a");                           // cut off in the middle
  CHECK(svg::escape("\xc0\xaf") == unknown + unknown);                // overlong slash
  CHECK(svg::escape("\xed\xa0\x80") == unknown + unknown + unknown);  // a surrogate
  CHECK(svg::escape("\xf4\x90\x80\x80").substr(0, 3) == unknown);     // beyond U+10FFFF
  CHECK(svg::escape("\xef\xbf\xbf") == unknown);                      // a noncharacter
  CHECK(svg::escape("\xe2\x80\x9c<") == "\xe2\x80\x9c&lt;");
  CHECK(svg::text_width("\u6211a") == 3);
  CHECK(svg::shorten("abcdef", 6) == "abcdef");
  CHECK(svg::shorten("abcdefg", 6) == "abcde\u2026");
  CHECK(svg::shorten("\u00e9\u00e9\u00e9\u00e9", 3) == "\u00e9\u00e9\u2026");
}

TEST_CASE("ticks are round numbers within the range") {
  CHECK(svg::nice_step(10, 5) == doctest::Approx(2));
  CHECK(svg::nice_step(0.7, 6) == doctest::Approx(0.2));
  CHECK(svg::nice_step(9, 1) == doctest::Approx(10));
  CHECK(svg::nice_below(0.03) == doctest::Approx(0.02));
  CHECK(svg::ticks(0, 1, 0.25) == std::vector<double>{0, 0.25, 0.5, 0.75, 1});
  CHECK(svg::ticks(0, 1e9, 1).size() == 1000);
  auto const logs = svg::log_ticks(0.02, 5);
  REQUIRE(logs.size() == 8);
  CHECK(logs.front() == doctest::Approx(0.02));
  CHECK(logs.back() == doctest::Approx(5));
  CHECK(svg::log_ticks(1e-200, 1e200).size() < 30);
  CHECK(svg::tick_label(0.30000000000000004, 0.1) == "0.3");
  CHECK(svg::tick_label(2e9, 1e9) == "2e+09");
  CHECK(svg::viridis(0).hex() == "#440154");
  CHECK(svg::viridis(2).hex() == "#fde725");
  CHECK(svg::viridis(0).is_dark());
  CHECK_FALSE(svg::viridis(1).is_dark());
}

TEST_CASE("a line chart draws what is finite") {
  std::vector<svg::series> const two = {{"train", {3, 2, nan_value, 1}}, {"<val>", {INFINITY, 2.5, 2.25, 2}}};
  auto const chart = svg::line_chart(two, {.title = "a < b", .x_label = "epoch", .y_label = "loss"});
  CHECK(balanced(chart));
  CHECK(chart.starts_with("<svg xmlns="));
  CHECK(count(chart, "<circle") == 6);
  CHECK(count(chart, "<polyline") == 2);
  CHECK(has(chart, "aria-label=\"a &lt; b\""));
  CHECK(has(chart, "<title>&lt;val&gt;, epoch 3: 2.25</title>"));
  CHECK_FALSE(has(chart, "nan"));
  CHECK_FALSE(has(chart, "inf"));
  CHECK_FALSE(has(chart, "No values"));

  // A line must fall from the left end of the plot to its right end.
  std::vector<svg::series> const falling = {{"s", {4, 0}}};
  CHECK(has(svg::line_chart(falling, {.width = 760, .height = 400}), "points=\"64,62 740,352\""));
}

TEST_CASE("a line chart of nothing, of one point, of extremes") {
  auto const chart = [](std::vector<double> values, bool log = false) {
    std::vector<svg::series> const one = {{"s", std::move(values)}};
    auto text = svg::line_chart(one, {.title = "t", .log_y = log});
    CHECK(balanced(text));
    CHECK_FALSE(has(text, "nan"));
    CHECK_FALSE(has(text, "inf"));
    return text;
  };
  CHECK(has(svg::line_chart({}, {}), "No values"));
  CHECK(has(chart({}), "No values"));
  CHECK(has(chart({nan_value, INFINITY}), "No values"));
  CHECK(has(chart({-1, 0}, true), "No values"));
  CHECK(count(chart({2.5}), "<circle") == 1);
  CHECK(count(chart({2.5}), "<polyline") == 0);
  CHECK(count(chart({2.5}, true), "<circle") == 1);
  CHECK(count(chart({0, 0, 0}), "<circle") == 3);
  CHECK(count(chart({-9e299, 9e299}), "<circle") == 2);
  CHECK(count(chart({1e-299, 9e299}, true), "<circle") == 2);
  CHECK(count(chart({5e-324, -5e-324}), "<circle") == 2);
  CHECK(has(chart({100, 1, 0.01}, true), "(log scale)"));

  std::vector<double> many(100000);
  for (std::size_t i = 0; i < many.size(); ++i) many[i] = std::sin(static_cast<double>(i));
  auto const long_chart = chart(many);
  CHECK(long_chart.size() < 60000);
  CHECK(count(long_chart, "<circle") == 0);
  CHECK(count(chart(std::vector<double>(300, 1.0)), "<circle") == 300);

  std::vector<svg::series> const uneven = {{"a\nb", {1, 2}, {1}}};
  auto const message = message_of([&] { svg::line_chart(uneven, {}); });
  CHECK(has(message, "1 x values and 2 y values"));
  CHECK_FALSE(has(message, "\n"));
}

TEST_CASE("a heat map has a cell for every weight") {
  std::vector<std::string> const rows = {"va", "!"}, columns = {"go", "<b>", "<eos>"};
  std::vector<float> const values = {0.75F, 0.125F, 0.125F, 0, 1, std::numeric_limits<float>::quiet_NaN()};
  auto const map = svg::heat_map(
      values, rows, columns, {.title = "t", .row_label = "Query positions", .column_label = "Key positions"});
  CHECK(balanced(map));
  CHECK(count(map, "class=\"tn-cell\"") == 6);
  CHECK(has(map, "<title>va \u2190 go: 0.750</title>"));
  CHECK(has(map, "<title>! \u2190 &lt;b&gt;: 1.000</title>"));
  CHECK(has(map, "<title>! \u2190 &lt;eos&gt;: not a number</title>"));
  CHECK(has(map, "fill=\"#fde725\" stroke"));  // the cell with weight one
  CHECK(has(map, ">Query positions</text>"));
  CHECK(has(map, ">Key positions</text>"));
  CHECK_FALSE(has(map, "<b>"));

  auto const ragged =
      message_of([&] { svg::heat_map(std::vector<float>(5), rows, columns, {.title = "t"}); });
  CHECK(has(ragged, "5 values for 2 rows and 3 columns"));
  CHECK_THROWS_AS(svg::heat_map(values, rows, columns, {.low = 1, .high = 1}), tenon::error);
  CHECK(balanced(svg::heat_map({}, {}, {}, {})));

  std::vector<std::string> const many(200, "a rather long word of a hundred letters or so");
  auto const large = svg::heat_map(std::vector<float>(40000), many, many, {});
  CHECK(count(large, "class=\"tn-cell\"") == 40000);
}

TEST_CASE("a timeline draws each block over its calls") {
  std::vector<svg::arena_block> const blocks = {{"h<0>", "state", 0, 4, 0, 1024},
                                                {"g", "gradient", 5, 5, 512, 512}};
  auto const drawing = svg::timeline(blocks, {.title = "arena", .calls = 10, .bytes = 1024});
  CHECK(balanced(drawing));
  CHECK(has(drawing, "<title>h&lt;0&gt; (state): calls 0\u20134, 1 KiB at offset 0</title>"));
  CHECK(has(drawing, "<title>g (gradient): call 5, 512 B at offset 512</title>"));
  // 74 to 944 are ten calls, 68 to 414 are 1,024 bytes.
  CHECK(has(drawing, "x=\"74\" y=\"68\" width=\"435\" height=\"346\""));
  CHECK(has(drawing, "x=\"509\" y=\"68\" width=\"87\" height=\"173\""));
  CHECK(has(drawing, ">arena: 1 KiB</text>"));
  CHECK(has(svg::timeline({}, {}), "No blocks"));

  std::vector<svg::arena_block> backwards = {{"x", "k", 5, 4, 0, 1}};
  CHECK(has(message_of([&] { svg::timeline(backwards, {}); }), "block \"x\" has calls 5 to 4"));
  std::vector<svg::arena_block> too_large = {{"x", "k", 0, 1, UINT64_MAX, 1}};
  CHECK_THROWS_AS(svg::timeline(too_large, {}), tenon::error);
}

TEST_CASE("a report stands alone and escapes what it shows") {
  report_data data;
  data.title = "<script>alert(1)</script>";
  data.facts = {{"recipe & \"seed\"", "<b>1</b>"}, {"bytes", "\xff"}};
  data.train_loss = {3, 2, 0.5};
  data.validation_loss = {3.5, nan_value, 2.75};
  data.samples = {attended("go"), attended("<script>")};
  data.samples[1].bleu.reset();
  data.samples[1].reference.clear();
  std::vector<svg::arena_block> const blocks = {{"h", "state", 0, 4, 0, 1024}};
  data.arena_svg = svg::timeline(blocks, {.title = "arena"});
  auto const page = render_report(data);

  CHECK(page.starts_with("<!DOCTYPE html>"));
  CHECK(page.ends_with("</html>\n"));
  for (char const* outside : {"http", "//", "<script", "<link", "@import", "url(", "src="}) {
    CAPTURE(outside);
    CHECK_FALSE(has(page, outside));
  }
  CHECK(has(page, "<h1>&lt;script&gt;alert(1)&lt;/script&gt;</h1>"));
  CHECK(has(page, "recipe &amp; &quot;seed&quot;</th><td>&lt;b&gt;1&lt;/b&gt;</td>"));
  CHECK(has(page, "<td>\xEF\xBF\xBD</td>"));
  CHECK(has(page, "<dd>0.500<small>after epoch 3</small>"));
  CHECK(has(page, "<dd>2.750<small>epoch 3</small>"));
  CHECK(has(page, "<dd>1.000<small>mean over the sample sentences</small>"));
  CHECK(count(page, "class=\"tn-cell\"") == 12);
  CHECK(count(page, ">Query positions</text>") == 2);
  CHECK(count(page, "&lt;eos&gt;</text>") == 2);
  CHECK(count(page, "<span class=\"b2\">1.000</span>") == 1);
  CHECK(has(page, "<h2>Memory</h2>"));
  CHECK(balanced(page.substr(page.find("<main>"), page.find("</body>") - page.find("<main>"))));
}

TEST_CASE("a report without anything in it, and with wrong things") {
  auto const page = render_report({});
  CHECK(has(page, "<h1>Training report</h1>"));
  CHECK(has(page, "No values"));
  CHECK(has(page, "No sample sentences were translated."));
  for (char const* absent : {"<h2>Attention", "<h2>Memory", "<h2>Configuration", "<dl"}) {
    CAPTURE(absent);
    CHECK_FALSE(has(page, absent));
  }

  report_data diverged;
  diverged.train_loss = {2, INFINITY, nan_value};
  CHECK(has(render_report(diverged), "<dd>2.000<small>after epoch 1</small>"));

  report_data ragged;
  ragged.samples = {attended("go"), attended("stop")};
  ragged.samples[1].weights.pop_back();
  CHECK(
      message_of([&] { render_report(ragged); }) ==
      "report: sample 2 has 5 attention weights for 2 decoding steps and 3 source positions; give one row of "
      "weights per step, one weight per position");
  report_data no_picture;
  no_picture.arena_svg = "<script>";
  CHECK_THROWS_AS(render_report(no_picture), tenon::error);
}

TEST_CASE("a report is written whole or not at all") {
  namespace fs = std::filesystem;
  auto const folder = fs::temp_directory_path() / "tenon_report_test";
  fs::remove_all(folder);
  fs::create_directory(folder);
  auto const path = folder / "report.html";
  report_data data;
  data.title = "one";
  write_report(path, data);
  std::ostringstream read;
  read << std::ifstream(path, std::ios::binary).rdbuf();
  CHECK(read.str() == render_report(data));

  auto const missing = folder / "no" / "such" / "report.html";
  auto const message = message_of([&] { write_report(missing, data); });
  CHECK(has(message, missing.string()));
  CHECK_FALSE(has(message, "\n"));
  CHECK_THROWS_AS(write_report(folder, data), tenon::error);
  if (fs::exists("/dev/full")) CHECK_THROWS_AS(write_report("/dev/full", data), tenon::error);

  report_data wrong = data;
  wrong.arena_svg = "no picture";
  CHECK_THROWS_AS(write_report(path, wrong), tenon::error);
  CHECK(fs::file_size(path) == read.str().size());
  CHECK(std::distance(fs::directory_iterator(folder), fs::directory_iterator()) == 1);
  fs::remove_all(folder);
}
