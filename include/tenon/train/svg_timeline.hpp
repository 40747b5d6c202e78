// SPDX-License-Identifier: BSL-1.0
// Rectangles over time: which bytes of a memory arena are taken during which calls of a program.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tenon/config.hpp"
#include "tenon/error.hpp"
#include "tenon/printable.hpp"
#include "tenon/train/svg_canvas.hpp"

namespace tenon::train::svg {

/// Bytes [offset, offset + bytes) that are taken from call `first` to call `last`, both included. `kind`
/// groups rectangles under one colour and one entry of the legend.
struct arena_block {
  std::string name, kind;
  std::uint64_t first = 0, last = 0, offset = 0, bytes = 0;
};

struct timeline_options {
  std::string title = "";
  std::uint64_t calls = 0;  ///< length of the x axis; at least the last call of a block
  std::uint64_t bytes = 0;  ///< size of the arena, drawn as a line; 0: not drawn
  double width = 960, height = 460;
};

/// Draws the blocks of an arena: x = index of the call, y = byte offset, from below. Blocks tell name, kind,
/// calls and bytes when pointed at and show their name where it fits.
/// Throws `tenon::error` for a block that ends before it begins or whose end does not fit in 64 bits.
TENON_COLD inline std::string timeline(std::span<arena_block const> blocks, timeline_options const& options) {
  std::vector<std::string> kinds;
  std::uint64_t calls = std::max<std::uint64_t>(options.calls, 1),
                bytes = std::max<std::uint64_t>(options.bytes, 1);
  for (auto const& b : blocks) {
    if (b.last < b.first || b.last == UINT64_MAX || b.bytes > UINT64_MAX - b.offset)
      throw error("memory picture: block " + in_quotes(b.name) + " has calls " + std::to_string(b.first) +
                  " to " + std::to_string(b.last) + " and " + std::to_string(b.bytes) + " bytes at offset " +
                  std::to_string(b.offset) + "; it must end after it begins and fit in 64 bits");
    calls = std::max(calls, b.last + 1);
    bytes = std::max(bytes, b.offset + b.bytes);
    if (std::find(kinds.begin(), kinds.end(), b.kind) == kinds.end()) kinds.push_back(b.kind);
  }

  double const left = 74, right = options.width - 16, bottom = options.height - 46;
  struct entry {
    double x, y;
  };
  std::vector<entry> legend;
  double legend_x = left, legend_y = 46;
  for (auto const& kind : kinds) {
    double const needed = 20 + 7.4 * static_cast<double>(text_width(shorten(kind, 30))) + 18;
    if (legend_x > left && legend_x + needed > right) legend_x = left, legend_y += 20;
    legend.push_back({legend_x, legend_y});
    legend_x += needed;
  }
  double const top = std::min(legend_y + 22, bottom - 60);

  // Ticks at round binary sizes: round in the unit in which the arena is counted.
  double unit = 1;
  char const* unit_name = " B";
  for (auto const& [size, name] :
       {std::pair{1024.0, " KiB"}, std::pair{1048576.0, " MiB"}, std::pair{1073741824.0, " GiB"}})
    if (static_cast<double>(bytes) >= size) unit = size, unit_name = name;
  double const high = static_cast<double>(bytes) / unit, width = static_cast<double>(calls);
  auto const x_at = [&](double call) { return place(call, 0, width, left, right); };
  auto const y_at = [&](double offset) { return place(offset / unit, 0, high, bottom, top); };

  canvas c(options.width, options.height, options.title);
  c.heading(left, 22, options.title);
  double const y_step = std::max(nice_step(high, 6), unit == 1 ? 1.0 : 0.0);
  for (double const mark : ticks(0, high, y_step))
    c.line(left, y_at(mark * unit), right, y_at(mark * unit))
        .text(left - 8, y_at(mark * unit) + 4, tick_label(mark, y_step) + unit_name, "end");
  double const x_step = std::max(1.0, nice_step(width, 12));
  for (double const mark : ticks(0, width, x_step))
    c.line(x_at(mark), bottom, x_at(mark), bottom + 5, "class=\"tn-axis\" stroke=\"#888\"")
        .text(x_at(mark), bottom + 19, tick_label(mark, x_step), "middle");
  c.text((left + right) / 2, options.height - 8, "call", "middle", 13);

  for (std::size_t i = 0; i < kinds.size(); ++i)
    c.rectangle(legend[i].x, legend[i].y - 11, 13, 13,
                "rx=\"2\" fill=\"" + palette[i % palette.size()].hex() + '"')
        .text(legend[i].x + 20, legend[i].y, shorten(kinds[i], 30), "start", 13);

  for (auto const& b : blocks) {
    auto const kind = static_cast<std::size_t>(std::find(kinds.begin(), kinds.end(), b.kind) - kinds.begin());
    auto const colour = palette[kind % palette.size()];
    double const x = x_at(static_cast<double>(b.first)), w = x_at(static_cast<double>(b.last + 1)) - x;
    double const y = y_at(static_cast<double>(b.offset + b.bytes)),
                 h = y_at(static_cast<double>(b.offset)) - y;
    auto const span = b.first == b.last
                          ? "call " + std::to_string(b.first)
                          : "calls " + std::to_string(b.first) + "\xE2\x80\x93" + std::to_string(b.last);
    c.rectangle(x, y, std::max(w, 0.5), std::max(h, 0.5),
                "fill=\"" + colour.hex() + "\" stroke=\"#fff\" stroke-width=\"" +
                    (std::min(w, h) > 4 ? "0.8" : "0.2") + '"',
                b.name + " (" + b.kind + "): " + span + ", " + bytes_text(b.bytes) + " at offset " +
                    grouped(b.offset));
    if (h >= 13 && w >= 6.6 * static_cast<double>(text_width(b.name)) + 8 && !b.name.empty())
      c.text(x + w / 2, y + h / 2 + 4, b.name, "middle", 11,
             colour.is_dark() ? "fill=\"#fff\" pointer-events=\"none\""
                              : "fill=\"#111\" pointer-events=\"none\"");
  }
  if (options.bytes > 0)
    c.line(left, y_at(static_cast<double>(options.bytes)), right, y_at(static_cast<double>(options.bytes)),
           "class=\"tn-axis\" stroke=\"#666\" stroke-dasharray=\"5 4\"")
        .text(right, y_at(static_cast<double>(options.bytes)) - 5, "arena: " + bytes_text(options.bytes),
              "end");
  c.line(left, bottom, right, bottom, "class=\"tn-axis\" stroke=\"#888\"");
  if (blocks.empty()) c.text((left + right) / 2, (top + bottom) / 2, "No blocks", "middle", 14);
  return std::move(c).finish();
}

}  // namespace tenon::train::svg
