// SPDX-License-Identifier: BSL-1.0
// From a program's calls to a GPU's queue: calls that can be done together are.
#pragma once
#include <cstddef>
#include <span>

#include "../../program/dependencies.hpp"
#include "../queue.hpp"

namespace tenon::cuda {

/// Enqueues the calls of a group, of a program whose operands are at `places`.
inline void enqueue_group(queue& q, program_view const& program, call_group const& group, void* const* places,
                          run_state const* state) {
  call_arguments each[most_joint_calls]{};
  for (std::size_t k = 0; k < group.count; ++k) {
    auto const& c = program.calls[group.first + k];
    each[k] = {places + c.first_operand, c.scalars.data(), c.integers.data(), c.accumulate, state};
  }
  auto const& first = program.calls[group.first];
  if (group.count > 1)
    first.joint->enqueue_all(q, {each, group.count});
  else
    first.on_gpu(q, each[0]);
}

}  // namespace tenon::cuda
