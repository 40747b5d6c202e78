// SPDX-License-Identifier: BSL-1.0
// Line chart of several series, such as training and validation loss over epochs.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tenon/config.hpp"
#include "tenon/error.hpp"
#include "tenon/printable.hpp"
#include "tenon/train/svg_canvas.hpp"

namespace tenon::train::svg {

/// A named curve. Without `x`, the points stand at 1, 2, 3, ... Values that are not finite count as not
/// measured: their neighbours are joined.
struct series {
  std::string name;
  std::vector<double> y;
  std::vector<double> x = {};
};

struct line_chart_options {
  std::string title = "", x_label = "", y_label = "";
  bool log_y = false;     ///< logarithmic y axis; values not above zero are left out
  bool integer_x = true;  ///< x counts something: ticks at whole numbers only
  double width = 760, height = 400;
};

struct point {
  double x, y;
};

/// The points of `s` that can be drawn. Throws `tenon::error` if `x` is given and its length is not that of
/// `y`.
inline std::vector<point> drawable_points(series const& s, bool log_y) {
  if (!s.x.empty() && s.x.size() != s.y.size())
    throw error("line chart: series " + in_quotes(s.name) + " has " + std::to_string(s.x.size()) +
                " x values and " + std::to_string(s.y.size()) +
                " y values; give as many of both, or no x values");
  std::vector<point> points;
  for (std::size_t i = 0; i < s.y.size(); ++i) {
    double const x = s.x.empty() ? static_cast<double>(i + 1) : s.x[i];
    // Beyond 1e300 the range of an axis would overflow.
    if (std::fabs(x) < 1e300 && std::fabs(s.y[i]) < 1e300 && (!log_y || s.y[i] > 1e-300))
      points.push_back({x, s.y[i]});
  }
  return points;
}

/// At most about 2,000 points, of each stretch the lowest and the highest: the outline of a long curve stays
/// as it is and the file stays small.
inline std::vector<point> thin(std::vector<point> const& points) {
  constexpr std::size_t stretches = 1000;
  if (points.size() <= 2 * stretches) return points;
  std::vector<point> kept;
  auto const lower = [](point a, point b) { return a.y < b.y; };
  for (std::size_t i = 0; i < stretches; ++i) {
    auto const first = points.begin() + static_cast<std::ptrdiff_t>(i * points.size() / stretches);
    auto const last = points.begin() + static_cast<std::ptrdiff_t>((i + 1) * points.size() / stretches);
    auto [low, high] = std::minmax_element(first, last, lower);
    if (high < low) std::swap(low, high);
    kept.push_back(*low);
    if (low != high) kept.push_back(*high);
  }
  return kept;
}

/// The range of an axis and where its ticks are.
struct axis_scale {
  double low, high;
  std::vector<double> marks;
  std::vector<std::string> labels;
};

/// An axis that shows [low, high]: widened to whole ticks, down to zero where zero is near.
TENON_COLD inline axis_scale value_axis(double low, double high, bool log) {
  axis_scale axis{low, high, {}, {}};
  if (log) {
    axis.low = nice_below(low), axis.high = nice_above(high);
    if (!(axis.high > axis.low * 1.01)) axis.low /= 2, axis.high *= 2;
    axis.marks = log_ticks(axis.low, axis.high);
    for (double const mark : axis.marks) axis.labels.push_back(log_tick_label(mark));
    return axis;
  }
  if (low > 0 && low < 0.6 * high) axis.low = 0;
  double const least = std::max(std::fabs(high) * 1e-6, 1e-290);
  if (axis.high - axis.low < least) {
    double const margin = high == 0 ? 1 : std::fabs(high) / 10;
    axis.low -= margin, axis.high += margin;
  }
  double const step = nice_step(axis.high - axis.low, 6);
  axis.low = std::floor(axis.low / step + 1e-9) * step;
  axis.high = std::ceil(axis.high / step - 1e-9) * step;
  axis.marks = ticks(axis.low, axis.high, step);
  for (double const mark : axis.marks) axis.labels.push_back(tick_label(mark, step));
  return axis;
}

/// The x axis ends where the data ends; a single point stands in its middle. At most about `wanted` ticks.
inline axis_scale position_axis(double low, double high, bool integer, int wanted) {
  axis_scale axis{low, high, {}, {}};
  if (!(high > low)) {
    double const margin = std::max(1.0, std::fabs(low) / 10);
    return {low - margin, high + margin, {low}, {trimmed(low, 6)}};
  }
  double const nice = nice_step(high - low, wanted);
  double const step = integer ? std::max(1.0, nice) : nice;
  for (double const mark : ticks(axis.low, axis.high, step)) {
    axis.marks.push_back(mark);
    axis.labels.push_back(tick_label(mark, step));
  }
  // A count starts at one: "1, 10, 20" instead of ticks that begin far from the axis.
  if (integer && low == 1 && high > 1 && axis.marks.front() > 1) {
    axis.marks.insert(axis.marks.begin(), 1);
    axis.labels.insert(axis.labels.begin(), "1");
    if (axis.marks[1] - 1 < 0.5 * step)
      axis.marks.erase(axis.marks.begin() + 1), axis.labels.erase(axis.labels.begin() + 1);
  }
  return axis;
}

/// Draws `all` as curves with markers, a legend, grid and round ticks. Series differ by colour and by dashes.
/// Markers tell their values when pointed at. With nothing to draw the chart says so.
TENON_COLD inline std::string line_chart(std::span<series const> all, line_chart_options const& options) {
  double const left = 64, right = options.width - 20, bottom = options.height - 48;
  double const top = 62;
  std::vector<std::vector<point>> curves;
  double x_low = 1e301, x_high = -1e301, y_low = 1e301, y_high = -1e301;
  for (auto const& s : all) {
    curves.push_back(drawable_points(s, options.log_y));
    for (auto const [x, y] : curves.back()) {
      x_low = std::min(x_low, x), x_high = std::max(x_high, x);
      y_low = std::min(y_low, y), y_high = std::max(y_high, y);
    }
  }
  bool const empty = x_low > x_high;
  if (empty) x_low = y_low = options.log_y ? 1 : 0, x_high = y_high = 1;
  auto const xs =
      position_axis(x_low, x_high, options.integer_x, std::max(2, static_cast<int>((right - left) / 70)));
  auto const ys = value_axis(y_low, y_high, options.log_y);
  auto const x_at = [&](double x) { return place(x, xs.low, xs.high, left, right); };
  auto const y_at = [&](double y) {
    return options.log_y ? place(std::log(y), std::log(ys.low), std::log(ys.high), bottom, top)
                         : place(y, ys.low, ys.high, bottom, top);
  };

  canvas c(options.width, options.height, options.title);
  c.heading(left, 22, options.title);
  for (std::size_t i = 0; i < ys.marks.size() && !empty; ++i) {
    double const y = y_at(ys.marks[i]);
    c.line(left, y, right, y).text(left - 8, y + 4, ys.labels[i], "end");
  }
  for (std::size_t i = 0; i < xs.marks.size() && !empty; ++i) {
    double const x = x_at(xs.marks[i]);
    c.line(x, bottom, x, bottom + 5, "class=\"tn-axis\" stroke=\"#888\"");
    c.text(x, bottom + 19, xs.labels[i], "middle");
  }
  c.line(left, bottom, right, bottom, "class=\"tn-axis\" stroke=\"#888\"");
  c.text((left + right) / 2, options.height - 8, options.x_label, "middle", 13);
  auto const middle = canvas::coordinate((top + bottom) / 2);
  c.text(16, (top + bottom) / 2, options.y_label + (options.log_y ? " (log scale)" : ""), "middle", 13,
         "class=\"tn-muted\" fill=\"#555\" transform=\"rotate(-90 16 " + middle + ")\"");
  if (empty) c.text((left + right) / 2, (top + bottom) / 2, "No values", "middle", 14);

  constexpr char const* dashes[] = {"", " stroke-dasharray=\"7 4\"", " stroke-dasharray=\"2 3\"",
                                    " stroke-dasharray=\"9 3 2 3\""};
  double legend_x = left;
  for (std::size_t i = 0; i < curves.size(); ++i) {
    auto const tone = std::to_string(i % palette.size());
    auto const colour = palette[i % palette.size()].hex();
    auto const stroke = "class=\"tn-s" + tone + "\" fill=\"none\" stroke=\"" + colour +
                        "\" stroke-width=\"2\" stroke-linejoin=\"round\"" + dashes[i % 4];
    auto const name = shorten(all[i].name, 40);
    c.line(legend_x, 42, legend_x + 26, 42, stroke).text(legend_x + 33, 46, name, "start", 13);
    legend_x += 33 + 7.4 * static_cast<double>(text_width(name)) + 20;

    auto const points = thin(curves[i]);
    std::string path;
    for (auto const [x, y] : points)
      path += (path.empty() ? "" : " ") + canvas::coordinate(x_at(x)) + ',' + canvas::coordinate(y_at(y));
    if (points.size() > 1) c.raw("<polyline points=\"" + path + "\" " + stroke + "/>\n");
    if (points.size() > 400) continue;
    for (auto const [x, y] : points)
      c.raw("<circle cx=\"" + canvas::coordinate(x_at(x)) + "\" cy=\"" + canvas::coordinate(y_at(y)) +
            "\" r=\"" + (points.size() > 60 ? "1.6" : "3") + "\" class=\"tn-f" + tone + "\" fill=\"" +
            colour + "\"><title>" +
            escape(all[i].name + ", " + options.x_label + ' ' + trimmed(x, 4) + ": " + trimmed(y, 4)) +
            "</title></circle>\n");
  }
  return std::move(c).finish();
}

}  // namespace tenon::train::svg
