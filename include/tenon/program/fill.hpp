// SPDX-License-Identifier: BSL-1.0
// Setting memory to zeros or ones: the calls that backwards recording itself needs.
#pragma once
#include <algorithm>
#include <cstddef>

#include "fill_kernels.hpp"

#if TENON_CUDA
#include "fill_cuda.cuh"  // IWYU pragma: export
#endif

namespace tenon {

constexpr call_spec clear_spec(std::size_t bytes) {
  call_spec spec;
  spec.name = "clear";
  spec.computed_by<clear_kernel>();
  spec.chunks = std::clamp<std::size_t>(bytes >> 19, 1, 16);
  spec.integers = {static_cast<std::int64_t>(bytes), static_cast<std::int64_t>(spec.chunks)};
  return spec;
}

}  // namespace tenon
