// SPDX-License-Identifier: BSL-1.0
// Epochs of batches: what every training run does whatever it trains.
#pragma once
#include <cmath>
#include <cstddef>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "tenon/error.hpp"
#include "tenon/train/format.hpp"
#include "tenon/train/interrupt.hpp"
#include "tenon/train/progress.hpp"

namespace tenon::train {

/// What one step gives: a loss, the number of tokens in which the speed is told, and what the loss weighs in
/// the epoch's mean.
struct step_outcome {
  double loss = 0;
  std::size_t tokens = 0;
  double weight = 1;
};

/// Σ weight · x / Σ weight.
class weighted_mean {
 public:
  void add(double x, double weight = 1) {
    sum_ += weight * x;
    weight_ += weight;
  }
  /// NaN while there is nothing to take the mean of.
  double value() const { return sum_ / weight_; }

 private:
  double sum_ = 0, weight_ = 0;
};

/// What became of a training run so far.
struct training_history {
  std::vector<double> train_loss,
      validation_loss;         ///< one per epoch done; the latter is empty if nothing was validated
  std::vector<double> scores;  ///< of translations of what is validated on, one per epoch; none: not scored
  std::size_t best_epoch = 0;  ///< by score where there are scores, by validation loss otherwise; 0: none
  double best_validation = std::numeric_limits<double>::quiet_NaN();
  double best_score = std::numeric_limits<double>::quiet_NaN();
  bool interrupted = false;
  double seconds = 0;
  std::size_t tokens = 0;

  std::size_t epochs() const { return train_loss.size(); }
};

/// A training run as functions; epochs count from 1, batches from 0.
struct training_run {
  std::size_t epochs = 1, batches = 1;
  std::size_t patience = 0;  ///< epochs in a row without a better model that end it; 0: none do
  std::function<void(std::size_t epoch)> start_epoch;  ///< draws the order of the batches, say
  /// Learns from one batch. Gives its outcome; or that of the batch before, nothing for the first, if one is
  /// still at work on it: then `rest` gives the last one.
  std::function<std::optional<step_outcome>(std::size_t batch)> step;
  std::function<step_outcome()> rest;  ///< empty: `step` waits for what it began
  std::function<double()> validate;    ///< empty: there is nothing to validate on
  std::function<double()> score;  ///< after `validate`, the higher the better; empty: the loss alone counts
  char const* score_name = "score";
  std::function<void(std::size_t epoch)> improved;  ///< the model is the best so far
  std::function<void()> epoch_done;                 ///< saves where the run stands, say
};

/// Runs the epochs that `history` does not have yet and adds them to it, shows progress, and stops after the
/// current step when interrupted; while it validates, as soon as `validate` or `score` returns, which may be
/// a NaN then. An epoch's train loss is the weighted mean of what its steps gave. Throws tenon::error once a
/// loss or a score is not a number or infinite.
inline void run_training(training_run const& run, progress& shown, training_history& history) {
  double const start = progress::steady_seconds() - history.seconds;
  history.interrupted = false;
  auto const require_finite = [](double loss, char const* which, std::size_t epoch) {
    if (std::isfinite(loss)) return;
    throw error(std::string("the ") + which + " became " + fixed(loss, 3) + " in epoch " +
                std::to_string(epoch) + ": train with a lower learning rate or another seed");
  };
  auto const waits = [&] {
    return run.patience == 0 || history.best_epoch == 0 ||
           history.epochs() < history.best_epoch + run.patience;
  };
  for (std::size_t epoch = history.epochs() + 1; epoch <= run.epochs && waits(); ++epoch) {
    if (run.start_epoch) run.start_epoch(epoch);
    weighted_mean loss;
    progress_state state{.epoch = epoch, .epochs = run.epochs, .steps = run.batches};
    state.score_name = run.score_name;
    if (!history.validation_loss.empty()) state.validation_loss = history.validation_loss.back();
    if (!history.scores.empty()) state.score = history.scores.back();
    auto const account_for = [&](step_outcome const& outcome) {
      require_finite(outcome.loss, "train loss", epoch);
      loss.add(outcome.loss, outcome.weight);
      history.tokens += outcome.tokens;
    };
    for (std::size_t batch = 0; batch < run.batches; ++batch) {
      if (auto const outcome = run.step(batch)) account_for(*outcome);
      history.seconds = progress::steady_seconds() - start;
      if (interrupt_guard::requested()) {
        history.interrupted = true;
        return;
      }
      state.step = batch + 1;
      state.loss = loss.value();
      state.tokens_per_second = static_cast<double>(history.tokens) / history.seconds;
      if (state.step < run.batches && !std::isnan(state.loss)) shown.update(state);
    }
    if (run.rest) account_for(run.rest());
    history.train_loss.push_back(loss.value());
    auto const given_up = [&](double measured) {  // an epoch that was not measured to its end is none
      if (!interrupt_guard::requested() || !std::isnan(measured)) return false;
      history.train_loss.pop_back();
      history.interrupted = true;
      return true;
    };
    if (run.validate) {
      double const validation = run.validate();
      if (given_up(validation)) return;
      require_finite(validation, "validation loss", epoch);
      if (run.score) {
        state.score = run.score();
        if (given_up(state.score)) return;
        require_finite(state.score, "score", epoch);
        history.scores.push_back(state.score);
      }
      history.validation_loss.push_back(validation);
      state.validation_loss = validation;
      bool better = !(validation >= history.best_validation);
      if (better) history.best_validation = validation;
      if (run.score) {
        better = !(state.score <= history.best_score);
        if (better) history.best_score = state.score;
      }
      if (better) {
        history.best_epoch = epoch;
        if (run.improved) run.improved(epoch);
      }
    }
    history.seconds = progress::steady_seconds() - start;
    if (run.epoch_done) run.epoch_done();
    shown.update(state);
  }
  history.seconds = progress::steady_seconds() - start;
}

}  // namespace tenon::train
