// SPDX-License-Identifier: BSL-1.0
// tenon-translate inspect
#pragma once
#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

#include "tenon/train/inspect.hpp"
#include "translate_command.hpp"

namespace tenon::translate {

template <class Recipe>
void inspect_model(options const& chosen, std::ostream& out) {
  auto const model = translator<Recipe>::load(chosen.model, given(chosen.data));
  out << "\nmodel " << io::printable(chosen.model) << ": " << train::grouped(model.parameters())
      << " parameters, vocabularies " << model.source_words.size() << '/' << model.target_words.size()
      << '\n';
  for (auto const& [name, value] : model.facts)
    if (name != key::source_words && name != key::target_words)
      out << "  " << io::printable(name) << ": " << io::printable(value, 200) << '\n';
  auto const list = [&](char const* side, text::vocabulary const& words) {
    out << "  " << side << " words: " << io::printable(text::join(words.tokens()), 600) << '\n';
  };
  list("source", model.source_words);
  list("target", model.target_words);
}

/// Prints the recipe's programs and, if there is one, a model file. Throws tenon::error.
template <class Recipe>
int inspect_command(options const& chosen, std::ostream& out) {
  if (!chosen.svg.empty()) train::check_can_save(chosen.svg);
  std::vector<train::named_program> const programs{
      {"training step", training_step<Recipe>.view()},
      {"loss of a batch", measured_loss<Recipe>.view()},
      {"translation", translation_of_one<Recipe, element_type::float32>.view()}};
  out << "recipe " << Recipe::name << ": batches of " << Recipe::batch_size << ", vocabularies up to "
      << Recipe::source_capacity << '/' << Recipe::target_capacity << ", "
      << train::grouped(parameter_count(model_of<Recipe>)) << " parameters\n\n"
      << train::program_table(programs);
  for (auto const& p : programs)
    out << '\n'
        << p.name << '\n'
        << (chosen.calls ? train::call_list(p.program) : train::call_summary(p.program));
  std::error_code ignored;
  if (chosen.model_given || std::filesystem::exists(chosen.model, ignored))
    inspect_model<Recipe>(chosen, out);
  if (!chosen.svg.empty()) {
    auto const picture = train::arena_picture(training_step<Recipe>.view(),
                                              "Memory of a training step of " + std::string(Recipe::name));
    io::write_atomically(chosen.svg, [&](io::file_sink& sink) { sink.write(picture); });
  }
  flush(out);
  return 0;
}

}  // namespace tenon::translate
