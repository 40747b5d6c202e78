// SPDX-License-Identifier: BSL-1.0
// A matrix in colours, with its rows and columns named: attention weights over the words of two sentences.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <utility>

#include "tenon/config.hpp"
#include "tenon/error.hpp"
#include "tenon/printable.hpp"
#include "tenon/train/svg_canvas.hpp"

namespace tenon::train::svg {

struct heat_map_options {
  std::string title = "", row_label = "", column_label = "";
  double low = 0,
         high = 1;  ///< values shown in the first and in the last colour; beyond them the colour stays
};

/// Draws `values`, row-major, `rows.size()` × `columns.size()`. Every cell tells its row, column and value
/// when pointed at, and prints its value where it is large enough. NaN is grey. The first row is at the top.
/// Throws `tenon::error` if the number of values is not rows × columns, or if `low` is not below `high`.
TENON_COLD inline std::string heat_map(std::span<float const> values, std::span<std::string const> rows,
                                       std::span<std::string const> columns,
                                       heat_map_options const& options) {
  if (values.size() != rows.size() * columns.size())
    throw error("heat map " + in_quotes(options.title) + ": " + std::to_string(values.size()) +
                " values for " + std::to_string(rows.size()) + " rows and " + std::to_string(columns.size()) +
                " columns; give every row one value per column");
  if (!(options.low < options.high))
    throw error("heat map " + in_quotes(options.title) +
                ": the colour range must rise, from a low to a high value");

  static constexpr std::size_t longest = 24;
  constexpr double letter = 7.3;  // width of an average letter at 13 px
  auto const widest = [](std::span<std::string const> labels) {
    std::size_t width = 1;
    for (auto const& label : labels) width = std::max(width, std::min(longest, text_width(label)));
    return letter * static_cast<double>(width);
  };
  auto const row_count = static_cast<double>(rows.size()), column_count = static_cast<double>(columns.size());
  double const cell = std::clamp(600 / std::max({row_count, column_count, 1.0}), 14.0, 44.0);
  bool const slanted = widest(columns) > cell - 4;
  double const slope = 0.7072 * widest(columns);
  double const title_height = options.title.empty() ? 0 : 28;
  double const left = 30 + widest(rows) + 8;
  double const top = title_height + 24 + (slanted ? slope + 14 : 20);
  double const grid_width = std::max(cell * column_count, 1.0), grid_height = std::max(cell * row_count, 1.0);
  double const bar_x = left + grid_width + std::max(18.0, slanted ? std::min(slope, 40.0) : 0.0);
  double const right = std::max(bar_x + 58, slanted ? left + grid_width + slope : 0);
  double const width = std::max({right, left + 7.4 * static_cast<double>(text_width(options.column_label)),
                                 8.6 * static_cast<double>(text_width(options.title)) + 10});
  double const bottom_room = 16;
  double const height = top + std::max(grid_height, 90.0) + bottom_room;

  canvas c(width, height, options.title.empty() ? "heat map" : options.title);
  if (!options.title.empty()) c.heading(4, 20, options.title);
  c.text(left, title_height + 16, options.column_label, "start", 12);
  auto const middle = canvas::coordinate(top + grid_height / 2);
  c.text(14, top + grid_height / 2, options.row_label, "middle", 12,
         "class=\"tn-muted\" fill=\"#555\" transform=\"rotate(-90 14 " + middle + ")\"");

  constexpr char const* ink = "class=\"tn-ink\" fill=\"#1a1a1a\"";
  for (std::size_t j = 0; j < columns.size(); ++j) {
    double const x = left + cell * (static_cast<double>(j) + 0.5);
    auto const label = shorten(columns[j], longest);
    if (slanted)
      c.text(x + 4, top - 7, label, "start", 13,
             std::string(ink) + " transform=\"rotate(-45 " + canvas::coordinate(x + 4) + ' ' +
                 canvas::coordinate(top - 7) + ")\"");
    else
      c.text(x, top - 8, label, "middle", 13, ink);
  }
  for (std::size_t i = 0; i < rows.size(); ++i) {
    double const y = top + cell * static_cast<double>(i);
    c.text(left - 8, y + cell / 2 + 4.5, shorten(rows[i], longest), "end", 13, ink);
    for (std::size_t j = 0; j < columns.size(); ++j) {
      auto const value = static_cast<double>(values[i * columns.size() + j]);
      double const x = left + cell * static_cast<double>(j);
      bool const known = !std::isnan(value);
      auto const colour =
          known ? viridis((value - options.low) / (options.high - options.low)) : rgb{0xBB, 0xBB, 0xBB};
      c.rectangle(
          x, y, cell, cell,
          "class=\"tn-cell\" fill=\"" + colour.hex() + "\" stroke=\"#fff\" stroke-width=\"1\"",
          rows[i] + " \xE2\x86\x90 " + columns[j] + ": " + (known ? fixed(value, 3) : "not a number"));
      if (known && cell >= 34 && std::fabs(value) < 100)
        c.text(x + cell / 2, y + cell / 2 + 4, fixed(value, 2), "middle", 11,
               colour.is_dark() ? "fill=\"#fff\" pointer-events=\"none\""
                                : "fill=\"#111\" pointer-events=\"none\"");
    }
  }

  // The colour bar is made of strips: a gradient would need an id, which could clash with another chart's.
  constexpr int strips = 48;
  double const bar_height = std::max(grid_height, 90.0), strip = bar_height / strips;
  for (int i = 0; i < strips; ++i)
    c.rectangle(bar_x, top + strip * i, 12, strip + (i + 1 < strips ? 0.6 : 0),
                "fill=\"" + viridis(1 - (i + 0.5) / strips).hex() + '"');
  for (int i = 0; i <= 2; ++i) {
    double const value = options.high - (options.high - options.low) * i / 2;
    c.text(bar_x + 17,
           top + bar_height * i / 2 +
               (i == 0   ? 9
                : i == 1 ? 4
                         : 0),
           trimmed(value, 3), "start", 11);
  }
  return std::move(c).finish();
}

}  // namespace tenon::train::svg
