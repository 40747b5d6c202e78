// SPDX-License-Identifier: BSL-1.0
// A GPU's graph runs to its end.
#pragma once
#include "../../cuda/queue.hpp"
#include "cpu.hpp"

namespace tenon::cuda {

template <>
struct lowering<cpu::stop_kernel> {
  static void enqueue(queue&, call_arguments const&) {}
};

}  // namespace tenon::cuda
