// SPDX-License-Identifier: BSL-1.0
// The pieces that all charts are drawn with. Colours are presentation attributes, which any style sheet
// outranks: a chart is complete by itself on a light page, and a page with a dark scheme recolours the
// classes `tn-ink` (text), `tn-muted` (axis text), `tn-grid`, `tn-axis`, `tn-s0` ... `tn-s7` (series).
#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "tenon/train/format.hpp"
#include "tenon/train/svg_scale.hpp"
#include "tenon/train/svg_text.hpp"

namespace tenon::train::svg {

/// Collects the elements of one drawing. Sizes are in user units (pixels unless scaled). `text`, `name` and
/// `hover` arguments are escaped here; class names and colours are taken as they are.
class canvas {
 public:
  /// `name` says what is drawn, for screen readers.
  canvas(double width, double height, std::string_view name) {
    auto const w = coordinate(width), h = coordinate(height);
    body_ =
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " + w + ' ' + h + "\" width=\"" + w +
        "\" height=\"" + h + "\" role=\"img\" aria-label=\"" + escape(name) +
        "\" font-family=\"system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', Arial, sans-serif\">\n";
  }

  static std::string coordinate(double value) { return trimmed(value, 2); }

  canvas& raw(std::string_view markup) {
    body_ += markup;
    return *this;
  }

  canvas& text(double x, double y, std::string_view words, std::string_view anchor = "start", int size = 12,
               std::string_view attributes = "class=\"tn-muted\" fill=\"#555\"") {
    body_ += "<text x=\"" + coordinate(x) + "\" y=\"" + coordinate(y) + "\" font-size=\"" +
             std::to_string(size) + '"';
    if (anchor != "start") body_.append(" text-anchor=\"").append(anchor).append("\"");
    body_.append(" ").append(attributes).append(">").append(escape(words)).append("</text>\n");
    return *this;
  }

  /// The heading of a chart.
  canvas& heading(double x, double y, std::string_view words) {
    return text(x, y, words, "start", 15, "class=\"tn-ink\" fill=\"#1a1a1a\" font-weight=\"600\"");
  }

  canvas& line(double x1, double y1, double x2, double y2,
               std::string_view attributes = "class=\"tn-grid\" stroke=\"#e3e3e3\"") {
    body_ += "<line x1=\"" + coordinate(x1) + "\" y1=\"" + coordinate(y1) + "\" x2=\"" + coordinate(x2) +
             "\" y2=\"" + coordinate(y2) + "\" ";
    body_.append(attributes).append("/>\n");
    return *this;
  }

  /// A rectangle; with `hover` not empty it tells these words when pointed at.
  canvas& rectangle(double x, double y, double width, double height, std::string_view attributes,
                    std::string_view hover = {}) {
    body_ += "<rect x=\"" + coordinate(x) + "\" y=\"" + coordinate(y) + "\" width=\"" + coordinate(width) +
             "\" height=\"" + coordinate(height) + "\" ";
    body_.append(attributes);
    if (hover.empty())
      body_ += "/>\n";
    else
      body_ += "><title>" + escape(hover) + "</title></rect>\n";
    return *this;
  }

  std::string finish() && {
    body_ += "</svg>\n";
    return std::move(body_);
  }

 private:
  std::string body_;
};

/// Where `value` of the range [low, high] falls between `from` and `to`; the middle if the range is empty.
inline double place(double value, double low, double high, double from, double to) {
  return high > low ? from + (value - low) / (high - low) * (to - from) : (from + to) / 2;
}

}  // namespace tenon::train::svg
