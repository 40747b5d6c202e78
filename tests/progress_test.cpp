// SPDX-License-Identifier: BSL-1.0
// The progress line, with a clock of its own, and the handling of Ctrl-C.
#include "tenon/train/progress.hpp"

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tenon/train/interrupt.hpp"
#include "tenon/train/schedule.hpp"
#include "tenon/train/training_loop.hpp"

namespace {

using namespace tenon::train;

struct setting {
  double now = 100;
  std::ostringstream out;
  progress bar;

  explicit setting(bool is_tty, std::size_t width = 120) : bar(out, is_tty, width, [this] { return now; }) {}

  std::string take() {
    auto text = out.str();
    out.str("");
    return text;
  }
};

progress_state state(std::size_t epoch, std::size_t step) {
  return {.epoch = epoch,
          .epochs = 10,
          .step = step,
          .steps = 4,
          .loss = 1.2345,
          .validation_loss = 2.5,
          .tokens_per_second = 5044.2,
          .seconds_left = 65};
}

/// What is visible of a line that rewrites itself: between the last carriage return and the escape sequence.
std::string visible(std::string const& text) {
  auto const start = text.rfind('\r') + 1;
  return text.substr(start, text.find('\x1b', start) - start);
}

int caught = 0;
void own_handler(int number) {
  caught = number;
}

}  // namespace

TEST_CASE("the estimate of the time left follows the recent speed") {
  time_left_estimator left(10);
  CHECK(std::isnan(left.seconds()));
  left.update(0, 0, 100);
  CHECK(std::isnan(left.seconds()));
  left.update(1, 2, 100);  // two a second: 98 to go
  CHECK(left.seconds() == doctest::Approx(49));
  left.update(11, 22, 100);
  CHECK(left.seconds() == doctest::Approx(39));
  // One half-life at half the speed. Weights: the new span 1/2, what was before 1/2 of 1 - 2^(-1.1).
  left.update(21, 32, 100);
  double const before = 0.5 * (1 - std::exp2(-1.1));
  double const rate = (0.5 * 1 + before * 2) / (0.5 + before);
  CHECK(left.seconds() == doctest::Approx(68 / rate));
  left.update(21, 33, 100);  // no time has passed: nothing is divided by zero
  CHECK(left.seconds() == doctest::Approx(68 / rate));
  left.update(1e6, 100, 100);
  CHECK(left.seconds() == 0);
  left.update(1e6 + 1, 5, 100);  // a new job
  CHECK(std::isnan(left.seconds()));
}

TEST_CASE("a pause moves the time left of long work little") {
  time_left_estimator left;
  double now = 0;
  for (double done = 0; done <= 1000; ++done, ++now) left.update(now, done, 4000);
  double const before = left.seconds();
  CHECK(before == doctest::Approx(3000).epsilon(0.01));
  left.update(now + 20, 1001, 4000);  // twenty seconds to measure
  CHECK(left.seconds() < 1.08 * before);
}

TEST_CASE("a short job prints its summary only") {
  for (bool const tty : {false, true}) {
    CAPTURE(tty);
    setting s(tty);
    for (std::size_t step = 0; step <= 4; ++step, s.now += 0.3) s.bar.update(state(1, step));
    CHECK(s.take().empty());
    s.bar.finish("train loss 0.108");
    CHECK(s.take() == "train loss 0.108\n");
  }
}

TEST_CASE("a log gets a line at each epoch's end and one every five seconds between") {
  setting s(false);
  s.bar.update(state(1, 0));
  s.now += 3;
  s.bar.update(state(1, 1));
  CHECK(s.take() == "epoch 1/10  step 1/4  loss 1.234  validation 2.500  5,044 tokens/s  1 min 05 s left\n");
  s.now += 4.9;
  s.bar.update(state(1, 2));
  CHECK(s.take().empty());
  s.now += 0.2;
  s.bar.update(state(1, 3));
  CHECK(s.take().starts_with("epoch 1/10  step 3/4"));
  s.bar.update(state(1, 4));
  CHECK(s.take().starts_with("epoch 1/10  step 4/4"));
  s.bar.update(state(2, 1));
  CHECK(s.take().empty());
  s.bar.note("interrupted");
  s.bar.finish("done");
  CHECK(s.take() == "interrupted\ndone\n");
}

TEST_CASE("a terminal gets one line, rewritten ten times a second") {
  setting s(true);
  s.now += 2;
  s.bar.update(state(6, 0));
  auto const first = s.take();
  CHECK(first.starts_with("\repoch 6/10  [##########..........]  step 0/4"));
  CHECK(first.ends_with("left\x1b[K"));
  s.now += 0.05;
  s.bar.update(state(6, 1));
  CHECK(s.take().empty());
  s.now += 0.06;
  s.bar.update(state(6, 2));
  CHECK(visible(s.take()).find("step 2/4") != std::string::npos);
  s.bar.update(state(6, 4));  // an epoch's end is shown at once
  CHECK(visible(s.take()).find("step 4/4") != std::string::npos);
  s.bar.note("best model so far");
  CHECK(s.take() == "\r\x1b[Kbest model so far\n");
  s.now += 1;
  s.bar.update(state(7, 1));
  CHECK(s.take().find('\n') == std::string::npos);
  s.bar.finish("done");
  CHECK(s.take() == "\r\x1b[Kdone\n");
}

TEST_CASE("the line is never wider than the terminal") {
  setting s(true);
  s.now += 10;
  for (std::size_t width = 1; width <= 130; ++width) {
    CAPTURE(width);
    s.bar.set_width(width);
    s.now += 1;
    s.bar.update(state(6, 1));
    auto const line = visible(s.take());
    CHECK(line.size() < std::max<std::size_t>(width, 2));
    if (width > 11) CHECK(line.starts_with("epoch 6/10"));
    if (width > 22) CHECK(line.find("loss 1.234") != std::string::npos);
  }
  s.bar.set_width(0);  // unknown: eighty
  s.now += 1;
  s.bar.update(state(6, 1));
  CHECK(visible(s.take()).size() < 80);
}

TEST_CASE("what is unknown is left out, and the time left is estimated") {
  setting s(true);
  progress_state bare{.epoch = 1, .epochs = 10, .step = 0, .steps = 4};
  s.bar.update(bare);
  s.now += 4;
  bare.step = 2;  // half an epoch in four seconds: 76 seconds for the rest
  s.bar.update(bare);
  CHECK(visible(s.take()) == "epoch 1/10  [#...................]  step 2/4  loss nan  1 min 16 s left");
  s.now += 1;
  s.bar.update({});
  CHECK(visible(s.take()) == "epoch 0/0  [....................]");
}

TEST_CASE("a line left standing by an error is ended") {
  std::ostringstream out;
  double now = 0;
  {
    progress bar(out, true, 80, [&] { return now; });
    now = 3;
    bar.update(state(1, 1));
  }
  CHECK(out.str().ends_with("\x1b[K\n"));
  std::ostringstream broken;
  broken.setstate(std::ios::badbit);
  progress bar(broken, false, 80, [&] { return now; });
  now = 9;
  CHECK_NOTHROW(bar.update(state(1, 4)));
}

TEST_CASE("terminals are told from files") {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  CHECK_FALSE(is_terminal(ends[1]));
  CHECK(terminal_columns(ends[1]) == 80);
  close(ends[0]);
  close(ends[1]);
}

TEST_CASE("an epoch's loss is the mean of its steps, whether they tell theirs at once or one late") {
  for (bool const late : {false, true}) {
    CAPTURE(late);
    setting shown(false);
    training_run run;
    run.epochs = 2;
    run.batches = 3;
    std::size_t epoch = 0;
    std::optional<step_outcome> at_work;
    run.start_epoch = [&](std::size_t e) { epoch = e; };
    run.step = [&](std::size_t batch) -> std::optional<step_outcome> {
      step_outcome const outcome{static_cast<double>(10 * epoch + batch), 5};
      if (!late) return outcome;
      return std::exchange(at_work, outcome);
    };
    if (late)
      run.rest = [&] {
        auto const last = at_work.value();
        at_work.reset();
        return last;
      };
    training_history history;
    run_training(run, shown.bar, history);
    CHECK(history.train_loss == std::vector<double>{11, 21});
    CHECK(history.tokens == 30);
    CHECK(!at_work);
  }
}

TEST_CASE("training ends when the validation loss was not better for as long as one is patient") {
  std::vector<double> const losses{5, 4, 4.5, 3, 3.5, 3.2, 3.1, 2};
  for (auto const& [patience, epochs, best] :
       {std::array<std::size_t, 3>{0, 8, 8}, {1, 3, 2}, {2, 6, 4}, {3, 7, 4}, {4, 8, 8}}) {
    CAPTURE(patience);
    setting shown(false);
    training_run run;
    run.epochs = losses.size();
    run.patience = patience;
    std::size_t epoch = 0;
    run.start_epoch = [&](std::size_t e) { epoch = e; };
    run.step = [](std::size_t) { return step_outcome{1, 1}; };
    run.validate = [&] { return losses[epoch - 1]; };
    training_history history;
    run_training(run, shown.bar, history);
    CHECK(history.epochs() == epochs);
    CHECK(history.best_epoch == best);
    // One that is gone on with ends where it ended.
    run_training(run, shown.bar, history);
    CHECK(history.epochs() == epochs);
  }
}

TEST_CASE("where translations are scored the best model is the one with the best score") {
  std::vector<double> const losses{5, 4, 3, 2, 1}, scores{10, 30, 20, 30, 25};
  setting shown(false);
  training_run run;
  run.epochs = losses.size();
  run.patience = 3;
  run.score_name = "bleu";
  std::size_t epoch = 0;
  std::vector<std::size_t> better;
  run.start_epoch = [&](std::size_t e) { epoch = e; };
  run.step = [&](std::size_t) {
    shown.now += 10;
    return step_outcome{1, 1};
  };
  run.validate = [&] { return losses[epoch - 1]; };
  run.score = [&] { return scores[epoch - 1]; };
  run.improved = [&](std::size_t e) { better.push_back(e); };
  training_history history;
  run_training(run, shown.bar, history);
  CHECK(better == std::vector<std::size_t>{1, 2});  // as good is not better
  CHECK(history.best_epoch == 2);
  CHECK(history.epochs() == 5);
  CHECK(history.best_score == 30);
  CHECK(history.best_validation == 1);
  CHECK(history.scores == scores);
  CHECK(shown.take().find("validation 4.000  bleu 30.0") != std::string::npos);
}

TEST_CASE("the learning rate rises and falls") {
  using tenon::train::decay_form;
  learning_rate_schedule const still, rising{.warm_up = 4}, line{.warm_up = 4, .decay = decay_form::linear},
      wave{.warm_up = 4, .decay = decay_form::cosine},
      root{.warm_up = 4, .decay = decay_form::inverse_square_root};
  CHECK(still.factor(0, 10) == 1);
  for (auto const& s : {rising, line, wave, root})
    for (std::size_t step = 0; step < 4; ++step)
      CHECK(s.factor(step, 12) == doctest::Approx(0.25 * static_cast<double>(step + 1)));
  CHECK(rising.factor(11, 12) == 1);
  CHECK(line.factor(4, 12) == 1);
  CHECK(line.factor(8, 12) == doctest::Approx(0.5));
  CHECK(line.factor(11, 12) == doctest::Approx(0.125));
  CHECK(line.factor(20, 12) == 0);
  CHECK(wave.factor(8, 12) == doctest::Approx(0.5));
  CHECK(wave.factor(6, 12) == doctest::Approx(0.5 + std::sqrt(0.125)));
  CHECK(root.factor(15, 100) == doctest::Approx(0.5));
}

TEST_CASE("a loss that is not a number ends training, also one that comes late") {
  setting shown(false);
  training_run run;
  run.batches = 2;
  run.step = [](std::size_t) { return std::optional<step_outcome>{}; };
  run.rest = [] { return step_outcome{std::nan(""), 1}; };
  training_history history;
  CHECK_THROWS_AS(run_training(run, shown.bar, history), tenon::error);
}

TEST_CASE("the first signal asks to stop, and the old handler comes back") {
  struct sigaction mine {
  }, old{}, now{};
  mine.sa_handler = own_handler;
  sigaction(SIGINT, &mine, &old);
  {
    interrupt_guard const guard;
    CHECK_FALSE(guard.requested());
    raise(SIGINT);
    CHECK(guard.requested());
    CHECK(guard.signal_number() == SIGINT);
    CHECK(caught == 0);
    {
      interrupt_guard const inner;
      CHECK(inner.requested());
    }
    CHECK(guard.requested());
  }
  raise(SIGINT);
  CHECK(caught == SIGINT);
  interrupt_guard const again;
  CHECK_FALSE(again.requested());
  raise(SIGTERM);
  CHECK(again.signal_number() == SIGTERM);
  sigaction(SIGTERM, nullptr, &now);
  CHECK((now.sa_handler != SIG_DFL));
  sigaction(SIGINT, &old, nullptr);
}

TEST_CASE("an epoch whose validation a signal breaks off is none") {
  tenon::train::training_run run;
  run.epochs = 5;
  run.step = [](std::size_t) { return step_outcome{.loss = 1, .tokens = 1}; };
  std::size_t done = 0, best = 0;
  run.improved = [&](std::size_t epoch) { best = epoch; };
  run.validate = [&] {
    if (++done < 3) return 1.0 / static_cast<double>(done);
    ::raise(SIGHUP);
    return std::numeric_limits<double>::quiet_NaN();
  };
  interrupt_guard const guard;
  std::ostringstream out;
  progress shown(out, false, 80);
  training_history history;
  run_training(run, shown, history);
  CHECK(history.interrupted);
  CHECK(history.epochs() == 2);
  CHECK(history.validation_loss.size() == 2);
  CHECK(best == 2);
  run.epochs = 2;  // nothing is left to do
  run_training(run, shown, history);
  CHECK_FALSE(history.interrupted);
}

TEST_CASE("a signal that was ignored stays ignored") {
  struct sigaction ignore {
  }, old{};
  ignore.sa_handler = SIG_IGN;
  sigaction(SIGINT, &ignore, &old);
  {
    interrupt_guard const guard;
    raise(SIGINT);
    CHECK_FALSE(guard.requested());
  }
  sigaction(SIGINT, &old, nullptr);
}

TEST_CASE("the second signal ends the process, unless it comes with the first") {
  for (int const second : {SIGINT, SIGTERM}) {
    pid_t const child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      signal(SIGINT, SIG_DFL);
      signal(SIGTERM, SIG_DFL);
      interrupt_guard const guard;
      raise(SIGINT);
      if (!guard.requested()) _exit(1);
      raise(second);  // at once: the same request, sent twice
      if (guard.signal_number() != SIGINT) _exit(3);
      usleep(600'000);
      raise(second);
      _exit(2);  // not reached
    }
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status));
    CHECK(WTERMSIG(status) == second);
  }
}
