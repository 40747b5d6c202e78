// SPDX-License-Identifier: BSL-1.0
// What a program needs and does, for people: tables, and a picture of its arena.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tenon/config.hpp"
#include "tenon/program/program.hpp"
#include "tenon/train/format.hpp"
#include "tenon/train/svg_timeline.hpp"
#include "tenon/train/text_table.hpp"

namespace tenon::train {

struct named_program {
  std::string name;
  program_view program;
};

/// A number with the prefix that keeps it short: 11.4 G, 820 k.
inline std::string short_count(std::uint64_t count) {
  constexpr std::pair<double, char const*> units[] = {{1e12, " T"}, {1e9, " G"}, {1e6, " M"}, {1e3, " k"}};
  auto const value = static_cast<double>(count);
  for (auto const& [size, name] : units)
    if (value >= size) return trimmed(value / size, value / size < 100 ? 1 : 0) + name;
  return std::to_string(count);
}

/// One line for each program: calls, memory, work.
TENON_COLD inline std::string program_table(std::span<named_program const> programs) {
  text_table table({"program", "calls", "arena", "live", "parameters", "optimiser", "FLOP", "bytes moved"});
  for (auto const& [name, p] : programs)
    table.row({name, grouped(p.calls.size()), bytes_text(p.totals.arena_bytes),
               bytes_text(p.totals.live_bytes), bytes_text(p.totals.parameter_bytes),
               bytes_text(p.totals.state_bytes), short_count(p.totals.flops),
               bytes_text(p.totals.bytes_moved)});
  return table.str();
}

/// One line for each kind of call that every run makes, those with the most work first; then how many calls
/// the first run alone makes, if any.
TENON_COLD inline std::string call_summary(program_view const& program) {
  struct kind {
    std::string_view name;
    std::size_t count = 0;
    std::uint64_t flops = 0, bytes = 0;
  };
  std::vector<kind> kinds;
  auto const once = program.totals.frozen_calls;
  for (auto const& c : program.calls.subspan(once)) {
    auto found = std::find_if(kinds.begin(), kinds.end(), [&](kind const& k) { return k.name == c.name; });
    if (found == kinds.end()) found = kinds.insert(kinds.end(), kind{c.name});
    ++found->count;
    found->flops += c.flops;
    found->bytes += c.bytes;
  }
  std::sort(kinds.begin(), kinds.end(), [](kind const& a, kind const& b) { return a.flops > b.flops; });
  auto const whole = static_cast<double>(std::max<std::uint64_t>(program.totals.flops, 1));
  text_table table({"call", "count", "FLOP", "share", "bytes moved"});
  for (auto const& k : kinds)
    table.row({std::string(k.name), grouped(k.count), short_count(k.flops),
               fixed(100 * static_cast<double>(k.flops) / whole, 1) + " %", bytes_text(k.bytes)});
  return table.str(2) +
         (once == 0 ? ""
                    : "  and " + grouped(once) + " calls on weights alone, made by the first run only\n");
}

/// One line for each call, in the order in which they run.
TENON_COLD inline std::string call_list(program_view const& program) {
  text_table table({"call", "number", "chunks", "FLOP", "bytes moved"});
  for (std::size_t i = 0; i < program.calls.size(); ++i) {
    auto const& c = program.calls[i];
    table.row({i < program.totals.frozen_calls ? std::string(c.name) + " (once)" : c.name, grouped(i),
               grouped(c.chunks), short_count(c.flops), bytes_text(c.bytes)});
  }
  return table.str(2);
}

/// The arena over the calls, as SVG.
TENON_COLD inline std::string arena_picture(program_view const& program, std::string title) {
  auto const kind_name = [](storage::kind_t kind) {
    switch (kind) {
      case storage::kind_t::input:
        return "input";
      case storage::kind_t::output:
        return "output";
      case storage::kind_t::gradient:
        return "gradient";
      case storage::kind_t::parameter:
      case storage::kind_t::state:  // these have memory of their own
      case storage::kind_t::temporary:
        break;
    }
    return "value";
  };
  std::vector<svg::arena_block> blocks;
  blocks.reserve(program.blocks.size());
  for (auto const& b : program.blocks)
    blocks.push_back({b.name, kind_name(b.kind), b.first, b.last, b.offset, b.bytes});
  return svg::timeline(
      blocks,
      {.title = std::move(title), .calls = program.calls.size(), .bytes = program.totals.arena_bytes});
}

}  // namespace tenon::train
