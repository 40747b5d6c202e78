// SPDX-License-Identifier: BSL-1.0
// Programs: recordings that are ordered, planned and ready to run. What a program needs and does is known
// before it runs, and, if it was recorded in a constant expression, to the compiler:
//
//   constexpr auto step = record([](recorder& r) { … });
//   static_assert(step.arena_bytes() < 16_MiB);
#pragma once
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "../precision.hpp"
#include "plan.hpp"
#include "recorder.hpp"

namespace tenon {

/// Where an operand stands at run time.
struct address {
  area where : 8 = area::arena;  // in one word: a program has thousands of them
  bool exists : 8 = false;
  std::uint64_t offset : 48 = 0;
  reach touched{};
};

/// A call as a session runs it. A program has hundreds of them, in the binary where the compiler recorded it:
/// hence the short numbers.
struct program_call {
  char const* name = "";
  kernel run = nullptr;
  enqueue on_gpu = nullptr;
  std::uint32_t first_operand = 0, operands = 0, outputs = 0, chunks = 1, accumulate = 0;
  bool joins = false, stops = false;  ///< see call_spec
  std::array<double, 8> scalars{};
  std::array<std::int64_t, 4> integers{};
  std::uint64_t flops = 0, bytes = 0;
  joint_calls const* joint = nullptr;
};

/// An input or output of a program and where it stands in the arena.
struct program_port {
  std::string_view name{};
  element_type type = element_type::float32;
  std::size_t elements = 0, offset = 0;
  std::uint64_t axes = 0;  ///< the fingerprint of its shape
};

/// A piece of the arena and the calls between which it is in use.
struct program_block {
  char const* name = "";
  storage::kind_t kind = storage::kind_t::temporary;
  std::size_t bytes = 0, offset = 0, first = 0, last = 0;
};

/// What a program needs and does, in numbers.
struct program_totals {
  std::size_t arena_bytes = 0, live_bytes = 0, parameter_bytes = 0, state_bytes = 0;
  std::uint64_t flops = 0, bytes_moved = 0;  ///< of one run, without the frozen calls
  std::size_t frozen_calls = 0;              ///< the first calls: a session runs them once
  bool updates_parameters = false;
  std::size_t average_offset = 0, average_bytes = 0;  ///< of the averaged weights in the optimiser's state
  precision products = precision::fp32;               ///< on a GPU
};

/// Any program, seen through spans: what sessions and `inspect` take.
struct program_view {
  std::span<program_call const> calls{};
  std::span<address const> operands{};
  std::span<program_port const> inputs{}, outputs{};
  std::span<program_block const> blocks{};
  program_totals totals{};
};

namespace detail {

/// How long a program's lists are.
struct program_sizes {
  std::size_t calls = 0, operands = 0, inputs = 0, outputs = 0, blocks = 0;

  constexpr bool within(program_sizes const& room) const {
    return calls <= room.calls && operands <= room.operands && inputs <= room.inputs &&
           outputs <= room.outputs && blocks <= room.blocks;
  }
};

constexpr program_sizes sizes_of(recording const& r, planned const& p) {
  return {p.calls.size(), p.operands.size(), r.inputs().size(), r.outputs().size(),
          static_cast<std::size_t>(std::count(p.placed.begin(), p.placed.end(), 1))};
}

/// Writes a planned recording into a program whose lists are long enough for it.
template <class Program>
constexpr void assemble(recording const& r, planned const& p, Program& out) {
  auto const address_of = [&p](location where) {
    if (!where.exists()) return address{};
    for (int host = p.storages[static_cast<std::size_t>(where.storage)].host; host >= 0;
         host = p.storages[static_cast<std::size_t>(where.storage)].host) {
      where.offset += p.storages[static_cast<std::size_t>(where.storage)].host_offset;
      where.storage = host;
    }
    auto const& s = p.storages[static_cast<std::size_t>(where.storage)];
    auto const block = s.kind == storage::kind_t::parameter ? area::parameters
                       : s.kind == storage::kind_t::state   ? area::state
                                                            : area::arena;
    constexpr std::uint64_t most = (std::uint64_t{1} << 48) - 1;
    return address{block, true, (s.offset + where.offset) & most, {}};
  };
  for (std::size_t i = 0; i < p.calls.size(); ++i) {
    auto const& c = p.calls[i];
    out.calls[i] = {c.name,
                    c.run,
                    c.on_gpu,
                    static_cast<std::uint32_t>(c.first_operand),
                    static_cast<std::uint32_t>(c.operands),
                    static_cast<std::uint32_t>(c.outputs),
                    static_cast<std::uint32_t>(c.chunks),
                    c.accumulate,
                    c.joins,
                    c.stops,
                    c.scalars,
                    c.integers,
                    c.flops,
                    c.bytes,
                    c.joint};
    if (i < p.frozen_calls) continue;
    out.totals.flops += c.flops;
    out.totals.bytes_moved += c.bytes;
  }
  for (std::size_t i = 0; i < p.operands.size(); ++i) {
    out.operands[i] = address_of(p.operands[i]);
    out.operands[i].touched = p.reaches[i];
  }
  auto const ports = [&](std::vector<port> const& from, auto& to) {
    for (std::size_t i = 0; i < from.size(); ++i)
      to[i] = {from[i].name, from[i].type, from[i].elements,
               address_of(r.physical({from[i].storage, 0})).offset, from[i].axes};
  };
  ports(r.inputs(), out.inputs);
  ports(r.outputs(), out.outputs);
  std::size_t block = 0;
  for (std::size_t s = 0; s < p.storages.size(); ++s) {
    auto const& x = p.storages[s];
    if (x.kind == storage::kind_t::parameter)
      out.totals.parameter_bytes = std::max(out.totals.parameter_bytes, x.offset + x.bytes);
    if (p.placed[s]) out.blocks[block++] = {x.name, x.kind, x.bytes, x.offset, p.first[s], p.last[s]};
  }
  out.totals.frozen_calls = p.frozen_calls;
  out.totals.arena_bytes = p.arena_bytes;
  out.totals.live_bytes = p.live_bytes;
  out.totals.state_bytes = r.state_bytes();
  out.totals.updates_parameters = r.updates();
  out.totals.average_offset = r.average_offset();
  out.totals.average_bytes = r.average_bytes();
  out.totals.products = r.products();
}

/// What all forms of programs answer.
template <class Program>
struct program_queries {
  constexpr std::size_t arena_bytes() const { return self().totals.arena_bytes; }
  /// The largest sum of bytes needed at once.
  constexpr std::size_t live_bytes() const { return self().totals.live_bytes; }
  /// Bytes of the parameter block that the program reads.
  constexpr std::size_t parameter_bytes() const { return self().totals.parameter_bytes; }
  constexpr std::size_t parameter_count() const { return self().totals.parameter_bytes / sizeof(float); }
  constexpr std::uint64_t flops() const { return self().totals.flops; }
  /// Bytes that the calls read and write in all, caches left out of account.
  constexpr std::uint64_t bytes_moved() const { return self().totals.bytes_moved; }
  constexpr std::size_t call_count() const { return self().calls.size(); }
  constexpr program_view view() const {
    auto const& s = self();
    return {s.calls, s.operands, s.inputs, s.outputs, s.blocks, s.totals};
  }

 private:
  constexpr Program const& self() const { return static_cast<Program const&>(*this); }
};

}  // namespace detail

/// A program recorded in a constant expression.
template <std::size_t Calls, std::size_t Operands, std::size_t Inputs, std::size_t Outputs,
          std::size_t Blocks>
struct program : detail::program_queries<program<Calls, Operands, Inputs, Outputs, Blocks>> {
  std::array<program_call, Calls> calls{};
  std::array<address, Operands> operands{};
  std::array<program_port, Inputs> inputs{};
  std::array<program_port, Outputs> outputs{};
  std::array<program_block, Blocks> blocks{};
  program_totals totals{};
};

/// A program recorded at start-up.
struct dynamic_program : detail::program_queries<dynamic_program> {
  std::vector<program_call> calls;
  std::vector<address> operands;
  std::vector<program_port> inputs, outputs;
  std::vector<program_block> blocks;
  program_totals totals{};
};

namespace detail {

/// A program with room to spare and how much of it is in use.
template <program_sizes Room>
struct draft {
  program_sizes sizes{};
  program<Room.calls, Room.operands, Room.inputs, Room.outputs, Room.blocks> value{};
};

template <program_sizes Room, class F>
consteval auto drafted(F const& f) {
  recorder_for<F> r;
  f(r);
  auto const p = plan(r);
  draft<Room> result;
  result.sizes = sizes_of(r, p);
  if (result.sizes.within(Room)) assemble(r, p, result.value);
  return result;
}

/// Enough for a training step of a translator; it costs the compiler little where it is too much.
inline constexpr program_sizes usual_room{1024, 8192, 16, 16, 1024};

/// A first draft of a program. A variable of its own: where recording fails, clang says so once, and not
/// again for everything that is made of it.
template <class F>
inline constexpr auto first_draft = drafted<usual_room>(F{});

template <class F>
consteval bool is_recordable() {
#ifdef __clang__
  return __builtin_constant_p(first_draft<F>.sizes.calls);
#else
  return true;  // other compilers stop there
#endif
}

}  // namespace detail

/// Records what f(recorder&) or f(inference_recorder&) does, in a constant expression. f is a lambda without
/// captures; it may use constexpr objects.
template <class F>
consteval auto record(F) {
  static_assert(std::is_default_constructible_v<F>,
                "record: f is a lambda without captures; record_now takes one that captures something");
  if constexpr (!detail::is_recordable<F>()) {
    return program<0, 0, 0, 0, 0>{};  // what is wrong has been said
  } else {
    constexpr auto first = detail::first_draft<F>;
    constexpr auto n = first.sizes;
    if constexpr (n.within(detail::usual_room)) {  // recording is what costs: once is enough
      program<n.calls, n.operands, n.inputs, n.outputs, n.blocks> p;
      std::copy_n(first.value.calls.begin(), n.calls, p.calls.begin());
      std::copy_n(first.value.operands.begin(), n.operands, p.operands.begin());
      std::copy_n(first.value.inputs.begin(), n.inputs, p.inputs.begin());
      std::copy_n(first.value.outputs.begin(), n.outputs, p.outputs.begin());
      std::copy_n(first.value.blocks.begin(), n.blocks, p.blocks.begin());
      p.totals = first.value.totals;
      return p;
    } else {
      return detail::drafted<n>(F{}).value;
    }
  }
}

/// Records the same at run time: for programs too long for the compiler, and for functions that capture
/// something.
template <class F>
dynamic_program record_now(F const& f) {
  recorder_for<F> r;
  f(r);
  auto const p = plan(r);
  auto const n = detail::sizes_of(r, p);
  dynamic_program result;
  result.calls.resize(n.calls);
  result.operands.resize(n.operands);
  result.inputs.resize(n.inputs);
  result.outputs.resize(n.outputs);
  result.blocks.resize(n.blocks);
  detail::assemble(r, p, result);
  return result;
}

inline namespace literals {
consteval std::size_t operator""_KiB(unsigned long long n) {
  return static_cast<std::size_t>(n) << 10;
}
consteval std::size_t operator""_MiB(unsigned long long n) {
  return static_cast<std::size_t>(n) << 20;
}
}  // namespace literals

}  // namespace tenon
