// SPDX-License-Identifier: BSL-1.0
// The block interface on a GPU. A kernel's body is a struct with
//
//   template <class Block, class Arguments>
//   TENON_DEVICE static void run(Block const&, Arguments const&);
//
// that asks its block for everything that threads have in common; host_block.hpp answers the same questions
// on a CPU.
#pragma once
#include <cstddef>

#include "arguments.hpp"

namespace tenon::cuda {

struct device_block {
  TENON_DEVICE index number() const { return blockIdx.x; }
  TENON_DEVICE index count() const { return gridDim.x; }
  TENON_DEVICE index thread() const { return threadIdx.x; }
  TENON_DEVICE index threads() const { return blockDim.x; }

  /// Waits for all threads of the block; what they wrote before, all of them see after it.
  TENON_DEVICE void sync() const { __syncthreads(); }

  /// The block's shared memory.
  template <class T>
  TENON_DEVICE T* shared() const {
    extern __shared__ __align__(16) unsigned char memory[];
    return reinterpret_cast<T*>(memory);
  }

  /// join(… join(v of lane 0, v of lane 1) …) over the lanes of the thread's warp, in pairs; every lane gets
  /// it. All lanes of the warp call it together.
  template <class T, class Join>
  TENON_DEVICE T over_warp(T v, Join const& join) const {
#pragma unroll
    for (index step = 1; step < warp; step *= 2) v = join(v, __shfl_xor_sync(0xffffffffU, v, step));
    return v;
  }
  /// Bit l: what lane l of the thread's warp said. All lanes of the warp call it together.
  TENON_DEVICE index ballot(bool said) const {
    return __ballot_sync(0xffffffffU, said);
  }
};

/// How many blocks of a kernel a multiprocessor should have room for; 0 leaves it to the compiler, which
/// saves registers for more of them, now and then by keeping a variable in memory. `static constexpr index
/// blocks_at_once` in a body says otherwise.
template <class Body>
inline constexpr index blocks_at_once = [] {
  if constexpr (requires { Body::blocks_at_once; })
    return Body::blocks_at_once;
  else
    return index{0};
}();

template <class Body, class Arguments>
__global__ void __launch_bounds__(Body::threads, blocks_at_once<Body>)
    kernel(__grid_constant__ Arguments const a) {
  Body::run(device_block{}, a);
}

}  // namespace tenon::cuda
