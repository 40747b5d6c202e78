// SPDX-License-Identifier: BSL-1.0
// The block interface on a CPU: the threads of a block take turns where they wait for each other
// (host_fibers.hpp), and run one after the other where a kernel says that they do not; or each is a thread of
// the host, which ThreadSanitizer knows. One block runs after the other. Made for finding out, where there is
// no GPU, whether kernels compute what they should and wait for each other where they must; not for speed.
#pragma once
#include <barrier>
#include <cstddef>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

#include "arguments.hpp"
#include "host_fibers.hpp"

namespace tenon::cuda {

/// Where so many threads of a block wait for each other, be they threads of the host or take turns.
class host_barrier {
 public:
  host_barrier(std::size_t count, bool takes_turns)
      : threads_{static_cast<std::ptrdiff_t>(count)}, count_{count}, takes_turns_{takes_turns} {}

  void arrive_and_wait() {
    if (!takes_turns_) return threads_.arrive_and_wait();
    if (++arrived_ == count_) {
      arrived_ = 0;
      ++meetings_;
    } else {
      for (auto const met = meetings_; met == meetings_;) host_fibers::let_others_run();
    }
  }

 private:
  std::barrier<> threads_;
  std::size_t count_, arrived_ = 0, meetings_ = 0;
  bool takes_turns_;
};

/// What the threads of a block share.
struct host_block_memory {
  host_block_memory(grid const& g, bool takes_turns)
      : all{g.threads, takes_turns}, shared(g.shared_bytes + 16), slots(g.threads) {
    for (index w = 0; w < g.threads / warp; ++w)
      warps.push_back(std::make_unique<host_barrier>(warp, takes_turns));
  }

  struct slot {
    alignas(8) std::byte bytes[8];
  };
  host_barrier all;
  std::vector<std::unique_ptr<host_barrier>> warps;
  std::vector<std::max_align_t> shared;
  std::vector<slot> slots;
};

class host_block {
 public:
  /// False makes `sync` do nothing, so that a test can show that a missing barrier is found.
  static inline bool synchronises = true;
  /// True runs a kernel's blocks in the opposite order: what blocks leave for each other would show.
  static inline bool last_block_first = false;
  /// True gives each thread of a block a thread of the host: for ThreadSanitizer.
  static inline bool always_threads = false;

  /// No memory: the threads share none and never wait.
  host_block(grid const& g, host_block_memory* memory, index number, index thread)
      : grid_{g}, memory_{memory}, number_{number}, thread_{thread} {}

  index number() const { return number_; }
  index count() const { return grid_.blocks; }
  index thread() const { return thread_; }
  index threads() const { return grid_.threads; }

  void sync() const {
    if (synchronises) memory_->all.arrive_and_wait();
  }

  template <class T>
  T* shared() const {
    return reinterpret_cast<T*>(memory_->shared.data());
  }

  template <class T, class Join>
  T over_warp(T v, Join const& join) const {
    T lanes[warp];
    exchange(v, lanes);
    for (index step = 1; step < warp; step *= 2)
      for (index l = 0; l < warp; l += 2 * step) lanes[l] = join(lanes[l], lanes[l + step]);
    return lanes[0];
  }
  index ballot(bool said) const {
    index lanes[warp], result = 0;
    exchange(index{said}, lanes);
    for (index l = 0; l < warp; ++l) result |= lanes[l] << l;
    return result;
  }

 private:
  /// Gives each lane of a warp what all of them have.
  template <class T>
  void exchange(T const& mine, T* lanes) const {
    static_assert(sizeof(T) <= sizeof(host_block_memory::slot));
    auto& together = *memory_->warps[thread_ / warp];
    auto* const slots = memory_->slots.data() + std::size_t{thread_ / warp} * warp;
    std::memcpy(slots[thread_ % warp].bytes, &mine, sizeof(T));
    together.arrive_and_wait();
    for (index l = 0; l < warp; ++l) std::memcpy(lanes + l, slots[l].bytes, sizeof(T));
    together.arrive_and_wait();
  }

  grid grid_;
  host_block_memory* memory_;
  index number_, thread_;
};

/// Does a kernel say that its threads do not wait for each other, nor share memory?
template <class Body>
inline constexpr bool has_lone_threads = requires {
  requires Body::lone_threads;
};

/// Runs a kernel's body as a GPU would, one block after the other.
template <class Body, class Arguments>
void run_on_host(grid const& g, Arguments const& a) {
  auto const block_number = [&](index i) { return host_block::last_block_first ? g.blocks - 1 - i : i; };
  if (has_lone_threads<Body> && !host_block::always_threads) {
    for (index i = 0; i < g.blocks; ++i)
      for (index t = 0; t < g.threads; ++t) Body::run(host_block(g, nullptr, block_number(i), t), a);
    return;
  }
  host_block_memory memory(g, !host_block::always_threads);
  auto const one_thread = [&](std::size_t number) {
    auto const thread = static_cast<index>(number);
    for (index i = 0; i < g.blocks; ++i) {
      Body::run(host_block(g, &memory, block_number(i), thread), a);
      memory.all.arrive_and_wait();  // the next block has the same shared memory
    }
  };
  if (!host_block::always_threads) return host_fibers::run(g.threads, one_thread);
  std::vector<std::thread> threads;
  threads.reserve(g.threads - 1);
  for (index t = 1; t < g.threads; ++t) threads.emplace_back(one_thread, t);
  one_thread(0);
  for (auto& t : threads) t.join();
}

}  // namespace tenon::cuda
