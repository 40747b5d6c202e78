// SPDX-License-Identifier: BSL-1.0
// The state of a training in a file: what is taken up again, and what is refused with nothing changed.
#include "tenon/train/checkpoint.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <span>
#include <string>
#include <vector>

namespace {
using namespace tenon;
using train::checkpoint;
using train::training_history;

constexpr std::size_t count = 6;
constexpr float infinite = std::numeric_limits<float>::infinity();
io::metadata_map const facts{{"seed", "1"}};

/// A training that has done two epochs, of which the first was the better one.
struct one_training {
  parameter_block block{count};
  std::span<std::byte> state;
  std::vector<float> best;
  training_history history;
  checkpoint kept;

  explicit one_training(std::size_t floats_of_state = 2 * count, float begin = 1)
      : state(block.state(floats_of_state * sizeof(float))), kept{block, state, best, history} {
    for (std::size_t i = 0; i < count; ++i) block.values()[i] = begin + static_cast<float>(i);
  }
  void train() {
    history.train_loss = {2, 1};
    history.validation_loss = {3, 4};
    history.best_epoch = 1;
    history.best_validation = 3;
    best.assign(count, 7);
    block.steps = 10;
    float const moment = 0.5F;
    std::memcpy(state.data(), &moment, sizeof moment);
  }
};

struct temporary_file {
  std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("tenon_checkpoint_" + std::to_string(getpid()));
  ~temporary_file() { std::filesystem::remove(path); }
  std::string content() const {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
};

bool same(std::span<float const> a, std::span<float const> b) {
  return std::ranges::equal(a, b);
}

}  // namespace

TEST_CASE("checkpoint: what was kept is taken up") {
  temporary_file const file;
  one_training first, second(2 * count, 100);
  first.train();
  first.kept.save(file.path, facts);
  second.kept.load(file.path, facts);
  CHECK(same(second.block.values(), first.block.values()));
  CHECK(std::ranges::equal(second.state, first.state));
  CHECK(second.best == first.best);
  CHECK(second.history.train_loss == first.history.train_loss);
  CHECK(second.history.best_epoch == 1);
  CHECK(second.history.best_validation == 3);
  CHECK(second.block.steps == 10);
  second.kept.save(file.path, facts);  // its own file now
  CHECK_THROWS_WITH_AS(first.kept.save(file.path, facts), doctest::Contains("another training"), error);
}

TEST_CASE("checkpoint: what could not be taken up is not kept, and the file stays") {
  temporary_file const file;
  one_training run;
  run.train();
  run.kept.save(file.path, facts);
  auto const before = file.content();
  auto const refused = [&](char const* why) {
    CHECK_THROWS_WITH_AS(run.kept.save(file.path, facts), doctest::Contains(why), error);
    CHECK(file.content() == before);
  };
  run.block.values()[3] = infinite;
  refused("not finite");
  run.block.values()[3] = 4;
  std::memcpy(run.state.data() + 8, &infinite, sizeof infinite);
  refused("not finite");
  std::memset(run.state.data() + 8, 0, sizeof infinite);
  run.history.validation_loss[1] = std::numeric_limits<double>::quiet_NaN();
  refused("loss or score");
  run.history.validation_loss.pop_back();
  refused("different numbers");
  run.history.validation_loss.push_back(4);
  run.best.clear();
  refused("lacks its weights");
  run.best.assign(count, 7);
  run.kept.save(file.path, facts);
}

TEST_CASE("checkpoint: of a file that does not fit nothing is taken up") {
  temporary_file const file;
  one_training first;
  first.train();
  first.kept.save(file.path, facts);
  one_training other(count, 100);  // an optimiser with less state
  std::vector<float> const before(other.block.values().begin(), other.block.values().end());
  CHECK_THROWS_WITH_AS(other.kept.load(file.path, facts), doctest::Contains("optimiser"), error);
  CHECK_THROWS_WITH_AS(other.kept.load(file.path, {{"seed", "2"}}), doctest::Contains("seed"), error);
  CHECK(same(other.block.values(), before));
  CHECK(other.history.epochs() == 0);
  CHECK(other.best.empty());
  CHECK(other.block.steps == 0);
}
