// SPDX-License-Identifier: BSL-1.0
// What the compiler makes of kernels at full optimisation; the other tests are built with less, for their
// build's sake. Elements that lie apart in memory are where g++ 12 has gone wrong: it lost all lanes but one.
#include <doctest/doctest.h>

#include "testing.hpp"

namespace {
using namespace tenon;
using namespace testing;

template <class T>
void count_up(tensor<T, rows<48>, columns<3>>& x) {
  for (std::size_t i = 0; i < 48; ++i)
    for (std::size_t j = 0; j < 3; ++j) x(i, j) = static_cast<T>(static_cast<double>(i * j) - 3);
}
}  // namespace

TEST_CASE_TEMPLATE("columns of a narrow matrix: read, summed, added to, written", T, float, double) {
  tensor<T, rows<48>, columns<3>> x;
  count_up(x);
  tensor<T, columns<3>> w;
  for (std::size_t j = 0; j < 3; ++j) w(j) = static_cast<T>(j + 1);

  tensor<T, rows<48>> const products = dot<columns>(x, w);
  tensor<T, rows<48>> const sums = sum<columns>(x);
  tensor<T, columns<3>, rows<48>> const turned = x;
  tensor<T, rows<48>, columns<3>> const back = turned * 2;
  for (std::size_t i = 0; i < 48; ++i) {
    CAPTURE(i);
    CHECK(products(i) == x(i, 0) + 2 * x(i, 1) + 3 * x(i, 2));
    CHECK(sums(i) == x(i, 0) + x(i, 1) + x(i, 2));
    for (std::size_t j = 0; j < 3; ++j) {
      CHECK(turned(j, i) == x(i, j));
      CHECK(back(i, j) == 2 * x(i, j));
    }
  }
}

TEST_CASE("a linear map to one target with a bias, and its gradient") {
  constexpr auto program = record([](recorder& r) {
    auto const x = r.input<float, rows<48>, columns<3>>("x");
    auto const w = r.input<float, sides<1>, from<columns<3>>>("w");
    auto const b = r.input<float, sides<1>>("b");
    r.track(w);
    r.track(b);
    auto const y = linear(x, w, b);
    auto const loss = keep(sum(y * y));
    r.output("y", y);
    r.differentiate(loss.at);
    r.output("gw", r.gradient(w));
    r.output("gb", r.gradient(b));
  });
  parameter_block none(0);
  session s(program, none);
  auto const x = s.input<float, rows<48>, columns<3>>("x");
  auto const w = s.input<float, sides<1>, from<columns<3>>>("w");
  for (std::size_t i = 0; i < 48; ++i)
    for (std::size_t j = 0; j < 3; ++j) x(i, j) = static_cast<float>(i * j) - 3;
  for (std::size_t j = 0; j < 3; ++j) w(0, j) = static_cast<float>(j + 1);
  s.input<float, sides<1>>("b")(0) = 0.5F;
  s.run();
  auto const y = s.output<float, rows<48>, sides<1>>("y");
  double slope[3]{}, shift = 0;
  for (std::size_t i = 0; i < 48; ++i) {
    CAPTURE(i);
    float const expected = 0.5F + x(i, 0) + 2 * x(i, 1) + 3 * x(i, 2);
    CHECK(y(i, 0) == expected);
    for (std::size_t j = 0; j < 3; ++j) slope[j] += 2.0 * expected * x(i, j);
    shift += 2.0 * expected;
  }
  CHECK(s.output_elements<float>("gb")[0] == doctest::Approx(shift));
  for (std::size_t j = 0; j < 3; ++j) CHECK(s.output_elements<float>("gw")[j] == doctest::Approx(slope[j]));
}

TEST_CASE("softmax along an axis whose elements lie apart") {
  tensor<float, columns<20>, rows<5>> x;
  for (std::size_t i = 0; i < 20; ++i)
    for (std::size_t j = 0; j < 5; ++j) x(i, j) = static_cast<float>((i * 7 + j * 3) % 11);
  tensor<float, columns<20>, rows<5>> const p = softmax<columns>(x);
  for (std::size_t j = 0; j < 5; ++j) {
    double total = 0;
    for (std::size_t i = 0; i < 20; ++i) total += std::exp(double{x(i, j)});
    for (std::size_t i = 0; i < 20; ++i) CHECK(p(i, j) == doctest::Approx(std::exp(double{x(i, j)}) / total));
  }
}
