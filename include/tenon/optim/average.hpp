// SPDX-License-Identifier: BSL-1.0
// An exponential average of the weights over the steps of a training (Polyak and Juditsky, 1992): what it
// translates with is steadier than the last step's weights.
#pragma once
#include <cstddef>
#include <span>
#include <stdexcept>

#include "../program/parameter_block.hpp"
#include "../program/program.hpp"
#include "minimise.hpp"

namespace tenon {

/// After `minimise` of the same program, at each of its steps: average ← d · average + (1 − d) · parameters,
/// where d is `decay`, or less in the first steps, t / (t + 9). State: one float a parameter more. Throws
/// std::logic_error if the program trains no weights yet.
constexpr void average_weights(recorder& r, std::size_t parameters, double decay) {
  if (!r.updates()) throw std::logic_error("average_weights: record what trains the weights first");
  std::size_t const bytes = parameters * sizeof(float);
  std::size_t const before = r.state_bytes();
  call_spec spec;
  spec.name = "average";
  spec.computed_by<detail::average_kernel>();
  spec.flops = 3 * parameters;
  spec.scalars[0] = decay;
  spec.integers = {static_cast<std::int64_t>(parameters), static_cast<std::int64_t>(r.runs_of_step())};
  r.begin(spec);
  r.result(detail::optimiser_state(r, bytes, before), bytes, true);
  r.operand(detail::parameters_in_place(r, bytes), bytes);
  r.end();
  r.updates_parameters(before + bytes, r.runs_of_step());
  r.averages_weights(before, bytes);
}

/// The averages in a block that a program with `average_weights` trains: as many floats as it averages
/// weights, none if it averages none; zeros before the first update.
inline std::span<float> averaged_weights(parameter_block& block, program_view const& program) {
  auto const state = block.state(program.totals.state_bytes);
  return {reinterpret_cast<float*>(state.data() + program.totals.average_offset),
          program.totals.average_bytes / sizeof(float)};
}

}  // namespace tenon
