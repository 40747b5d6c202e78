// SPDX-License-Identifier: BSL-1.0
// Threads: one parallel region for a whole program, and a barrier where its threads meet.
#pragma once
#include <cstddef>

#ifdef _OPENMP
#include <omp.h>

#include "meeting.hpp"
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
      barrier();  // so that nobody waits long at OpenMP's own, which follows
    }
    return;
  }
#endif
  f(std::size_t{0}, std::size_t{1}, [] {});
}

}  // namespace tenon::cpu
