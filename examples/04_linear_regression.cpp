// SPDX-License-Identifier: BSL-1.0
// 4. A linear regression: a model with weights of its own, a training program, and a session that runs it.
#include <cmath>
#include <cstdio>
#include <random>
#include <tenon/tenon.hpp>

using namespace tenon;

template <std::size_t N>
struct features : axis<N> {};
template <std::size_t N>
struct targets : axis<N> {};

// A model is a struct that lists its weights; layers are written in the same way. (This one is also in the
// library: linear_layer.)
struct regression {
  parameter<targets<1>, from<features<3>>> weight{uniform_by(3)};
  parameter<targets<1>> bias{};
  TENON_MEMBERS(regression, weight, bias)

  constexpr auto operator()(auto const& x) const { return linear(x, weight, bias); }
};
constexpr auto model = laid_out(regression{});
static_assert(parameter_count(model) == 4);

constexpr auto train_step = record([](recorder& r) {
  auto const x = r.input<float, batch<32>, features<3>>("x");
  auto const y = r.input<float, batch<32>, targets<1>>("y");
  auto const error = model(x) - y;
  auto const loss = keep(mean(error * error));
  r.output("loss", loss);
  minimise(r, loss, parameter_count(model), adam{.learning_rate = 0.05F});
});
static_assert(train_step.arena_bytes() <= 2_KiB);

int main() {
  float const truth[] = {2, -3.4F, 0.5F, 4.2F};  // three weights and a bias: what is to be found
  parameter_block parameters(parameter_count(model));
  initialise(model, parameters.values(), 1);

  session trainer(train_step, parameters);  // allocates here, and never again
  auto const x = trainer.input<float, batch<32>, features<3>>("x");
  auto const y = trainer.input<float, batch<32>, targets<1>>("y");
  std::mt19937 random(1);
  std::normal_distribution<float> draw;
  for (int step = 0; step <= 500; ++step) {
    for (std::size_t i = 0; i < 32; ++i) {
      y(i, 0) = truth[3] + 0.01F * draw(random);
      for (std::size_t j = 0; j < 3; ++j) y(i, 0) += truth[j] * (x(i, j) = draw(random));
    }
    trainer.run();
    if (step % 100 == 0) std::printf("step %3d  loss %.5f\n", step, double{trainer.output<float>("loss")()});
  }

  auto const learnt = parameters.values();
  float largest = 0;
  for (std::size_t i = 0; i < 4; ++i) largest = std::max(largest, std::abs(learnt[i] - truth[i]));
  std::printf("weights %.3f %.3f %.3f, bias %.3f; furthest from the truth by %.4f\n", double{learnt[0]},
              double{learnt[1]}, double{learnt[2]}, double{learnt[3]}, double{largest});
  return largest < 0.02F ? 0 : 1;
}
