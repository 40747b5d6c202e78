// SPDX-License-Identifier: BSL-1.0
// Where threads wait for each other: for some hundred microseconds at work, since mostly the others are about
// to come, then asleep. OpenMP's own barrier stays awake for milliseconds, which takes the processor from
// whoever is waited for: on two cores beside two other busy programs, translating a file on two threads took
// six times as long.
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace tenon::cpu {

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
  static constexpr int looks = 10000;  // 0.1 to 0.5 ms on x86, where a pause takes 40 to 140 cycles
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

}  // namespace tenon::cpu
