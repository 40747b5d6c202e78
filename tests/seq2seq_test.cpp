// SPDX-License-Identifier: BSL-1.0
// The translator's training step as a whole: memory, allocations, reproducibility.
#include <doctest/doctest.h>

#include <cstring>
#include <tenon/tenon.hpp>
#include <vector>

#include "counted_allocations.hpp"

using namespace tenon;

namespace {

constexpr std::size_t B = 32, T = 7, H = 64, V = 50;
constexpr auto net = laid_out(encoder_decoder<V, V, H, H, 2>{});

template <std::size_t S>
dynamic_program training_step() {
  return record_now([](recorder& r) {
    auto const source = r.input<std::int32_t, batch<B>, steps<T>>("source");
    auto const valid = r.input<std::int32_t, batch<B>>("source_valid");
    auto const target = r.input<std::int32_t, batch<B>, target_steps<S>>("target");
    auto const labels = r.input<std::int32_t, batch<B>, target_steps<S>>("labels");
    auto const weight = r.input<float, batch<B>, target_steps<S>>("weight");
    auto const logits = net.logits<mode::training>(source, valid, target, 0.2);
    auto const loss = mean_cross_entropy<vocab>(logits, labels, weight);
    r.output("loss", loss);
    minimise(r, loss, parameter_count(net), adam{.learning_rate = 0.005F}, clip_by_global_norm{1.0F});
  });
}

template <class Session>
void fill(Session& s) {
  std::uint32_t state = 1;
  auto const draw = [&state](std::uint32_t n) {
    state = state * 1664525U + 1013904223U;
    return static_cast<std::int32_t>((state >> 8) % n);
  };
  for (auto const name : {"source", "target", "labels"})
    for (auto& x : s.template input_elements<std::int32_t>(name)) x = draw(V);
  for (auto& x : s.template input_elements<std::int32_t>("source_valid")) x = 1 + draw(T);
  for (auto& x : s.template input_elements<float>("weight")) x = draw(4) == 0 ? 0.0F : 1.0F;
}

struct training {
  dynamic_program program = training_step<5>();
  parameter_block parameters{parameter_count(net)};
  session<> steps;

  explicit training(std::size_t threads) : steps{program, parameters, threads} {
    initialise(net, parameters.values(), 7);
    steps.seed(7);
    fill(steps);
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

}  // namespace

TEST_CASE("the arena is hardly larger than what is needed at once") {
  auto const p = training_step<5>();
  CHECK(p.live_bytes() > 0);
  CHECK(static_cast<double>(p.arena_bytes()) <= 1.15 * static_cast<double>(p.live_bytes()));
}

TEST_CASE("additive attention's features are stored nowhere") {
  // They have batch × steps × hiddens elements at every target step; what is stored of that size must not
  // grow with their number.
  auto const few = training_step<2>(), many = training_step<9>();
  constexpr std::size_t features = B * T * H * sizeof(float);
  CHECK(blocks_of(few, features) > 0);  // keys, outputs and their gradients are
  CHECK(blocks_of(few, features) == blocks_of(many, features));
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
