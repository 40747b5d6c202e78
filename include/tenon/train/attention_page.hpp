// SPDX-License-Identifier: BSL-1.0
// Where a translator looked, as a drawing or as a page of drawings.
#pragma once
#include <string>
#include <vector>

#include "tenon/config.hpp"
#include "tenon/train/report.hpp"

namespace tenon::train {

/// One sentence's attention as SVG: rows are decoding steps, columns the words read. Throws tenon::error if
/// the weights are not steps × words.
TENON_COLD inline std::string attention_picture(sample const& s) {
  return svg::heat_map(
      s.weights, s.prediction_tokens, s.source_tokens,
      {.title = svg::shorten(s.source, 60) + " \xE2\x86\x92 " + svg::shorten(s.prediction, 60),
       .row_label = "Query positions",
       .column_label = "Key positions"});
}

/// The translations and the attention of several sentences as one HTML page. Throws tenon::error as above.
TENON_COLD inline std::string attention_page(std::vector<sample> const& samples) {
  std::string page =
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, "
      "initial-scale=1\">\n<title>Attention</title>\n<style>";
  page += detail::report_style;
  page += "</style>\n</head>\n<body>\n<main>\n";
  page += detail::sample_section(samples) + detail::attention_section(samples);
  return page + "</main>\n</body>\n</html>\n";
}

}  // namespace tenon::train
