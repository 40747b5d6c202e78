// SPDX-License-Identifier: BSL-1.0
// Reductions across the threads of a block, in an order that depends on nothing.
#pragma once
#include "../cpu/pack_value.hpp"
#include "arguments.hpp"

namespace tenon::cuda {

using cpu::detail::larger;
using cpu::detail::larger_or_nan;
using cpu::detail::plus;
struct smaller {
  template <class T>
  TENON_HOST_DEVICE T operator()(T const& a, T const& b) const {
    return a < b ? a : b;
  }
};

/// join over all Threads threads of the block; every thread gets it. Shared memory: `block_reduce_bytes`.
/// All threads call it together.
template <index Threads, class Block, class T, class Join>
TENON_DEVICE T over_block(Block const& block, T v, Join const& join) {
  v = block.over_warp(v, join);
  if constexpr (Threads > warp) {
    constexpr index warps = Threads / warp;
    T* const of_warps = block.template shared<T>();
    block.sync();  // the memory may be in use by what came before
    if (block.thread() % warp == 0) of_warps[block.thread() / warp] = v;
    block.sync();
    v = of_warps[0];
    for (index w = 1; w < warps; ++w) v = join(v, of_warps[w]);
  }
  return v;
}
template <index Threads, class T>
inline constexpr index block_reduce_bytes = Threads > warp ? Threads / warp * sizeof(T) : 0;

}  // namespace tenon::cuda
