// SPDX-License-Identifier: BSL-1.0
// The report of a training run: one HTML file that needs nothing else, with loss curves, sample translations,
// attention heat maps and the configuration.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tenon/config.hpp"
#include "tenon/error.hpp"
#include "tenon/io/atomic_file.hpp"
#include "tenon/train/report_style.hpp"
#include "tenon/train/svg.hpp"

namespace tenon::train {

/// A sentence, what the model made of it and, if the model attends, where it looked.
struct sample {
  std::string source, prediction;
  std::string reference;          ///< empty: none known
  std::optional<double> bleu;     ///< 0 to 1
  std::optional<double> score{};  ///< of the search that found it; not shown in reports
  std::vector<std::string> source_tokens,
      prediction_tokens;       ///< the words at the axes, with <eos> where attended
  std::vector<float> weights;  ///< row-major, prediction_tokens × source_tokens; empty: no attention to show
  bool cut = false;            ///< only the source's beginning was read
};

struct report_data {
  std::string title;
  std::vector<std::pair<std::string, std::string>> facts;  ///< configuration, parameters, time, ...
  std::vector<double> train_loss, validation_loss;         ///< one per epoch; NaN = not measured
  std::vector<sample> samples;
  std::string arena_svg;  ///< as `svg::timeline` returns it; may be empty
};

namespace detail {

/// Mean over the samples that have a BLEU score.
inline std::optional<double> mean_bleu(std::vector<sample> const& samples) {
  double sum = 0;
  std::size_t count = 0;
  for (auto const& s : samples)
    if (s.bleu && std::isfinite(*s.bleu)) sum += *s.bleu, ++count;
  if (count == 0) return std::nullopt;
  return sum / static_cast<double>(count);
}

/// A drawing to stand inside HTML, where the parser knows the name space.
inline std::string inline_svg(std::string drawing) {
  constexpr std::string_view name_space = " xmlns=\"http://www.w3.org/2000/svg\"";
  if (auto const at = drawing.find(name_space); at != std::string::npos) drawing.erase(at, name_space.size());
  return drawing;
}

TENON_COLD inline std::string figure_card(std::string_view name, std::string const& value,
                                          std::string const& remark) {
  return "<div><dt>" + svg::escape(name) + "</dt><dd>" + svg::escape(value) + "<small>" +
         svg::escape(remark) + "</small></dd></div>\n";
}

/// The figures that a reader wants first: losses and BLEU.
TENON_COLD inline std::string key_figures(report_data const& data) {
  std::string cards;
  auto const& train = data.train_loss;
  for (std::size_t i = train.size(); i-- > 0;)
    if (std::isfinite(train[i])) {
      cards += figure_card("Train loss", fixed(train[i], 3), "after epoch " + std::to_string(i + 1));
      break;
    }
  auto const& validation = data.validation_loss;
  std::optional<std::size_t> best;
  for (std::size_t i = 0; i < validation.size(); ++i)
    if (std::isfinite(validation[i]) && (!best || validation[i] < validation[*best])) best = i;
  if (best)
    cards += figure_card("Best validation loss", fixed(validation[*best], 3),
                         "epoch " + std::to_string(*best + 1));
  if (auto const bleu = mean_bleu(data.samples))
    cards += figure_card("BLEU", fixed(*bleu, 3), "mean over the sample sentences");
  return cards.empty() ? cards : "<dl class=\"figures\">\n" + cards + "</dl>\n";
}

TENON_COLD inline std::string loss_section(report_data const& data) {
  std::vector<svg::series> curves;
  double low = INFINITY, high = 0;
  auto const add = [&](char const* name, std::vector<double> const& values) {
    bool any = false;
    for (double const v : values)
      if (std::isfinite(v)) any = true, low = std::min(low, v), high = std::max(high, v);
    if (any) curves.push_back({name, values});
  };
  add("Train", data.train_loss);
  add("Validation", data.validation_loss);
  // On a linear axis the end of a long training, which is what one wants to compare, would lie on the floor.
  bool const log = low > 0 && high > 30 * low;
  // Scaled down to a phone, the wide chart's text would be too small: the style sheet picks one of two.
  auto const chart = [&](double width, double height) {
    return inline_svg(svg::line_chart(curves, {.title = "Loss per epoch",
                                               .x_label = "epoch",
                                               .y_label = "loss",
                                               .log_y = log,
                                               .width = width,
                                               .height = height}));
  };
  return "<h2>Loss</h2>\n<figure class=\"wide\">" + chart(980, 400) + "</figure>\n<figure class=\"narrow\">" +
         chart(390, 320) + "</figure>\n";
}

TENON_COLD inline std::string sample_section(std::vector<sample> const& samples) {
  if (samples.empty()) return "<h2>Translations</h2>\n<p>No sample sentences were translated.</p>\n";
  auto const cell = [](std::string_view label, std::string_view kind, std::string const& content) {
    std::string text = "<td data-label=\"";
    text.append(label).append("\"").append(kind).append(" dir=\"auto\">").append(content).append("</td>");
    return text;
  };
  std::string const none = "<span class=\"none\">\xE2\x80\x93</span>";
  auto const words = [&](std::string const& text) {
    return text.empty() ? none : "<span>" + svg::escape(text) + "</span>";
  };
  std::string out =
      "<h2>Translations</h2>\n<table class=\"samples\">\n<thead><tr><th scope=\"col\">Source</th>"
      "<th scope=\"col\">Prediction</th><th scope=\"col\">Reference</th>"
      "<th scope=\"col\" class=\"bleu\">BLEU</th></tr></thead>\n<tbody>\n";
  for (auto const& s : samples) {
    std::string score = none;
    if (s.bleu) {
      char const* tone = *s.bleu >= 0.8 ? "b2" : *s.bleu >= 0.4 ? "b1" : "b0";
      score = std::string("<span class=\"") + tone + "\">" + fixed(*s.bleu, 3) + "</span>";
    }
    out += "<tr>" + cell("Source", "", words(s.source)) +
           cell("Prediction", " class=\"prediction\"", words(s.prediction)) +
           cell("Reference", "", words(s.reference)) + cell("BLEU", " class=\"bleu\"", score) + "</tr>\n";
  }
  return out + "</tbody>\n</table>\n";
}

TENON_COLD inline std::string attention_section(std::vector<sample> const& samples) {
  std::string maps;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    auto const& s = samples[i];
    if (s.weights.empty()) continue;
    if (s.weights.size() != s.prediction_tokens.size() * s.source_tokens.size())
      throw error("report: sample " + std::to_string(i + 1) + " has " + std::to_string(s.weights.size()) +
                  " attention weights for " + std::to_string(s.prediction_tokens.size()) +
                  " decoding steps and " + std::to_string(s.source_tokens.size()) +
                  " source positions; give one row of weights per step, one weight per position");
    auto const map =
        svg::heat_map(s.weights, s.prediction_tokens, s.source_tokens,
                      {.title = "", .row_label = "Query positions", .column_label = "Key positions"});
    maps += "<figure><figcaption>" + svg::escape(s.source) + " \xE2\x86\x92 <b>" + svg::escape(s.prediction) +
            "</b></figcaption>" + inline_svg(map) + "</figure>\n";
  }
  if (maps.empty()) return maps;
  return "<h2>Attention</h2>\n<p>Each row is one decoding step and shows how its attention is spread over "
         "the "
         "source; a row sums to one.</p>\n<div class=\"maps\">\n" +
         maps + "</div>\n";
}

TENON_COLD inline std::string arena_section(std::string const& drawing) {
  if (drawing.empty()) return drawing;
  if (!drawing.starts_with("<svg"))
    throw error("report: the memory picture must be one <svg> element, as svg::timeline returns it");
  return "<h2>Memory</h2>\n<p>The arena over the calls of one training step: a block is a variable, drawn "
         "over the calls that need it, as high as it is large.</p>\n<figure class=\"scroll\">" +
         inline_svg(drawing) + "</figure>\n";
}

TENON_COLD inline std::string fact_section(report_data const& data) {
  if (data.facts.empty()) return {};
  std::string out = "<h2>Configuration</h2>\n<table class=\"facts\">\n<tbody>\n";
  for (auto const& [name, value] : data.facts)
    out += "<tr><th scope=\"row\">" + svg::escape(name) + "</th><td>" + svg::escape(value) + "</td></tr>\n";
  return out + "</tbody>\n</table>\n";
}

}  // namespace detail

/// The report as one HTML page without scripts and without references to anything outside it. All texts of
/// `data` but `arena_svg` are escaped. Throws `tenon::error` if a sample's weights are not prediction ×
/// source or the memory picture is no SVG element.
TENON_COLD inline std::string render_report(report_data const& data) {
  auto const title = svg::escape(data.title.empty() ? "Training report" : data.title);
  std::string page =
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>";
  page += title + "</title>\n<style>";
  page += detail::report_style;
  page += "</style>\n</head>\n<body>\n<main>\n<h1>" + title + "</h1>\n";
  page += detail::key_figures(data);
  page += detail::loss_section(data);
  page += detail::sample_section(data.samples);
  page += detail::attention_section(data.samples);
  page += detail::arena_section(data.arena_svg);
  page += detail::fact_section(data);
  return page + "</main>\n</body>\n</html>\n";
}

/// Writes the report to `path`; an older report there is replaced only by a complete new one. Throws
/// `tenon::error` as `render_report` does, and if the file cannot be written.
TENON_COLD inline void write_report(std::filesystem::path const& path, report_data const& data) {
  auto const page = render_report(data);
  io::write_atomically(path, [&](io::file_sink& sink) { sink.write(page); });
}

}  // namespace tenon::train
