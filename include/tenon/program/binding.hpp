// SPDX-License-Identifier: BSL-1.0
// Binding a program to memory: where each operand of each call stands; the same for every device.
#pragma once
#include <algorithm>
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
TENON_WHEN_USED inline void check_parameters(program_view const& program, parameter_block const& parameters) {
  if (program.totals.parameter_bytes > parameters.bytes())
    throw error("the program uses " + std::to_string(program.totals.parameter_bytes / sizeof(float)) +
                " parameters, the block has " + std::to_string(parameters.bytes() / sizeof(float)) +
                ": make the block from the same model");
}

/// Throws tenon::error if a call of the program has nothing that a GPU could do for it.
TENON_WHEN_USED inline void check_lowered(program_view const& program) {
  for (auto const& c : program.calls)
    if (c.on_gpu == nullptr)
      throw error(
          "the call \"" + std::string(c.name) +
          "\" has no kernel for a GPU: compile all that records with nvcc, and give operations of your "
          "own a cuda::lowering");
}

/// The places of all operands of a program, in its order; null where a call does without one.
TENON_WHEN_USED inline std::vector<void*> bound_operands(program_view const& program, std::byte* arena,
                                                         std::byte* parameters, std::byte* state) {
  std::array const bases{arena, parameters, state};  // in the order of enum area
  std::vector<void*> places;
  places.reserve(program.operands.size());
  for (auto const& a : program.operands)
    places.push_back(a.exists ? bases[static_cast<std::size_t>(a.where)] + a.offset : nullptr);
  return places;
}

/// Does a call write to weights?
TENON_WHEN_USED inline bool writes_parameters(program_view const& program, program_call const& c) {
  auto const written = program.operands.subspan(c.first_operand, c.outputs);
  return std::ranges::any_of(written, [](auto const& a) { return a.exists && a.where == area::parameters; });
}

/// Do two calls of one output write the same, given the same operands?
TENON_WHEN_USED inline bool computes_alike(program_call const& a, program_call const& b) {
  return a.run == b.run && a.outputs == 1 && b.outputs == 1 && a.operands == b.operands &&
         a.chunks == b.chunks && a.accumulate == b.accumulate && a.scalars == b.scalars &&
         a.integers == b.integers;
}

/// The block of the arena that a call writes, if nothing else is ever written there and it is no output; else
/// null.
TENON_WHEN_USED inline program_block const* lasting_block(program_view const& program,
                                                          program_call const& c) {
  auto const& out = program.operands[c.first_operand];
  auto const call = static_cast<std::size_t>(&c - program.calls.data());
  if (!out.exists || out.where != area::arena) return nullptr;
  auto const lasts = [&](program_block const& b) {
    return b.offset == out.offset && b.first <= call && b.last >= program.calls.size();
  };
  auto const block = std::ranges::find_if(program.blocks, lasts);
  if (block == program.blocks.end()) return nullptr;
  auto const inside = [&](std::size_t offset) {
    return offset >= block->offset && offset < block->offset + block->bytes;
  };
  if (std::ranges::any_of(program.outputs, inside, &program_port::offset)) return nullptr;
  for (std::size_t i = block->first; i < program.calls.size(); ++i)
    for (auto const& o : program.operands.subspan(program.calls[i].first_operand, program.calls[i].outputs))
      if (i != call && o.exists && o.where == area::arena && inside(o.offset)) return nullptr;
  return &*block;
}

/// Lets a lasting block stand at `to`, outside of the arena.
TENON_WHEN_USED inline void move_block(program_view const& program, program_block const& block,
                                       std::vector<void*>& places, std::byte* to) {
  for (std::size_t i = block.first; i < program.calls.size(); ++i) {
    auto const& c = program.calls[i];
    for (std::size_t k = c.first_operand; k < c.first_operand + c.operands; ++k) {
      auto const& a = program.operands[k];
      if (a.exists && a.where == area::arena && a.offset >= block.offset &&
          a.offset < block.offset + block.bytes)
        places[k] = to + (a.offset - block.offset);
    }
  }
}

}  // namespace detail
}  // namespace tenon
