// SPDX-License-Identifier: BSL-1.0
// Sessions on a GPU, or on the host's stand-in for one.
#pragma once
#include "../config.hpp"

#if defined(__CUDACC__)
#include "device_session.cuh"  // IWYU pragma: export
#elif TENON_CUDA
#include "host_session.hpp"  // IWYU pragma: export
#endif
