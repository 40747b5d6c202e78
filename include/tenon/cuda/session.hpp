// SPDX-License-Identifier: BSL-1.0
// Sessions on a GPU, or on the host's stand-in for one.
#pragma once
#include "../config.hpp"

#if defined(__CUDACC__)
#include "session/device_session.cuh"  // IWYU pragma: export
#elif TENON_CUDA
#include "session/host_session.hpp"  // IWYU pragma: export
#endif
