// SPDX-License-Identifier: BSL-1.0
// Tables for a terminal.
#pragma once
#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "tenon/config.hpp"
#include "tenon/train/svg_text.hpp"

namespace tenon::train {

/// Rows of cells under a heading; the first column is set flush left, the others flush right.
class text_table {
 public:
  explicit text_table(std::vector<std::string> heading) { rows_.push_back(std::move(heading)); }

  void row(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }

  /// The table with a line under its heading; each line ends with a line feed and starts with `indent`
  /// spaces.
  TENON_COLD std::string str(std::size_t indent = 0) const {
    std::vector<std::size_t> widths(rows_.front().size());
    for (auto const& row : rows_)
      for (std::size_t i = 0; i < std::min(widths.size(), row.size()); ++i)
        widths[i] = std::max(widths[i], svg::text_width(row[i]));
    std::string out;
    for (std::size_t r = 0; r < rows_.size(); ++r) {
      out.append(indent, ' ');
      for (std::size_t i = 0; i < widths.size(); ++i) {
        std::string const& cell = i < rows_[r].size() ? rows_[r][i] : std::string();
        auto const padding = widths[i] - svg::text_width(cell);
        if (i > 0) out.append(2 + padding, ' ');
        out += cell;
        if (i == 0 && widths.size() > 1) out.append(padding, ' ');
      }
      out.erase(out.find_last_not_of(' ') + 1);
      out += '\n';
      if (r == 0) out += std::string(indent, ' ') + std::string(total(widths), '-') + '\n';
    }
    return out;
  }

 private:
  static std::size_t total(std::vector<std::size_t> const& widths) {
    std::size_t sum = 2 * (widths.size() - 1);
    for (auto const width : widths) sum += width;
    return sum;
  }

  std::vector<std::vector<std::string>> rows_;
};

}  // namespace tenon::train
