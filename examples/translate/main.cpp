// SPDX-License-Identifier: BSL-1.0
// tenon-translate: trains, translates, evaluates and inspects the translator of one recipe, the header
// TENON_RECIPE_HEADER.
#include <csignal>
#include <filesystem>
#include <iostream>
#include <new>
#include <string>
#include <string_view>

#include "evaluate_command.hpp"
#include "inspect_command.hpp"
#include "options.hpp"
#include "tenon/cpu/blas_choice.hpp"
#include "train_command.hpp"
#include "translate_command.hpp"
#include TENON_RECIPE_HEADER

namespace {

using recipe = tenon::recipes::selected;

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
  translate::command_line line({std::filesystem::path(arguments[0]).filename().string(),
                                std::string(recipe::name), corpus(), recipe::epochs, recipe::pairs,
                                recipe::validation_pairs, recipe::learning_rate});
  try {
    line.app.parse(count, arguments);
  } catch (CLI::ParseError const& wrong) {
    if (wrong.get_exit_code() == 0) return line.app.exit(wrong);  // --help
    throw error(wrong.what() + std::string(" (--help explains)"));
  }
  auto& chosen = line.chosen;
  if (chosen.threads == 0) chosen.threads = line.translate->parsed() ? 1 : cpu::default_threads();
  bool const needs_data = line.train->parsed() || line.evaluate->parsed();
  if (needs_data && chosen.data.empty()) {
    chosen.data = corpus();
    if (std::error_code ignored; !std::filesystem::exists(chosen.data, ignored))
      throw error("the corpus that comes with this translator is not at " + chosen.data +
                  ": give sentence pairs with --data");
  }
  if (line.train->parsed()) return translate::train_command<recipe>(chosen, std::cout);
  if (line.translate->parsed()) return translate::translate_command<recipe>(chosen, std::cout);
  if (line.evaluate->parsed()) return translate::evaluate_command<recipe>(chosen, std::cout);
  return translate::inspect_command<recipe>(chosen, std::cout);
}

/// One line, whatever was in the message.
int fail(std::string_view what, int code) {
  std::cerr << "tenon-translate: " << tenon::io::printable(what) << '\n';
  return code;
}

}  // namespace

int main(int count, char** arguments) {
  tenon::cpu::prefer_wide_blas(arguments);
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
