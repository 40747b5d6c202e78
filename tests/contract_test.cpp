// SPDX-License-Identifier: BSL-1.0
// Contractions against plain loops: every role that an axis can play, every order in memory, views, sizes
// that are cut into chunks.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

#include "testing.hpp"

namespace {
using namespace tenon;
using namespace testing;

/// Σ over all axes of the union of X and Y that Out lacks, one element after another, in double.
template <class Out, class X, class Y>
std::vector<double> plain(X const& x, Y const& y) {
  using all = unite_t<operation::dot, shape_of<X>, shape_of<Y>>;
  constexpr auto xs = strides_in<shape_of<X>, typename X::layout, all>::values;
  constexpr auto ys = strides_in<shape_of<Y>, typename Y::layout, all>::values;
  constexpr auto os = strides_in<Out, row_major<Out>, all>::values;
  std::vector<double> result(Out::size);
  auto const *const xp = x.data(), *const yp = y.data();
  auto* const op = result.data();
  std::size_t at[all::rank + 1] = {}, a = 0, b = 0, o = 0;
  for (std::size_t i = 0; i < all::size; ++i) {
    op[o] += static_cast<double>(xp[a]) * static_cast<double>(yp[b]);
    for (std::size_t d = all::rank; d-- > 0;) {  // the next element: as an odometer, the last axis first
      a += xs[d], b += ys[d], o += os[d];
      if (++at[d] < all::extents[d]) break;
      a -= at[d] * xs[d], b -= at[d] * ys[d], o -= at[d] * os[d];
      at[d] = 0;
    }
  }
  return result;
}

template <class T, class X, class Y, template <std::size_t> class... Name>
double dot_error(names<Name...>) {
  auto const x = filled<tensor_of<T, X>>(1);
  auto const y = filled<tensor_of<T, Y>>(2);
  auto const got = dot<Name...>(x, y);
  using Out = shape_of<decltype(got)>;
  return worst(got.elements(), plain<Out>(x, y)) /
         rounding<T>(unite_t<operation::dot, X, Y>::size / Out::size);
}
template <class X, class Y, template <std::size_t> class... Name>
double dot_errors() {
  return std::max(dot_error<float, X, Y>(names<Name...>{}), dot_error<double, X, Y>(names<Name...>{}));
}
/// Σ_k x(i, k) · w(j, k) for `rows` rows of x, whose element (i, k) is x[i * row + k * column]; w is dense.
std::vector<double> plain_linear(std::span<float const> x, std::size_t rows, std::size_t row,
                                 std::size_t column, std::span<float const> w, std::size_t outputs) {
  std::size_t const depth = w.size() / outputs;
  std::vector<double> result(rows * outputs);
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t j = 0; j < outputs; ++j)
      for (std::size_t k = 0; k < depth; ++k)
        result[i * outputs + j] += double{x[i * row + k * column]} * double{w[j * depth + k]};
  return result;
}
}  // namespace

TEST_CASE("products of matrices and vectors in every order") {
  using x = shape<rows<33>, columns<20>>;
  using xt = shape<columns<20>, rows<33>>;
  using y = shape<columns<20>, layers<17>>;
  using yt = shape<layers<17>, columns<20>>;
  CHECK(dot_errors<x, y, columns>() < 1);
  CHECK(dot_errors<x, yt, columns>() < 1);
  CHECK(dot_errors<xt, y, columns>() < 1);
  CHECK(dot_errors<xt, yt, columns>() < 1);
  CHECK(dot_errors<x, shape<columns<20>>, columns>() < 1);
  CHECK(dot_errors<xt, shape<columns<20>>, columns>() < 1);
  CHECK(dot_errors<shape<columns<20>>, x, columns>() < 1);
  CHECK(dot_errors<shape<columns<20>>, shape<columns<20>>, columns>() < 1);
  CHECK(dot_errors<shape<rows<200>, columns<300>>, shape<columns<300>>, columns>() < 1);
  CHECK(dot_errors<shape<columns<300>, rows<200>>, shape<columns<300>>, columns>() < 1);
  CHECK(dot_errors<shape<columns<300>>, shape<rows<200>, columns<300>>, columns>() < 1);
  CHECK(dot_errors<shape<columns<40'000>>, shape<columns<40'000>>, columns>() < 1);
  CHECK(dot_errors<shape<rows<1>, columns<20>>, shape<columns<20>, layers<64>>, columns>() < 1);
  CHECK(dot_errors<shape<rows<64>, columns<1>>, shape<columns<1>, layers<64>>, columns>() < 1);
  static_assert(
      std::is_same_v<shape_of<decltype(dot<columns>(tensor_of<float, xt>{}, tensor_of<float, yt>{}))>,
                     shape<rows<33>, layers<17>>>);
}

TEST_CASE("batches of products, the batch axis outside, between and inside") {
  CHECK(dot_errors<shape<heads<5>, rows<33>, columns<20>>, shape<heads<5>, columns<20>, layers<17>>,
                   columns>() < 1);
  CHECK(dot_errors<shape<rows<33>, heads<5>, columns<20>>, shape<heads<5>, columns<20>, layers<17>>,
                   columns>() < 1);
  CHECK(dot_errors<shape<rows<33>, columns<20>, heads<5>>, shape<columns<20>, layers<17>, heads<5>>,
                   columns>() < 1);
  CHECK(dot_errors<shape<heads<5>, columns<20>>, shape<heads<5>, columns<20>, layers<17>>, columns>() < 1);
  CHECK(dot_errors<shape<heads<40>, columns<50>>, shape<heads<40>, columns<50>, layers<60>>, columns>() < 1);
  CHECK(dot_errors<shape<heads<5>, columns<20>>, shape<heads<5>, columns<20>>, columns>() < 1);
  CHECK(dot_errors<shape<sides<3>, heads<5>, rows<9>, columns<20>>, shape<heads<5>, columns<20>, layers<17>>,
                   columns>() < 1);
}

TEST_CASE("several summed and several free axes") {
  using x = shape<rows<9>, heads<3>, columns<20>>;
  CHECK(dot_errors<x, shape<heads<3>, columns<20>, layers<17>>, heads, columns>() < 1);
  CHECK(dot_errors<x, shape<columns<20>, heads<3>, layers<17>>, heads, columns>() < 1);
  CHECK(dot_errors<x, shape<columns<20>, layers<17>, heads<3>>, columns, heads>() < 1);
  CHECK(
      dot_errors<shape<rows<9>, sides<4>, columns<20>>, shape<layers<17>, heads<3>, columns<20>>, columns>() <
      1);
  CHECK(
      dot_errors<shape<columns<20>, rows<9>, sides<4>>, shape<layers<17>, columns<20>, heads<3>>, columns>() <
      1);
  CHECK(dot_errors<x, x, rows, heads, columns>() < 1);
  CHECK(dot_errors<shape<rows<2>, columns<3>>, shape<columns<3>, layers<2>>, columns>() < 1);
}

TEST_CASE("products large enough to be cut along rows, columns or the batch") {
  CHECK(dot_errors<shape<rows<700>, columns<128>>, shape<columns<128>, layers<150>>, columns>() < 1);
  CHECK(dot_errors<shape<rows<150>, columns<128>>, shape<columns<128>, layers<700>>, columns>() < 1);
  CHECK(dot_errors<shape<columns<128>, rows<700>>, shape<layers<201>, columns<128>>, columns>() < 1);
  CHECK(dot_errors<shape<heads<16>, rows<64>, columns<128>>, shape<heads<16>, columns<128>, layers<130>>,
                   columns>() < 1);
}

#if defined(OPENBLAS_VERSION) && defined(__FMA__)
// The test unit.contract_without_blas pins OpenBLAS to such kernels.
TEST_CASE("a BLAS library that takes the processor for an old one is known") {
  std::string_view const kernels = openblas_get_corename();
  char const* const pinned = std::getenv("OPENBLAS_CORETYPE");
  if (pinned != nullptr && std::string_view(pinned) == "Prescott") CHECK(cpu::blas_is_outdated());
  for (std::string_view const known : {"Haswell", "Zen", "SkylakeX", "Cooperlake"})
    if (kernels == known) CHECK(!cpu::blas_is_outdated());
}
#endif

TEST_CASE("left operands stored by columns, which are copied tile by tile") {
  // More rows than columns, so that these are not cut: a rest beside the tiles, several blocks, also of
  // depth.
  CHECK(dot_errors<shape<columns<300>, rows<301>>, shape<columns<300>, layers<259>>, columns>() < 1);
  CHECK(dot_errors<shape<columns<257>, rows<311>>, shape<layers<300>, columns<257>>, columns>() < 1);
  CHECK(dot_errors<shape<columns<64>, rows<283>>, shape<columns<64>, layers<256>>, columns>() < 1);
}

TEST_CASE("a weight that is packed, and a left operand stored by columns") {
  using weight = parameter<layers<259>, from<columns<300>>>;
  auto const program = record_now([](recorder& r) {
    auto const x = r.input<float, columns<300>, rows<311>>("x");
    r.output("first", linear(x, weight{.offset = 0}));
    r.output("second", linear(keep(x * 2), weight{.offset = 0}));
  });
  parameter_block block(weight::shape_type::size);
  fill(block.values(), 1, -1, 1);
  session s(program, block, 2);
  fill(s.input_elements<float>("x"), 2, -1, 1);
  s.run();
  auto want = plain_linear(s.input_elements<float>("x"), 311, 1, 311, block.values(), 259);
  CHECK(worst(s.output_elements<float>("first"), want) < rounding<float>(300));
  for (auto& v : want) v *= 2;
  CHECK(worst(s.output_elements<float>("second"), want) < rounding<float>(2 * 300));
}

TEST_CASE("a weight that one product of many rows uses is packed once") {
  using weight = parameter<layers<96>, from<columns<256>>>;
  auto const program = record_now([](recorder& r) {
    auto const x = r.input<float, rows<1000>, columns<256>>("x");
    r.output("y", linear(x, weight{.offset = 0}));
  });
  CHECK(program.calls.size() == 2);
  CHECK(program.calls[0].name == std::string_view("pack weight"));
  parameter_block block(weight::shape_type::size);
  fill(block.values(), 1, -1, 1);
  session s(program, block, 2);
  fill(s.input_elements<float>("x"), 2, -1, 1);
  s.run();
  auto const want = plain_linear(s.input_elements<float>("x"), 1000, 256, 1, block.values(), 96);
  CHECK(worst(s.output_elements<float>("y"), want) < rounding<float>(256));
}

TEST_CASE_TEMPLATE("linear maps with bias, of views with longer rows", T, float, double) {
  auto const x = filled<tensor<T, rows<33>, columns<30>>>(1);
  auto const w = filled<tensor<T, layers<25>, from<columns<20>>>>(2);
  auto const wt = filled<tensor<T, from<columns<20>>, layers<25>>>(3);
  auto const b = filled<tensor<T, layers<17>>>(4);
  auto const left = part<columns, 4, 20>(x);
  auto const middle = part<layers, 5, 17>(w);
  tensor<T, rows<33>, layers<17>> const plain_map = linear(left, middle), with_bias = linear(left, middle, b);
  tensor<T, layers<17>, rows<33>> const other = linear(left, part<layers, 5, 17>(wt), b);
  tensor<T, rows<33>, layers<17>> const computed = linear(left * 2, middle + 0, b * 3 + 1);
  double error = 0;
  for (std::size_t i = 0; i < 33; ++i)
    for (std::size_t j = 0; j < 17; ++j) {
      double want = 0, turned = b(j);
      for (std::size_t k = 0; k < 20; ++k) {
        want += static_cast<double>(x(i, k + 4)) * static_cast<double>(w(j + 5, k));
        turned += static_cast<double>(x(i, k + 4)) * static_cast<double>(wt(k, j + 5));
      }
      error = std::max({error, std::abs(plain_map(i, j) - want), std::abs(with_bias(i, j) - want - b(j)),
                        std::abs(other(j, i) - turned), std::abs(computed(i, j) - 2 * want - 3 * b(j) - 1)});
    }
  CHECK(error < rounding<T>(40));
  // A map between axes of one name, and one that keeps further axes.
  auto const square = filled<tensor<T, columns<20>, from<columns<20>>>>(5);
  auto const batch_of = filled<tensor<T, heads<3>, columns<20>, rows<7>>>(6);
  tensor<T, heads<3>, rows<7>, columns<20>> const mapped = linear(batch_of, square);
  static_assert(
      std::is_same_v<shape_of<decltype(linear(batch_of, square))>, shape<heads<3>, rows<7>, columns<20>>>);
  double want = 0;
  for (std::size_t k = 0; k < 20; ++k)
    want += static_cast<double>(batch_of(2, k, 6)) * static_cast<double>(square(11, k));
  CHECK(mapped(2, 6, 11) == doctest::Approx(want).epsilon(1e-5));
}

TEST_CASE("slices and transposed views as operands") {
  auto const x = filled<tensor<float, sides<3>, rows<33>, columns<20>>>(1);
  auto const y = filled<tensor<float, columns<20>, sides<3>, layers<17>>>(2);
  auto const a = slice<sides>(x, 1);
  auto const b = slice<sides>(y, 2);
  auto const c = slice<sides>(arrange<layers, columns, sides>(y), 0);
  CHECK(worst(dot<columns>(a, b).elements(), plain<shape<rows<33>, layers<17>>>(a, b)) < 1e-5);
  CHECK(worst(dot<columns>(b, a).elements(), plain<shape<layers<17>, rows<33>>>(b, a)) < 1e-5);
  CHECK(worst(dot<columns>(a, c).elements(), plain<shape<rows<33>, layers<17>>>(a, c)) < 1e-5);
  auto const inner = slice<columns>(x, 3);  // no axis of stride one: element by element
  auto const z = filled<tensor<float, rows<33>, layers<17>>>(3);
  CHECK(worst(dot<rows>(inner, z).elements(), plain<shape<sides<3>, layers<17>>>(inner, z)) < 1e-5);
  auto const far = slice<layers>(y, 0);
  CHECK(worst(dot<columns>(far, x).elements(), plain<shape<sides<3>, rows<33>>>(far, x)) < 1e-5);
}

TEST_CASE("a weight that a program uses twice is packed once, whatever it does not divide by") {
  using weight =
      parameter<columns<1001>, from<sides<300>>>;  // panels, blocks of depth, and chunks of columns
  constexpr std::size_t count = weight::shape_type::size;
  auto const program = record_now([](recorder& r) {
    auto const x = r.input<float, rows<64>, sides<300>>("x");
    r.output("first", linear(x, weight{.offset = 0}));
    r.output("second", linear(keep(x * 2), weight{.offset = 0}));
  });
  std::size_t packs = 0;
  for (auto const& c : program.calls) packs += std::string_view(c.name) == "pack weight" ? 1 : 0;
  CHECK(packs == 1);
  parameter_block block(count);
  fill(block.values(), 1, -1, 1);
  for (std::size_t threads : {1U, 2U}) {
    session s(program, block, threads);
    fill(s.input_elements<float>("x"), 2, -1, 1);
    s.run();
    auto const first = s.output_elements<float>("first"), second = s.output_elements<float>("second");
    std::vector<float> half(second.begin(), second.end());
    for (auto& v : half) v /= 2;
    CHECK(worst(half, first) < 1e-5);
    auto want = plain_linear(s.input_elements<float>("x"), 64, 300, 1, block.values(), 1001);
    for (auto& v : want) v *= 2;
    CHECK(worst(second, want) < rounding<float>(2 * 300));
  }
}

TEST_CASE("a table that three weights map gets into their gradients, packed or not") {
  // The gradients wait for each other, and none may be moved to before the packing of its table.
  static constexpr parameter<rows<12>, columns<48>> table{.offset = 0};
  using weight = parameter<layers<32>, from<columns<48>>>;
  constexpr std::size_t table_size = 12 * 48, size = weight::shape_type::size;
  constexpr std::size_t count = table_size + 3 * size;
  auto const at = [](std::size_t i) { return weight{.offset = (table_size + i * size) * sizeof(float)}; };
  auto const program = record_now([&](recorder& r) {
    auto const x = gather<rows>(table, r.input<std::int32_t, sides<40>>("ids"));
    auto const y0 = linear(x, at(0)), y1 = linear(x, at(1)), y2 = linear(x, at(2));
    minimise(r, keep(sum(y0 * y0) + sum(y1 * y1) + sum(y2 * y2)), count, sgd{.learning_rate = 1});
  });
  parameter_block block(count);
  fill(block.values(), 1, -0.1, 0.1);
  std::vector<float> const before(block.values().begin(), block.values().end());
  session s(program, block);
  auto const ids = s.input_elements<std::int32_t>("ids");
  for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<std::int32_t>(i * 7 % 12);
  s.run();
  std::vector<double> want(3 * size), got(3 * size);
  for (std::size_t w = 0; w < 3; ++w)
    for (std::size_t j = 0; j < 32; ++j)
      for (auto const id : ids) {
        float const* const word = &before[static_cast<std::size_t>(id) * 48];
        float const* const row = &before[table_size + w * size + j * 48];
        double y = 0;
        for (std::size_t k = 0; k < 48; ++k) y += double{word[k]} * double{row[k]};
        for (std::size_t k = 0; k < 48; ++k) want[w * size + j * 48 + k] += 2 * y * double{word[k]};
      }
  for (std::size_t i = 0; i < 3 * size; ++i)
    got[i] = double{before[table_size + i]} - double{block.values()[table_size + i]};
  CHECK(worst(got, want) < 1e-5);
}

TEST_CASE("outer products") {
  auto const x = filled<tensor<double, rows<5>, columns<3>>>(1);
  auto const y = filled<tensor<double, layers<17>>>(2);
  auto const z = outer(x, y);
  static_assert(std::is_same_v<shape_of<decltype(z)>, shape<rows<5>, columns<3>, layers<17>>>);
  CHECK(worst(z.elements(), plain<shape<rows<5>, columns<3>, layers<17>>>(x, y)) == 0);
}

TEST_CASE_TEMPLATE("a right operand packed beforehand, whatever the extents", W, float, bf16, cpu::scaled16) {
  std::uint32_t state = 1;
  auto const drawn = [&state] {
    return static_cast<float>((state = state * 1664525U + 1013904223U) >> 8) / (1 << 23) - 1;
  };
  for (std::size_t const m : {1U, 2U, 9U, 13U, 31U})
    for (std::size_t const n : {1U, 16U, 33U, 70U})
      for (std::size_t const k : {1U, 2U, 31U, 256U, 259U, 300U}) {
        CAPTURE(m);
        CAPTURE(n);
        CAPTURE(k);
        std::vector<float> a(m * k), b(k * n), c(m * n, 1.0F);
        for (auto& x : a) x = drawn();
        for (auto& x : b) x = drawn();
        std::vector<W> packed(cpu::packed_size<W>(n, k));
        cpu::pack_panels<W>(n, k, {b.data(), n, 1}, 0, cpu::panel_count(n), packed.data());
        cpu::packed_panels<W> const panels{packed.data(), 0, cpu::panel_count(n)};
        auto const known = [&](auto rows) {
          if (m == rows) cpu::multiply_known_rows<rows>(n, k, {a.data(), k, 1}, panels, true, c.data(), n);
          return m == rows;
        };
        if (!known(std::integral_constant<std::size_t, 1>{}) &&
            !known(std::integral_constant<std::size_t, 9>{}))
          cpu::multiply<W>(m, n, k, {a.data(), k, 1}, panels, true, c.data(), n);
        // One operand in 8 bits, or both: each product is off by 2^-8 of itself at most. In whole numbers an
        // element is off by half of a 32767th of the largest, which is 1 at most, and one of the other operand
        // by half of a 131071st or of a 16383rd.
        double const unit = std::is_same_v<W, float> ? 1e-7 : 1.0 / 256;
        double const of_left = m == 1 ? 1.0 / 262142 : 1.0 / 32766;
        constexpr bool scaled = std::is_same_v<W, cpu::scaled16>;
        bool near = true;
        for (std::size_t i = 0; i < m; ++i)
          for (std::size_t j = 0; j < n; ++j) {
            double sum = 1, size = 1, left = 0, right = 0;
            for (std::size_t l = 0; l < k; ++l) {
              double const product = static_cast<double>(a[i * k + l]) * static_cast<double>(b[l * n + j]);
              sum += product;
              size += std::abs(product);
              left += std::abs(static_cast<double>(a[i * k + l]));
              right += std::abs(static_cast<double>(b[l * n + j]));
            }
            double const allowed = scaled ? left / 65534 + right * of_left + 1e-6 * size : 2 * unit * size;
            near = near && std::abs(static_cast<double>(c[i * n + j]) - sum) <= allowed;
          }
        CHECK(near);
      }
}

TEST_CASE(
    "a row times frozen weights is the same to the bit, by one thread all at once or by several in parts") {
  using net = linear_layer<tenon::embedding<300>, hiddens<770>>;
  static constexpr auto dense = laid_out(net{});
  parameter_block block(parameter_count(dense));
  initialise(dense, block.values(), 3);
  for (auto const type : {element_type::float32, element_type::bfloat16, element_type::int16}) {
    auto const program = record_now([type](inference_recorder& r) {
      r.freeze_weights(type);
      r.output("y", dense(r.input<float, batch<1>, tenon::embedding<300>>("x")));
    });
    auto const joins = [](program_call const& c) { return c.joins && c.chunks == 4; };
    CHECK(std::ranges::count_if(program.view().calls, joins) == 1);
    std::vector<float> expected;
    for (std::size_t const threads : {4U, 3U, 2U, 1U}) {
      CAPTURE(threads);
      session<> s(program, block, threads);
      fill(s.input_elements<float>("x"), 5);
      s.run();
      auto const y = s.output_elements<float>("y");
      if (threads == 4) expected.assign(y.begin(), y.end());
      CHECK(std::ranges::equal(y, expected));
    }
  }
}

TEST_CASE(
    "rows that are multiplied with scaled numbers: of zeros, tiny, huge, not finite; each its own scale") {
  constexpr std::size_t n = 40, k = 2 * cpu::detail::panel_depth + 3, rows = 9, stride = k + 5;
  std::vector<float> b(k * n), left(rows * stride), one(n), many(rows * n), want(n);
  fill(std::span(b), 1);
  fill(std::span(left), 2);
  auto const at = [&](std::size_t i, std::size_t l) -> float& { return left[i * stride + l]; };
  for (std::size_t l = 0; l < k; ++l) {
    if (l < cpu::detail::panel_depth) b[l * n + 1] = 0;
    at(1, l) = 0;
    at(2, l) *= 1e-33F;
    at(3, l) *= 1e-20F;
    at(4, l) *= 1e31F;
    at(5, l) *= l < cpu::detail::panel_depth ? 1000.0F : 1e-3F;
  }
  at(6, 7) = std::numeric_limits<float>::quiet_NaN();
  at(7, k - 1) = -std::numeric_limits<float>::infinity();
  std::vector<float> packed_as_floats(cpu::packed_size<float>(n, k));
  std::vector<cpu::scaled16> packed(cpu::packed_size<cpu::scaled16>(n, k));
  cpu::strided_matrix<float> const matrix{b.data(), n, 1};
  cpu::pack_panels(n, k, matrix, 0, cpu::panel_count(n), packed_as_floats.data());
  cpu::pack_panels(n, k, matrix, 0, cpu::panel_count(n), packed.data());
  cpu::packed_panels<float> const exact{packed_as_floats.data(), 0, cpu::panel_count(n)};
  cpu::packed_panels<cpu::scaled16> const scaled{packed.data(), 0, cpu::panel_count(n)};

  cpu::multiply(rows, n, k, {left.data(), stride, 1}, scaled, false, many.data(), n);
  for (std::size_t i = 0; i < rows; ++i) {
    CAPTURE(i);
    cpu::strided_matrix<float> const row{&at(i, 0), stride, 1};
    cpu::multiply(1, n, k, row, exact, false, want.data(), n);
    cpu::multiply(1, n, k, row, scaled, false, one.data(), n);
    for (std::size_t j = 0; j < n; ++j) {
      CAPTURE(j);
      float const of_many = many[i * n + j];
      if (i == 6 || i == 7) {
        CHECK((!std::isfinite(want[j]) && !std::isfinite(one[j]) && !std::isfinite(of_many)));
        continue;
      }
      double const of_last = j == 1 ? 1e-3 : 1000;  // the column that has no weights for the first block
      double const unit = i == 1 ? 0 : i == 2 ? 1e-33 : i == 3 ? 1e-20 : i == 4 ? 1e31 : i == 5 ? of_last : 1;
      double const allowed = i == 2 ? 1e-30 : unit * 600 / 65534;
      CHECK(std::abs(static_cast<double>(one[j]) - static_cast<double>(want[j])) <= allowed);
      CHECK(std::abs(static_cast<double>(of_many) - static_cast<double>(want[j])) <= 3 * allowed);
    }
  }
}

TEST_CASE(
    "columns of scaled numbers: of nothing but zeros, tiny, huge, not finite; each block its own scale") {
  constexpr std::size_t n = 40, k = 2 * cpu::detail::panel_depth + 3;
  std::vector<float> b(k * n), packed_as_floats(cpu::packed_size<float>(n, k)), x(k, 1.0F), c(n), want(n);
  fill(std::span(b), 1);
  for (std::size_t l = 0; l < k; ++l) {
    b[l * n + 1] = 0;
    b[l * n + 2] *= 1e-33F;
    b[l * n + 3] *= 1e-20F;
    b[l * n + 4] *= 1e30F;
    b[l * n + 5] *= l < cpu::detail::panel_depth ? 1000.0F : 1e-3F;
  }
  b[7 * n + 6] = std::numeric_limits<float>::quiet_NaN();
  b[(k - 1) * n + 7] = std::numeric_limits<float>::infinity();
  std::vector<cpu::scaled16> packed(cpu::packed_size<cpu::scaled16>(n, k));
  cpu::strided_matrix<float> const matrix{b.data(), n, 1};
  cpu::pack_panels(n, k, matrix, 0, cpu::panel_count(n), packed_as_floats.data());
  cpu::pack_panels(n, k, matrix, 0, cpu::panel_count(n), packed.data());
  // Of its first block alone, and of all but its first block.
  for (bool const last : {false, true}) {
    std::fill(x.begin(), x.begin() + cpu::detail::panel_depth, last ? 0.0F : 1.0F);
    std::fill(x.begin() + cpu::detail::panel_depth, x.end(), last ? 1.0F : 0.0F);
    cpu::strided_matrix<float> const row{x.data(), k, 1};
    cpu::multiply(1, n, k, row, cpu::packed_panels<float>{packed_as_floats.data(), 0, cpu::panel_count(n)},
                  false, want.data(), n);
    cpu::multiply(1, n, k, row, cpu::packed_panels<cpu::scaled16>{packed.data(), 0, cpu::panel_count(n)},
                  false, c.data(), n);
    CHECK(c[1] == 0);
    CHECK(std::abs(c[2]) < 1e-30F);
    for (std::size_t const j : {6U, 7U}) CHECK((!std::isfinite(c[j]) && !std::isfinite(want[j])));
    for (std::size_t j = 0; j < n; ++j) {
      if (j == 1 || j == 2 || j == 6 || j == 7) continue;
      CAPTURE(j);
      double const unit = j == 3 ? 1e-20 : j == 4 ? 1e30 : j == 5 ? (last ? 1e-3 : 1000) : 1;
      CHECK(std::abs(static_cast<double>(c[j]) - static_cast<double>(want[j])) <= unit * 260 / 65534);
    }
  }
}
