// SPDX-License-Identifier: BSL-1.0
// tenon-translate: all that is done with the translator of one recipe, the header TENON_RECIPE_HEADER.
#include <csignal>
#include <filesystem>
#include <iostream>
#include <new>
#include <string>
#include <string_view>
#include <type_traits>

#include "buckets_command.hpp"
#include "evaluate_command.hpp"
#include "export_command.hpp"
#include "inspect_command.hpp"
#include "options.hpp"
#include "score_command.hpp"
#include "serve_command.hpp"
#include "train_command.hpp"
#include "translate_command.hpp"
#include TENON_RECIPE_HEADER

namespace {

using recipe = tenon::recipes::selected;
static_assert(!recipe::samples.empty(),
              "a recipe has at least one sample sentence: training ends with its translation");

/// The corpus beside this source file, in the repository as in an installation, unless the build says
/// otherwise.
std::string corpus() {
#ifdef TENON_CORPUS
  return TENON_CORPUS;
#else
  return (std::filesystem::path(__FILE__).parent_path() / ".." / "data" / "eng-fra.tsv")
      .lexically_normal()
      .string();
#endif
}

int run(int count, char const* const* arguments) {
  using namespace tenon;
  auto said = translate::parse_command_line(
      count, arguments,
      {std::filesystem::path(arguments[0]).filename().string(), std::string(recipe::name), corpus(),
       recipe::epochs, recipe::pairs, recipe::validation_pairs, recipe::beams, recipe::learning_rate,
       recipe::schedule, recipe::ensembles,
       !std::is_same_v<translate::tokeniser_of<recipe>, text::word_tokeniser>});
  if (!said) return 0;
  using translate::command;
  bool const needs_data = said->chosen == command::train || said->chosen == command::evaluate ||
                          said->chosen == command::score || said->chosen == command::buckets;
  if (needs_data && said->data.empty()) {
    said->data = {corpus()};
    if (std::error_code ignored; !std::filesystem::exists(said->data[0], ignored))
      throw error("the corpus that comes with this translator is not at " + said->data[0] +
                  ": give sentence pairs with --data");
  }
  switch (said->chosen) {
    case command::train:
      return translate::train_command<recipe>(*said, std::cout);
    case command::translate:
      return translate::translate_command<recipe>(*said, std::cout);
    case command::evaluate:
      return translate::evaluate_command<recipe>(*said, std::cout);
    case command::buckets:
      return translate::buckets_command<recipe>(*said, std::cout);
    case command::score:
      return translate::score_command<recipe>(*said, std::cout);
    case command::serve:
      return translate::serve_command<recipe>(*said, std::cout);
    case command::export_header:
      return translate::export_command<recipe>(*said, std::cout);
    default:
      return translate::inspect_command<recipe>(*said, std::cout);
  }
}

/// One line, whatever was in the message.
int fail(std::string_view what, int code) {
  std::cerr << "tenon-translate: " << tenon::io::printable(what) << '\n';
  return code;
}

}  // namespace

int main(int count, char** arguments) {
  std::signal(SIGXFSZ,
              SIG_IGN);  // a file that grows too large shall be an error like a full disk, not the end
  try {
    return run(count, arguments);
  } catch (tenon::translate::stopped const& signal) {
    return fail(signal.what(), signal.exit_code);
  } catch (tenon::error const& wrong) {
    return fail(wrong.what(), 1);
  } catch (std::bad_alloc const&) {
    return fail("there is not enough memory: free some, or use fewer pairs", 1);
  } catch (std::exception const& unexpected) {
    return fail(unexpected.what(), 1);
  }
}
