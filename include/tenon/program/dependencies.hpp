// SPDX-License-Identifier: BSL-1.0
// Which calls of a program wait for which, by the bytes that they read and write: what a device that can do
// several things at once needs to know.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "program.hpp"

namespace tenon {

/// Neighbouring calls that are done as one (`joint_count`; most often a single one), and the numbers of the
/// groups that it waits for: those that no other of them waits for in turn.
struct call_group {
  std::size_t first = 0, count = 1;
  std::vector<std::size_t> waits_for;
};

namespace detail {

struct byte_range {
  area where = area::arena;
  std::size_t begin = 0, end = 0;
  bool written = false;

  bool conflicts(byte_range const& o) const {
    return where == o.where && (written || o.written) && begin < o.end && o.begin < end;
  }
};

/// What an operand of call number `call` touches; where that is unknown, the whole block that it stands in.
inline byte_range range_of(program_view const& program, std::size_t call, address const& a, bool written) {
  auto const& t = a.touched;
  if (t.bytes > 0) {
    std::size_t const length =
        t.bytes + std::size_t{t.step} * (program.calls[call].chunks - 1) + std::size_t{t.jump} * t.jumps;
    return {a.where, a.offset, a.offset + length, written};
  }
  if (a.where == area::arena)
    for (auto const& b : program.blocks)
      if (a.offset >= b.offset && a.offset < b.offset + b.bytes && b.first <= call && call <= b.last)
        return {a.where, b.offset, b.offset + b.bytes, written};
  return {a.where, 0, std::numeric_limits<std::size_t>::max(), written};
}

/// All that a group's calls touch.
inline std::vector<byte_range> ranges_of(program_view const& program, call_group const& group) {
  std::vector<byte_range> result;
  for (std::size_t i = group.first; i < group.first + group.count; ++i) {
    auto const& c = program.calls[i];
    for (std::size_t k = 0; k < c.operands; ++k) {
      auto const& a = program.operands[c.first_operand + k];
      if (a.exists) result.push_back(range_of(program, i, a, k < c.outputs));
    }
  }
  return result;
}

}  // namespace detail

/// A program's calls in groups, each with those that it waits for.
inline std::vector<call_group> dependencies_of(program_view const& program) {
  std::vector<call_group> groups;
  for (std::size_t i = 0; i < program.calls.size(); i += groups.back().count)
    groups.push_back({i, joint_count(program.calls, i), {}});
  std::vector<std::vector<detail::byte_range>> ranges;
  std::vector<std::vector<char>> reached(groups.size());  // by way of others
  for (std::size_t g = 0; g < groups.size(); ++g) {
    ranges.push_back(detail::ranges_of(program, groups[g]));
    reached[g].assign(g, 0);
    for (std::size_t earlier = g; earlier-- > 0;) {  // the latest first: it brings those that it waits for
      if (reached[g][earlier] != 0) continue;
      bool const waits = std::any_of(ranges[g].begin(), ranges[g].end(), [&](auto const& mine) {
        return std::any_of(ranges[earlier].begin(), ranges[earlier].end(),
                           [&](auto const& other) { return mine.conflicts(other); });
      });
      if (!waits) continue;
      groups[g].waits_for.push_back(earlier);
      reached[g][earlier] = 1;
      for (std::size_t before = 0; before < earlier; ++before)
        if (reached[earlier][before] != 0) reached[g][before] = 1;
    }
  }
  return groups;
}

}  // namespace tenon
