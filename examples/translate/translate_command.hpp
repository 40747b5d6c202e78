// SPDX-License-Identifier: BSL-1.0
// tenon-translate translate
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <filesystem>
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
#include "samples.hpp"
#include "tenon/io/atomic_file.hpp"
#include "tenon/text/lines.hpp"
#include "tenon/text/utf8.hpp"
#include "tenon/train/attention_page.hpp"
#include "tenon/train/progress.hpp"

namespace tenon::translate {

namespace detail {

/// Throws tenon::error for options that this translator cannot follow.
template <class Recipe>
TENON_COLD void check_translating(options const& chosen) {
  bool const draw = !chosen.attention.empty();
  if ((draw || chosen.align) && !attends<Recipe>)
    throw error(std::string("the models of this translator have no attention to show: leave ") +
                (draw ? "--attention" : "--align") + " out");
  if (std::filesystem::path const drawing = chosen.attention; draw) {
    if (drawing.extension() != ".svg" && drawing.extension() != ".html")
      io::fail(drawing, "the attention is drawn in an .html or .svg file: give one of these names");
    io::check_can_save(drawing);
  }
  if (chosen.n_best > 0 && chosen.greedy)
    throw error("--n-best " + std::to_string(chosen.n_best) +
                " --greedy: only a search ranks translations: leave one of them out");
  if (chosen.n_best > 0 && (Recipe::beams == 1 || chosen.n_best > Recipe::beams))
    throw error("--n-best " + std::to_string(chosen.n_best) + ": this translator " +
                (Recipe::beams == 1
                     ? "decodes greedily and knows no other translation: leave --n-best out"
                     : "follows " + std::to_string(Recipe::beams) + " hypotheses: ask for at most as many"));
}

}  // namespace detail

/// Translates sentences as they come, prints each at once, and keeps what is to be drawn.
template <class Recipe>
class printed_translations {
 public:
  /// Throws tenon::error if the models or the references cannot be read.
  printed_translations(options const& chosen, std::ostream& out)
      : chosen_(chosen),
        out_(out),
        models_(chosen),
        translate_(models_.first, models_.weights(), chosen.threads, {chosen.weights, chosen.greedy},
                   models_.size()) {
    if (!chosen.references.empty()) references_.emplace(std::filesystem::path(chosen.references));
  }

  /// Translates sentences together. done(sentences) tells how far the translations are, of which none is
  /// shown yet.
  void all_of(std::span<std::string const> sentences, std::function<void(std::size_t)> const& done) {
    std::vector<std::string_view> to_translate;
    std::ranges::copy_if(sentences, std::back_inserter(to_translate), std::not_fn(text::is_blank));
    auto const found = translate_.best_of_all(to_translate, std::max<std::size_t>(chosen_.n_best, 1), done);
    for (std::size_t i = 0, translated = 0; i < sentences.size(); ++i) {
      ++number_;
      auto const reference = next_reference();
      if (text::is_blank(sentences[i]))
        out_ << '\n';  // what is printed keeps the line numbers
      else
        show(sentences[i], found[translated++], reference);
    }
    flush(out_);
  }

  /// Translates lines, so many at a time. Who does not see the translations is told how far they are:
  /// `count` lines are expected, 0: who knows how many.
  void each_line(text::line_reader& lines, std::size_t at_a_time, std::size_t count = 0) {
    auto const done = [&](std::size_t of_block) {
      if (count > 0) progress_.count("translating", "sentences/s", number_ + of_block, count);
    };
    std::vector<std::string> block;
    try {
      for (std::string_view line; lines.next(line);) {
        note_columns(line, lines.number());
        block.emplace_back(line);
        if (block.size() < at_a_time) continue;
        all_of(std::exchange(block, {}), done);
      }
    } catch (...) {
      if (!block.empty()) all_of(block, done);  // those before a line that cannot be read
      throw;
    }
    if (!block.empty()) all_of(block, done);
  }

  /// Throws tenon::error if references are left, and draws. To be called once all are translated.
  void finish() {
    if (std::string_view line; references_ && references_->next(line))
      references_->fail("has more lines than there are sentences: give a translation for each, and no more");
    std::filesystem::path const drawing = chosen_.attention;
    if (drawing.empty()) return;
    if (drawn_.empty()) io::fail(drawing, "there was no sentence to draw: give at least one");
    auto const page = as_svg() ? train::attention_picture(drawn_.front()) : train::attention_page(drawn_);
    io::write_atomically(drawing, [&](io::file_sink& sink) { sink.write(page); });
  }

 private:
  bool as_svg() const { return std::filesystem::path(chosen_.attention).extension() == ".svg"; }

  /// The reference of the next sentence; nothing where there are none.
  std::optional<std::string> next_reference() {
    if (!references_) return std::nullopt;
    std::string_view line;
    if (!references_->next(line))
      references_->fail("has fewer lines than there are sentences: give a translation for each");
    return std::string(line);
  }

  /// Sentence pairs look like sentences, and would be translated whole.
  void note_columns(std::string_view line, std::size_t number) {
    if (noted_columns_ || line.find('\t') == std::string_view::npos) return;
    noted_columns_ = true;
    progress_.note("note: line " + std::to_string(number) +
                   " has a tab: it is translated as one sentence; of pairs, give the sentences alone");
  }

  void show(std::string_view sentence, std::vector<translation> const& found,
            std::optional<std::string> const& reference) {
    auto const& model = models_.first;
    for (auto const& made : found) {
      auto sample =
          as_sample(model, sentence, made, reference ? *reference : known_reference(model, sentence));
      if (chosen_.n_best > 0) sample.score = made.score;
      print(out_, sample, chosen_.align);
      if (!chosen_.attention.empty() && &made == &found.front()) drawn_.push_back(std::move(sample));
    }
    flush(out_);
    if (auto const& made = found.front(); made.cut)
      progress_.note("note: only the first " + std::to_string(made.source_steps.size()) +
                     " tokens of sentence " + std::to_string(number_) + " were read");
    if (as_svg() && drawn_.size() > 1)
      io::fail(chosen_.attention, "an .svg file holds one sentence: give an .html file, or one sentence");
  }

  options const& chosen_;
  std::ostream& out_;
  ensemble<Recipe> models_;
  sentence_translator<Recipe> translate_;
  std::optional<text::line_reader> references_;
  std::vector<train::sample> drawn_;
  train::progress progress_{std::cerr, train::is_terminal(2), train::terminal_columns(2)};
  std::size_t number_ = 0;  // of the sentence that was shown last, or of the blank line
  bool noted_columns_ = false;
};

/// Translates the arguments, a file, or standard input line by line. Throws tenon::error.
template <class Recipe>
TENON_COLD int translate_command(options const& chosen, std::ostream& out) {
  detail::check_translating<Recipe>(chosen);
  printed_translations<Recipe> translations(chosen, out);
  if (!chosen.sentences.empty()) {
    for (std::size_t i = 0; i < chosen.sentences.size() && chosen.sentences.size() > 1; ++i)
      if (auto const& s = chosen.sentences[i]; text::valid_utf8_prefix(s) != s.size())
        throw error("sentence " + std::to_string(i + 1) + " is not valid UTF-8: convert it");
    translations.all_of(chosen.sentences, [](std::size_t) {});
  } else if (!chosen.file.empty()) {
    text::line_reader lines{std::filesystem::path(chosen.file)};
    translations.each_line(lines, Recipe::sentences_at_once > 1 ? 128 * Recipe::sentences_at_once : 1,
                           ::isatty(1) == 1 ? 0 : text::count_lines(chosen.file));
  } else {
    text::line_reader lines(stdin, "standard input");
    translations.each_line(lines, 1);
  }
  translations.finish();
  return 0;
}

}  // namespace tenon::translate
