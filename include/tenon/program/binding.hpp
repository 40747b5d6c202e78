// SPDX-License-Identifier: BSL-1.0
// Binding a program to memory: where each operand of each call stands; the same for every device.
#pragma once
#include <array>
#include <cstddef>
#include <string>
#include <vector>

#include "../error.hpp"
#include "parameter_block.hpp"
#include "program.hpp"

namespace tenon {

/// Devices: what a session is a session on.
struct cpu_device {};   ///< the default
struct cuda_device {};  ///< an NVIDIA GPU

/// A program bound to a device, its arena and a parameter block.
template <class Device = cpu_device>
class session;

namespace detail {

/// Throws tenon::error if the block is smaller than the program's parameters.
inline void check_parameters(program_view const& program, parameter_block const& parameters) {
  if (program.totals.parameter_bytes > parameters.bytes())
    throw error("the program uses " + std::to_string(program.totals.parameter_bytes / sizeof(float)) +
                " parameters, the block has " + std::to_string(parameters.bytes() / sizeof(float)) +
                ": make the block from the same model");
}

/// Throws tenon::error if a call of the program has nothing that a GPU could do for it.
inline void check_lowered(program_view const& program) {
  for (auto const& c : program.calls)
    if (c.on_gpu == nullptr)
      throw error(
          "the call \"" + std::string(c.name) +
          "\" has no kernel for a GPU: compile all that records with nvcc, and give operations of your "
          "own a cuda::lowering");
}

/// The places of all operands of a program, in its order; null where a call does without one.
inline std::vector<void*> bound_operands(program_view const& program, std::byte* arena, std::byte* parameters,
                                         std::byte* state) {
  std::array const bases{arena, parameters, state};  // in the order of enum area
  std::vector<void*> places;
  places.reserve(program.operands.size());
  for (auto const& a : program.operands)
    places.push_back(a.exists ? bases[static_cast<std::size_t>(a.where)] + a.offset : nullptr);
  return places;
}

}  // namespace detail
}  // namespace tenon
