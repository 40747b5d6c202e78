// SPDX-License-Identifier: BSL-1.0
// A translator in one file: the model TENON_MODEL_HEADER of the recipe TENON_RECIPE_HEADER is compiled in,
// and nothing is taken from the heap.
#include <array>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <string_view>
#include <utility>

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

/// Control characters as `\x1b`: they shall not reach a terminal.
bool write_printable(std::string_view text) {
  for (char const c : text) {
    auto const byte = static_cast<unsigned char>(c);
    bool const control = byte < 0x20 || byte == 0x7F;
    if ((control ? std::printf("\\x%02x", byte) : std::putchar(byte)) < 0) return false;
  }
  return true;
}

/// Prints `sentence => translation`; of a blank sentence nothing, so that lines keep their numbers.
int print_translation(std::string_view sentence) {
  if (tenon::text::is_blank(sentence)) return write("\n") ? 0 : 1;
  auto const made = translate(sentence);
  if (!made)
    return fail("the sentence is not valid UTF-8, or very long: convert it, or translate it in parts");
  if (made->cut)
    std::fputs("note: the sentence is longer than the model reads: its end is left out\n", stderr);
  return write_printable(sentence) && write(" => ") && write_printable(made->text) && write("\n") ? 0 : 1;
}

int translate_lines() {
  static std::array<char, 4 * tenon::text::most_code_points + 2> line;
  std::size_t length = 0;
  bool first = true;
  auto const end_line = [&] {
    std::string_view sentence(line.data(), length);
    length = 0;
    constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
    if (std::exchange(first, false) && sentence.starts_with(byte_order_mark))
      sentence.remove_prefix(byte_order_mark.size());
    if (sentence.ends_with('\r')) sentence.remove_suffix(1);
    return print_translation(sentence);
  };
  for (int c = std::getchar(); c != EOF; c = std::getchar()) {
    if (c == '\n') {
      if (int const code = end_line(); code != 0) return code;
    } else if (c == 0) {
      return fail("there is a NUL byte: this is not text, or not UTF-8: convert it");
    } else if (length == line.size()) {
      return fail("a line is too long: translate it in parts");
    } else {
      line[length++] = static_cast<char>(c);
    }
  }
  if (std::ferror(stdin) != 0) return fail("standard input cannot be read");
  return length > 0 ? end_line() : 0;
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
