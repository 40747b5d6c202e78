// SPDX-License-Identifier: BSL-1.0
// The translator's training step as a whole: memory, allocations, reproducibility.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <span>
#include <tenon/tenon.hpp>
#include <vector>

#include "counted_allocations.hpp"
#include "small_translator.hpp"
#include "testing.hpp"

using namespace tenon;

namespace {

constexpr std::size_t B = 32, T = 7, H = 64, V = 50;
constexpr auto const& net = small_translator<H, V>;

struct training {
  dynamic_program program = training_step<B, T, 5, H, V>();
  parameter_block parameters{parameter_count(net)};
  session<> steps;

  explicit training(std::size_t threads) : steps{program, parameters, threads} {
    initialise(net, parameters.values(), 7);
    steps.seed(7);
    fill_translator_inputs(steps, T, V);
  }
  float step() {
    steps.run();
    return steps.output<float>("loss")();
  }
};

std::size_t blocks_of(dynamic_program const& p, std::size_t bytes) {
  std::size_t n = 0;
  for (auto const& b : p.blocks) n += b.bytes == bytes ? 1 : 0;
  return n;
}

/// Scaled dot products as (steps, batch).
template <std::size_t Hiddens>
struct keys_first_attention : attention_by_scores<keys_first_attention<Hiddens>, Hiddens> {
  struct hana_accessors_impl {
    static constexpr auto apply() { return hana::make_tuple(); }
  };
  constexpr auto keys(auto const& memory) const { return memory; }
  constexpr auto scores(auto const& query, auto const& keys) const {
    return sum<hiddens>(keys * query * (1.0 / square_root(Hiddens)));
  }
};

}  // namespace

TEST_CASE("the arena is hardly larger than what is needed at once") {
  auto const p = training_step<B, T, 5, H, V>();
  CHECK(p.live_bytes() > 0);
  CHECK(static_cast<double>(p.arena_bytes()) <= 1.15 * static_cast<double>(p.live_bytes()));
}

TEST_CASE("additive attention's features are stored nowhere") {
  // They have batch × steps × hiddens elements at every target step; what is stored of that size must not
  // grow with their number.
  auto const few = training_step<B, T, 2, H, V>(), many = training_step<B, T, 9, H, V>();
  constexpr std::size_t features = B * T * H * sizeof(float);
  CHECK(blocks_of(few, features) > 0);  // keys, outputs and their gradients are
  CHECK(blocks_of(few, features) == blocks_of(many, features));
}

TEST_CASE("additive attention scores as its tanh does, where that is at its limits, too") {
  constexpr std::size_t Q = 3, K = 4, N = 8;
  static constexpr auto attention = laid_out(additive_attention<N>{});
  auto const program = record_now([](inference_recorder& r) {
    auto const query = r.input<float, batch<Q>, hiddens<N>>("query");
    auto const memory = r.input<float, steps<K>, batch<Q>, hiddens<N>>("memory");
    r.output("scores", keep(attention.scores(query, attention.keys(memory))));
  });
  parameter_block block(parameter_count(attention));
  session<> s(program, block);
  auto const query = s.input_elements<float>("query"), memory = s.input_elements<float>("memory");
  auto const W_q = block.values().first(N * N), W_k = block.values().subspan(N * N, N * N),
             w_v = block.values().subspan(2 * N * N);
  auto const product = [](std::span<float const> weight, std::size_t row, std::span<float const> x) {
    double sum = 0;
    for (std::size_t i = 0; i < N; ++i) sum += static_cast<double>(weight[row * N + i]) * x[i];
    return sum;
  };
  for (double const scale : {0.1, 1.0, 10.0}) {
    testing::fill(block.values(), 1);
    testing::fill(query, 2, -scale, scale);
    testing::fill(memory, 3, -scale, scale);
    s.run();
    auto const scores = s.output_elements<float>("scores");
    double largest = 0, worst = 0;
    for (std::size_t b = 0; b < Q; ++b)
      for (std::size_t k = 0; k < K; ++k) {
        double expected = 0;
        for (std::size_t h = 0; h < N; ++h) {
          double const q = product(W_q, h, query.subspan(b * N, N));
          double const key = product(W_k, h, memory.subspan((k * Q + b) * N, N));
          largest = std::max({largest, std::abs(q), std::abs(key)});
          expected += static_cast<double>(w_v[h]) * std::tanh(q + key);
        }
        worst = std::max(worst, std::abs(expected - scores[b * K + k]));
      }
    CAPTURE(scale);
    CHECK(largest > 2 * scale);  // of ten, tanh is ±1 to all its digits
    CHECK(largest < 43);
    CHECK(worst < 1e-5 * std::max(1.0, largest));
  }
  for (float const far : {-1e30F, 1e30F}) {  // the query at one limit, keys at the other
    std::ranges::fill(query, far);
    std::ranges::fill(memory, -far);
    s.run();
    for (float const x : s.output_elements<float>("scores")) CHECK(std::isfinite(x));
  }
}

TEST_CASE("an attention's scores may stand in any order") {
  auto const translated = [](auto const& model) {
    return record_now([&model](inference_recorder& r) {
      auto const source = r.input<std::int32_t, batch<3>, steps<T>>("source");
      auto const valid = r.input<std::int32_t, batch<3>>("source_valid");
      auto const first = r.input<std::int32_t, batch<3>>("first");
      auto const used = r.input<std::int32_t>("used"), eos = r.input<std::int32_t>("eos");
      auto const encoded = model.encoder.template encode<mode::inference>(source, valid);
      auto const greedy = decode_greedily<5>(model.decoder, encoded, valid, first, used);
      r.output("weights", greedy.weights);
      r.output("words", decode_with_beams<5, 3>(model.decoder, encoded, valid, first, used, eos, 1.0).words);
    });
  };
  static constexpr auto usual = laid_out(encoder_decoder<V, V, 8, 8, 1, gru_cells, dot_product_attention>{});
  static constexpr auto turned = laid_out(encoder_decoder<V, V, 8, 8, 1, gru_cells, keys_first_attention>{});
  auto const one = translated(usual), other = translated(turned);
  parameter_block parameters(parameter_count(usual));
  initialise(usual, parameters.values(), 3);
  session<> expected(one, parameters), found(other, parameters);
  for (auto* s : {&expected, &found}) {
    testing::fill(s->input_elements<std::int32_t>("source"), 4, 0, V - 1);
    std::ranges::fill(s->input_elements<std::int32_t>("source_valid"), T - 2);
    std::ranges::fill(s->input_elements<std::int32_t>("used"), V);
    s->run();
  }
  auto const w = found.output_elements<float>("weights"), e = expected.output_elements<float>("weights");
  for (std::size_t i = 0; i < w.size(); ++i) CHECK(std::abs(w[i] - e[i]) < 1e-6F);
  CHECK(std::ranges::equal(found.output_elements<std::int32_t>("words"),
                           expected.output_elements<std::int32_t>("words")));
}

TEST_CASE("a training step allocates nothing") {
  training t(2);
  t.step();  // threads start here
  std::size_t const before = allocations;
  t.step();
  t.step();
  CHECK(allocations == before);
}

TEST_CASE("the same seed gives the same bits, for one thread and two") {
  training one(1), again(1), two(2);
  for (int i = 0; i < 4; ++i) {
    float const a = one.step(), b = again.step(), c = two.step();
    CHECK(std::memcmp(&a, &b, sizeof a) == 0);
    CHECK(std::memcmp(&a, &c, sizeof a) == 0);
  }
  auto const x = one.parameters.values(), y = two.parameters.values();
  CHECK(std::memcmp(x.data(), y.data(), x.size_bytes()) == 0);
}

TEST_CASE("training lowers the loss, another seed draws other dropout") {
  training t(1), other(1);
  other.steps.seed(8);
  float const first = t.step();
  CHECK(first != other.step());
  float last = first;
  for (int i = 0; i < 40; ++i) last = t.step();
  CHECK(last < 0.7F * first);
}

TEST_CASE("dropout in each of the places where it can be") {
  // The rates are numbers of the recording, not of its type.
  auto const loss_with = [](dropout_rates const& rates, std::uint64_t seed) {
    constexpr auto const& model = small_translator<8, 12>;
    auto const program = record_now([&rates](recorder& r) {
      auto const source = r.input<std::int32_t, batch<4>, steps<3>>("source");
      auto const valid = r.input<std::int32_t, batch<4>>("source_valid");
      auto const target = r.input<std::int32_t, batch<4>, target_steps<2>>("target");
      auto const labels = r.input<std::int32_t, batch<4>, target_steps<2>>("labels");
      auto const weight = r.input<float, batch<4>, target_steps<2>>("weight");
      auto const dropped = model.logits<mode::training>(source, valid, target, rates);
      auto const kept = model.logits<mode::inference>(source, valid, target, rates);
      r.output("training", mean_cross_entropy<vocab>(dropped, labels, weight));
      r.output("inference", mean_cross_entropy<vocab>(kept, labels, weight));
    });
    parameter_block block(parameter_count(model));
    initialise(model, block.values(), 7);
    session s(program, block);
    s.seed(seed);
    fill_translator_inputs(s, 3, 12);
    s.run();
    return std::array{s.output<float>("training")(), s.output<float>("inference")()};
  };
  auto const none = loss_with({}, 1);
  CHECK(none[0] == doctest::Approx(none[1]).epsilon(1e-6));
  for (auto const& rates :
       {dropout_rates{.embeddings = 0.5}, dropout_rates{.layers = 0.5}, dropout_rates{.memory = 0.5},
        dropout_rates{.attention = 0.5}, dropout_rates{.outputs = 0.5}}) {
    auto const made = loss_with(rates, 1), again = loss_with(rates, 1), other = loss_with(rates, 2);
    CHECK(made[1] == none[1]);
    CHECK(made[0] == again[0]);
    CHECK(made[0] != none[0]);
    CHECK(made[0] != other[0]);
  }
}
