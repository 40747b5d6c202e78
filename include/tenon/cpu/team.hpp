// SPDX-License-Identifier: BSL-1.0
// Threads: one parallel region for a whole program, and a barrier where its threads meet.
#pragma once
#include <cstddef>

#ifdef _OPENMP
#include <omp.h>

#include <atomic>
#include <cstdint>
#endif

namespace tenon::cpu {

/// The number of threads worth using by default: the processors that the process may use.
inline std::size_t default_threads() {
#ifdef _OPENMP
  return static_cast<std::size_t>(omp_get_num_procs());
#else
  return 1;
#endif
}

#ifdef _OPENMP
/// Where threads wait for each other: for some hundred microseconds at work, since mostly the others are
/// about to come, then asleep. OpenMP's own barrier stays awake for milliseconds, which takes the processor
/// from whoever is waited for: beside two other busy programs, a translation on two threads took six times as
/// long.
class meeting {
 public:
  /// Returns once all of `threads` threads have called it.
  void wait(std::size_t threads) {
    auto const now = number_.load(std::memory_order_acquire);
    if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == threads) {
      arrived_.store(0, std::memory_order_relaxed);
      number_.store(now + 1, std::memory_order_release);
      number_.notify_all();
      return;
    }
    for (int look = 0; look < looks; ++look) {
      if (number_.load(std::memory_order_acquire) != now) return;
      pause();
    }
    number_.wait(now, std::memory_order_acquire);
  }

 private:
  static constexpr int looks = 10000;
  static void pause() {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
  }

  alignas(64) std::atomic<std::uint32_t> arrived_{0};
  alignas(64) std::atomic<std::uint32_t> number_{0};
};
#endif

/// Calls f(thread, threads, barrier) on each of `threads` threads at once; barrier() waits for all of them.
/// Built without OpenMP, or asked for one thread, it runs here.
template <class F>
void run_team([[maybe_unused]] std::size_t threads, F const& f) {
#ifdef _OPENMP
  if (threads > 1) {
    meeting meets;
#pragma omp parallel num_threads(static_cast <int>(threads))
    {
      auto const team = static_cast<std::size_t>(omp_get_num_threads());
      auto const barrier = [&meets, team] { meets.wait(team); };
      f(static_cast<std::size_t>(omp_get_thread_num()), team, barrier);
      barrier();  // or they would wait for the last one at OpenMP's
    }
    return;
  }
#endif
  f(std::size_t{0}, std::size_t{1}, [] {});
}

}  // namespace tenon::cpu
