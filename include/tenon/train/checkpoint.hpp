// SPDX-License-Identifier: BSL-1.0
// The whole state of a training run after an epoch: what goes on from it gives the same bits as a run that
// was never interrupted.
#pragma once
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tenon/config.hpp"
#include "tenon/io/posix_file.hpp"
#include "tenon/io/safetensors.hpp"
#include "tenon/program/parameter_block.hpp"
#include "tenon/train/training_loop.hpp"

namespace tenon::train {

/// A run's state and where it is kept. Seeds, data and what else the run depends on are `facts`, which must
/// be the same when it goes on.
struct checkpoint {
  parameter_block& weights;
  std::span<std::byte> optimiser;  ///< its state: floats
  std::vector<float>& best;        ///< the best weights so far, or none
  training_history& history;
  io::file_version written{};  ///< of its file when this run last read or wrote it

  /// Saves all of it, in one piece or not at all. Throws tenon::error if that fails, if another run has
  /// written to the file meanwhile, and for what `load` would refuse: the file stays as it was then.
  TENON_COLD void save(std::filesystem::path const& path, io::metadata_map facts) {
    auto const last = io::version_of(path);
    if (last != io::file_version{} && last != written)
      io::fail(path, "was written by another training meanwhile: give each training a file of its own");
    auto const values = std::as_const(weights).values();
    check_can_go_on(path, values);
    std::vector<io::tensor_source> tensors{
        {"weights", io::dtype::f32, {values.size()}, std::as_bytes(values)},
        {"optimiser", io::dtype::f32, {optimiser.size() / sizeof(float)}, optimiser},
        of("train_loss", history.train_loss),
        of("validation_loss", history.validation_loss),
        of("scores", history.scores),
    };
    if (!best.empty())
      tensors.push_back({"best", io::dtype::f32, {best.size()}, std::as_bytes(std::span(best))});
    facts["steps"] = std::to_string(weights.steps);
    facts["best_epoch"] = std::to_string(history.best_epoch);
    facts["tokens"] = std::to_string(history.tokens);
    facts["milliseconds"] = std::to_string(static_cast<std::uint64_t>(history.seconds * 1e3));
    try {
      io::write_safetensors(path, tensors, facts);
    } catch (error const&) {
      written = io::version_of(path);  // it may be there though the disk reports an error
      throw;
    }
    written = io::version_of(path);
  }

  /// Takes up what `save` wrote. Throws tenon::error, and takes up nothing, if the file is none of these, or
  /// of a run with other facts.
  TENON_COLD void load(std::filesystem::path const& path, io::metadata_map const& facts) {
    auto const file = [&] {
      try {
        return io::safetensors_file::read(path);
      } catch (error const& wrong) {
        if (!std::filesystem::is_regular_file(path)) throw;
        throw error(std::string(wrong.what()) +
                    "; if it is a checkpoint that broke, delete it, and the training begins anew");
      }
    }();
    auto const read_at = io::version_of(path);
    auto const said = [&](std::string const& name) -> std::string const& {
      auto const found = file.metadata().find(name);
      if (found == file.metadata().end())
        io::fail(path, "is no checkpoint of a training: choose another file");
      return found->second;
    };
    for (auto const& [name, value] : facts)
      if (said(name) != value && name != "text")
        io::fail(path, "is of a training with " + name + " " + io::in_quotes(said(name)) + ", not " +
                           io::in_quotes(value) + ": train as before, or choose another file");
    if (auto const text = facts.find("text"); text != facts.end() && said("text") != text->second)
      io::fail(path, "is of a training on other sentence pairs: train as before, or choose another file");
    training_history read;
    read.train_loss = losses(path, file, "train_loss");
    read.validation_loss = losses(path, file, "validation_loss");
    read.scores = losses(path, file, "scores");
    read.best_epoch = number(path, file, "best_epoch");
    read.tokens = number(path, file, "tokens");
    read.seconds = static_cast<double>(number(path, file, "milliseconds")) / 1e3;
    auto const steps = number(path, file, "steps");
    auto const* const best_of_file = file.find("best");
    if (auto const wrong = contradiction(read, best_of_file != nullptr); !wrong.empty())
      io::fail(path, wrong + ": choose another file");
    if (read.best_epoch > 0) {
      read.best_validation = std::ranges::min(read.validation_loss);
      if (read.best_epoch <= read.scores.size()) read.best_score = read.scores[read.best_epoch - 1];
    }
    auto const values = weights.values();
    std::vector<float> new_values(values.size()), state(optimiser.size() / sizeof(float)), new_best;
    file.copy_to(file.at("weights", std::array{new_values.size()}), new_values);
    file.copy_to(file.at("optimiser", std::array{state.size()}), state);
    if (best_of_file != nullptr) {
      new_best.resize(values.size());
      file.copy_to(*best_of_file, new_best);
    }

    std::ranges::copy(new_values, values.begin());
    std::memcpy(optimiser.data(), state.data(), optimiser.size());
    best = std::move(new_best);
    history = std::move(read);
    weights.steps = steps;
    written = read_at;
  }

 private:
  /// What in a history is not as a run leaves it; empty: nothing.
  static std::string contradiction(training_history const& of, bool has_best) {
    std::size_t const epochs = of.epochs();
    for (auto const* const measured : {&of.validation_loss, &of.scores})
      if (!measured->empty() && measured->size() != epochs)
        return "holds losses of different numbers of epochs";
    bool const validated = !of.validation_loss.empty();
    if (of.best_epoch > (validated ? epochs : 0) || (of.best_epoch == 0 && validated) ||
        (of.best_epoch > 0) != has_best)
      return "names a best epoch that was not done, or lacks its weights";
    return {};
  }
  /// Throws tenon::error if nothing could go on from this state.
  void check_can_go_on(std::filesystem::path const& path, std::span<float const> values) const {
    std::span const state{reinterpret_cast<float const*>(optimiser.data()), optimiser.size() / sizeof(float)};
    for (auto const part : {values, state, std::span<float const>(best)})
      if (io::find_non_finite(part))
        io::fail(path,
                 "cannot keep this training: a weight, or what its optimiser knows of one, is not finite: "
                 "train with a lower learning rate");
    for (auto const* const losses : {&history.train_loss, &history.validation_loss, &history.scores})
      if (!std::ranges::all_of(*losses, [](double loss) { return std::isfinite(loss); }))
        io::fail(path, "cannot keep this training: a loss or score is not finite");
    if (auto const wrong = contradiction(history, !best.empty()); !wrong.empty())
      io::fail(path, "cannot keep this training, which " + wrong);
  }
  static io::tensor_source of(char const* name, std::vector<double> const& losses) {
    return {name, io::dtype::f64, {losses.size()}, std::as_bytes(std::span(losses))};
  }
  static std::vector<double> losses(std::filesystem::path const& path, io::safetensors_file const& file,
                                    char const* name) {
    auto const& entry = file.at(name);
    if (entry.type != io::dtype::f64) io::fail(path, "holds losses that are no F64: choose another file");
    std::vector<double> result(entry.bytes.size() / sizeof(double));
    if (!result.empty()) std::memcpy(result.data(), entry.bytes.data(), entry.bytes.size());
    for (double const loss : result)
      if (!std::isfinite(loss)) io::fail(path, "holds a loss that is not finite: choose another file");
    return result;
  }
  static std::uint64_t number(std::filesystem::path const& path, io::safetensors_file const& file,
                              char const* name) {
    auto const found = file.metadata().find(name);
    std::uint64_t value = 0;
    if (found != file.metadata().end()) {
      auto const* const end = found->second.data() + found->second.size();
      auto const read = std::from_chars(found->second.data(), end, value);
      if (read.ec == std::errc() && read.ptr == end) return value;
    }
    io::fail(path, std::string("its ") + name + " is missing or no number: choose another file");
  }
};

}  // namespace tenon::train
