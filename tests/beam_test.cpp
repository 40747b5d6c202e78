// SPDX-License-Identifier: BSL-1.0
// Beam search: one step against sorting all candidates, whole searches against tests/reference.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "testing.hpp"
#include "variants.hpp"

namespace {
using namespace tenon;
using namespace testing;

constexpr std::size_t rows_of_batch = 3, held_beams = 4, words = 37;
constexpr std::int32_t eos = 5;

struct plain_hypothesis {
  double score, total;
  std::int32_t word, parent, length;
};

/// The best continuations of a row by making and sorting them all.
template <class T, class Held>
std::vector<plain_hypothesis> plain_best(
    tensor<T, batch<rows_of_batch>, beams<held_beams>, vocab<words>> const& x, Held const& held,
    std::size_t b, std::size_t used, double alpha, std::size_t kept) {
  auto const penalty = [alpha](std::int32_t length) { return std::pow((5.0 + length) / 6.0, alpha); };
  std::vector<plain_hypothesis> all;
  for (std::size_t h = 0; h < held_beams; ++h) {
    double const total = held.totals(b, h);
    auto const length = held.lengths(b, h);
    auto const parent = static_cast<std::int32_t>(b * held_beams + h);
    if (held.last_words(b, h) == eos && length > 0) {
      all.push_back({total / penalty(length), total, eos, parent, length});
      continue;
    }
    double sum = 0;
    for (std::size_t v = 0; v < used; ++v) sum += std::exp(static_cast<double>(x(b, h, v)));
    for (std::size_t v = 0; v < used; ++v) {
      double const now = total + static_cast<double>(x(b, h, v)) - std::log(sum);
      all.push_back({now / penalty(length + 1), now, static_cast<std::int32_t>(v), parent, length + 1});
    }
  }
  std::ranges::stable_sort(all, [](auto const& a, auto const& c) { return a.score > c.score; });
  all.resize(kept);
  return all;
}

constexpr std::size_t searched_beams = 4;

/// Searches with weights of make_variants.py.
template <class Model>
void check_search(std::string const& name) {
  using namespace parity;
  static constexpr auto model = laid_out(Model{});
  auto const file = read("variant_" + name);
  double const alpha = std::stod(file.metadata().at("alpha"));
  auto const searching = record_now([alpha](inference_recorder& r) {
    auto const source = r.input<std::int32_t, batch<B>, steps<T>>("source");
    auto const valid = r.input<std::int32_t, batch<B>>("source_valid");
    auto const first = r.input<std::int32_t, batch<B>>("first");
    auto const end = r.input<std::int32_t>("eos");
    auto const used = r.input<std::int32_t>("used");
    auto const found = decode_with_beams<S, searched_beams>(
        model.decoder, model.encoder.template encode<mode::inference>(source, valid), valid, first, used, end,
        alpha);
    r.output("words", found.words);
    r.output("parents", found.parents);
    r.output("totals", found.totals);
    r.output("lengths", found.lengths);
    if constexpr (Model{}.decoder.attends) r.output("weights", found.weights);
  });
  parameter_block block(parameter_count(model));
  load_weights(file, model, block);
  session<cpu_device> s(searching, block, 2);
  for (auto const* input : {"source", "source_valid"}) put(s, input, integers(file, input));
  put(s, "first", std::vector<std::int32_t>(B, std::stoi(file.metadata().at("bos"))));
  s.input_elements<std::int32_t>("eos")[0] = std::stoi(file.metadata().at("eos"));
  s.input_elements<std::int32_t>("used")[0] = target_words;
  s.run();
  auto const chosen = s.output_elements<std::int32_t>("words");
  std::size_t const taken = beam_steps(chosen, B * searched_beams, std::stoi(file.metadata().at("eos"))),
                    last = (taken - 1) * B * searched_beams;
  auto const parents = s.output_elements<std::int32_t>("parents").first(taken * B * searched_beams);
  std::vector<std::int32_t> found;
  double least = 1, most = 1;
  for (std::size_t b = 0; b < B; ++b)
    for (std::size_t k = 0; k < searched_beams; ++k) {
      auto const path = beam_path(parents, B, searched_beams, b, k);
      for (std::size_t t = 0; t < S; ++t) {
        if (t >= taken) {
          found.push_back(std::stoi(file.metadata().at("eos")));
          continue;
        }
        std::size_t const at = (t * B + b) * searched_beams + path[t];
        found.push_back(chosen[at]);
        if constexpr (Model{}.decoder.attends) {
          double sum = 0;
          for (float const w : s.output_elements<float>("weights").subspan(at * T, T))
            sum += static_cast<double>(w);
          least = std::min(least, sum);
          most = std::max(most, sum);
        }
      }
    }
  CHECK(found == integers(file, "beam_tokens"));
  CHECK(std::ranges::equal(s.output_elements<std::int32_t>("lengths").subspan(last, B * searched_beams),
                           integers(file, "beam_lengths")));
  CHECK(largest_difference(s.output_elements<float>("totals").subspan(last, B * searched_beams),
                           file.floats(file.at("beam_totals"))) <= 1e-5);
  CHECK(least == doctest::Approx(1));
  CHECK(most == doctest::Approx(1));
}
}  // namespace

TEST_CASE_TEMPLATE("the best continuations are those that sorting finds", T, float, double) {
  auto const x = filled<tensor<T, batch<rows_of_batch>, beams<held_beams>, vocab<words>>>(1, -4, 4);
  hypotheses<tensor<T, batch<rows_of_batch>, beams<held_beams>>,
             tensor<std::int32_t, batch<rows_of_batch>, beams<held_beams>>>
      held{filled<tensor<T, batch<rows_of_batch>, beams<held_beams>>>(2, -3, -2),
           filled<tensor<std::int32_t, batch<rows_of_batch>, beams<held_beams>>>(3, 6, 36),
           tensor<std::int32_t, batch<rows_of_batch>, beams<held_beams>>(4)};
  held.last_words(0, 1) = held.last_words(1, 0) = held.last_words(1, 3) = eos;
  held.lengths(0, 1) = 2;
  held.totals(1, 3) = -100;  // ended, and not worth to be kept
  for (double const alpha : {0.0, 0.6, 1.0}) {
    auto const made = best_continuations<5>(x, held, tensor<std::int32_t>(eos), alpha);
    auto const few =
        best_continuations<5>(x, held, tensor<std::int32_t>(eos), alpha, tensor<std::int32_t>(18));
    bool kept_an_ended_one = false;
    for (std::size_t b = 0; b < rows_of_batch; ++b) {
      auto const want = plain_best(x, held, b, words, alpha, 5), less = plain_best(x, held, b, 18, alpha, 5);
      for (std::size_t k = 0; k < 5; ++k) {
        CHECK(made.totals(b, k) == doctest::Approx(want[k].total).epsilon(1e-5));
        CHECK(made.last_words(b, k) == want[k].word);
        CHECK(made.parents(b, k) == want[k].parent);
        CHECK(made.lengths(b, k) == want[k].length);
        CHECK(few.last_words(b, k) == less[k].word);
        CHECK(few.parents(b, k) == less[k].parent);
        kept_an_ended_one |= want[k].word == eos;
      }
    }
    CHECK(kept_an_ended_one);
  }
}

TEST_CASE("more beams than candidates: the rest is worth nothing and leads nowhere") {
  auto const x = filled<tensor<float, batch<1>, beams<1>, vocab<3>>>(1, -1, 1);
  hypotheses<tensor<float, batch<1>, beams<1>>, tensor<std::int32_t, batch<1>, beams<1>>> const held{
      tensor<float, batch<1>, beams<1>>{}, tensor<std::int32_t, batch<1>, beams<1>>(1),
      tensor<std::int32_t, batch<1>, beams<1>>{}};
  auto const made = best_continuations<5>(x, held, tensor<std::int32_t>(2), 1.0);
  CHECK(std::isfinite(made.totals(0, 2)));
  CHECK(made.totals(0, 3) == -std::numeric_limits<float>::infinity());
  auto const logits = filled<tensor<float, batch<1>, beams<5>, vocab<3>>>(2, -1, 1);
  auto const next = best_continuations<5>(logits, made, tensor<std::int32_t>(2), 1.0);
  for (std::size_t k = 0; k < 5; ++k) CHECK(next.parents(0, k) < 3);
}

TEST_CASE("searches are those of a plain implementation") {
  using namespace parity;
  SUBCASE("dot products") {
    check_search<encoder_decoder<source_words, target_words, 6, 8, L, gru_cells, dot_product_attention>>(
        "dot");
  }
  SUBCASE("LSTM in both directions, additive attention") {
    check_search<translator_of<bidirectional_encoder<source_words, 6, 8, L, lstm_cells>,
                               attention_decoder<target_words, 6, 8, L, lstm_cells>>>("bidirectional_lstm");
  }
  SUBCASE("input feeding") {
    check_search<
        luong_encoder_decoder<source_words, target_words, 6, 8, L, gru_cells, dot_product_attention>>(
        "input_feeding");
  }
  SUBCASE("no attention") {
    check_search<plain_encoder_decoder<source_words, target_words, 6, 8, L>>("plain");
  }
}
