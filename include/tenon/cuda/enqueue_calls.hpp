// SPDX-License-Identifier: BSL-1.0
// From a program's calls to a GPU's queue: what can be done together is.
#pragma once
#include <cstddef>

#include "../program/program.hpp"
#include "queue.hpp"

namespace tenon::cuda {

/// Enqueues all calls of a program whose operands are at `places`. Calls begin(i) before call i, or before
/// calls from i on that are done together.
template <class Begin>
void enqueue_calls(queue& q, program_view const& program, void* const* places, run_state const* state,
                   Begin const& begin) {
  for (std::size_t i = 0; i < program.calls.size();) {
    begin(i);
    std::size_t const count = joint_count(program.calls, i);
    call_arguments each[most_joint_calls]{};
    for (std::size_t k = 0; k < count; ++k) {
      auto const& c = program.calls[i + k];
      each[k] = {places + c.first_operand, c.scalars.data(), c.integers.data(), c.accumulate, state};
    }
    if (count > 1)
      program.calls[i].joint->enqueue_all(q, {each, count});
    else
      program.calls[i].on_gpu(q, each[0]);
    i += count;
  }
}

}  // namespace tenon::cuda
