// SPDX-License-Identifier: BSL-1.0
// Where operations put their work for a GPU: a CUDA stream, or the host's stand-in for one.
#pragma once
#include "../config.hpp"

#if defined(__CUDACC__)
#include "device_queue.cuh"  // IWYU pragma: export
#elif TENON_CUDA
#include "host_queue.hpp"  // IWYU pragma: export
#endif
