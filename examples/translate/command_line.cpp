// SPDX-License-Identifier: BSL-1.0
// The command line. A translation unit of its own: it depends on no recipe, and CLI11 is a lot to compile.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "options.hpp"
#include "tenon/cpu/team.hpp"
#include "tenon/error.hpp"
#include "tenon/io/atomic_file.hpp"
#include "tenon/io/posix_file.hpp"
#include "tenon/train/format.hpp"
#include "tenon/version.hpp"

namespace tenon::translate {
namespace {

/// `app` to parse it, `chosen` to see what was said.
struct command_line {
  options chosen;
  CLI::App app;
  CLI::App *train = nullptr, *translate = nullptr, *evaluate = nullptr, *inspect = nullptr,
           *export_header = nullptr, *serve = nullptr, *score = nullptr, *buckets = nullptr;

  explicit command_line(defaults const& recipe) : app("", recipe.program) {
    app.description(
        "Trains a small translator (a recurrent encoder and decoder) and translates with it.\n"
        "Everything it learns is in one model file, everything it needs to learn is a file of sentence "
        "pairs.");
    app.footer("Start with:\n  " + recipe.program + " train\n  " + recipe.program +
               " translate \"i'm home .\"\n" + "Each command explains itself: " + recipe.program +
               " train --help");
    app.require_subcommand(1);
    app.set_version_flag("--version", recipe.program + " " TENON_VERSION ", recipe " + recipe.recipe,
                         "Print the version and the recipe");
    add_train(recipe);
    add_translate(recipe);
    add_evaluate(recipe);
    add_score(recipe);
    add_buckets(recipe);
    add_inspect(recipe);
    add_export(recipe);
    add_serve(recipe);
    refuse_empty_names();
  }
  command_line(command_line const&) = delete;

 private:
  /// An empty name is that of a variable that is not set, most often: not the same as no option.
  void refuse_empty_names() {
    for (auto* const command : app.get_subcommands({}))
      for (auto* const option : command->get_options())
        if (auto const type = option->get_type_name();
            type.find("FILE") != std::string::npos || type == "FROM-TO")
          option->check(CLI::Validator(
              [](std::string const& said) { return said.empty() ? "an empty name was given" : ""; }, ""));
  }

  void add_model(CLI::App* command, std::string const& what) {
    command
        ->add_option_function<std::string>(
            "-m,--model",
            [this](std::string const& path) {
              chosen.model = path;
              chosen.model_given = true;
            },
            what)
        ->type_name("FILE")
        ->default_str(chosen.model);
  }
  /// Of those commands that translate, with several models together where the recipe can.
  void add_models(CLI::App* command, defaults const& recipe) {
    command
        ->add_option("-m,--model", chosen.models,
                     recipe.ensembles ? "The model; given several times: models that translate together, by "
                                        "the mean of their probabilities"
                                      : "The model")
        ->type_name("FILE")
        ->allow_extra_args(false)  // what follows a file is a sentence
        ->default_str(chosen.model);
  }
  void add_threads(CLI::App* command, std::size_t count) {
    command
        ->add_option("-t,--threads", chosen.threads,
                     "Threads to use; results do not depend on it (default: " +
                         (count == 0 ? std::string("all processors") : std::to_string(count)) + ")")
        ->type_name("N")
        ->transform(whole_number())
        ->check(CLI::Range(std::size_t{1}, std::size_t{1024}));
  }

  void add_weights(CLI::App* command) {
    command
        ->add_option_function<std::string>(
            "-w,--weights",
            [this](std::string const& kept_as) {
              chosen.weights = kept_as == "int16" ? element_type::int16 : element_type::float32;
            },
            "Keep the weights of products as numbers of 16 bits, or as they were trained, which takes almost "
            "twice as long")
        ->type_name("int16|float32")
        ->default_str("int16")
        ->check(CLI::IsMember({"int16", "float32"}));
  }

  void add_greedy(CLI::App* command, defaults const& recipe) {
    command->add_flag("-g,--greedy", chosen.greedy,
                      recipe.beams == 1
                          ? "Take the most probable word at each step, as this translator always does"
                          : "Take the most probable word at each step instead of following " +
                                std::to_string(recipe.beams) + " hypotheses, for speed");
  }

  void add_data(CLI::App* command, defaults const& recipe) {
    command
        ->add_option("-d,--data", chosen.data,
                     "Sentence pairs, one a line: sentence, tab, translation (UTF-8). Or two files, of which "
                     "each line translates the other's")
        ->type_name("FILE [FILE]")
        ->expected(1, 2)
        ->default_str(recipe.corpus);
  }

  void add_vocabulary_data(CLI::App* command) {
    command
        ->add_option("-d,--data", chosen.vocabulary_data,
                     "For a model file without vocabularies: what it was trained on, given twice if that was "
                     "two files")
        ->type_name("FILE")
        ->allow_extra_args(false);  // what follows the file is a sentence
  }

  /// Of commands whose --data is what they measure.
  void add_other_vocabulary_data(CLI::App* command) {
    command
        ->add_option("--vocabulary-data", chosen.vocabulary_data,
                     "For a model file without vocabularies: what it was trained on (default: --data)")
        ->type_name("FILE [FILE]")
        ->expected(1, 2);
  }

  void add_schedule() {
    train
        ->add_option("--warm-up", chosen.schedule.warm_up,
                     "Let the learning rate rise over this many batches")
        ->type_name("N")
        ->transform(whole_number())
        ->capture_default_str();
    static std::map<std::string, tenon::train::decay_form> const forms{
        {"none", tenon::train::decay_form::none},
        {"inverse-sqrt", tenon::train::decay_form::inverse_square_root},
        {"linear", tenon::train::decay_form::linear},
        {"cosine", tenon::train::decay_form::cosine}};
    auto const said = std::ranges::find(forms, chosen.schedule.decay, [](auto const& f) { return f.second; });
    train
        ->add_option_function<std::string>(
            "--decay", [this](std::string const& how) { chosen.schedule.decay = forms.at(how); },
            "How the learning rate falls then; linear and cosine to 0 at the last batch")
        ->type_name("none|inverse-sqrt|linear|cosine")
        ->default_str(said->first)
        ->check(CLI::IsMember({"none", "inverse-sqrt", "linear", "cosine"}));
    train
        ->add_option("--patience", chosen.patience,
                     "Stop after this many epochs without a better model, and keep the best")
        ->type_name("N")
        ->transform(whole_number())
        ->check(CLI::Range(std::size_t{1}, std::size_t{1'000'000'000}));
    train
        ->add_option_function<std::string>(
            "--keep", [this](std::string const& which) { chosen.keep_best = which == "best"; },
            "Save the last epoch's model, or the best one")
        ->type_name("last|best")
        ->default_str("last")
        ->check(CLI::IsMember({"last", "best"}));
    train
        ->add_option("--best-by", chosen.best_by,
                     "By what a model is better than others: the validation loss, or how well it translates "
                     "the pairs that it is validated on, word by word the most probable (corpus BLEU, chrF2)")
        ->type_name("loss|bleu|chrf")
        ->capture_default_str()
        ->check(CLI::IsMember({"loss", "bleu", "chrf"}));
  }

  void add_train(defaults const& recipe) {
    train = app.add_subcommand("train", "Learn from sentence pairs and save a model");
    train->add_option("-r,--recipe", chosen.recipe, "The recipe that this translator is compiled from")
        ->type_name("NAME")
        ->default_str(recipe.recipe);
    add_data(train, recipe);
    add_model(train, "Where to save the model");
    train
        ->add_option("--report", chosen.report,
                     "Write a page with loss curves, translations and attention there")
        ->type_name("FILE.html");
    chosen.epochs = recipe.epochs, chosen.pairs = recipe.pairs,
    chosen.validation_pairs = recipe.validation_pairs;
    chosen.learning_rate = recipe.learning_rate;
    chosen.schedule = recipe.schedule;
    constexpr std::size_t many = 1'000'000'000;
    train->add_option("-e,--epochs", chosen.epochs, "How often to go through all pairs")
        ->type_name("N")
        ->transform(whole_number())
        ->check(CLI::Range(std::size_t{1}, many))
        ->capture_default_str();
    train->add_option("-s,--seed", chosen.seed, "Of all random numbers: the same seed gives the same model")
        ->type_name("N")
        ->transform(whole_number())
        ->capture_default_str();
    train->add_option("--pairs", chosen.pairs, "Train on this many pairs, the first of the file, or on all")
        ->type_name("N|all")
        ->transform(number_of_pairs())
        ->default_str(recipe.pairs == every_pair ? "all" : std::to_string(recipe.pairs));
    train
        ->add_option("--validation-pairs", chosen.validation_pairs,
                     "Measure the loss on this many pairs that follow, or on the first of --validation-data")
        ->type_name("N")
        ->transform(whole_number())
        ->check(CLI::Range(std::size_t{0}, many))
        ->capture_default_str();
    train
        ->add_option("--validation-data", chosen.validation_data,
                     "Measure the loss on pairs of this file, or of two, of which the vocabularies are not "
                     "made (default: all of them)")
        ->type_name("FILE [FILE]")
        ->expected(1, 2);
    train
        ->add_option(
            "--checkpoint", chosen.checkpoint,
            "After each epoch keep the whole state of the training in this file, and go on from it if it "
            "is there")
        ->type_name("FILE");
    train->add_option("--learning-rate", chosen.learning_rate, "Of Adam")
        ->type_name("X")
        ->check(CLI::Validator(
            [](std::string const& said) -> std::string {
              char* end = nullptr;
              float const rate = std::strtof(said.c_str(), &end);
              bool const good = end == said.c_str() + said.size() && rate > 0 && rate <= 1e6F;
              return good ? "" : said + " is no rate: give a number above 0, such as 0.005";
            },
            ""))
        ->default_str(
            recipe.learning_rate > 0 ? tenon::train::shortest(static_cast<float>(recipe.learning_rate)) : "");
    add_schedule();
    train
        ->add_option("--loss", chosen.loss, "What the loss is a mean over: words, or all steps with the pads")
        ->type_name("words|steps")
        ->check(CLI::IsMember({"words", "steps"}));
    add_threads(train, 0);
    train->footer(
        "The last model is saved when all epochs are done. Ctrl-C stops after the current step and saves the "
        "best model so far\n"
        "(see --best-by; without pairs to validate on, the model as it is then). Either way the file is "
        "replaced at once and as a whole.\n"
        "The last lines are `train loss X` (the mean of the last epoch's batches, with dropout, each "
        "measured\n"
        "before the model learns from it), `validation loss X (best X)` (the mean of the batches, without\n"
        "dropout; not without validation pairs) and `bleu X` (BLEU(2), the mean over the recipe's sample\n"
        "sentences).\n"
        "Examples:\n  " +
        recipe.program + " train --report report.html\n  " + recipe.program +
        " train --data fra.txt --epochs 50 --seed 2 --model french.safetensors\n  " + recipe.program +
        " train --data train.de train.en --validation-data val.de val.en --keep best" +
        (recipe.pairs == every_pair ? "" : " --pairs 100"));
  }

  void add_translate(defaults const& recipe) {
    translate = app.add_subcommand("translate",
                                   "Translate sentences: arguments, a file, or standard input line by line");
    translate->add_option("sentences", chosen.sentences, "Sentences, each in quotes")->type_name("SENTENCE");
    add_models(translate, recipe);
    auto* const file = translate->add_option("-f,--file", chosen.file, "Translate each line of this file")
                           ->type_name("FILE");
    file->excludes("sentences");
    translate->add_option("--references", chosen.references, "Known translations, line by line; adds BLEU(2)")
        ->type_name("FILE");
    translate
        ->add_option("--n-best", chosen.n_best,
                     "Print this many translations of each sentence, the best first, with their scores (this "
                     "translator follows " +
                         std::to_string(recipe.beams) + (recipe.beams == 1 ? ")" : " at once)"))
        ->type_name("N")
        ->transform(whole_number())
        ->check(CLI::Range(std::size_t{1}, std::size_t{1000}));
    translate
        ->add_option("--attention", chosen.attention, "Draw where each word came from (.svg: one sentence)")
        ->type_name("FILE.html|.svg");
    translate->add_flag("--align", chosen.align,
                        "Print where each token of a translation came from, as `0-0 2-1`: source before "
                        "translation, counted from 0");
    add_vocabulary_data(translate);
    add_greedy(translate, recipe);
    add_weights(translate);
    add_threads(translate, 1);
    translate->footer(
        "Prints `sentence => translation`, and the BLEU(2) of sentences whose translation is "
        "known.\nExamples:\n  " +
        recipe.program + " translate \"go .\" \"i'm home .\"\n  echo \"i lost .\" | " + recipe.program +
        " translate --model french.safetensors\n  " + recipe.program +
        " translate --attention where.html \"he's calm .\"" +
        (recipe.ensembles ? "\n  " + recipe.program +
                                " translate --model first.safetensors --model second.safetensors \"i lost .\""
                          : ""));
  }

  void add_evaluate(defaults const& recipe) {
    evaluate = app.add_subcommand("evaluate",
                                  "Measure a model on sentence pairs: loss, perplexity, BLEU, exact matches");
    add_models(evaluate, recipe);
    add_data(evaluate, recipe);
    evaluate->add_option("--pairs", chosen.range, "Which pairs, counted from 1 (default: all)")
        ->type_name("FROM-TO");
    add_other_vocabulary_data(evaluate);
    add_greedy(evaluate, recipe);
    add_weights(evaluate);
    add_threads(evaluate, 0);
    evaluate->footer(
        "bleu(2) to bleu(4) are means over sentences, as Dive into Deep Learning has them; `corpus bleu` "
        "and\n"
        "`corpus chrf2` are sacreBLEU's, of " +
        std::string(recipe.subwords ? "sentences as they are written" : "tokens joined by spaces") +
        ".\nWhere pairs share a sentence they are given twice: pair by pair, and sentence by sentence with\n"
        "the translations of all its pairs." +
        (recipe.pairs == every_pair
             ? ""
             : "\nExample, on the pairs that training validates on:\n  " + recipe.program +
                   " evaluate --pairs " + std::to_string(recipe.pairs + 1) + "-" +
                   std::to_string(recipe.pairs + recipe.validation_pairs)));
  }

  void add_inspect(defaults const& recipe) {
    inspect =
        app.add_subcommand("inspect", "Show what the programs need and do, and what a model file holds");
    add_model(inspect, "Show this model too");
    inspect->add_flag("--calls", chosen.calls, "List every call");
    inspect->add_option("--svg", chosen.svg, "Draw the memory of a training step over time")
        ->type_name("FILE.svg");
    add_vocabulary_data(inspect);
    inspect->footer("Example:\n  " + recipe.program + " inspect --svg arena.svg");
  }

  void add_export(defaults const& recipe) {
    export_header = app.add_subcommand(
        "export", "Write a model as a C++ header, for a translator in one file that needs no heap");
    add_model(export_header, "The model");
    export_header->add_option("-o,--output", chosen.output, "The header to write")
        ->type_name("FILE.hpp")
        ->capture_default_str();
    add_vocabulary_data(export_header);
    export_header->footer(
        "In CMake, tenon_add_static_translator(my-translator RECIPE HEADER MODEL FILE.hpp) compiles it.\n"
        "Example:\n  " +
        recipe.program + " export --model french.safetensors --output french.hpp");
  }

  void add_serve(defaults const& recipe) {
    serve = app.add_subcommand("serve", "A page to try a model, and a JSON interface, on this machine alone");
    add_models(serve, recipe);
    serve->add_option("-p,--port", chosen.port, "Of 127.0.0.1; 0: any that is free, which is printed")
        ->type_name("N")
        ->transform(whole_number())
        ->check(CLI::Range(0, 65535))
        ->capture_default_str();
    add_weights(serve);
    add_threads(serve, 0);
    add_vocabulary_data(serve);
    serve->footer(
        "Each thread translates a sentence at a time. POST /api/translate takes {\"text\": \"i lost .\"} as "
        "application/json.\nExample:\n  " +
        recipe.program + " serve --model french.safetensors");
  }

  void add_score(defaults const& recipe) {
    score = app.add_subcommand("score", "Print how likely a model finds given translations");
    add_model(score, "The model");
    add_data(score, recipe);
    add_other_vocabulary_data(score);
    add_threads(score, 0);
    score->footer(
        "Prints `sentence => translation  score X` for each pair: the log-probability of the translation, "
        "divided "
        "by the\nlength penalty, as `translate --n-best` does.\nExample:\n  " +
        recipe.program + " score --data pairs.tsv --model french.safetensors");
  }

  void add_buckets(defaults const& recipe) {
    buckets = app.add_subcommand("buckets", "Choose buckets of lengths for a recipe from sentence pairs");
    add_data(buckets, recipe);
    buckets->add_option("-n,--count", chosen.buckets, "The most buckets: each is a program of its own")
        ->type_name("N")
        ->transform(whole_number())
        ->check(CLI::Range(1, 64))
        ->capture_default_str();
    buckets->add_option("--batch-words", chosen.batch_words, "About so many labels shall be in a batch")
        ->type_name("N")
        ->transform(whole_number())
        ->check(CLI::Range(1, 1'000'000))
        ->capture_default_str();
    buckets->footer(
        "Prints the lines for a recipe: pairs are trained on together in the first bucket that has room for "
        "both sentences.\nExample:\n  " +
        recipe.program + " buckets --data train.de train.en --count 4");
  }

  /// Decimal digits alone, of a number that fits: CLI11 would take -1 for the largest one and 010 for 8.
  static CLI::Validator whole_number() {
    return {[](std::string& said) -> std::string {
              std::uint64_t value = 0;
              auto const* const end = said.data() + said.size();
              auto const read = std::from_chars(said.data(), end, value);
              if (read.ec != std::errc() || read.ptr != end)
                return said + " is no whole number, or too large";
              said = std::to_string(value);
              return {};
            },
            ""};
  }

  static CLI::Validator number_of_pairs() {
    return {[](std::string& said) -> std::string {
              if (said == "all") {
                said = std::to_string(every_pair);
                return {};
              }
              std::size_t value = 0;
              auto const* const end = said.data() + said.size();
              auto const read = std::from_chars(said.data(), end, value);
              bool const good =
                  read.ec == std::errc() && read.ptr == end && value > 0 && value <= 1'000'000'000;
              return good ? "" : said + " is no number of pairs: give one from 1 to 1000000000, or all";
            },
            ""};
  }
};

/// A file that a command reads or writes.
struct named_file {
  std::string option, path;
  bool written;
};

/// Of letters that CLI11 takes for options one by one (`-go`), the word that they stand in.
std::string as_written(std::string const& option, std::span<char const* const> arguments) {
  auto const word = std::ranges::find_if(arguments, [&](std::string_view said) {
    return said.size() > 2 && said[0] == '-' && said[1] != '-' && option.size() == 2 &&
           said.find(option[1], 1) != std::string_view::npos;
  });
  return word == arguments.end() ? option : *word;
}

/// What is wrong with a command line, in one line.
std::string explained(CLI::App const& app, CLI::ParseError const& wrong,
                      std::span<char const* const> arguments) {
  std::string const help = " (--help explains)";
  if (dynamic_cast<CLI::ExtrasError const*>(&wrong) == nullptr) return wrong.what() + help;
  for (auto const* const command : app.get_subcommands()) {
    auto const rest = command->remaining();
    auto const option = std::ranges::find_if(rest, [](auto const& said) { return said.starts_with('-'); });
    if (option == rest.end()) continue;
    bool const sentences = command->get_option_no_throw("sentences") != nullptr;
    return command->get_name() + " has no option " + io::in_quotes(as_written(*option, arguments)) +
           (sentences ? ": a sentence that begins so comes behind --" : "") + help;
  }
  return wrong.what() + help;
}

/// Throws if a file that is written is another one too: what it holds would be lost.
void check_files_differ(std::vector<named_file> const& files) {
  auto const place = [](std::string const& path) {
    std::error_code failed;
    auto whole = std::filesystem::absolute(path, failed);
    try {
      whole = io::detail::follow_links(whole);
    } catch (error const&) {  // links that lead nowhere: what opens the file will say so
    }
    auto const resolved = std::filesystem::weakly_canonical(whole, failed);
    return failed ? whole : resolved;
  };
  auto const can_be_shared = [](std::string const& path) {  // /dev/null, a pipe
    std::error_code ignored;
    return path.empty() ||
           (std::filesystem::exists(path, ignored) && !std::filesystem::is_regular_file(path, ignored));
  };
  for (std::size_t i = 0; i < files.size(); ++i)
    for (std::size_t j = 0; j < i; ++j) {
      auto const &a = files[j], &b = files[i];
      if (!(a.written || b.written) || can_be_shared(a.path) || can_be_shared(b.path)) continue;
      if (place(a.path) == place(b.path))
        throw error(a.option + " and " + b.option + " are one file, " + io::printable(a.path) +
                    ", and what is written there would replace the other: give each a file of its own");
    }
}

/// Throws if what comes first is no command and asks for no help either.
void check_command(CLI::App const& app, int count, char const* const* arguments) {
  std::string_view const said = count > 1 ? arguments[1] : "";
  if (said == "-h" || said == "--help" || said == "--version") return;
  std::string names;
  for (auto const* const command : app.get_subcommands({})) {
    if (command->get_name() == said) return;
    names += (names.empty() ? "" : ", ") + command->get_name();
  }
  throw error((said.empty() ? "what is to be done? Say one of "
                            : "there is no command " + io::in_quotes(said) + ": say one of ") +
              names + " (--help explains)");
}

std::vector<named_file> files_of(options const& said) {
  std::vector<named_file> files;
  auto const add = [&](char const* option, std::string const& path, bool written) {
    files.push_back({option, path, written});
  };
  auto const add_all = [&](char const* option, std::vector<std::string> const& paths) {
    for (auto const& path : paths) add(option, path, false);
  };
  add_all("--data", said.data);
  add_all("--data", said.vocabulary_data);
  if (said.chosen == command::train) {
    add_all("--validation-data", said.validation_data);
    add("--model", said.model, true);
    add("--checkpoint", said.checkpoint, true);
    add("--report", said.report, true);
  } else if (said.chosen == command::translate) {
    add_all("--model", said.models);
    add("--file", said.file, false);
    add("--references", said.references, false);
    add("--attention", said.attention, true);
  } else if (said.chosen == command::inspect) {
    add("--model", said.model, false);
    add("--svg", said.svg, true);
  } else if (said.chosen == command::export_header) {
    add("--model", said.model, false);
    add("--output", said.output, true);
  }
  return files;
}

}  // namespace

std::optional<options> parse_command_line(int count, char const* const* arguments, defaults const& recipe) {
  command_line line(recipe);
  check_command(line.app, count, arguments);
  try {
    line.app.parse(count, arguments);
  } catch (CLI::ParseError const& wrong) {
    if (wrong.get_exit_code() != 0)
      throw error(explained(line.app, wrong, {arguments, static_cast<std::size_t>(count)}));
    line.app.exit(wrong);  // --help
    if (!std::cout.flush()) throw error("standard output: cannot be written: free some space");
    return std::nullopt;
  }
  auto& said = line.chosen;
  if (said.models.size() > 1 && !recipe.ensembles)
    throw error(
        "--model is given " + std::to_string(said.models.size()) +
        " times, but this translator takes one model: give one, or compile a translator from a recipe "
        "with `ensembles = true`");
  said.chosen = line.train->parsed()       ? command::train
                : line.translate->parsed() ? command::translate
                : line.evaluate->parsed()  ? command::evaluate
                : line.inspect->parsed()   ? command::inspect
                : line.serve->parsed()     ? command::serve
                : line.score->parsed()     ? command::score
                : line.buckets->parsed()   ? command::buckets
                                           : command::export_header;
  if (said.vocabulary_data.size() > 2)
    throw error("--data is given " + std::to_string(said.vocabulary_data.size()) +
                " times: give one file of sentence pairs, or two of which each line translates the other's");
  check_files_differ(files_of(said));
  if (said.patience > 0) {
    if (line.train->count("--keep") > 0 && !said.keep_best)
      throw error("--patience keeps the best model: leave out --keep last, or --patience");
    said.keep_best = true;
  }
  if (!said.validation_data.empty()) {
    if (line.train->count("--validation-pairs") == 0)
      said.validation_pairs = every_pair;
    else if (said.validation_pairs == 0)
      throw error(
          "--validation-pairs 0: nothing of --validation-data would be measured: leave one of them out");
  }
  if (said.threads == 0) said.threads = said.chosen == command::translate ? 1 : cpu::default_threads();
  return said;
}

}  // namespace tenon::translate
