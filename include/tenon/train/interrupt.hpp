// SPDX-License-Identifier: BSL-1.0
// A clean stop on Ctrl-C: the training loop asks `requested()` between steps, ends by itself and keeps its
// best model. POSIX signals.
#pragma once
#include <signal.h>
#include <time.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>

#include "tenon/error.hpp"

namespace tenon::train {

/// While one lives, SIGINT, SIGTERM and SIGHUP only set a flag. Another signal, half a second later or more,
/// restores the default behaviour and ends the process at once, so that a loop which hangs can still be
/// stopped; sooner it is taken for the same request, since `timeout`, say, sends two. A signal that was
/// ignored when the guard was made (a background job, `nohup`) stays ignored. The destructor puts the old
/// handlers back. Guards may nest; the outermost one starts with a cleared flag. Make and destroy guards on
/// one thread; `requested()` may be asked from any.
class interrupt_guard {
 public:
  /// Throws `tenon::error` if the system refuses a handler.
  interrupt_guard() {
    if (depth()++ == 0) {
      pending().store(0);
      asked_at().store(0);
    }
    for (int i = 0; i < signal_count; ++i) {
      struct sigaction action {};
      action.sa_handler = &on_signal;
      // Restarted system calls: a save in progress must not see a short write because somebody asked to stop.
      action.sa_flags = SA_RESTART;
      sigemptyset(&action.sa_mask);
      bool failed = sigaction(watched[i], nullptr, &old_[i]) != 0;
      if (!failed && old_[i].sa_handler != SIG_IGN) failed = sigaction(watched[i], &action, nullptr) != 0;
      if (failed) {
        std::string const reason = std::strerror(errno);
        restore(i);
        throw error("cannot install a handler for signal " + std::to_string(watched[i]) + ": " + reason);
      }
    }
  }
  ~interrupt_guard() { restore(signal_count); }
  interrupt_guard(interrupt_guard const&) = delete;
  interrupt_guard& operator=(interrupt_guard const&) = delete;

  /// True from the first of these signals on.
  static bool requested() noexcept { return pending().load(std::memory_order_relaxed) != 0; }

  /// The signal that asked to stop, 0 if none did; a process stopped by it ends with 128 + this number.
  static int signal_number() noexcept { return pending().load(std::memory_order_relaxed); }

 private:
  static constexpr int signal_count = 3;
  static constexpr int watched[signal_count] = {SIGINT, SIGTERM, SIGHUP};

  // Function-local constants are initialised before any code runs (constant initialisation): the handler
  // never meets a guard variable, which would not be async-signal-safe.
  static std::atomic<int>& pending() noexcept {
    static constinit std::atomic<int> value{0};
    static_assert(std::atomic<int>::is_always_lock_free, "a signal handler may only use lock-free atomics");
    return value;
  }
  /// When the first signal came, 0 if none did, in milliseconds of a clock that only goes forward.
  static std::atomic<std::int64_t>& asked_at() noexcept {
    static constinit std::atomic<std::int64_t> value{0};
    static_assert(std::atomic<std::int64_t>::is_always_lock_free);
    return value;
  }
  static std::int64_t milliseconds() noexcept {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);  // which a handler may call
    return std::int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
  }
  static int& depth() noexcept {
    static constinit int value = 0;
    return value;
  }

  static void on_signal(int number) {
    int const saved = errno;
    auto const now = milliseconds();
    std::int64_t never = 0;
    int none = 0;
    asked_at().compare_exchange_strong(never, now);  // the time first: another handler may run from here on
    pending().compare_exchange_strong(none, number);
    constexpr std::int64_t one_request = 500;
    if (now - asked_at().load() < one_request) {
      errno = saved;
      return;
    }
    struct sigaction action {};
    action.sa_handler = SIG_DFL;
    sigemptyset(&action.sa_mask);
    sigaction(number, &action, nullptr);
    raise(number);  // delivered when this handler returns
    errno = saved;
  }

  void restore(int installed) noexcept {
    for (int i = installed; i-- > 0;) sigaction(watched[i], &old_[i], nullptr);
    --depth();
  }

  struct sigaction old_[signal_count] {};
};

}  // namespace tenon::train
