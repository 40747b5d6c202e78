// SPDX-License-Identifier: BSL-1.0
// Views, stacks and concatenations, on tensors and in recordings: each element where it belongs.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <tuple>
#include <type_traits>

#include "testing.hpp"

namespace {
using namespace tenon;
using namespace testing;

using cube = shape<layers<4>, rows<6>, columns<20>>;

/// Runs f on the elements of a cube x and of a (rows, columns) matrix y, at once and in a recording; gives
/// the larger error against want(x, y, i, j, …).
template <class S, class F, class W>
double view_error(F const& f, W const& want) {
  auto const x = filled<tensor_of<float, cube>>(1);
  auto const y = filled<tensor<float, rows<6>, columns<20>>>(2);
  tensor_of<float, S> const now = f(x, y);
  tensor_of<float, S> expected;
  std::array<std::size_t, S::rank> index{};
  for (std::size_t i = 0; i < S::size; ++i) {
    std::size_t rest = i;
    for (std::size_t d = S::rank; d-- > 0; rest /= S::extents[d]) index[d] = rest % S::extents[d];
    expected.data()[i] = std::apply([&](auto... k) { return want(x, y, k...); }, index);
  }
  auto const program = record_now([&](recorder& r) {
    auto const a = r.input<float, layers<4>, rows<6>, columns<20>>("x");
    auto const b = r.input<float, rows<6>, columns<20>>("y");
    auto const result = f(a, b);
    r.output("result", keep(result * 1.0F));
    auto const itself = keep(result);
    r.output("itself", itself);
    r.output("again", itself);
  });
  parameter_block none(0);
  session<cpu_device> s(program, none);
  std::copy_n(x.data(), x.size, s.input<float, layers<4>, rows<6>, columns<20>>("x").data());
  std::copy_n(y.data(), y.size, s.input<float, rows<6>, columns<20>>("y").data());
  s.run();
  s.run();
  CHECK(worst(s.input_elements<float>("x"), x.elements()) == 0);  // inputs keep their values
  CHECK(worst(s.output_elements<float>("again"), s.output_elements<float>("itself")) == 0);
  auto const scale = [](auto elements) { return std::vector<float>(elements.begin(), elements.end()); };
  return worst(now.elements(), expected.elements()) +
         worst(scale(s.output_elements<float>("itself")), expected.elements());
}
}  // namespace

TEST_CASE("slice and part") {
  CHECK(view_error<shape<rows<6>, columns<20>>>(
            [](auto const& x, auto const&) { return slice<layers>(x, 2); },
            [](auto& x, auto&, auto i, auto j) { return x(2, i, j); }) == 0);
  CHECK(
      view_error<shape<layers<4>, rows<6>>>([](auto const& x, auto const&) { return slice<columns>(x, 19); },
                                            [](auto& x, auto&, auto i, auto j) { return x(i, j, 19); }) == 0);
  CHECK(view_error<shape<layers<4>, rows<3>, columns<20>>>(
            [](auto const& x, auto const&) { return part<rows, 2, 3>(x); },
            [](auto& x, auto&, auto i, auto j, auto k) { return x(i, j + 2, k); }) == 0);
  CHECK(view_error<shape<columns<17>>>(
            [](auto const& x, auto const&) {
              return slice<rows>(slice<layers>(part<columns, 3, 17>(x), 1), 5);
            },
            [](auto& x, auto&, auto i) { return x(1, 5, i + 3); }) == 0);
  auto const x = filled<tensor_of<float, cube>>(1);
  CHECK_THROWS_AS(slice<rows>(x, 6), std::out_of_range);
}

TEST_CASE("rename and arrange") {
  CHECK(view_error<shape<rows<6>, columns<20>, heads<6>>>(
            [](auto const&, auto const& y) { return y * slice<columns>(rename<rows, heads>(y), 1); },
            [](auto&, auto& y, auto i, auto j, auto k) { return y(i, j) * y(k, 1); }) == 0);
  CHECK(view_error<shape<columns<20>, layers<4>, rows<6>>>(
            [](auto const& x, auto const&) { return arrange<columns, layers, rows>(x); },
            [](auto& x, auto&, auto i, auto j, auto k) { return x(j, k, i); }) == 0);
  // from<…>: a map's weight, its input axis not renamed by renaming the output axis
  using weight = variable<float, shape<columns<4>, from<columns<4>>>>;
  static_assert(std::is_same_v<shape_of<decltype(rename<columns, heads>(std::declval<weight>()))>,
                               shape<heads<4>, from<columns<4>>>>);
}

TEST_CASE("split and merge") {
  CHECK(view_error<shape<layers<4>, rows<6>, heads<4>, sides<5>>>(
            [](auto const& x, auto const&) { return split<columns, heads<4>, sides<5>>(x); },
            [](auto& x, auto&, auto i, auto j, auto k, auto l) { return x(i, j, k * 5 + l); }) == 0);
  CHECK(view_error<shape<heads<24>, columns<20>>>(
            [](auto const& x, auto const&) { return merge<layers, rows, heads>(x); },
            [](auto& x, auto&, auto i, auto j) { return x(i / 6, i % 6, j); }) == 0);
  CHECK(view_error<shape<sides<2>, layers<4>, rows<6>, columns<10>>>(
            [](auto const& x, auto const&) {
              return arrange<sides, layers, rows, columns>(split<columns, sides<2>, columns<10>>(x));
            },
            [](auto& x, auto&, auto s, auto i, auto j, auto k) { return x(i, j, s * 10 + k); }) == 0);
  CHECK(view_error<shape<layers<4>, heads<120>>>(
            [](auto const& x, auto const&) { return merge<rows, columns, heads>(x); },
            [](auto& x, auto&, auto i, auto j) { return x(i, j / 20, j % 20); }) == 0);
}

TEST_CASE("concat along any axis, of operands in other orders") {
  CHECK(view_error<shape<rows<6>, columns<40>>>(
            [](auto const& x, auto const& y) { return concat<columns>(slice<layers>(x, 1), y); },
            [](auto& x, auto& y, auto i, auto j) { return j < 20 ? x(1, i, j) : y(i, j - 20); }) == 0);
  CHECK(view_error<shape<layers<4>, rows<8>, columns<20>>>(
            [](auto const& x, auto const&) {
              return concat<rows>(x, arrange<rows, columns, layers>(part<rows, 1, 2>(x)));
            },
            [](auto& x, auto&, auto i, auto j, auto k) { return j < 6 ? x(i, j, k) : x(i, j - 5, k); }) == 0);
  CHECK(view_error<shape<rows<12>, columns<20>>>(
            [](auto const& x, auto const& y) { return concat<rows>(y - 1, y + slice<layers>(x, 3)); },
            [](auto& x, auto& y, auto i, auto j) {
              return i < 6 ? y(i, j) - 1 : y(i - 6, j) + x(3, i - 6, j);
            }) == 0);
}

TEST_CASE("stacks in recordings: values of their own, views, one value twice, stacks of stacks") {
  auto const program = record_now([](recorder& r) {
    auto const x = r.input<float, rows<6>, columns<20>>("x");
    auto const a = keep(x + 1), b = keep(x * 2);
    auto const s = stack<layers>(std::array{a, b, a, x});
    auto const views = stack<layers>(std::array{slice<rows>(x, 2), slice<rows>(s.owner == &r ? b : a, 3)});
    auto const t = keep(s * 3);
    auto const nested = stack<heads>(std::array{s, t});
    r.output("s", s);
    r.output("views", views);
    r.output("nested", nested);
    r.output("a", a);
    r.output("slice", slice<heads>(slice<layers>(nested, 1), 1));
    r.output("sum", sum<layers>(s));
  });
  parameter_block none(0);
  session s(program, none);
  auto const x = s.input<float, rows<6>, columns<20>>("x");
  fill(x.elements(), 1);
  s.run();
  auto const stacked = s.output<float, layers<4>, rows<6>, columns<20>>("s");
  auto const nested = s.output<float, heads<2>, layers<4>, rows<6>, columns<20>>("nested");
  auto const views = s.output<float, layers<2>, columns<20>>("views");
  auto const a = s.output<float, rows<6>, columns<20>>("a"),
             slice_of = s.output<float, rows<6>, columns<20>>("slice");
  auto const total = s.output<float, rows<6>, columns<20>>("sum");
  for (std::size_t i = 0; i < 6; ++i)
    for (std::size_t j = 0; j < 20; ++j) {
      float const want[] = {x(i, j) + 1, x(i, j) * 2, x(i, j) + 1, x(i, j)};
      for (std::size_t l = 0; l < 4; ++l) {
        CHECK(stacked(l, i, j) == want[l]);
        CHECK(nested(0, l, i, j) == want[l]);
        CHECK(nested(1, l, i, j) == want[l] * 3);
      }
      CHECK(a(i, j) == want[0]);
      CHECK(slice_of(i, j) == want[1] * 3);
      CHECK(total(i, j) == doctest::Approx(want[0] + want[1] + want[2] + want[3]));
    }
  for (std::size_t j = 0; j < 20; ++j) {
    CHECK(views(0, j) == x(2, j));
    CHECK(views(1, j) == x(3, j) * 2);
  }
  // Values that are the stack's own parts cost no copy: x and the second a are copied.
  std::size_t copies = 0;
  for (auto const& block : program.blocks) copies += block.bytes == 6 * 20 * sizeof(float) ? 1 : 0;
  CHECK(copies <= 5);
}

TEST_CASE("axes of extent one merge wherever they lie") {
  auto const x = filled<tensor<float, rows<3>, layers<1>, columns<4>>>(1);
  auto const rows_first = merge<rows, layers, heads>(part<columns, 1, 2>(x));
  auto const layers_first = merge<layers, rows, heads>(part<columns, 1, 2>(x));
  static_assert(extent_of<shape_of<decltype(rows_first)>, heads> == 3);
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(rows_first(i, 1) == x(i, 0, 2));
    CHECK(layers_first(i, 0) == x(i, 0, 1));
  }
}

TEST_CASE("stacks of views") {
  auto const x = filled<tensor<float, rows<3>, columns<4>>>(1);
  auto const turned = stack<layers>(std::array{slice<rows>(x, 2), slice<rows>(x, 0)});
  CHECK(turned(0, 3) == x(2, 3));
  CHECK(turned(1, 0) == x(0, 0));
}

TEST_CASE("stacks of tensors") {
  using matrix = tensor<float, rows<2>, columns<3>>;
  auto const all = stack<layers>(std::array{filled<matrix>(1), filled<matrix>(2)});
  static_assert(std::is_same_v<shape_of<decltype(all)>, shape<layers<2>, rows<2>, columns<3>>>);
  CHECK(all(1, 1, 2) == filled<matrix>(2)(1, 2));
  CHECK(all(0, 1, 0) == filled<matrix>(1)(1, 0));
}

TEST_CASE("stacks of values of several types") {
  auto const x = filled<tensor<float, rows<2>, columns<3>>>(1);
  auto const turned = filled<tensor<float, columns<3>, rows<2>>>(2);
  auto const one = stack<heads>(turned);
  auto const all = stack<layers>(x, turned, x * 2, slice<heads>(one, 0));
  static_assert(std::is_same_v<shape_of<decltype(all)>, shape<layers<4>, rows<2>, columns<3>>>);
  for (std::size_t i = 0; i < 2; ++i)
    for (std::size_t j = 0; j < 3; ++j) {
      CHECK(all(0, i, j) == x(i, j));
      CHECK(all(1, i, j) == turned(j, i));
      CHECK(all(2, i, j) == 2 * x(i, j));
      CHECK(all(3, i, j) == turned(j, i));
    }
}

TEST_CASE("stacks of expressions, on tensors and in recordings") {
  auto const x = filled<tensor<float, rows<3>>>(1);
  auto const here = stack<layers>(std::array{x * 2, x * 3});
  auto const program = record_now([](recorder& r) {
    auto const y = r.input<float, rows<3>>("x");
    r.output("stacked", stack<layers>(std::array{y * 2, y * 3}));
  });
  parameter_block none(0);
  session s(program, none);
  std::ranges::copy(x.elements(), s.input_elements<float>("x").begin());
  s.run();
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(here(0, i) == 2 * x(i));
    CHECK(here(1, i) == 3 * x(i));
  }
  CHECK(std::ranges::equal(s.output_elements<float>("stacked"), here.elements()));
}

TEST_CASE("a weight is stacked beside recorded values") {
  static constexpr parameter<columns<4>> weight{.offset = 0};
  auto const program = record_now([](recorder& r) {
    auto const x = r.input<float, columns<4>>("x");
    r.output("first", stack<rows>(x, weight));
    r.output("last", stack<rows>(weight, keep(x * 2)));
  });
  parameter_block block(4);
  for (std::size_t i = 0; i < 4; ++i) block.values()[i] = 10 + static_cast<float>(i);
  session s(program, block);
  for (std::size_t i = 0; i < 4; ++i) s.input_elements<float>("x")[i] = static_cast<float>(i);
  s.run();
  auto const first = s.output<float, rows<2>, columns<4>>("first"),
             last = s.output<float, rows<2>, columns<4>>("last");
  for (std::size_t i = 0; i < 4; ++i) {
    auto const x = static_cast<float>(i);
    CHECK(first(0, i) == x);
    CHECK(first(1, i) == 10 + x);
    CHECK(last(0, i) == 10 + x);
    CHECK(last(1, i) == 2 * x);
  }
}
