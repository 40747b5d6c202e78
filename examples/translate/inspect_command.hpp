// SPDX-License-Identifier: BSL-1.0
// tenon-translate inspect
#pragma once
#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

#include "model.hpp"
#include "options.hpp"
#include "output.hpp"
#include "tenon/io/atomic_file.hpp"
#include "tenon/train/inspect.hpp"

namespace tenon::translate {

/// Of each bucket: "128", or "128 (10/12 steps), 64 (20/24)".
template <class Recipe>
std::string batch_sizes() {
  constexpr auto& buckets = recipes::buckets_of<Recipe>;
  if (buckets.size() == 1) return std::to_string(buckets[0].batch_size);
  std::string text;
  for (auto const& b : buckets)
    text += (text.empty() ? "" : ", ") + std::to_string(b.batch_size) + " (" +
            std::to_string(b.source_steps) + "/" + std::to_string(b.target_steps) + " steps)";
  return text;
}

/// The programs of each bucket.
template <class Recipe>
std::vector<train::named_program> all_programs() {
  std::vector<train::named_program> list;
  of_each_bucket<Recipe>([&](auto bucket) {
    constexpr auto b = recipes::buckets_of<Recipe>[bucket()];
    std::string const steps =
        recipes::buckets_of<Recipe>.size() == 1
            ? ""
            : ", " + std::to_string(b.source_steps) + "/" + std::to_string(b.target_steps) + " steps";
    list.push_back({"training step" + steps, training_step<Recipe, bucket()>()});
    if (bucket() + 1 == recipes::buckets_of<Recipe>.size())
      list.push_back({"loss of a batch", measured_loss<Recipe>()});
    list.push_back({"translation" + steps, translation_of<Recipe, element_type::float32, bucket(), 1>()});
    return 0;
  });
  return list;
}

template <class Recipe>
void inspect_model(options const& chosen, std::ostream& out) {
  auto const model = translator<Recipe>::load(chosen.model, chosen);
  out << "\nmodel " << io::printable(chosen.model) << ": " << train::grouped(model.parameters())
      << " parameters, vocabularies " << model.source.words.size() << '/' << model.target.words.size()
      << '\n';
  for (auto const& [name, value] : model.facts)
    if (name != key::source_words && name != key::target_words)
      out << "  " << io::printable(name) << ": " << io::printable(value, 200) << '\n';
  auto const list = [&](char const* side, text::vocabulary const& words) {
    out << "  " << side << " words: " << io::printable(text::join(words.tokens()), 600) << '\n';
  };
  list("source", model.source.words);
  list("target", model.target.words);
}

/// Prints the recipe's programs and, if there is one, a model file. Throws tenon::error.
template <class Recipe>
TENON_COLD int inspect_command(options const& chosen, std::ostream& out) {
  if (!chosen.svg.empty()) io::check_can_save(chosen.svg);
  auto const programs = all_programs<Recipe>();
  out << "recipe " << Recipe::name << ": batches of " << batch_sizes<Recipe>() << ", vocabularies up to "
      << Recipe::source_capacity << '/' << Recipe::target_capacity << ", "
      << train::grouped(parameter_count(model_of<Recipe>)) << " parameters\n\n"
      << train::program_table(programs);
  for (auto const& p : programs)
    out << '\n'
        << p.name << '\n'
        << (chosen.calls ? train::call_list(p.program) : train::call_summary(p.program));
  if (!chosen.svg.empty()) {
    auto const picture = train::arena_picture(training_step<Recipe, recipes::buckets_of<Recipe>.size() - 1>(),
                                              "Memory of a training step of " + std::string(Recipe::name));
    io::write_atomically(chosen.svg, [&](io::file_sink& sink) { sink.write(picture); });
  }
  if (chosen.model_given) {
    inspect_model<Recipe>(chosen, out);
  } else if (std::error_code ignored; std::filesystem::exists(chosen.model, ignored)) {
    try {
      inspect_model<Recipe>(chosen, out);
    } catch (error const& wrong) {  // nobody asked for it
      out << "\n" << io::printable(wrong.what()) << '\n';
    }
  }
  flush(out);
  return 0;
}

}  // namespace tenon::translate
