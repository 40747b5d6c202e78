// SPDX-License-Identifier: BSL-1.0
// Setting memory to zeros or ones on a GPU.
#pragma once
#include "../cuda/queue.hpp"
#include "fill_kernels.hpp"

namespace tenon::cuda {

template <>
struct lowering<clear_kernel> {
  static void enqueue(queue& q, call_arguments const& a) {
    q.clear(a.out<std::byte>(0), static_cast<std::size_t>(a.integers[0]));
  }
};

template <class T>
struct one_body {
  static constexpr bool lone_threads = true;
  static constexpr index threads = warp;
  template <class Block, class Arguments>
  TENON_DEVICE static void run(Block const& block, Arguments const& a) {
    if (block.thread() == 0) *a.template out<T>(0) = T(1);
  }
};
template <class T>
struct lowering<one_kernel<T>> {
  static void enqueue(queue& q, call_arguments const& a) {
    q.run<one_body<T>>({1, one_body<T>::threads, 0}, kernel_arguments<1>(a));
  }
};

}  // namespace tenon::cuda
