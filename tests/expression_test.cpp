// SPDX-License-Identifier: BSL-1.0
// Expressions on tensors, computed at once, against plain loops: element-wise functions, broadcasting by
// name, reductions, element types.
#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <type_traits>
#include <vector>

#include "testing.hpp"

namespace {
using namespace tenon;
using namespace testing;

// Extents on both sides of a pack's width.
#define ODD_EXTENTS                                                                     \
  std::integral_constant<std::size_t, 1>, std::integral_constant<std::size_t, 3>,       \
      std::integral_constant<std::size_t, 15>, std::integral_constant<std::size_t, 16>, \
      std::integral_constant<std::size_t, 17>, std::integral_constant<std::size_t, 33>

/// What f gives for each element of x and y.
template <class T, class F>
std::vector<double> each(std::span<T> x, std::span<T> y, F const& f) {
  std::vector<double> result(x.size());
  for (std::size_t i = 0; i < x.size(); ++i)
    result[i] = f(static_cast<double>(x[i]), static_cast<double>(y[i]));
  return result;
}
}  // namespace

TEST_CASE_TEMPLATE("element-wise functions are those of the C library", T, float, double) {
  using vector = tensor<T, rows<3>, columns<17>>;
  auto x = filled<vector>(1, 0.25, 3), y = filled<vector>(2, -2, 2);
  y(0, 3) = x(0, 3);
  auto const check = [&](vector const& got, auto const& f) {
    CHECK(worst(got.elements(), each(x.elements(), y.elements(), f)) < rounding<T>());
  };
  check(x + y, [](double a, double b) { return a + b; });
  check(x - y, [](double a, double b) { return a - b; });
  check(x * y, [](double a, double b) { return a * b; });
  check(y / x, [](double a, double b) { return b / a; });
  check(-y, [](double, double b) { return -b; });
  check(min(x, y), [](double a, double b) { return std::min(a, b); });
  check(max(x, y), [](double a, double b) { return std::max(a, b); });
  check(pow(x, y), [](double a, double b) { return std::pow(a, b); });
  check(exp(y), [](double, double b) { return std::exp(b); });
  check(log(x), [](double a, double) { return std::log(a); });
  check(sqrt(x), [](double a, double) { return std::sqrt(a); });
  check(tanh(y), [](double, double b) { return std::tanh(b); });
  check(sigmoid(y), [](double, double b) { return 1 / (1 + std::exp(-b)); });
  check(relu(y), [](double, double b) { return b > 0 ? b : 0; });
  check(abs(y), [](double, double b) { return std::abs(b); });
  check(clamp(y, -0.5, 0.75), [](double, double b) { return std::min(std::max(b, -0.5), 0.75); });
  check(x < y, [](double a, double b) { return a < b ? 1 : 0; });
  check(x <= y, [](double a, double b) { return a <= b ? 1 : 0; });
  check(x > y, [](double a, double b) { return a > b ? 1 : 0; });
  check(x >= y, [](double a, double b) { return a >= b ? 1 : 0; });
  check(x == y, [](double a, double b) { return a == b ? 1 : 0; });
  check(select(x < y, x * 2, -y), [](double a, double b) { return a < b ? a * 2 : -b; });
  check(select(x < 1, 0.5, y), [](double a, double b) { return a < 1 ? 0.5 : b; });
  check(select(1 <= x, y, 3), [](double a, double b) { return 1 <= a ? b : 3; });
  check(lerp(x, y, x), [](double a, double b) { return a + a * (b - a); });
  check(lerp(1, y, x), [](double a, double b) { return 1 + a * (b - 1); });
  check(lerp(x, 2, 0.25), [](double a, double) { return a + 0.25 * (2 - a); });
  check(pow(x, 2) - pow(2, y), [](double a, double b) { return a * a - std::pow(2, b); });
  check(1 - x, [](double a, double) { return 1 - a; });
  check(2 / x + y / 4, [](double a, double b) { return 2 / a + b / 4; });
  check(max(0.5, y) * min(y, 0.25F), [](double, double b) { return std::max(b, 0.5) * std::min(b, 0.25); });
  check((x < y) * x + (y < x), [](double a, double b) { return (a < b ? a : 0) + (b < a ? 1 : 0); });
}

TEST_CASE_TEMPLATE("axes meet by name, in any order and at any extent", N, ODD_EXTENTS) {
  constexpr std::size_t n = N::value;
  auto const x = filled<tensor<float, rows<5>, columns<n>>>(1);
  auto const b = filled<tensor<float, columns<n>>>(2);
  auto const t = filled<tensor<float, columns<n>, rows<5>>>(3);
  auto const l = filled<tensor<float, layers<2>>>(4);
  auto const one = filled<tensor<float>>(5);
  tensor<float, rows<5>, columns<n>, layers<2>> const y = x * t + b * l + one;
  tensor<float, layers<2>, columns<n>, rows<5>> const z = y * 1;
  double error = 0;
  for (std::size_t i = 0; i < 5; ++i)
    for (std::size_t j = 0; j < n; ++j)
      for (std::size_t k = 0; k < 2; ++k) {
        auto const want = x(i, j) * t(j, i) + b(j) * l(k) + one();
        error = std::max<double>(error, std::abs(y(i, j, k) - want));
        CHECK(z(k, j, i) == y(i, j, k));
      }
  CHECK(error < 1e-6);
  static_assert(std::is_same_v<shape_of<decltype(l * t * x)>, shape<layers<2>, columns<n>, rows<5>>>);

  tensor<float, layers<2>, rows<5>, columns<n>> spread = x;  // broadcasting assignment
  spread = x + b;
  for (std::size_t i = 0; i < 5; ++i)
    for (std::size_t j = 0; j < n; ++j) CHECK(spread(1, i, j) == doctest::Approx(x(i, j) + b(j)));
}

TEST_CASE_TEMPLATE("reductions over one, several and all axes", N, ODD_EXTENTS) {
  constexpr std::size_t n = N::value;
  auto const x = filled<tensor<double, rows<4>, columns<n>, layers<3>>>(1);
  tensor<double, columns<n>> const middle = sum<rows, layers>(x);
  tensor<double, columns<n>, rows<4>> const inner = max<layers>(x * 2);
  tensor<double, layers<3>, columns<n>> const outer = mean<rows>(x);
  tensor<double, layers<3>, rows<4>> const vector = sum<columns>(x * x);
  tensor<double> const total = sum(x), average = mean(x), largest = max(x);
  double all = 0, top = -9;
  for (std::size_t j = 0; j < n; ++j) {
    double column = 0;
    for (std::size_t i = 0; i < 4; ++i) {
      double m = -9;
      for (std::size_t k = 0; k < 3; ++k) {
        column += x(i, j, k);
        m = std::max(m, x(i, j, k) * 2);
      }
      CHECK(inner(j, i) == m);
      top = std::max(top, m / 2);
    }
    CHECK(middle(j) == doctest::Approx(column));
    all += column;
  }
  for (std::size_t k = 0; k < 3; ++k)
    for (std::size_t i = 0; i < 4; ++i) {
      double squares = 0, column = 0;
      for (std::size_t j = 0; j < n; ++j) squares += x(i, j, k) * x(i, j, k);
      for (std::size_t h = 0; h < 4; ++h) column += x(h, n - 1, k) / 4;
      CHECK(vector(k, i) == doctest::Approx(squares));
      CHECK(outer(k, n - 1) == doctest::Approx(column));
    }
  CHECK(total() == doctest::Approx(all));
  CHECK(average() == doctest::Approx(all / static_cast<double>(x.size)));
  CHECK(largest() == top);
}

TEST_CASE("reductions inside expressions are computed first") {
  auto const x = filled<tensor<float, rows<6>, columns<33>>>(1, 0.5, 2);
  tensor<float, rows<6>, columns<33>> const shares = x / sum<columns>(x);
  tensor<float, rows<6>, columns<33>> const spread = sum<columns>(x);  // reduced, then broadcast
  tensor<float, rows<6>> const deviation = sqrt(mean<columns>(pow(x - mean<columns>(x), 2)));
  tensor<float> const nested = max(sum<columns>(x * x) - sum<rows>(x) * 0);
  float largest = 0;
  for (std::size_t i = 0; i < 6; ++i) {
    double total = 0, squares = 0, variance = 0;
    for (std::size_t j = 0; j < 33; ++j) total += x(i, j);
    for (std::size_t j = 0; j < 33; ++j) squares += x(i, j) * x(i, j);
    for (std::size_t j = 0; j < 33; ++j) variance += std::pow(x(i, j) - total / 33, 2) / 33;
    CHECK(shares(i, 32) == doctest::Approx(x(i, 32) / total));
    CHECK(spread(i, 7) == doctest::Approx(total));
    CHECK(deviation(i) == doctest::Approx(std::sqrt(variance)));
    largest = std::max(largest, static_cast<float>(squares));
  }
  CHECK(nested() == doctest::Approx(largest));
}

TEST_CASE("a large sum is cut into chunks and stays exact enough") {
  auto const x = filled<tensor<float, rows<1000>, columns<517>>>(1);
  tensor<float> const total = sum(x * x);
  tensor<float, rows<1000>> const by_row = sum<columns>(x);
  tensor<float, columns<517>> const by_column = sum<rows>(x);
  double all = 0;
  std::vector<double> row(1000), column(517);
  for (std::size_t i = 0; i < 1000; ++i)
    for (std::size_t j = 0; j < 517; ++j) {
      all += double{x(i, j)} * x(i, j);
      row[i] += x(i, j);
      column[j] += x(i, j);
    }
  CHECK(total() == doctest::Approx(all).epsilon(1e-5));
  CHECK(worst(by_row.elements(), row) < 1e-5);
  CHECK(worst(by_column.elements(), column) < 1e-5);
}

TEST_CASE("element types meet, convert and are stored") {
  auto const i = filled<tensor<std::int32_t, rows<4>, columns<17>>>(1, -9, 9);
  auto const x = filled<tensor<float, columns<17>>>(2, -9, 9);
  auto const d = filled<tensor<double, columns<17>>>(3);
  static_assert(std::is_same_v<element_of<decltype(i + 1)>, std::int32_t>);
  static_assert(std::is_same_v<element_of<decltype(x + 1.5)>, float>);
  static_assert(std::is_same_v<element_of<decltype(x + d)>, double>);
  static_assert(std::is_same_v<element_of<decltype(cast<double>(i))>, double>);
  tensor<double, rows<4>, columns<17>> const mixed = cast<double>(i) / 4 + x * d;
  tensor<std::int32_t, columns<17>> const whole = cast<std::int32_t>(x);
  tensor<std::int32_t, rows<4>, columns<17>> const integers = i * i - 3;
  tensor<std::int32_t> const total = sum(i), largest = max(i);
  tensor<std::int32_t, rows<4>> const positive = sum<columns>(cast<std::int32_t>(i > 0));
  tensor<float, rows<4>> const average = mean<columns>(i), part = mean<columns>(i > 0);
  tensor<double, columns<17>> const chosen = select(x < 0, d, 2.0 * d);
  tensor<float, columns<17>> const narrowed = d;
  std::int32_t all = 0, top = -99;
  for (std::size_t r = 0; r < 4; ++r) {
    std::int32_t row = 0, count = 0;
    for (std::size_t c = 0; c < 17; ++c) {
      CHECK(mixed(r, c) == doctest::Approx(i(r, c) / 4.0 + double{x(c)} * d(c)));
      CHECK(integers(r, c) == i(r, c) * i(r, c) - 3);
      row += i(r, c);
      count += i(r, c) > 0 ? 1 : 0;
      top = std::max(top, i(r, c));
    }
    CHECK(average(r) == doctest::Approx(row / 17.0));
    CHECK(part(r) == doctest::Approx(count / 17.0));
    CHECK(positive(r) == count);
    all += row;
  }
  CHECK(total() == all);
  CHECK(largest() == top);
  for (std::size_t c = 0; c < 17; ++c) {
    CHECK(whole(c) == static_cast<std::int32_t>(x(c)));
    CHECK(chosen(c) == (x(c) < 0 ? d(c) : 2 * d(c)));
    CHECK(narrowed(c) == static_cast<float>(d(c)));
  }
}

TEST_CASE_TEMPLATE("whole numbers divided, by zero too, at any extent", N, ODD_EXTENTS) {
  using values = tensor<std::int32_t, columns<N::value>>;
  values const x = filled<values>(1, -99, 99);
  values d = filled<values>(2, -9, 9);
  d(0) = 0;
  values const quotient = x / d, half = x / 2;
  for (std::size_t i = 0; i < N::value; ++i) {
    CHECK(quotient(i) == (d(i) == 0 ? 0 : x(i) / d(i)));
    CHECK(half(i) == x(i) / 2);
  }
  values const least(std::numeric_limits<std::int32_t>::min()), overflow = least / -1;
  CHECK(overflow(0) == std::numeric_limits<std::int32_t>::min());
}

TEST_CASE("unequal is not equal") {
  tensor<std::int32_t, columns<3>> const a{1, 2, 3}, b{1, 0, 3};
  tensor<float, columns<3>> const differs = select(a != b, cast<float>(a), -1.0),
                                  not_two = cast<float>(2 != a);
  CHECK(differs(0) == -1);
  CHECK(differs(1) == 2);
  CHECK(not_two(0) == 1);
  CHECK(not_two(1) == 0);
}

TEST_CASE("bfloat16 is stored, float is computed") {
  auto const x = filled<tensor<bf16, rows<3>, columns<33>>>(1);
  auto const y = filled<tensor<float, columns<33>>>(2);
  static_assert(std::is_same_v<element_of<decltype(x * x)>, float>);
  tensor<float, rows<3>, columns<33>> const product = x * y + 1;
  tensor<bf16, rows<3>, columns<33>> const rounded = x * y;
  tensor<bf16, columns<33>, rows<3>> const turned = x;
  tensor<float, rows<3>> const total = sum<columns>(x * 1);
  tensor<float, columns<33>> const down = sum<rows>(x * 1);
  for (std::size_t r = 0; r < 3; ++r) {
    float sum_of_row = 0;
    for (std::size_t c = 0; c < 33; ++c) {
      CHECK(product(r, c) == doctest::Approx(float{x(r, c)} * y(c) + 1));
      CHECK(rounded(r, c).bits == bf16(float{x(r, c)} * y(c)).bits);
      CHECK(turned(c, r).bits == x(r, c).bits);
      sum_of_row += x(r, c);
    }
    CHECK(total(r) == doctest::Approx(sum_of_row));
  }
  CHECK(down(5) == doctest::Approx(float{x(0, 5)} + x(1, 5) + x(2, 5)));
}

TEST_CASE("sums of bfloat16 are float, alone and in expressions") {
  tensor<bf16, columns<101>> const tens(bf16(10));
  tensor<float> const alone = sum(tens), more = sum(tens) * 1.0, less = sum(tens) - 1010.0;
  CHECK(alone() == 1010);
  CHECK(more() == 1010);
  CHECK(less() == 0);
  CHECK(keep(sum(tens))() == 1010.0F);
  CHECK(keep(max(tens))() == 10.0F);
}

TEST_CASE("five axes and none") {
  auto const x = filled<tensor<float, rows<2>, columns<3>, layers<2>, heads<3>, sides<5>>>(1);
  auto const y = filled<tensor<float, sides<5>, rows<2>, heads<3>>>(2);
  tensor<float, heads<3>, sides<5>, layers<2>, rows<2>, columns<3>> const z = x * y;
  tensor<float, layers<2>, rows<2>> const r = sum<heads, columns, sides>(x * y);
  tensor<float, layers<2>, rows<2>> want;
  for (std::size_t a = 0; a < 2; ++a)
    for (std::size_t b = 0; b < 3; ++b)
      for (std::size_t c = 0; c < 2; ++c)
        for (std::size_t d = 0; d < 3; ++d)
          for (std::size_t e = 0; e < 5; ++e) {
            CHECK(z(d, e, c, a, b) == x(a, b, c, d, e) * y(e, a, d));
            want(c, a) += x(a, b, c, d, e) * y(e, a, d);
          }
  CHECK(worst(r.elements(), want.elements()) < 1e-5);
  tensor<float> const a{3.0F}, b(2.0F);
  tensor<float> const c = tanh(a - b * 2) + 1;
  CHECK(c() == doctest::Approx(std::tanh(-1.0) + 1));
  tensor<float, rows<1>, columns<1>> const d = a * b;
  CHECK(d(0, 0) == 6);
}

TEST_CASE("assigning to what is read gives what it would with a copy") {
  using square = tensor<float, rows<19>, columns<19>>;
  auto const x = filled<square>(1);
  square y = x;
  y = y * 2 + y;
  CHECK(y(3, 4) == doctest::Approx(3 * x(3, 4)));
  y = x;
  y = x;
  tensor_view<float const, shape<columns<19>, rows<19>>> const turned(y.data());
  y = y + turned;
  double error = 0;
  for (std::size_t i = 0; i < 19; ++i)
    for (std::size_t j = 0; j < 19; ++j)
      error = std::max<double>(error, std::abs(y(i, j) - (x(i, j) + x(j, i))));
  CHECK(error == 0);
  y = x;
  y = y / sum<rows>(y);
  float column = 0;
  for (std::size_t i = 0; i < 19; ++i) column += x(i, 2);
  CHECK(y(1, 2) == doctest::Approx(x(1, 2) / column));
  y = x;
  auto const row = slice<rows>(y, 1);  // still sees y
  y = y + turned;
  CHECK(row(0) == y(1, 0));
}

TEST_CASE("select by numbers: all but 0 hold") {
  auto const x = filled<tensor<float, rows<3>, columns<19>>>(1);
  tensor<float, rows<3>, columns<19>> const stored = x > 0;
  tensor<std::int32_t, columns<19>> whole;
  for (std::size_t c = 0; c < 19; ++c) whole(c) = static_cast<std::int32_t>(c % 3) - 1;
  tensor<float, rows<3>, columns<19>> const compared = select(x > 0, x, -1),
                                            by_stored = select(stored, x, -1),
                                            by_whole = select(whole, x, -1);
  CHECK(std::ranges::equal(by_stored.elements(), compared.elements()));
  for (std::size_t c = 0; c < 19; ++c) CHECK(by_whole(1, c) == (c % 3 == 1 ? -1 : x(1, c)));
}

TEST_CASE("select of two numbers") {
  auto const x = filled<tensor<float, columns<19>>>(1);
  tensor<std::int32_t, columns<19>> whole;
  for (std::size_t c = 0; c < 19; ++c) whole(c) = static_cast<std::int32_t>(c % 3);
  auto const of_floats = keep(select(x > 0, 1, -1.5)), of_whole = keep(select(whole == 2, 0.25, 1));
  static_assert(std::is_same_v<element_of<decltype(of_whole)>, float>);
  static_assert(std::is_same_v<element_of<decltype(keep(select(cast<double>(x) > 0, 1, 2)))>, double>);
  for (std::size_t c = 0; c < 19; ++c) {
    CHECK(of_floats(c) == (x(c) > 0 ? 1 : -1.5F));
    CHECK(of_whole(c) == (c % 3 == 2 ? 0.25F : 1));
  }
}

TEST_CASE_TEMPLATE("the largest of elements that are all infinite below", N, ODD_EXTENTS) {
  constexpr float least = -std::numeric_limits<float>::infinity();
  tensor<float, rows<2>, columns<N::value>> x;
  std::ranges::fill(x.elements(), least);
  x(1, N::value - 1) = -3e38F;
  tensor<float, rows<2>> const along = max<columns>(x);
  CHECK(along(0) == least);
  CHECK(along(1) == -3e38F);
}

TEST_CASE_TEMPLATE("the smallest of elements, and where it is", N, ODD_EXTENTS) {
  tensor<float, rows<2>, columns<N::value>> x;
  tensor<std::int32_t, rows<2>, columns<N::value>> whole;
  for (std::size_t j = 0; j < N::value; ++j) {
    x(0, j) = 1 - static_cast<float>(j);
    x(1, j) = j == N::value / 2 ? -7.5F : 0.5F;
    whole(0, j) = whole(1, j) = 3 + static_cast<std::int32_t>(j);
  }
  tensor<float, rows<2>> const least = min<columns>(x);
  tensor<std::int32_t, rows<2>> const where = argmin<columns>(x);
  tensor<std::int32_t> const of_all = min(whole * 2);
  CHECK(least(0) == 2 - static_cast<float>(N::value));
  CHECK(least(1) == -7.5F);
  CHECK(where(0) == static_cast<std::int32_t>(N::value - 1));
  CHECK(where(1) == static_cast<std::int32_t>(N::value / 2));
  CHECK(of_all() == 6);

  constexpr auto lowest = std::numeric_limits<std::int32_t>::min();  // which has no negative
  whole(1, N::value / 2) = lowest;
  tensor<std::int32_t, rows<2>> const of_each = min<columns>(whole), position = argmin<columns>(whole);
  CHECK(of_each(0) == 3);
  CHECK(of_each(1) == lowest);
  CHECK(position(1) == static_cast<std::int32_t>(N::value / 2));
}

TEST_CASE_TEMPLATE("a NaN stays one in all that picks the larger or smaller", N, ODD_EXTENTS) {
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  for (std::size_t at = 0; at < N::value; ++at) {
    tensor<float, columns<N::value>> x;
    for (std::size_t j = 0; j < N::value; ++j) x(j) = static_cast<float>(j) - 2;
    x(at) = nan;
    tensor<float> const largest = max<columns>(x), smallest = min<columns>(x);
    CHECK(std::isnan(largest()));
    CHECK(std::isnan(smallest()));
    tensor<float, columns<N::value>> const positive = relu(x), limited = clamp(x, -1, 1), upper = max(x, 0),
                                           lower = min(0, x);
    for (auto const* y : {&positive, &limited, &upper, &lower})
      for (std::size_t j = 0; j < N::value; ++j) CHECK(std::isnan((*y)(j)) == (j == at));
  }
}

TEST_CASE("a conversion to bf16 rounds inside an expression as it does in memory") {
  tensor<float, columns<37>> x;
  for (std::size_t j = 0; j < 37; ++j) x(j) = 1 + static_cast<float>(j) * 0.0123F;
  tensor<bf16, columns<37>> const stored = cast<bf16>(x);
  tensor<float, columns<37>> const lost = x - cast<float>(cast<bf16>(x));
  for (std::size_t j = 0; j < 37; ++j) CHECK(lost(j) == x(j) - static_cast<float>(stored(j)));
  CHECK(lost(1) != 0);
}

TEST_CASE("a tensor that was moved from can be assigned to") {
  tensor<float, rows<3>> x = {1, 2, 3}, z = {4, 5, 6};
  auto y = std::move(x);
  x = y + 1;
  CHECK(x(2) == 4);
  y = std::move(x);
  x = z;
  CHECK(x(0) == 4);
}

TEST_CASE("a number that whole ones cannot hold is refused beside them") {
  tensor<std::int32_t, rows<2>> const x{0, 7};
  CHECK_THROWS_AS(static_cast<void>(x < 3000000000U), std::out_of_range);
  CHECK_THROWS_AS(static_cast<void>(-2147483649LL + x), std::out_of_range);
  CHECK_THROWS_AS(select(x == 0, x, 1LL << 40), std::out_of_range);
  tensor<std::int32_t, rows<2>> const less = cast<double>(x) < 3000000000U, large = x * 0 + 2147483647;
  CHECK(less(1) == 1);
  CHECK(large(1) == 2147483647);
}

TEST_CASE("wrong numbers of elements are refused") {
  CHECK_THROWS_AS((tensor<float, rows<2>>{1, 2, 3}), tenon::error);
  std::array<float, 5> values{};
  CHECK_THROWS_AS((tensor<float, rows<2>>(std::span<float const>(values))), tenon::error);
  CHECK_THROWS_AS((tensor_view<float, shape<rows<2>, columns<3>>>(std::span<float>(values))), tenon::error);
}
