// SPDX-License-Identifier: BSL-1.0
// tenon-translate export
#pragma once
#include <array>
#include <charconv>
#include <cstddef>
#include <iostream>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include "model.hpp"
#include "options.hpp"
#include "output.hpp"
#include "tenon/config.hpp"
#include "tenon/io/atomic_file.hpp"

namespace tenon::translate {

namespace detail {

/// A string as C++ spells it, in ASCII.
inline std::string literal(std::string_view text) {
  std::string result = "\"";
  for (char const c : text) {
    auto const byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      result += '\\';
      result += c;
    } else if (byte < 0x20 ||
               byte >= 0x7F) {  // always three digits: the next character cannot be one of them
      result += '\\';
      for (unsigned const shift : {6U, 3U, 0U}) result += static_cast<char>('0' + ((byte >> shift) & 7U));
    } else {
      result += c;
    }
  }
  return result + '"';
}

TENON_COLD inline void write_words(io::file_sink& out, std::string_view name, text::vocabulary const& words) {
  out.write("  static constexpr std::string_view " + std::string(name) + "[] = {\n");
  for (auto const& word : words.tokens()) out.write("      " + literal(word) + ",\n");
  out.write("  };\n");
}

/// The fewest digits that give the same float.
inline std::string_view digits(float value, std::array<char, 32>& buffer) {
  auto const end = std::to_chars(buffer.data(), buffer.data() + 24, value).ptr;
  auto size = static_cast<std::size_t>(end - buffer.data());
  if (std::string_view(buffer.data(), size).find_first_of(".e") == std::string_view::npos)
    buffer[size++] = '.';
  buffer[size++] = 'F';
  return {buffer.data(), size};
}

inline void write_weights(io::file_sink& out, std::span<float const> weights) {
  out.write("  alignas(64) static constexpr float weights[] = {\n");
  std::array<char, 32> buffer{};
  for (std::size_t i = 0; i < weights.size(); ++i) {
    out.write(digits(weights[i], buffer));
    out.write(i % 8 == 7 ? ",\n" : ",");
  }
  out.write("\n  };\n");
}

}  // namespace detail

/// Writes a model as a C++ header. Throws tenon::error if that fails, and for a recipe of sub-words.
template <class Recipe>
TENON_COLD int export_command(options const& chosen, std::ostream& out) {
  if constexpr (!std::is_same_v<tokeniser_of<Recipe>, text::word_tokeniser>) {
    throw error("the recipe " + io::in_quotes(Recipe::name) +
                " splits sentences into sub-words, which a header cannot hold: export a model of words");
  } else {
    auto const model = translator<Recipe>::load(chosen.model, chosen);
    auto const values = model.weights.values();
    io::write_atomically(chosen.output, [&](io::file_sink& to) {
      to.write("// A model of the recipe " + std::string(Recipe::name) +
               " for tenon::translate::static_translator, written by `export`.\n"
               "#pragma once\n#include <string_view>\n\nnamespace tenon::exported {\n\nstruct model {\n"
               "  static constexpr std::string_view recipe = " +
               detail::literal(Recipe::name) + ";\n");
      detail::write_words(to, "source_words", model.source.words);
      detail::write_words(to, "target_words", model.target.words);
      detail::write_weights(to, values);
      to.write("};\n\n}  // namespace tenon::exported\n");
    });
    out << "wrote " << io::printable(chosen.output) << ": " << train::grouped(values.size())
        << " weights, with the room that the vocabularies leave; compile it with "
           "tenon_add_static_translator(NAME RECIPE … MODEL "
        << io::printable(chosen.output) << ")\n";
    flush(out);
    return 0;
  }
}

}  // namespace tenon::translate
