// SPDX-License-Identifier: BSL-1.0
// 3. A gradient. The same arithmetic on the inputs of a recorder becomes a program, which knows its
// derivative.
#include <cmath>
#include <cstdio>
#include <tenon/tenon.hpp>

using namespace tenon;

constexpr auto loss_of(auto const& x, auto const& y) {
  return mean(pow(tanh(x) - y, 2));
}

// Recorded by the compiler: the program is a constant, and so is what it costs.
constexpr auto loss_and_gradient = record([](recorder& r) {
  auto const x = r.input<float, batch<4>, hiddens<3>>("x");
  auto const y = r.input<float, batch<4>, hiddens<3>>("y");
  r.track(x);  // parameters are differentiated anyway, inputs on request
  auto const loss = keep(loss_of(x, y));
  r.output("loss", loss);
  r.differentiate(loss);
  r.output("gradient", r.gradient(x));
});
static_assert(loss_and_gradient.call_count() == 3);  // the loss, the number one to start from, the gradient
static_assert(loss_and_gradient.arena_bytes() <= 1_KiB);

int main() {
  parameter_block no_parameters(0);
  session s(loss_and_gradient, no_parameters);
  auto const x = s.input<float, batch<4>, hiddens<3>>("x");
  for (std::size_t i = 0; i < 4; ++i)
    for (std::size_t j = 0; j < 3; ++j) x(i, j) = 0.3F * static_cast<float>(i) - 0.2F * static_cast<float>(j);
  for (float& v : s.input_elements<float>("y")) v = 0.5F;
  s.run();

  auto const gradient = s.output<float, batch<4>, hiddens<3>>("gradient");
  std::printf("loss %.5f, its gradient at the first element %.5f\n", double{s.output<float>("loss")()},
              double{gradient(0, 0)});

  // The same by central differences: loss_of works on tensors at once, too.
  float largest = 0;
  tensor<double, batch<4>, hiddens<3>> point = cast<double>(x), wanted(0.5);
  for (std::size_t i = 0; i < 4; ++i)
    for (std::size_t j = 0; j < 3; ++j) {
      double const h = 1e-6, old = point(i, j);
      point(i, j) = old + h;
      tensor<double> const above = loss_of(point, wanted);
      point(i, j) = old - h;
      tensor<double> const below = loss_of(point, wanted);
      point(i, j) = old;
      largest =
          std::max(largest, std::abs(gradient(i, j) - static_cast<float>((above() - below()) / (2 * h))));
    }
  std::printf("largest difference to finite differences: %.1e\n", double{largest});
  return largest < 1e-6F ? 0 : 1;
}
