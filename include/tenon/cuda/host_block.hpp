// SPDX-License-Identifier: BSL-1.0
// The block interface on a CPU: each thread of a block is a thread of the host, or one after the other where
// a kernel says that they do not wait for each other; one block runs after the other. Made for finding out,
// where there is no GPU, whether kernels compute what they should and wait for each other where they must
// (ThreadSanitizer knows these threads); not for speed.
#pragma once
#include <barrier>
#include <cstddef>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

#include "arguments.hpp"

namespace tenon::cuda {

/// What the threads of a block share.
struct host_block_memory {
  explicit host_block_memory(grid const& g)
      : all{static_cast<std::ptrdiff_t>(g.threads)}, shared(g.shared_bytes + 16), slots(g.threads) {
    for (index w = 0; w < g.threads / warp; ++w) warps.push_back(std::make_unique<std::barrier<>>(warp));
  }

  struct slot {
    alignas(8) std::byte bytes[8];
  };
  std::barrier<> all;
  std::vector<std::unique_ptr<std::barrier<>>> warps;
  std::vector<std::max_align_t> shared;
  std::vector<slot> slots;
};

class host_block {
 public:
  /// False makes `sync` do nothing, so that a test can show that a missing barrier is found.
  static inline bool synchronises = true;
  /// True runs a kernel's blocks in the opposite order: what blocks leave for each other would show.
  static inline bool last_block_first = false;
  /// True gives each thread of a block a thread of the host even where a kernel says that its threads do not
  /// wait for each other: for ThreadSanitizer. Making threads takes most of the time that a kernel takes
  /// here.
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
  host_block_memory memory(g);
  auto const one_thread = [&](index thread) {
    for (index i = 0; i < g.blocks; ++i) {
      Body::run(host_block(g, &memory, block_number(i), thread), a);
      memory.all.arrive_and_wait();  // the next block has the same shared memory
    }
  };
  std::vector<std::thread> threads;
  threads.reserve(g.threads - 1);
  for (index t = 1; t < g.threads; ++t) threads.emplace_back(one_thread, t);
  one_thread(0);
  for (auto& t : threads) t.join();
}

}  // namespace tenon::cuda
