// SPDX-License-Identifier: BSL-1.0
// The line that tells how training goes: rewritten in place on a terminal, a plain line now and then in a
// log.
#pragma once
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <functional>
#include <limits>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tenon/config.hpp"
#include "tenon/train/format.hpp"

namespace tenon::train {

/// True if file descriptor `fd` is a terminal on which a line can be rewritten.
inline bool is_terminal(int fd) {
  char const* term = ::getenv("TERM");
  return ::isatty(fd) == 1 && term != nullptr && std::string_view(term) != "dumb";
}

/// Columns of the terminal behind `fd`; 80 where that is unknown.
inline std::size_t terminal_columns(int fd) {
  winsize size{};
  if (::ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

/// Where training stands, or other work that is counted. NaN means "not known" for the three last and "not
/// measured" for what is measured on validation pairs.
struct progress_state {
  static constexpr double unknown = std::numeric_limits<double>::quiet_NaN();
  char const *what = "epoch", *unit = "tokens/s";
  std::size_t epoch = 0;  ///< the current one, counted from 1
  std::size_t epochs = 0;
  std::size_t step = 0;  ///< steps done in this epoch
  std::size_t steps = 0;
  double loss = unknown;
  double validation_loss = unknown;
  char const* score_name = "score";
  double score = unknown;
  double tokens_per_second = unknown;
  double seconds_left = unknown;  ///< when unknown, the progress line estimates it
};

/// Estimates the time left from how fast work was done, recent work counting more: a span `half_life` seconds
/// back has half the weight of the present. The half-life is at least a quarter of the time so far, so that
/// pauses for measuring do not make the estimate jump. The average is divided by the weight gathered so far
/// (as Adam corrects its moments), so that early estimates are not drawn towards zero.
class time_left_estimator {
 public:
  explicit time_left_estimator(double half_life = 15) : half_life_(half_life) {}

  /// At time `now` (seconds), `done` of `total` units of work are done. Work that goes backwards starts
  /// afresh.
  void update(double now, double done, double total) {
    if (!started_ || done < done_) {
      rate_ = weight_ = 0;
      start_ = now;
    } else if (now > now_) {
      double const dt = now - now_;
      double const fresh = 1 - std::exp2(-dt / std::max(half_life_, (now - start_) / 4));
      rate_ += fresh * ((done - done_) / dt - rate_);
      weight_ += fresh * (1 - weight_);
    } else {
      return;  // no time has passed: the next call sees the work of both
    }
    started_ = true;
    now_ = now, done_ = done, total_ = total;
  }

  /// Seconds until all is done; NaN while no work has been seen.
  double seconds() const {
    if (!(rate_ > 0)) return std::numeric_limits<double>::quiet_NaN();
    return std::max(0.0, total_ - done_) * weight_ / rate_;
  }

 private:
  double half_life_, rate_ = 0, weight_ = 0, start_ = 0, now_ = 0, done_ = 0, total_ = 0;
  bool started_ = false;
};

/// The progress line. On a terminal it is rewritten at most ten times a second and never reaches the last
/// column; elsewhere a plain line appears at each epoch's end and at most every five seconds between. In the
/// first two seconds nothing is shown, so that a short job prints its summary only. Failures to write are
/// ignored: a closed terminal is no reason to lose a training run.
class progress {
 public:
  using clock_function = std::function<double()>;  ///< seconds from any fixed moment, never going back

  static double steady_seconds() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
  }

  progress(std::ostream& out, bool is_tty, std::size_t width, clock_function clock = steady_seconds)
      : out_(out),
        is_tty_(is_tty),
        width_(width),
        clock_(std::move(clock)),
        start_(clock_()),
        last_(start_) {}
  progress(progress const&) = delete;
  progress& operator=(progress const&) = delete;
  /// Leaves the last line standing and moves below it, so that an error message gets a line of its own.
  ~progress() {
    try {
      if (drawn_) out_ << '\n' << std::flush;
    } catch (...) {  // a stream told to throw must not end the program here
    }
  }

  /// Takes note of where training stands, and shows it when it is time to. Call it after every step, and
  /// after an epoch's last step when that epoch's validation loss is known: the call with `step == steps` is
  /// the one that prints the epoch's line.
  void update(progress_state state) {
    double const now = clock_();
    auto const steps = static_cast<double>(std::max<std::size_t>(state.steps, 1));
    auto const before = static_cast<double>(state.epoch == 0 ? 0 : state.epoch - 1);
    double const done = before * steps + static_cast<double>(std::min(state.step, state.steps));
    double const total = std::max(done, static_cast<double>(state.epochs) * steps);
    estimator_.update(now, done, total);
    if (std::isnan(state.seconds_left)) state.seconds_left = estimator_.seconds();
    if (now - start_ < quiet_seconds) return;
    bool const epoch_ended = state.steps > 0 && state.step >= state.steps;
    bool const due = !shown_ || now - last_ >= (is_tty_ ? redraw_seconds : plain_seconds);
    if (!due && !epoch_ended) return;
    shown_ = true;
    last_ = now;
    if (is_tty_) {
      out_ << '\r' << line(state, total > 0 ? done / total : 0, columns() - 1) << clear_to_end << std::flush;
      drawn_ = true;
    } else {
      out_ << line(state, -1, std::numeric_limits<std::size_t>::max()) << '\n' << std::flush;
    }
  }

  /// The same of work without epochs: so many of `all` are done.
  void count(char const* what, char const* unit, std::size_t done, std::size_t all) {
    update({.what = what,
            .unit = unit,
            .epoch = done,
            .epochs = all,
            .tokens_per_second = static_cast<double>(done) / (clock_() - start_)});
  }

  /// Prints a line of its own above the progress line.
  void note(std::string_view text) {
    if (drawn_) out_ << '\r' << clear_to_end;
    drawn_ = false;
    out_ << text << '\n' << std::flush;
  }

  /// Replaces the progress line by the final summary, which is always shown.
  void finish(std::string_view summary) { note(summary); }

  /// For a terminal that changed its size.
  void set_width(std::size_t columns) { width_ = columns; }

 private:
  static constexpr double quiet_seconds = 2, redraw_seconds = 0.1, plain_seconds = 5;
  static constexpr char const* clear_to_end = "\x1b[K";

  std::size_t columns() const { return std::max<std::size_t>(width_ == 0 ? 80 : width_, 2); }

  static std::string ratio(std::size_t part, std::size_t whole) {
    return std::to_string(part) + '/' + std::to_string(whole);
  }

  /// The line in at most `room` columns (all of it ASCII: one byte, one column). What matters least is left
  /// out first where room is short. A negative `share` asks for no bar.
  TENON_COLD static std::string line(progress_state const& state, double share, std::size_t room) {
    struct field {
      std::string text;
      int rank;  // the higher, the sooner it goes
    };
    std::vector<field> fields;
    fields.push_back({std::string(state.what) + ' ' + ratio(state.epoch, state.epochs), 0});
    if (share >= 0) {
      constexpr std::size_t cells = 20;
      auto const full = std::min(cells, static_cast<std::size_t>(share * static_cast<double>(cells)));
      fields.push_back({'[' + std::string(full, '#') + std::string(cells - full, '.') + ']', 6});
    }
    if (state.steps > 0) fields.push_back({"step " + ratio(state.step, state.steps), 5});
    if (state.step > 0 || !std::isnan(state.loss)) fields.push_back({"loss " + fixed(state.loss, 3), 1});
    if (!std::isnan(state.validation_loss))
      fields.push_back({"validation " + fixed(state.validation_loss, 3), 3});
    if (!std::isnan(state.score))
      fields.push_back({std::string(state.score_name) + ' ' + fixed(state.score, 1), 3});
    if (state.tokens_per_second >= 0 && state.tokens_per_second < 1e15)
      fields.push_back(
          {grouped(static_cast<std::uint64_t>(state.tokens_per_second + 0.5)) + ' ' + state.unit, 4});
    if (state.seconds_left >= 0) fields.push_back({duration_text(whole(state.seconds_left)) + " left", 2});

    auto const width = [&] {
      std::size_t sum = 2 * (fields.size() - 1);
      for (auto const& f : fields) sum += f.text.size();
      return sum;
    };
    while (fields.size() > 1 && width() > room)
      fields.erase(std::max_element(fields.begin(), fields.end(),
                                    [](field const& a, field const& b) { return a.rank < b.rank; }));
    std::string text;
    for (auto const& f : fields) text += (text.empty() ? "" : "  ") + f.text;
    return text.substr(0, room);
  }

  // An estimate in hundredths of a second would flicker and claim what it does not know.
  static double whole(double seconds) { return std::ceil(seconds - 1e-9); }

  std::ostream& out_;
  bool is_tty_;
  std::size_t width_;
  clock_function clock_;
  double start_, last_;
  bool shown_ = false, drawn_ = false;
  time_left_estimator estimator_;
};

}  // namespace tenon::train
