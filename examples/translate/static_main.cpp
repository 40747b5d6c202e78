// SPDX-License-Identifier: BSL-1.0
// A translator in one file: the model TENON_MODEL_HEADER of the recipe TENON_RECIPE_HEADER is compiled in,
// and nothing is taken from the heap.
#include <array>
#include <cstdio>
#include <cstring>
#include <string_view>

#include "static_translator.hpp"
#include TENON_RECIPE_HEADER
#include TENON_MODEL_HEADER

namespace {

using translator = tenon::translate::static_translator<tenon::recipes::selected, tenon::exported::model>;
constinit translator translate;

bool write(std::string_view text) {
  return std::fwrite(text.data(), 1, text.size(), stdout) == text.size();
}

int fail(char const* what) {
  std::fprintf(stderr, "translator: %s\n", what);
  return 1;
}

/// Prints `sentence => translation`; of a blank sentence nothing, so that lines keep their numbers.
int print_translation(std::string_view sentence) {
  if (sentence.find_first_not_of(' ') == std::string_view::npos) return write("\n") ? 0 : 1;
  auto const made = translate(sentence);
  if (!made)
    return fail("the sentence is not valid UTF-8, or very long: convert it, or translate it in parts");
  if (made->cut)
    std::fputs("note: the sentence is longer than the model reads: its end is left out\n", stderr);
  return write(sentence) && write(" => ") && write(made->text) && write("\n") ? 0 : 1;
}

int translate_lines() {
  static std::array<char, 4 * tenon::text::most_code_points + 2> line;
  while (std::fgets(line.data(), static_cast<int>(line.size()), stdin) != nullptr) {
    std::string_view sentence(line.data());
    if (sentence.size() + 1 == line.size() && sentence.back() != '\n')
      return fail("a line is too long: translate it in parts");
    while (!sentence.empty() && (sentence.back() == '\n' || sentence.back() == '\r'))
      sentence.remove_suffix(1);
    if (int const code = print_translation(sentence); code != 0) return code;
  }
  return std::ferror(stdin) != 0 ? fail("standard input cannot be read") : 0;
}

}  // namespace

int main(int count, char** arguments) {
  static std::array<char, 1 << 12> in, out;  // else the C library would take them from the heap
  std::setvbuf(stdin, in.data(), _IOFBF, in.size());
  std::setvbuf(stdout, out.data(), _IOFBF, out.size());
  if (count > 1 && (std::strcmp(arguments[1], "--help") == 0 || std::strcmp(arguments[1], "-h") == 0)) {
    std::printf(
        "usage: translator [SENTENCE]...\n\n"
        "Translates sentences, or standard input line by line, with the model that is compiled in (recipe "
        "%s).\n"
        "Memory: %zu bytes of weights and %zu of arena, all of it in the program itself.\n",
        tenon::exported::model::recipe.data(), sizeof tenon::exported::model::weights,
        translator::arena_bytes);
    return 0;
  }
  int code = 0;
  for (int i = 1; i < count && code == 0; ++i) code = print_translation(arguments[i]);
  if (count == 1) code = translate_lines();
  if (std::fflush(stdout) != 0 && code == 0)
    return fail("standard output cannot be written: free some space");
  return code;
}
