// SPDX-License-Identifier: BSL-1.0
// A translator that is all constants and static storage: a model that `tenon-translate export` has written as
// a header, its program recorded by the compiler, its arena laid out by the linker. No file, no heap.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>

#include "programs.hpp"
#include "tenon/program/static_session.hpp"
#include "tenon/text/language.hpp"
#include "tenon/text/static_words.hpp"

namespace tenon::translate {

namespace detail {
template <class Recipe>
inline constexpr auto static_translation = record([](inference_recorder& r) {
  record_translation<Recipe, recipes::buckets_of<Recipe>.size() - 1, 1>(r, element_type::float32);
});
}  // namespace detail

/// A translation in a static_translator's memory, until it makes the next one.
struct static_translation {
  std::string_view text;
  bool cut = false;  ///< the sentence has more tokens than the model reads
};

/// Model: what the header that `export` wrote calls so. `constinit` it in static storage; one thread at a
/// time may use it.
template <class Recipe, class Model>
class static_translator {
  static_assert(Model::recipe == Recipe::name, "static_translator: the model is one of another recipe");
  static_assert(
      std::is_same_v<typename std::remove_cvref_t<decltype(Recipe::text)>::tokeniser, text::word_tokeniser>,
      "static_translator: sub-words need a heap: choose a recipe of words");
  using source_words = text::static_vocabulary<Model::source_words>;
  using target_words = text::static_vocabulary<Model::target_words>;
  static constexpr auto const& program = detail::static_translation<Recipe>;
  static constexpr auto sizes = recipes::buckets_of<Recipe>[recipes::buckets_of<Recipe>.size() - 1];

 public:
  /// Of the program, which is nearly all that there is besides the weights.
  static constexpr std::size_t arena_bytes = program.arena_bytes();

  constexpr static_translator() = default;

  /// Nothing if the sentence is not valid UTF-8 or longer than text::most_code_points.
  std::optional<static_translation> operator()(std::string_view sentence) {
    auto const read = text::encode_words<source_words>(
        sentence, Recipe::text.tokenisation, Recipe::text.source_eos, session_.template input<"source">());
    if (!read) return {};
    session_.template input<"source_valid">()[0] = read->valid;
    session_.template input<"first">()[0] = *target_words::find(text::bos_token);
    session_.template input<"eos">()[0] = target_words::eos;
    session_.template input<"used">()[0] = target_words::size;
    session_.run();
    std::size_t const length = read->tokens + (Recipe::text.source_eos ? 1 : 0);
    return static_translation{spell(), length > sizes.source_steps};
  }

 private:
  std::string_view spell() {
    auto const tokens = session_.template output<"tokens">();
    std::size_t const steps = beam_steps(tokens, Recipe::beams, target_words::eos);
    std::array<std::int32_t, sizes.target_steps> words{};
    std::size_t beam = 0;  // the best one of the last step
    for (std::size_t t = steps; t-- > 0;) {
      words[t] = tokens[t * Recipe::beams + beam];
      if constexpr (Recipe::beams > 1)
        beam = static_cast<std::size_t>(session_.template output<"parents">()[t * Recipe::beams + beam]);
    }
    std::size_t used = 0;
    for (std::size_t t = 0; t < steps && words[t] != target_words::eos; ++t) {
      if (t > 0) text_[used++] = ' ';
      auto const word = target_words::word(words[t]);
      word.copy(text_.data() + used, word.size());
      used += word.size();
    }
    return {text_.data(), used};
  }

  static_session<program, Model::weights> session_;
  std::array<char, sizes.target_steps*(target_words::longest + 1)> text_{};
};

}  // namespace tenon::translate
