// SPDX-License-Identifier: BSL-1.0
// What can be said on the command line, and what was said.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tenon/program/element_type.hpp"
#include "tenon/recipes/terms.hpp"

namespace tenon::translate {

enum class command : std::uint8_t {
  train,
  translate,
  evaluate,
  inspect,
  export_header,
  serve,
  score,
  buckets
};

/// A file of sentence pairs, or one of sentences and one of their translations; none: not given.
using data_files = std::vector<std::string>;

using recipes::every_pair;

/// Of all commands, each reading what it has. Empty strings: not given.
struct options {
  command chosen = command::inspect;
  data_files data, validation_data, vocabulary_data;  ///< the last: for a model that lacks vocabularies
  std::string recipe, model = "translator.safetensors", checkpoint, report, loss, file, references, attention,
                      svg, range, output = "translator.hpp";
  std::vector<std::string> models{model};  ///< to translate with, together
  std::size_t epochs = 0, pairs = every_pair, validation_pairs = 0, threads = 0;
  std::size_t patience = 0;      ///< epochs without a better model (`best_by`) to wait for; 0: train all
  bool keep_best = false;        ///< save the best epoch's model, not the last one's
  std::string best_by = "loss";  ///< or bleu, or chrf
  train::learning_rate_schedule schedule;
  std::size_t n_best = 0;  ///< translations of a sentence to print with their scores; 0: the best without
  std::uint64_t seed = 1;
  double learning_rate = 0;
  std::size_t buckets = 4, batch_words = 2048;  ///< to choose, and the labels of a batch
  int port = 8080;                              ///< to serve on; 0: any
  bool calls = false, model_given = false;
  bool align = false;                          ///< print where each word came from
  bool greedy = false;                         ///< one hypothesis, where the recipe has more
  element_type weights = element_type::int16;  ///< as what translating keeps the weights of products
  std::vector<std::string> sentences;
};

/// What the recipe says where the command line says nothing.
struct defaults {
  std::string program, recipe, corpus;
  std::size_t epochs, pairs, validation_pairs, beams;
  double learning_rate;
  train::learning_rate_schedule schedule;
  bool ensembles;
  bool subwords;  ///< sentences as they are written, not words and punctuation apart
};

/// What the command line says; nothing if it asked for help, which was printed then. Throws tenon::error if
/// it makes no sense.
std::optional<options> parse_command_line(int count, char const* const* arguments, defaults const& recipe);

}  // namespace tenon::translate
