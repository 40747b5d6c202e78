// SPDX-License-Identifier: BSL-1.0
// tenon-translate translate
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "options.hpp"
#include "output.hpp"
#include "tenon/text/lines.hpp"
#include "tenon/train/attention_page.hpp"

namespace tenon::translate {

/// Translates sentences as they come and prints each at once. Throws tenon::error.
template <class Recipe>
int translate_command(options const& chosen, std::ostream& out) {
  auto const drawing = std::filesystem::path(chosen.attention);
  bool const draw = !chosen.attention.empty(), as_svg = drawing.extension() == ".svg";
  if (draw && !attends<Recipe>)
    throw error("the models of this translator have no attention to draw: leave --attention out");
  if (draw && !as_svg && drawing.extension() != ".html")
    io::fail(drawing, "the attention is drawn in an .html or .svg file: give one of these names");
  if (draw) train::check_can_save(drawing);
  if (chosen.n_best > 0 && (Recipe::beams == 1 || chosen.n_best > Recipe::beams))
    throw error("--n-best " + std::to_string(chosen.n_best) + ": this translator " +
                (Recipe::beams == 1
                     ? "decodes greedily and knows no other translation: leave --n-best out"
                     : "follows " + std::to_string(Recipe::beams) + " hypotheses: ask for at most as many"));

  auto model = translator<Recipe>::load(chosen.model, chosen.data);
  sentence_translator<Recipe> translate(model, chosen.threads, chosen.weights);
  std::optional<text::line_reader> references;
  if (!chosen.references.empty()) references.emplace(std::filesystem::path(chosen.references));

  std::vector<train::sample> drawn;
  auto const one = [&](std::string_view sentence) {
    if (sentence.find_first_not_of(' ') == std::string_view::npos && !references) {
      out << '\n';  // a blank line of a file: what is printed keeps its line numbers
      return flush(out);
    }
    auto const found = translate.best(sentence, std::max<std::size_t>(chosen.n_best, 1));
    std::string reference = known_reference(model, sentence);
    if (std::string_view line; references) {
      if (!references->next(line))
        references->fail("has fewer lines than there are sentences: give a translation for each");
      reference = line;
    }
    for (auto const& made : found) {
      auto sample = as_sample(model, sentence, made, reference);
      if (chosen.n_best > 0) sample.score = made.score;
      print(out, sample);
      if (draw && &made == &found.front()) drawn.push_back(std::move(sample));
    }
    flush(out);
    auto const& made = found.front();
    if (made.cut)
      std::cerr << "note: only the first " << made.source_steps.size()
                << " tokens of the sentence above were read\n";
    if (as_svg && drawn.size() > 1)
      io::fail(drawing, "an .svg file holds one sentence: give an .html file, or one sentence");
  };
  auto const each_line = [&](text::line_reader& lines) {
    for (std::string_view line; lines.next(line);) one(line);
  };
  if (!chosen.sentences.empty()) {
    for (auto const& sentence : chosen.sentences) one(sentence);
  } else if (!chosen.file.empty()) {
    text::line_reader lines{std::filesystem::path(chosen.file)};
    each_line(lines);
  } else {
    text::line_reader lines(stdin, "standard input");
    each_line(lines);
  }
  if (draw && drawn.empty()) io::fail(drawing, "there was no sentence to draw: give at least one");
  if (draw) {
    auto const page = as_svg ? train::attention_picture(drawn.front()) : train::attention_page(drawn);
    io::write_atomically(drawing, [&](io::file_sink& sink) { sink.write(page); });
  }
  return 0;
}

}  // namespace tenon::translate
