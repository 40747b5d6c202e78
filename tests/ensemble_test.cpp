// SPDX-License-Identifier: BSL-1.0
// Several models that decode together: copies of one model against that model, different ones against what
// plain loops make of each model's own logits.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <vector>

#include "testing.hpp"

namespace {
using namespace tenon;
using namespace testing;

constexpr std::size_t B = 3, T = 5, S = 6, source_words = 11, target_words = 19, followed = 3;
constexpr std::int32_t used_words = 17, bos = 1, eos = 2;
constexpr double alpha = 0.7;

using attending = encoder_decoder<source_words, target_words, 6, 8, 2>;
using plain = plain_encoder_decoder<source_words, target_words, 6, 8, 2>;

/// Weights of so many models, large enough that distributions are far from even.
parameter_block drawn(auto const& model, std::span<std::uint64_t const> seeds) {
  std::size_t const each = parameter_count(model);
  parameter_block block(seeds.size() * each);
  for (std::size_t i = 0; i < seeds.size(); ++i)
    initialise(laid_out(model), block.values().subspan(i * each, each), seeds[i]);
  for (float& w : block.values()) w *= 2;
  return block;
}

template <class Session>
void put_source(Session& s) {
  fill(s.template input_elements<std::int32_t>("source"), 3, 0, source_words - 1);
  std::ranges::copy(std::vector<std::int32_t>{T, 2, 4},
                    s.template input_elements<std::int32_t>("valid").begin());
}

/// What decoding gives: a copy of all outputs.
struct outputs {
  std::vector<std::int32_t> words, parents, lengths;
  std::vector<float> totals, weights;
};

constexpr auto with_greed = [](auto& r, auto const& running, auto const& first, auto const& used,
                               auto const&) {
  auto const found = decode_greedily<S>(running, first, used);
  r.output("words", found.tokens);
  return found.weights;
};
constexpr auto with_beams = [](auto& r, auto const& running, auto const& first, auto const& used,
                               auto const& end) {
  auto const found = decode_with_beams<S, followed>(running, first, used, end, alpha);
  r.output("words", found.words);
  r.output("parents", found.parents);
  r.output("lengths", found.lengths);
  r.output("totals", found.totals);
  return found.weights;
};

/// Decodes with the models whose weights are in the block; by a model alone where `together` is false.
template <class Model, class How>
outputs decoded_by(How const& how, parameter_block& block, bool together) {
  constexpr bool greedy = std::is_same_v<How, std::remove_const_t<decltype(with_greed)>>;
  auto const nets = laid_out_together(Model{}, block.bytes() / sizeof(float) / parameter_count(Model{}));
  auto const program = record_now([&](inference_recorder& r) {
    auto const source = r.input<std::int32_t, batch<B>, steps<T>>("source");
    auto const valid = r.input<std::int32_t, batch<B>>("valid");
    auto const first = r.input<std::int32_t, batch<B>>("first");
    auto const used = r.input<std::int32_t>("used");
    auto const end = r.input<std::int32_t>("eos");
    auto const decode = [&](auto const& running) {
      auto const weights = how(r, running, first, used, end);
      if constexpr (Model{}.decoder.attends) r.output("weights", weights);
    };
    constexpr std::size_t hypotheses = greedy ? 1 : followed;
    if (together)
      decode(run_ensemble<B, hypotheses>(nets, source, valid, used));
    else
      decode(run_decoder<B, hypotheses>(
          nets[0].decoder, nets[0].encoder.template encode<mode::inference>(source, valid), valid));
  });
  session<cpu_device> s(program, block, 2);
  put_source(s);
  std::ranges::fill(s.input_elements<std::int32_t>("first"), bos);
  s.input_elements<std::int32_t>("used")[0] = used_words;
  s.input_elements<std::int32_t>("eos")[0] = eos;
  s.run();
  auto const copy = [&]<class E>(char const* name, std::vector<E>& to) {
    auto const from = s.output_elements<E>(name);
    to.assign(from.begin(), from.end());
  };
  outputs made;
  copy("words", made.words);
  if constexpr (Model{}.decoder.attends) copy("weights", made.weights);
  if constexpr (!greedy) {
    copy("parents", made.parents);
    copy("lengths", made.lengths);
    copy("totals", made.totals);
    // What stands behind the last step is of no run.
    std::size_t const taken = beam_steps(made.words, B * followed, eos) * B * followed;
    for (auto* of_steps : {&made.words, &made.parents, &made.lengths}) of_steps->resize(taken);
    made.totals.resize(taken);
    if (!made.weights.empty()) made.weights.resize(taken * T);
  }
  return made;
}

/// What the models say behind given words (target_steps, batch), each by itself, and the mean of it.
class judge {
 public:
  explicit judge(parameter_block& block)
      : models_{block.bytes() / sizeof(float) / parameter_count(attending{})},
        program_{record_now([this](inference_recorder& r) {
          auto const source = r.input<std::int32_t, batch<B>, steps<T>>("source");
          auto const valid = r.input<std::int32_t, batch<B>>("valid");
          auto const words = r.input<std::int32_t, target_steps<S>, batch<B>>("words");
          char const* const names[][2] = {{"logits of 0", "weights of 0"}, {"logits of 1", "weights of 1"}};
          auto const nets = laid_out_together(attending{}, models_);
          for (std::size_t i = 0; i < models_; ++i) {
            auto running = run_decoder<B>(nets[i].decoder,
                                          nets[i].encoder.encode<mode::inference>(source, valid), valid);
            auto const say = [&](std::size_t t) {
              return running.next(keep(slice<target_steps>(words, t) + 0));
            };
            using step = decltype(say(0));
            std::array<decltype(step::logits), S> all_logits{};
            std::array<decltype(step::weights), S> all_weights{};
            for (std::size_t t = 0; t < S; ++t) {
              auto const said = say(t);
              all_logits[t] = said.logits;
              all_weights[t] = said.weights;
            }
            r.output(names[i][0], stack<target_steps>(all_logits));
            r.output(names[i][1], stack<target_steps>(all_weights));
          }
        })},
        session_(program_, block) {
    put_source(session_);
  }

  /// `words` (target_steps, batch), of which each step's are put in, <bos> first.
  void listen(std::vector<std::int32_t> const& words) {
    auto const to = session_.input_elements<std::int32_t>("words");
    std::fill_n(to.begin(), B, bos);
    std::copy(words.begin(), words.end() - static_cast<std::ptrdiff_t>(B),
              to.begin() + static_cast<std::ptrdiff_t>(B));
    session_.run();
    probabilities.assign(S * B * used_words, 0);
    weights.assign(S * B * T, 0);
    for (char const* name : {"logits of 0", "logits of 1"}) {
      auto const logits = session_.output_elements<float>(name);
      for (std::size_t row = 0; row < S * B; ++row) {
        auto const x = logits.subspan(row * target_words, used_words);
        double sum = 0;
        for (float const one : x) sum += std::exp(static_cast<double>(one));
        for (std::size_t v = 0; v < used_words; ++v)
          probabilities[row * used_words + v] += std::exp(static_cast<double>(x[v])) / sum / 2;
      }
    }
    for (char const* name : {"weights of 0", "weights of 1"}) {
      auto const of_one = session_.output_elements<float>(name);
      for (std::size_t i = 0; i < weights.size(); ++i) weights[i] += static_cast<double>(of_one[i]) / 2;
    }
  }

  std::span<double const> probabilities_at(std::size_t step, std::size_t row) const {
    return std::span(probabilities).subspan((step * B + row) * used_words, used_words);
  }
  std::vector<double> probabilities, weights;

 private:
  std::size_t models_;
  dynamic_program program_;
  session<cpu_device> session_;
};

struct plain_hypothesis {
  std::vector<std::int32_t> words;
  double total = 0;

  bool ended() const { return !words.empty() && words.back() == eos; }
  double score() const { return total / std::pow((5.0 + static_cast<double>(words.size())) / 6.0, alpha); }
};

/// Beam search of all rows, one hypothesis after the other.
std::vector<std::vector<plain_hypothesis>> plain_search(judge& models) {
  std::vector<std::vector<plain_hypothesis>> held(B, std::vector<plain_hypothesis>(1));
  for (std::size_t t = 0; t < S; ++t)
    for (std::size_t b = 0; b < B; ++b) {
      std::vector<plain_hypothesis> all;
      for (auto const& from : held[b]) {
        if (from.ended()) {
          all.push_back(from);
          continue;
        }
        std::vector<std::int32_t> words(S * B);
        for (std::size_t i = 0; i < t; ++i) words[i * B + b] = from.words[i];
        models.listen(words);
        auto const p = models.probabilities_at(t, b);
        for (std::size_t v = 0; v < p.size(); ++v) {
          all.push_back(from);
          all.back().words.push_back(static_cast<std::int32_t>(v));
          all.back().total += std::log(p[v]);
        }
      }
      std::ranges::stable_sort(all, [](auto const& x, auto const& y) { return x.score() > y.score(); });
      all.resize(followed);
      held[b] = all;
    }
  return held;
}

constexpr std::uint64_t two_seeds[] = {5, 6};
}  // namespace

TEST_CASE_TEMPLATE("copies of a model decode as the model alone", Model, attending, plain) {
  auto const check = [](auto const& how) {
    std::uint64_t const same[] = {5, 5, 5};
    auto one = drawn(Model{}, std::span(same).first(1)), three = drawn(Model{}, same);
    auto const alone = decoded_by<Model>(how, one, false);
    for (auto const& together : {decoded_by<Model>(how, one, true), decoded_by<Model>(how, three, true)}) {
      CHECK(together.words == alone.words);
      CHECK(together.parents == alone.parents);
      CHECK(together.lengths == alone.lengths);
      CHECK(worst(together.totals, alone.totals) < 1e-5);
      CHECK(worst(together.weights, alone.weights) < 1e-5);
    }
  };
  check(with_greed);
  check(with_beams);
}

TEST_CASE("greedy decoding of two models takes the largest mean of their probabilities") {
  auto block = drawn(attending{}, two_seeds);
  auto const made = decoded_by<attending>(with_greed, block, true);
  judge models(block);
  models.listen(made.words);
  for (std::size_t t = 0; t < S; ++t)
    for (std::size_t b = 0; b < B; ++b) {
      auto const p = models.probabilities_at(t, b);
      CHECK(made.words[t * B + b] == std::ranges::max_element(p) - p.begin());
    }
  CHECK(worst(made.weights, models.weights) < 1e-5);
  // Neither of the two says the same alone: there was something to be decided.
  for (std::uint64_t const& seed : two_seeds) {
    auto one = drawn(attending{}, std::span(&seed, 1));
    CHECK(decoded_by<attending>(with_greed, one, false).words != made.words);
  }
}

TEST_CASE("beam search of two models is that of a plain implementation") {
  auto block = drawn(attending{}, two_seeds);
  auto const made = decoded_by<attending>(with_beams, block, true);
  judge models(block);
  auto const wanted = plain_search(models);
  std::size_t const taken = made.words.size() / (B * followed), last = (taken - 1) * B * followed;
  for (std::size_t b = 0; b < B; ++b)
    for (std::size_t k = 0; k < followed; ++k) {
      auto const path = beam_path(made.parents, B, followed, b, k);
      auto const& want = wanted[b][k];
      REQUIRE(made.lengths[last + b * followed + k] == static_cast<std::int32_t>(want.words.size()));
      std::vector<std::int32_t> words(S * B);
      for (std::size_t t = 0; t < want.words.size(); ++t) {
        words[t * B + b] = want.words[t];
        CHECK(made.words[(t * B + b) * followed + path[t]] == want.words[t]);
      }
      CHECK(static_cast<double>(made.totals[last + b * followed + k]) ==
            doctest::Approx(want.total).epsilon(1e-5));
      models.listen(words);
      for (std::size_t t = 0; t < want.words.size(); ++t)
        CHECK(worst(std::span(made.weights).subspan(((t * B + b) * followed + path[t]) * T, T),
                    std::span(models.weights).subspan((t * B + b) * T, T)) < 1e-5);
    }
}

TEST_CASE("a word that no model finds possible has a logarithm") {
  using logits = tensor<float, batch<1>, vocab<4>>;
  std::vector<logits> const said{logits{0, -1000, 0, 50}, logits{0, -1000, -1000, 50}};
  auto const mean = mean_distribution(said, tensor<std::int32_t>(3));
  CHECK(mean(0, 0) == doctest::Approx(std::log(0.75)));
  CHECK(mean(0, 2) == doctest::Approx(std::log(0.25)));
  CHECK(std::isfinite(mean(0, 1)));
  CHECK(mean(0, 1) < -80);
}
