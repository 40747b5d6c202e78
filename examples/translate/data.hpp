// SPDX-License-Identifier: BSL-1.0
// Sentence pairs: from one file, or from two line by line.
#pragma once
#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "options.hpp"
#include "tenon/io/posix_file.hpp"
#include "tenon/text/pairs.hpp"

namespace tenon::translate {

/// What messages call the data.
inline std::string name_of(data_files const& files) {
  return files.size() == 2 ? files[0] + " and " + files[1] : files.at(0);
}

/// At most `most` pairs, the first. Throws tenon::error.
inline std::vector<text::sentence_pair> read_data(data_files const& files, std::size_t most) {
  return files.size() == 2 ? text::read_parallel(files[0], files[1], most)
                           : text::read_pairs(files.at(0), most);
}

/// What a training learns from, and behind it what it is measured on.
struct training_pairs {
  std::vector<text::sentence_pair> all;
  std::size_t training = 0, validation = 0;
  bool held_out = false;  ///< what it is measured on has files of its own

  /// What vocabularies are made from: the recipes' editions make them from all, but what is held out stays
  /// unknown.
  std::span<text::sentence_pair const> known() const {
    return std::span(all).first(held_out ? training : training + validation);
  }
};

/// The pairs that the command line asks for. Throws tenon::error if there are too few.
inline training_pairs read_training_pairs(data_files const& data, data_files const& validation_data,
                                          std::size_t pairs, std::size_t validation_pairs) {
  training_pairs read;
  read.held_out = !validation_data.empty();
  std::size_t const behind = read.held_out ? 0 : validation_pairs;
  read.all = read_data(data, pairs == every_pair ? every_pair : pairs + behind);
  read.training = pairs == every_pair ? read.all.size() - std::min(behind, read.all.size()) : pairs;
  if (read.training == 0 || read.all.size() < read.training + behind)
    io::fail(name_of(data), "has " + std::to_string(read.all.size()) + " sentence pairs, not the " +
                                (pairs == every_pair ? "one" : std::to_string(pairs)) + " for training and " +
                                std::to_string(behind) +
                                " for validation: give fewer with --pairs and --validation-pairs");
  read.validation = behind;
  if (read.held_out && validation_pairs > 0) {
    auto held_out = read_data(validation_data, validation_pairs);
    read.validation = held_out.size();
    if (validation_pairs != every_pair && read.validation < validation_pairs)
      io::fail(name_of(validation_data),
               "has " + std::to_string(read.validation) + " sentence pairs, not the " +
                   std::to_string(validation_pairs) +
                   " of --validation-pairs: ask for fewer, or leave it out for all");
    for (auto& pair : held_out) read.all.push_back(std::move(pair));
  }
  return read;
}

}  // namespace tenon::translate
