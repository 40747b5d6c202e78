// SPDX-License-Identifier: BSL-1.0
// Whether a run ends, on the CPU: the session looks, the kernel has nothing to do.
#pragma once
#include <cstddef>

#include "../../program/call.hpp"

namespace tenon::cpu {

/// Operand: going_on.
struct stop_kernel {
  static constexpr reach touched(std::size_t) { return {0, 4, 0, 0}; }
  static void run(call_arguments const&, std::size_t) {}
};

}  // namespace tenon::cpu
