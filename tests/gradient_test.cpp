// SPDX-License-Identifier: BSL-1.0
// Derivatives of expressions, reductions and views against central finite differences.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <stdexcept>

#include "finite_differences.hpp"

namespace {
using namespace tenon;
using namespace testing;

using matrix = shape<rows<5>, columns<19>>;
using square = shape<rows<7>, columns<7>>;
using row = shape<columns<19>>;
constexpr double small = 1e-7;
constexpr difference_options positive{.low = 0.3, .high = 2};
constexpr difference_options two_threads{.samples = 12, .threads = 2, .chunked = true};
}  // namespace

TEST_CASE("functors of one argument") {
  CHECK(gradient_error<matrix>([](auto&, auto x) { return keep(exp(x)); }) < small);
  CHECK(gradient_error<matrix>([](auto&, auto x) { return keep(log(x)); }, positive) < small);
  CHECK(gradient_error<matrix>([](auto&, auto x) { return keep(sqrt(x)); }, positive) < small);
  CHECK(gradient_error<matrix>([](auto&, auto x) { return keep(tanh(x)); }) < small);
  CHECK(gradient_error<matrix>([](auto&, auto x) { return keep(sigmoid(x)); }) < small);
  CHECK(gradient_error<matrix>([](auto&, auto x) { return keep(relu(x)); }) < small);
  CHECK(gradient_error<matrix>([](auto&, auto x) { return keep(abs(x)); }) < small);
  CHECK(gradient_error<matrix>([](auto&, auto x) { return keep(-x); }) < small);
  CHECK(gradient_error<matrix>([](auto&, auto x) { return keep(clamp(x, -0.5, 0.25)); }) < small);
}

TEST_CASE("functors of two and three arguments, with broadcasting") {
  auto const binary = [](auto f) {
    double const e =
        gradient_error<matrix, row>([f](auto&, auto x, auto y) { return keep(f(x, y)); }, positive);
    return e;
  };
  CHECK(binary([](auto x, auto y) { return x + y * 2; }) < small);
  CHECK(binary([](auto x, auto y) { return y - x; }) < small);
  CHECK(binary([](auto x, auto y) { return x * y; }) < small);
  CHECK(binary([](auto x, auto y) { return x / y + 3 / x; }) < small);
  CHECK(binary([](auto x, auto y) { return pow(x, y) + pow(y, 3) + pow(2, x); }) < small);
  CHECK(binary([](auto x, auto y) { return min(x, y) * max(x, 1); }) < small);
  CHECK(binary([](auto x, auto y) { return select(x < y, x * y, y / x); }) < small);
  CHECK(binary([](auto x, auto y) { return lerp(x * y, exp(y), x) + lerp(2, x, y); }) < small);
  CHECK(binary([](auto x, auto y) { return x * (x < y) + cast<double>(cast<float>(y)) * 0 + y * (x == x); }) <
        small);
}

TEST_CASE("x to the power of zero has no slope, also at zero") {
  auto const f = [](recorder& r) {
    auto const x = r.input<double, rows<3>>("x");
    r.track(x);
    auto const loss = keep(sum(pow(x, 0) + pow(x, 2)));
    r.differentiate(loss.at);
    r.output("g", r.gradient(x));
  };
  auto const p = record_now(f);
  parameter_block none(0);
  session s(p, none);
  s.input<double, rows<3>>("x")(1) = -2;
  s.run();
  CHECK(worst(s.output_elements<double>("g"), std::array{0.0, -4.0, 0.0}) == 0);
}

TEST_CASE("a gradient passes what is rounded to bfloat16, unless that is stored") {
  using three = std::array<float, 3>;  // named: nvcc deduces no arguments in lambdas of a macro's argument
  auto const gradient = [](auto f) {
    auto const p = record_now([f](recorder& r) {
      auto const x = r.input<float, rows<3>>("x");
      r.track(x);
      r.differentiate(keep(f(x)));
      r.output("g", r.gradient(x));
      r.output("rounded", cast<bf16>(x));
    });
    parameter_block none(0);
    session<> s(p, none);
    std::ranges::copy(std::array{1.001F, -2.0F, 3.001F}, s.input_elements<float>("x").begin());
    s.run();
    auto const g = s.output_elements<float>("g");
    return three{g[0], g[1], g[2]};
  };
  CHECK(gradient([](auto x) { return sum(3 * cast<bf16>(x) + x); }) == three{4.0F, 4.0F, 4.0F});
  CHECK(gradient([](auto x) { return sum(cast<bf16>(x) * x); }) == three{2.001F, -4.0F, 6.001F});
  CHECK(gradient([](auto x) { return sum(cast<bf16>(x)); }) == three{1.0F, 1.0F, 1.0F});
  CHECK(gradient([](auto x) { return 1.001F * max(cast<bf16>(x)); }) == three{0.0F, 0.0F, 1.001F});
  CHECK_THROWS_AS(gradient([](auto x) { return sum(keep(cast<bf16>(x)) * 3); }), std::logic_error);
}

TEST_CASE("reductions") {
  CHECK(gradient_error<matrix>([](auto&, auto x) { return keep(sum<columns>(x * x)); }) < small);
  CHECK(gradient_error<matrix>([](auto&, auto x) { return keep(sum<rows>(x * x)); }) < small);
  CHECK(gradient_error<matrix>([](auto&, auto x) { return keep(sum(x * x)); }) < small);
  CHECK(gradient_error<matrix>([](auto&, auto x) { return keep(mean<rows>(exp(x))); }) < small);
  CHECK(gradient_error<matrix>([](auto&, auto x) { return keep(mean(exp(x))); }) < small);
  CHECK(gradient_error<matrix>([](auto&, auto x) { return keep(max<rows>(x)); }) < small);
  CHECK(gradient_error<matrix, row>([](auto&, auto x, auto y) { return keep(max<columns>(x * y - x)); }) <
        small);
  CHECK(gradient_error<matrix>([](auto&, auto x) { return keep(max(exp(x))); }) < small);
  CHECK(gradient_error<matrix>([](auto&, auto x) { return keep(x / sum<columns>(x)); }, positive) < small);
  CHECK(gradient_error<matrix>([](auto&, auto x) { return keep(pow(x - mean<rows>(x), 2)); }) < small);
}

TEST_CASE("elements that are equally large share the gradient of their maximum") {
  auto const p = record_now([](recorder& r) {
    auto const x = r.input<double, rows<3>, columns<4>>("x");
    r.track(x);
    auto const loss = keep(sum(max<columns>(x) * r.input<double, rows<3>>("weight")) + min(x));
    r.differentiate(loss.at);
    r.output("g", r.gradient(x));
  });
  parameter_block none(0);
  session s(p, none);
  std::ranges::copy(std::array{1.0, 5.0, 2.0, 5.0, -1.0, -1.0, -1.0, -1.0, 3.0, 0.5, 1.0, 2.0},
                    s.input_elements<double>("x").begin());
  std::ranges::copy(std::array{3.0, 8.0, 7.0}, s.input_elements<double>("weight").begin());
  s.run();
  std::array const want{0.0, 1.5, 0.0, 1.5, 2.25, 2.25, 2.25, 2.25, 7.0, 0.0, 0.0, 0.0};
  CHECK(worst(s.output_elements<double>("g"), want) == 0);
}

TEST_CASE("operands that lack axes, the vector axis among them") {
  using cube = shape<layers<3>, rows<5>, columns<19>>;
  CHECK(gradient_error<cube, shape<layers<3>>, row>(
            [](auto&, auto x, auto l, auto c) { return keep(tanh(x * l + c)); }) < small);
  CHECK(gradient_error<cube, shape<rows<5>>, shape<>>(
            [](auto&, auto x, auto m, auto n) { return keep(exp(x * m) * n); }) < small);
  CHECK(gradient_error<shape<rows<5>>, row>(
            [](auto&, auto a, auto b) { return keep(sum(a * b + a / exp(b))); }) < small);
  CHECK(gradient_error<shape<layers<3>, columns<19>>, shape<rows<5>>>(
            [](auto&, auto a, auto b) { return keep(sum<layers, rows>(tanh(a + b))); }) < small);
}

TEST_CASE("functions whose values are kept for their derivatives") {
  auto const f = [](auto&, auto x, auto y) {
    auto const z = keep_for_derivative(tanh(x + y));
    return keep(z * keep_for_derivative(sigmoid(2 * x)) * keep_for_derivative(exp(y)) +
                keep_for_derivative(abs(x)) * z);
  };
  CHECK(gradient_error<matrix, row>(f) < small);
  CHECK(gradient_error<matrix, row>([f](auto& r, auto x, auto y) { return sum<rows>(f(r, x, y)); }) < small);
  CHECK(gradient_error<shape<rows<70>, columns<300>>, shape<columns<300>>>(f, two_threads) < small);
  // Only where there will be a derivative.
  auto const calls = []<class R>(R&) {
    return record_now([](R& r) {
             r.output("y", keep_for_derivative(tanh(r.template input<float, rows<3>>("x"))) * 2);
           })
        .call_count();
  };
  recorder with;
  inference_recorder without;
#if TENON_CUDA
  CHECK(calls(with) == 1);
#else
  CHECK(calls(with) == 2);
#endif
  CHECK(calls(without) == 1);
}

TEST_CASE("a value used twice, in different ways") {
  CHECK(gradient_error<matrix>([](auto&, auto x) { return keep(x * x * tanh(x) + x); }) < small);
  // The same elements under another name, in another order.
  CHECK(gradient_error<row>([](auto&, auto x) { return keep(x * exp(rename<columns, rows>(x))); }) < small);
  CHECK(gradient_error<square>([](auto&, auto x) {
          auto const turned = rename<layers, rows>(rename<rows, columns>(rename<columns, layers>(x)));
          return keep(x * exp(turned));
        }) < small);
  CHECK(gradient_error<square>([](auto&, auto x) {
          auto const other = rename<columns, heads>(rename<rows, layers>(x));
          return keep(sum<rows, layers>(x * tanh(other)));
        }) < small);
  // Slices of one value, the same slice twice, a slice and the whole.
  CHECK(gradient_error<matrix>([](auto&, auto x) {
          return keep(slice<rows>(x, 1) * exp(slice<rows>(x, 3)) + slice<rows>(x, 1));
        }) < small);
  CHECK(gradient_error<matrix>([](auto&, auto x) { return keep(x * tanh(slice<rows>(x, 2))); }) < small);
  CHECK(gradient_error<matrix>([](auto&, auto x) { return keep(x * tanh(slice<columns>(x, 7))); }) < small);
  CHECK(gradient_error<matrix>([](auto&, auto x) {
          return keep(part<columns, 0, 12>(x) * tanh(rename<columns, layers>(part<columns, 5, 9>(x))));
        }) < small);
}

TEST_CASE("views: parts that get no gradient, splits, merges, orders") {
  CHECK(gradient_error<matrix>([](auto&, auto x) { return keep(tanh(slice<rows>(x, 3))); }) < small);
  CHECK(gradient_error<matrix>([](auto&, auto x) { return keep(exp(part<columns, 3, 7>(x))); }) < small);
  CHECK(gradient_error<matrix>([](auto&, auto x) {
          auto const first = keep(exp(part<columns, 3, 7>(x)));
          return keep(first * part<columns, 8, 7>(x));  // overlaps with the first part
        }) < small);
  CHECK(gradient_error<matrix>([](auto&, auto x) { return keep(tanh(arrange<columns, rows>(x))); }) < small);
  CHECK(gradient_error<shape<rows<4>, columns<18>>>([](auto&, auto x) {
          auto const parts = split<columns, layers<3>, heads<6>>(x);
          auto const whole = keep(merge<rows, columns, sides>(x) * 2);
          return keep(sum<layers>(exp(parts)) * slice<sides>(whole, 5) + slice<layers>(parts, 1));
        }) < small);
  CHECK(gradient_error<matrix>([](auto&, auto x) {  // the parts are used by separate calls, one of them twice
          auto const a = keep(exp(part<columns, 0, 8>(x)));
          auto const b = keep(tanh(part<columns, 8, 11>(x)));
          auto const c = keep(sum<columns>(a) * sum<columns>(b));
          return keep(c + sum<columns>(part<columns, 0, 8>(x) * a));
        }) < small);
}

TEST_CASE("stacks, slices of stacks, concatenations") {
  auto const each = [](auto x, std::size_t n) {
    auto const first = keep(tanh(slice<rows>(x, 0)));
    std::array<std::remove_const_t<decltype(first)>, 4> result{first, first, first, first};
    for (std::size_t i = 1; i < n; ++i) result[i] = keep(tanh(slice<rows>(x, i)) * result[i - 1]);
    return result;
  };
  CHECK(gradient_error<matrix>([&](auto&, auto x) { return keep(exp(stack<layers>(each(x, 4)))); }) < small);
  CHECK(gradient_error<matrix>([&](auto&, auto x) {  // the first value is stacked twice
          return keep(exp(stack<layers>(each(x, 3))));
        }) < small);
  CHECK(gradient_error<matrix>(
            [&](auto&, auto x) {  // two slices of the stack and a value before it was stacked
              auto const parts = each(x, 4);
              auto const all = stack<layers>(parts);
              return keep(slice<layers>(all, 1) * exp(slice<layers>(all, 3)) + parts[0]);
            }) < small);
  CHECK(gradient_error<matrix>([&](auto&, auto x) {  // a stack of stacks
          auto const all = stack<layers>(each(x, 4));
          auto const more = keep(exp(all));
          return keep(tanh(stack<heads>(std::array{all, more})));
        }) < small);
  CHECK(gradient_error<shape<rows<4>, columns<3>>, shape<columns<3>, rows<4>>>([](auto&, auto x, auto y) {
          return keep(
              exp(stack<layers>(x, y, x * y)));  // a value, one with its axes in another order, an expression
        }) < small);
  CHECK(gradient_error<matrix, shape<rows<5>, columns<3>>>([](auto&, auto x, auto y) {
          auto const all = concat<columns>(x, y);
          return keep(all * exp(slice<columns>(all, 20)));
        }) < small);
  CHECK(gradient_error<matrix, row>([](auto&, auto x, auto y) {
          return keep(exp(
              concat<rows>(x * y, tanh(rename<layers, rows>(keep(y * stack<layers>(std::array{y, y})))))));
        }) < small);
}

TEST_CASE("sizes that are cut into chunks, gradients summed in parts") {
  using large = shape<layers<4>, rows<50>, columns<1025>>;
  using wide = shape<columns<1025>>;
  CHECK(gradient_error<large, wide>([](auto&, auto x, auto c) { return keep(tanh(x * c)); }, two_threads) <
        1e-6);
  CHECK(gradient_error<large, shape<rows<50>>>([](auto&, auto x, auto m) { return keep(tanh(x) * m); },
                                               two_threads) < 1e-6);
  CHECK(gradient_error<large, shape<>>([](auto&, auto x, auto n) { return keep(sum<rows>(tanh(x + n))); },
                                       two_threads) < 1e-6);
  CHECK(gradient_error<shape<columns<150'000>>, shape<>>(
            [](auto&, auto x, auto n) { return keep(exp(x * n)); }, two_threads) < 1e-6);
  // Operands in parts whose memory is in another order than the loop, or has gaps.
  CHECK(gradient_error<large, shape<columns<1025>, rows<50>>>(
            [](auto&, auto x, auto t) { return keep(tanh(x * t)); }, two_threads) < 1e-6);
  CHECK(
      gradient_error<large, shape<columns<1100>, rows<60>>>(
          [](auto&, auto x, auto t) { return keep(tanh(x * part<rows, 3, 50>(part<columns, 7, 1025>(t)))); },
          two_threads) < 1e-6);
  CHECK(gradient_error<shape<rows<50>, columns<1025>>, shape<columns<1100>, layers<4>>>(
            [](auto&, auto x, auto t) { return keep(sum<rows>(exp(x * part<columns, 7, 1025>(t)))); },
            two_threads) < 1e-6);
  // Used twice, both in parts.
  CHECK(gradient_error<large, wide>(
            [](auto&, auto x, auto c) { return keep(c * tanh(x * c) + sum<rows>(x) * c); }, two_threads) <
        1e-6);
}

TEST_CASE("long chains, and what the loss does not depend on") {
  CHECK(gradient_error<matrix, row>([](auto&, auto x, auto y) {
          auto h = keep(x * 1);
          for (int i = 0; i < 40; ++i) h = keep(tanh(h * 1.05 + y * 0.1) + h * 0.1);
          return h;
        }) < 1e-5);
  CHECK(gradient_error<matrix, row>([](auto&, auto x, auto y) { return keep(x + (y < 0) * 1.0); }) < small);
  CHECK(gradient_error<matrix, row, matrix>(
            [](auto&, auto x, auto, auto z) { return keep(exp(x) + slice<rows>(z, 2)); }) < small);
  CHECK_THROWS_AS(record_now([](recorder& r) {
                    auto const x = r.input<double, rows<3>>("x");
                    auto const loss = keep(sum(x));
                    r.differentiate(loss.at);
                    r.output("g", r.gradient(x));
                  }),
                  std::logic_error);
}
