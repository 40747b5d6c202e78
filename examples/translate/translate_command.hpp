// SPDX-License-Identifier: BSL-1.0
// tenon-translate translate
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ensemble.hpp"
#include "options.hpp"
#include "output.hpp"
#include "tenon/io/atomic_file.hpp"
#include "tenon/text/lines.hpp"
#include "tenon/train/attention_page.hpp"
#include "tenon/train/progress.hpp"

namespace tenon::translate {

/// How many lines a file has; 0 of a pipe, which can be read once only.
inline std::size_t lines_of(std::filesystem::path const& path) {
  if (std::error_code ignored; !std::filesystem::is_regular_file(path, ignored)) return 0;
  std::ifstream file(path, std::ios::binary);
  std::size_t lines = 0;
  char last = '\n';
  for (std::istreambuf_iterator<char> at(file), end; at != end; ++at) {
    last = *at;
    lines += last == '\n' ? 1 : 0;
  }
  return lines + (last == '\n' ? 0 : 1);
}

/// Translates sentences as they come and prints each at once. Throws tenon::error.
template <class Recipe>
TENON_COLD int translate_command(options const& chosen, std::ostream& out) {
  auto const drawing = std::filesystem::path(chosen.attention);
  bool const draw = !chosen.attention.empty(), as_svg = drawing.extension() == ".svg";
  if ((draw || chosen.align) && !attends<Recipe>)
    throw error(std::string("the models of this translator have no attention to show: leave ") +
                (draw ? "--attention" : "--align") + " out");
  if (draw && !as_svg && drawing.extension() != ".html")
    io::fail(drawing, "the attention is drawn in an .html or .svg file: give one of these names");
  if (draw) io::check_can_save(drawing);
  if (chosen.n_best > 0 && chosen.greedy)
    throw error("--n-best " + std::to_string(chosen.n_best) +
                " --greedy: only a search ranks translations: leave one of them out");
  if (chosen.n_best > 0 && (Recipe::beams == 1 || chosen.n_best > Recipe::beams))
    throw error("--n-best " + std::to_string(chosen.n_best) + ": this translator " +
                (Recipe::beams == 1
                     ? "decodes greedily and knows no other translation: leave --n-best out"
                     : "follows " + std::to_string(Recipe::beams) + " hypotheses: ask for at most as many"));

  ensemble<Recipe> models(chosen.models, chosen.vocabulary_data);
  auto const& model = models.first;
  sentence_translator<Recipe> translate(model, models.weights(), chosen.threads,
                                        {chosen.weights, chosen.greedy}, models.size());
  std::optional<text::line_reader> references;
  if (!chosen.references.empty()) references.emplace(std::filesystem::path(chosen.references));

  std::vector<train::sample> drawn;
  std::size_t const wanted = std::max<std::size_t>(chosen.n_best, 1);
  train::progress progress(std::cerr, train::is_terminal(2), train::terminal_columns(2));
  std::size_t number = 0;  // of the sentence that was shown last, or of the blank line
  auto const is_blank = [&](std::string_view sentence) {
    return sentence.find_first_not_of(' ') == std::string_view::npos && !references;
  };
  auto const show = [&](std::string_view sentence, std::vector<translation> const& found) {
    std::string reference = known_reference(model, sentence);
    if (std::string_view line; references) {
      if (!references->next(line))
        references->fail("has fewer lines than there are sentences: give a translation for each");
      reference = line;
    }
    for (auto const& made : found) {
      auto sample = as_sample(model, sentence, made, reference);
      if (chosen.n_best > 0) sample.score = made.score;
      print(out, sample, chosen.align);
      if (draw && &made == &found.front()) drawn.push_back(std::move(sample));
    }
    flush(out);
    auto const& made = found.front();
    ++number;
    if (made.cut)
      progress.note("note: only the first " + std::to_string(made.source_steps.size()) +
                    " tokens of sentence " + std::to_string(number) + " were read");
    if (as_svg && drawn.size() > 1)
      io::fail(drawing, "an .svg file holds one sentence: give an .html file, or one sentence");
  };
  // done(sentences) tells how far the translations are, of which none is shown yet.
  auto const all_of = [&](std::span<std::string const> sentences, auto const&... done) {
    std::vector<std::string_view> to_translate;
    std::ranges::copy_if(sentences, std::back_inserter(to_translate), std::not_fn(is_blank));
    auto const found = translate.best_of_all(to_translate, wanted, done...);
    for (std::size_t i = 0, translated = 0; i < sentences.size(); ++i) {
      if (is_blank(sentences[i])) {
        out << '\n';  // what is printed keeps the line numbers
        ++number;
      } else {
        show(sentences[i], found[translated++]);
      }
    }
    flush(out);
  };
  // Lines are translated as they come, those of a file some at a time where the recipe does so. Who does not
  // see them is told how far they are: `count` lines are expected, 0: who knows how many.
  auto const each_line = [&](text::line_reader& lines, std::size_t at_a_time, std::size_t count = 0) {
    auto const done = [&](std::size_t of_block) {
      if (count > 0) progress.count("translating", "sentences/s", number + of_block, count);
    };
    std::vector<std::string> block;
    try {
      for (std::string_view line; lines.next(line);) {
        block.emplace_back(line);
        if (block.size() < at_a_time) continue;
        all_of(std::exchange(block, {}), done);
      }
    } catch (...) {
      if (!block.empty()) all_of(block, done);  // those before a line that cannot be read
      throw;
    }
    if (!block.empty()) all_of(block, done);
  };
  if (!chosen.sentences.empty()) {
    for (std::size_t i = 0; i < chosen.sentences.size() && chosen.sentences.size() > 1; ++i)
      if (auto const& s = chosen.sentences[i]; text::valid_utf8_prefix(s) != s.size())
        throw error("sentence " + std::to_string(i + 1) + " is not valid UTF-8: convert it");
    all_of(chosen.sentences);
  } else if (!chosen.file.empty()) {
    text::line_reader lines{std::filesystem::path(chosen.file)};
    each_line(lines, Recipe::sentences_at_once > 1 ? 128 * Recipe::sentences_at_once : 1,
              ::isatty(1) == 1 ? 0 : lines_of(chosen.file));
  } else {
    text::line_reader lines(stdin, "standard input");
    each_line(lines, 1);
  }
  if (std::string_view line; references && references->next(line))
    references->fail("has more lines than there are sentences: give a translation for each, and no more");
  if (draw && drawn.empty()) io::fail(drawing, "there was no sentence to draw: give at least one");
  if (draw) {
    auto const page = as_svg ? train::attention_picture(drawn.front()) : train::attention_page(drawn);
    io::write_atomically(drawing, [&](io::file_sink& sink) { sink.write(page); });
  }
  return 0;
}

}  // namespace tenon::translate
