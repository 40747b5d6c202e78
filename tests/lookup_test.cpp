// SPDX-License-Identifier: BSL-1.0
// Lookups, argmax, softmax and cross entropy on tensors against plain loops.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "testing.hpp"

namespace {
using namespace tenon;
using namespace testing;
using ids_of = tensor<std::int32_t, layers<5>, heads<3>>;

/// softmax of the first `valid` of n scores that lie `stride` apart; the scores after them count as −10⁶.
template <class T>
std::vector<double> plain_softmax(T const* x, std::size_t n, std::size_t stride, std::int32_t valid) {
  std::vector<double> e(n);
  double top = -1e300, total = 0;
  for (std::size_t i = 0; i < n; ++i) {
    e[i] = static_cast<std::int32_t>(i) < valid ? static_cast<double>(x[i * stride]) : -1e6;
    top = std::max(top, e[i]);
  }
  for (auto& v : e) total += v = std::exp(v - top);
  for (auto& v : e) v /= total;
  return e;
}
}  // namespace

TEST_CASE_TEMPLATE("gather and scatter_add", T, float, double, std::int32_t) {
  auto const table = filled<tensor<T, rows<7>, columns<19>>>(1, -9, 9);
  auto const ids = filled<ids_of>(2, 0, 6);
  tensor<T, layers<5>, heads<3>, columns<19>> const found = gather<rows>(table, ids);
  tensor<T, heads<3>, columns<19>, layers<5>> const moved = gather<rows>(table, ids) * 2;
  tensor<T, rows<7>, columns<19>> const back = scatter_add<rows<7>>(found, ids);
  tensor<T, rows<7>, columns<19>> want;
  for (std::size_t l = 0; l < 5; ++l)
    for (std::size_t h = 0; h < 3; ++h)
      for (std::size_t c = 0; c < 19; ++c) {
        auto const row = static_cast<std::size_t>(ids(l, h));
        CHECK(found(l, h, c) == table(row, c));
        CHECK(moved(h, c, l) == 2 * table(row, c));
        want(row, c) += table(row, c);
      }
  CHECK(worst(back.elements(), want.elements()) < 1e-5);

  // A column of numbers: each row has one element. Numbers past either end mean the row there.
  auto const column = filled<tensor<T, rows<7>>>(3, -9, 9);
  tensor<T, layers<5>, heads<3>> const single = gather<rows>(column, ids);
  CHECK(single(4, 2) == column(static_cast<std::size_t>(ids(4, 2))));
  tensor<std::int32_t, layers<2>> const beyond{7, -1};
  tensor<T, layers<2>, columns<19>> const last = gather<rows>(table, beyond);
  CHECK(last(0, 3) == table(6, 3));
  CHECK(last(1, 18) == table(0, 18));
}

TEST_CASE("looked-up rows are multiplied where their table cannot be as a whole") {
  auto const table = filled<tensor<float, vocab<5>, embedding<4>>>(1);
  auto const ids = filled<tensor<std::int32_t, batch<9>>>(2, 0, 4);
  auto const to_words = filled<tensor<float, vocab<5>, from<embedding<4>>>>(3);
  auto const to_hiddens = filled<tensor<float, hiddens<3>, from<embedding<4>>>>(4);
  auto const of_rows = filled<tensor<float, batch<9>>>(5);
  auto const rows_of_table = gather<vocab>(table, ids).evaluate();
  auto const next = linear(gather<vocab>(table, ids), to_words);
  auto const shifted = linear(gather<vocab>(table, ids), to_hiddens, of_rows);
  auto const expected = linear(rows_of_table, to_words);
  auto const also = linear(rows_of_table, to_hiddens, of_rows);
  CHECK(std::ranges::equal(next.elements(), expected.elements()));
  CHECK(std::ranges::equal(shifted.elements(), also.elements()));
}

TEST_CASE("ids that have the looked-up axis, which a weight maps") {
  tensor<float, vocab<7>> const table{1, 2, 3, 4, 5, 6, 7};
  tensor<std::int32_t, batch<4>, vocab<7>> ids;
  for (std::size_t i = 0; i < ids.size; ++i) ids.data()[i] = static_cast<std::int32_t>(i * 3 % 7);
  auto const weight = testing::filled<tensor<float, vocab<7>, from<vocab<7>>>>(1);
  tensor<float, batch<4>, vocab<7>> const rows = gather<vocab>(table, ids);
  auto const expected = linear(rows, weight), found = linear(gather<vocab>(table, ids), weight);
  CHECK(std::ranges::equal(found.elements(), expected.elements()));
}

TEST_CASE("ids that have the looked-up axis, which a bias has too") {
  auto const table = filled<tensor<float, vocab<5>, embedding<4>>>(1);
  auto const ids = filled<tensor<std::int32_t, batch<2>, vocab<5>>>(2, 0, 4);
  auto const weight = filled<tensor<float, hiddens<3>, from<embedding<4>>>>(3);
  tensor<float, vocab<5>> const bias{0, 10, 20, 30, 40};
  auto const expected = linear(gather<vocab>(table, ids).evaluate(), weight, bias);
  auto const found = linear(gather<vocab>(table, ids), weight, bias);
  CHECK(std::ranges::equal(found.elements(), expected.elements()));
}

TEST_CASE("a lookup moves the rows that it reads, not the table") {
  static constexpr parameter<vocab<1000>, hiddens<64>> table{.offset = 0};
  auto const program = record_now([](inference_recorder& r) {
    r.output("rows", keep(gather<vocab>(table, r.input<std::int32_t, batch<2>>("ids"))));
  });
  CHECK(program.bytes_moved() == 2 * 2 * 64 * sizeof(float) + 2 * sizeof(std::int32_t));
}

TEST_CASE("scatter_add of many wide rows is the same in every chunk") {
  using wide = tensor<float, layers<900>, columns<300>>;
  auto const x = filled<wide>(1);
  auto const ids = filled<tensor<std::int32_t, layers<900>>>(2, 0, 10);
  tensor<float, rows<11>, columns<300>> const y = scatter_add<rows<11>>(x, ids);
  std::vector<double> want(11 * 300);
  for (std::size_t i = 0; i < 900; ++i)
    for (std::size_t c = 0; c < 300; ++c) want[static_cast<std::size_t>(ids(i)) * 300 + c] += x(i, c);
  CHECK(worst(y.elements(), want) < 1e-5);
}

TEST_CASE("scatter_add meets rows and ids by name, in whatever order their axes are") {
  auto const x = filled<tensor<float, columns<3>, rows<5>, layers<4>>>(1);
  auto const ids = filled<tensor<std::int32_t, layers<4>, rows<5>>>(2, 0, 6);
  tensor<float, heads<7>, columns<3>> const y = scatter_add<heads<7>>(x, ids);
  std::vector<double> want(7 * 3);
  for (std::size_t c = 0; c < 3; ++c)
    for (std::size_t r = 0; r < 5; ++r)
      for (std::size_t l = 0; l < 4; ++l) want[static_cast<std::size_t>(ids(l, r)) * 3 + c] += x(c, r, l);
  CHECK(worst(y.elements(), want) < 1e-6);
}

TEST_CASE("argmax gives the first of the largest, also of a limited number") {
  auto x = filled<tensor<float, rows<6>, columns<21>>>(1);
  x(0, 4) = x(0, 17) = 5;
  x(1, 20) = 5;
  x(1, 3) = 4;
  for (std::size_t c = 0; c < 21; ++c) x(2, c) = -1;
  tensor<std::int32_t, rows<6>> const all = argmax<columns>(x);
  tensor<std::int32_t, rows<6>> const some = argmax<columns>(x, tensor<std::int32_t>(20)),
                                      one = argmax<columns>(x, tensor<std::int32_t>(1)),
                                      fewer = argmax<columns>(x, tensor<std::int32_t>(-1));
  tensor<std::int32_t, columns<21>> const down = argmax<rows>(x * 1);
  CHECK(all(0) == 4);
  CHECK(all(1) == 20);
  CHECK(some(1) == 3);
  CHECK(all(2) == 0);
  for (std::size_t r = 0; r < 6; ++r) {
    CHECK(one(r) == 0);
    CHECK(fewer(r) == 0);
    CHECK(all(r) == std::max_element(&x(r, 0), &x(r, 0) + 21) - &x(r, 0));
  }
  for (std::size_t c = 0; c < 21; ++c) {
    std::size_t best = 0;
    for (std::size_t r = 1; r < 6; ++r)
      if (x(r, c) > x(best, c)) best = r;
    CHECK(down(c) == static_cast<std::int32_t>(best));
  }
}

TEST_CASE_TEMPLATE("softmax along either axis", T, float, double) {
  auto const x = filled<tensor<T, rows<5>, columns<37>>>(1, -4, 4);
  tensor<T, rows<5>, columns<37>> const across = softmax<columns>(x), down = softmax<rows>(x),
                                        logs = log_softmax<columns>(x);
  tensor<T, columns<37>, rows<5>> const turned = log_softmax<rows>(x * 2);
  double error = 0;
  for (std::size_t r = 0; r < 5; ++r) {
    auto const want = plain_softmax(&x(r, 0), 37, 1, 37);
    for (std::size_t c = 0; c < 37; ++c) {
      error = std::max<double>(error, std::abs(across(r, c) - want[c]) / want[c]);
      error = std::max<double>(error, std::abs(logs(r, c) - std::log(want[c])));
    }
  }
  for (std::size_t c = 0; c < 37; ++c) {
    auto const want = plain_softmax(&x(0, c), 5, 37, 5);
    for (std::size_t r = 0; r < 5; ++r)
      error = std::max<double>(error, std::abs(down(r, c) - want[r]) / want[r]);
    T total = 0;
    for (std::size_t r = 0; r < 5; ++r) total += std::exp(turned(c, r));
    error = std::max<double>(error, std::abs(total - 1));
  }
  CHECK(error < rounding<T>(8));
}

TEST_CASE("softmax over valid positions: none, one, some, all, more than there are") {
  auto x = filled<tensor<float, rows<6>, columns<20>>>(1, -4, 4);
  for (float& v : x.elements()) v = v * 3;
  tensor<std::int32_t, rows<6>> const valid{0, 1, 7, 19, 20, 99};
  tensor<float, rows<6>, columns<20>> const y = softmax<columns>(x, valid);
  auto const t = filled<tensor<float, columns<20>, rows<6>>>(2);
  tensor<float, columns<20>, rows<6>> const z = softmax<columns>(t, valid);
  for (std::size_t r = 0; r < 6; ++r) {
    auto const want = plain_softmax(&x(r, 0), 20, 1, valid(r)),
               down = plain_softmax(&t(0, r), 20, 6, valid(r));
    for (std::size_t c = 0; c < 20; ++c) {
      CHECK(y(r, c) == doctest::Approx(want[c]).epsilon(1e-5));
      CHECK(z(c, r) == doctest::Approx(down[c]).epsilon(1e-5));
      if (valid(r) > 0 && static_cast<std::int32_t>(c) >= valid(r)) CHECK(y(r, c) == 0);
    }
  }
  tensor<std::int32_t, rows<6>> least;
  std::ranges::fill(least.elements(), std::numeric_limits<std::int32_t>::min());
  tensor<float, rows<6>, columns<20>> const even = softmax<columns>(x, least);
  CHECK(std::ranges::all_of(even.elements(), [](float p) { return p == doctest::Approx(1.0 / 20); }));
}

TEST_CASE("an attention looks along steps that are not the last axis of its scores") {
  auto const q = filled<tensor<float, batch<2>, hiddens<8>>>(1);
  auto const k = filled<tensor<float, steps<3>, batch<2>, layers<5>, hiddens<8>>>(2);
  tensor<std::int32_t, batch<2>> const valid{3, 2};
  dot_product_attention<8> const attention;
  tensor<float, batch<2>, layers<5>, steps<3>> const scores = attention.scores(q, k);
  auto const found = attention.look(q, k, valid);
  auto const expected = softmax<steps>(scores, valid);
  CHECK(worst(found.elements(), expected.elements()) < 1e-6);
}

TEST_CASE("softmax of large scores does not overflow") {
  tensor<float, rows<1>, columns<3>> const x{3e38F, -3e38F, 3e38F};
  tensor<float, rows<1>, columns<3>> const y = softmax<columns>(x);
  CHECK(y(0, 0) == 0.5F);
  CHECK(y(0, 1) == 0);
}

TEST_CASE_TEMPLATE("cross entropy", T, float, double) {
  auto const x = filled<tensor<T, layers<3>, rows<4>, columns<37>>>(1, -4, 4);
  auto const labels = filled<tensor<std::int32_t, rows<4>, layers<3>>>(2, 0, 36);
  auto weight = filled<tensor<T, rows<4>, layers<3>>>(3, 0, 1);
  weight(1, 1) = weight(3, 2) = 0;
  tensor<T, layers<3>, rows<4>> const all = cross_entropy<columns>(x, labels);
  tensor<T, layers<3>, rows<4>> const few = cross_entropy<columns>(x, labels, tensor<std::int32_t>(18));
  tensor<T> const average = mean_cross_entropy<columns>(x, labels, weight);
  tensor<T> const limited = mean_cross_entropy<columns>(x, labels, weight, tensor<std::int32_t>(18));
  tensor<T> const smoothed = mean_cross_entropy<columns>(x, labels, weight, label_smoothing{0.2});
  tensor<T> const smooth_part =
      mean_cross_entropy<columns>(x, labels, weight, tensor<std::int32_t>(18), label_smoothing{0.2});
  // −Σ p log softmax, p being 1 − ε at the label and ε / count everywhere
  auto const spread = [&](T const* row, std::size_t count) {
    double sum = 0;
    for (double p : plain_softmax(row, count, 1, static_cast<std::int32_t>(count)))
      sum -= std::log(p) / static_cast<double>(count);
    return sum;
  };
  double total = 0, less = 0, weights = 0, error = 0, evenly = 0, evenly_in_part = 0;
  for (std::size_t l = 0; l < 3; ++l)
    for (std::size_t r = 0; r < 4; ++r) {
      auto const label = static_cast<std::size_t>(labels(r, l));
      double const want = -std::log(plain_softmax(&x(l, r, 0), 37, 1, 37)[label]);
      double const part = -std::log(plain_softmax(&x(l, r, 0), 18, 1, 18)[std::min<std::size_t>(label, 17)]);
      error = std::max({error, std::abs(all(l, r) - want), std::abs(few(l, r) - part)});
      total += weight(r, l) * want;
      less += weight(r, l) * part;
      evenly += weight(r, l) * (0.8 * want + 0.2 * spread(&x(l, r, 0), 37));
      evenly_in_part += weight(r, l) * (0.8 * part + 0.2 * spread(&x(l, r, 0), 18));
      weights += weight(r, l);
    }
  CHECK(error < rounding<T>(40));
  CHECK(average() == doctest::Approx(total / weights));
  CHECK(limited() == doctest::Approx(less / weights));
  CHECK(smoothed() == doctest::Approx(evenly / weights));
  CHECK(smooth_part() == doctest::Approx(evenly_in_part / weights));
  tensor<std::int32_t, rows<4>, layers<3>> beyond = labels, nearest = labels;
  beyond(0, 0) = -1, nearest(0, 0) = 0;
  beyond(3, 2) = 37, nearest(3, 2) = 36;
  tensor<T, layers<3>, rows<4>> const of_beyond = cross_entropy<columns>(x, beyond);
  tensor<T, layers<3>, rows<4>> const of_nearest = cross_entropy<columns>(x, nearest);
  CHECK(std::ranges::equal(of_beyond.elements(), of_nearest.elements()));
  CHECK_THROWS_AS(static_cast<void>(cross_entropy<columns>(x, labels, label_smoothing{1.5})),
                  std::logic_error);
}
