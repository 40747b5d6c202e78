// SPDX-License-Identifier: BSL-1.0
// Derivatives of operations other than element-wise ones: contractions, lookups, softmax, cross entropy,
// dropout, recurrences.
#include <doctest/doctest.h>

#include "finite_differences.hpp"

namespace {
using namespace tenon;
using namespace testing;

using matrix = shape<rows<6>, columns<19>>;
constexpr double small = 1e-7;
constexpr difference_options two_threads{.samples = 12, .threads = 2, .chunked = true};
}  // namespace

TEST_CASE("contractions in all combinations of roles") {
  auto const dot_columns = [](auto&, auto x, auto y) { return dot<columns>(x, y); };
  CHECK(gradient_error<matrix, shape<columns<19>, layers<9>>>(dot_columns) < small);
  CHECK(gradient_error<matrix, shape<layers<9>, columns<19>>>(dot_columns) < small);
  CHECK(gradient_error<shape<columns<19>, rows<6>>, shape<columns<19>, layers<9>>>(dot_columns) < small);
  CHECK(gradient_error<shape<columns<19>, rows<6>>, shape<layers<9>, columns<19>>>(dot_columns) < small);
  CHECK(gradient_error<matrix, shape<columns<19>>>(dot_columns) < small);
  CHECK(gradient_error<shape<columns<19>>, matrix>(dot_columns) < small);
  CHECK(gradient_error<shape<columns<19>>, shape<columns<19>>>(dot_columns) < small);
  CHECK(gradient_error<shape<columns<2>>, shape<columns<2>, rows<3>>>(dot_columns) < small);
  // Batched, the batch axis in different places.
  CHECK(gradient_error<shape<heads<3>, rows<6>, columns<19>>, shape<heads<3>, columns<19>, layers<9>>>(
            dot_columns) < small);
  CHECK(gradient_error<shape<rows<6>, heads<3>, columns<19>>, shape<layers<9>, columns<19>, heads<3>>>(
            dot_columns) < small);
  CHECK(gradient_error<shape<heads<5>, columns<19>>, shape<heads<5>, columns<19>>>(dot_columns) < small);
  // Several axes summed, next to each other and not.
  CHECK(gradient_error<shape<rows<6>, heads<3>, columns<8>>, shape<heads<3>, columns<8>, layers<9>>>(
            [](auto&, auto x, auto y) { return dot<heads, columns>(x, y); }) < small);
  CHECK(gradient_error<shape<heads<3>, rows<6>, columns<8>>, shape<columns<8>, layers<9>, heads<3>>>(
            [](auto&, auto x, auto y) { return dot<columns, heads>(x, y); }) < small);
  CHECK(gradient_error<matrix, shape<layers<4>, heads<3>>>(
            [](auto&, auto x, auto y) { return outer(x, y); }) < small);
  // A product of a value with itself.
  CHECK(gradient_error<matrix>([](auto&, auto x) { return dot<columns>(x, rename<rows, layers>(x)); }) <
        small);
}

TEST_CASE("linear maps, of views too, with bias and large enough for several chunks") {
  using weight = shape<columns<9>, from<columns<19>>>;
  CHECK(gradient_error<matrix, weight>([](auto&, auto x, auto w) { return linear(x, w); }) < small);
  CHECK(gradient_error<matrix, weight, shape<columns<9>>>(
            [](auto&, auto x, auto w, auto b) { return linear(tanh(x), w, b); }) < small);
  // Parts of a value and of a weight: rows further apart than they are long.
  CHECK(gradient_error<shape<rows<6>, columns<23>>, shape<layers<13>, from<columns<19>>>>(
            [](auto&, auto x, auto w) { return linear(part<columns, 2, 19>(x), part<layers, 4, 9>(w)); }) <
        small);
  // Added to what is there, and to a slice of it.
  CHECK(gradient_error<matrix, weight, shape<rows<6>, columns<9>>>(
            [](auto&, auto x, auto w, auto y) { return keep(tanh(add_linear(keep(y * 2), x, w))); }) < small);
  CHECK(gradient_error<matrix, weight, shape<columns<9>, rows<6>>>(  // the axes in another order
            [](auto&, auto x, auto w, auto y) { return keep(tanh(add_linear(keep(y * 2), x, w))); }) < small);
  CHECK(gradient_error<matrix, weight, shape<layers<2>, rows<6>, columns<9>>>(
            [](auto&, auto x, auto w, auto y) {
              auto const both = keep(y * 2);
              auto const first = keep(tanh(add_linear(slice<layers>(both, 0), x, w)));
              return keep(first * tanh(add_linear(slice<layers>(both, 1), x, w)));
            }) < small);
  CHECK(gradient_error<shape<rows<300>, columns<256>>, shape<columns<200>, from<columns<256>>>>(
            [](auto&, auto x, auto w) { return linear(x, w); },
            {.samples = 4, .threads = 2, .chunked = true}) < 1e-6);
}

TEST_CASE("lookups") {
  auto const table_of = [](auto lookup) {
    return gradient_error<shape<rows<6>, columns<19>>>(lookup, {.largest = 5});
  };
  CHECK(table_of([](auto& r, auto table) {
          auto const ids = r.template input<std::int32_t, layers<4>, heads<3>>("ids");
          return keep(tanh(gather<rows>(table, ids)));
        }) < small);
  CHECK(
      table_of(
          [](auto& r,
             auto table) {  // ids in another order than they stand in memory, and a table used otherwise too
            auto const ids = r.template input<std::int32_t, layers<4>, heads<3>>("ids");
            auto const found = keep(gather<rows>(table, arrange<heads, layers>(ids)));
            return keep(exp(found) * sum<rows>(table));
          }) < small);
  // A row that is looked up twice moves both: the quotient of differences has all of its gradient.
  CHECK(table_of([](auto& r, auto table) {
          auto const ids = r.template input<std::int32_t, layers<12>, heads<3>>("ids");
          return keep(max<layers>(gather<rows>(table, ids)));
        }) < small);
  CHECK(gradient_error<shape<layers<4>, heads<3>, columns<19>>>(
            [](auto& r, auto x) {
              auto const ids = r.template input<std::int32_t, layers<4>, heads<3>>("ids");
              return keep(tanh(scatter_add<rows<6>>(exp(x), ids)));
            },
            {.largest = 5}) < small);
  // linear(gather(table)) multiplies the table when it is smaller than what is looked up.
  using weight = shape<columns<9>, from<columns<19>>>;
  CHECK(gradient_error<shape<rows<6>, columns<19>>, weight, shape<columns<9>>>(
            [](auto& r, auto table, auto w, auto b) {
              auto const ids = r.template input<std::int32_t, layers<4>, heads<3>>("ids");
              return keep(linear(gather<rows>(table, ids), w) * linear(gather<rows>(table, ids), w, b));
            },
            {.largest = 5}) < small);
  CHECK(gradient_error<shape<rows<500>, columns<190>>>(
            [](auto& r, auto table) {
              auto const ids = r.template input<std::int32_t, layers<700>>("ids");
              return keep(gather<rows>(table, ids) * 2);
            },
            {.largest = 499, .samples = 12, .threads = 2, .chunked = true}) < 1e-6);
}

TEST_CASE("attention, from scores of two kinds") {
  using queries = shape<rows<6>, columns<19>>;
  using values = shape<heads<3>, rows<6>, columns<19>>;
  CHECK(gradient_error<queries, values>([](auto& r, auto q, auto v) {
          auto const valid = r.template input<std::int32_t, rows<6>>("valid");
          auto const seen = attend<heads>(sum<columns>(tanh(q + v) * q), valid, v);
          return keep(seen.context + mean<heads>(seen.weights));
        }) < small);
  CHECK(gradient_error<shape<rows<6>, heads<3>>, values>([](auto& r, auto scores, auto v) {
          auto const valid = r.template input<std::int32_t, rows<6>>("valid");
          return attend<heads>(scores, valid, v).context;
        }) < small);
}

TEST_CASE("softmax and its logarithm, along any axis, masked") {
  CHECK(gradient_error<matrix>([](auto&, auto x) { return softmax<columns>(x * 3); }) < small);
  CHECK(gradient_error<matrix>([](auto&, auto x) { return softmax<rows>(x); }) < small);
  CHECK(gradient_error<matrix>([](auto&, auto x) { return log_softmax<columns>(x); }) < small);
  CHECK(gradient_error<matrix>([](auto&, auto x) { return log_softmax<rows>(exp(x)); }) < small);
  CHECK(gradient_error<matrix>(
            [](auto& r, auto x) {
              auto const valid = r.template input<std::int32_t, rows<6>>("valid");
              return keep(softmax<columns>(x, valid) + x);
            },
            {.largest = 19}) < small);
  CHECK(gradient_error<shape<heads<4>, columns<19>, rows<6>>>(
            [](auto& r, auto x) {
              auto const valid = r.template input<std::int32_t, rows<6>>("valid");
              return softmax<columns>(part<rows, 0, 6>(x), valid);
            },
            {.largest = 19}) < small);
  CHECK(gradient_error<shape<rows<6>, columns<33>>>([](auto&, auto x) {  // of a view with gaps
          return softmax<columns>(part<columns, 4, 19>(x));
        }) < small);
  CHECK(gradient_error<shape<rows<400>, columns<100>>>(
            [](auto&, auto x) { return softmax<columns>(tanh(x)); }, two_threads) < 1e-6);
}

TEST_CASE("cross entropy, of a part of the vocabulary, weighted") {
  difference_options const o{.largest = 18};
  CHECK(gradient_error<matrix>(
            [](auto& r, auto x) {
              auto const labels = r.template input<std::int32_t, rows<6>>("labels");
              return cross_entropy<columns>(x * 2, labels);
            },
            o) < small);
  CHECK(gradient_error<matrix>(
            [](auto& r, auto x) {  // the logits are needed elsewhere too
              auto const labels = r.template input<std::int32_t, rows<6>>("labels");
              return keep(cross_entropy<columns>(x, labels) * sum<columns>(x * x));
            },
            o) < small);
  CHECK(gradient_error<matrix>(
            [](auto& r, auto x) {  // how many are used is itself drawn
              auto const labels = r.template input<std::int32_t, rows<6>>("labels");
              auto const used = r.template input<std::int32_t>("used");
              return cross_entropy<columns>(x, labels, used);
            },
            o) < small);
  CHECK(gradient_error<matrix>(
            [](auto& r, auto x) {
              auto const labels = r.template input<std::int32_t, rows<6>>("labels");
              auto const used = r.template input<std::int32_t>("used");
              return cross_entropy<columns>(x, labels, used, label_smoothing{0.3}) +
                     2 * cross_entropy<columns>(x, labels, label_smoothing{0.1});
            },
            o) < small);
  CHECK(gradient_error<shape<layers<4>, rows<6>, columns<19>>, shape<rows<6>, layers<4>>>(
            [](auto& r, auto x, auto w) {
              auto const labels = r.template input<std::int32_t, rows<6>, layers<4>>("labels");
              return mean_cross_entropy<columns>(x, labels, abs(w));
            },
            o) < small);
  CHECK(gradient_error<shape<rows<200>, columns<400>>>(
            [](auto& r, auto x) {
              auto const labels = r.template input<std::int32_t, rows<200>>("labels");
              return cross_entropy<columns>(exp(x), labels);
            },
            {.largest = 399, .samples = 12, .threads = 2, .chunked = true}) < 1e-6);
}

TEST_CASE("dropout's gradient is its mask") {
  CHECK(gradient_error<matrix>([](auto&, auto x) { return keep(tanh(dropout(x, 0.4) * 2)); }) < small);
  CHECK(gradient_error<matrix, shape<columns<19>>>([](auto&, auto x, auto y) {
          auto const dropped = dropout(x * y, 0.3);  // used twice: the same mask
          return keep(dropped * exp(dropped));
        }) < small);
}

TEST_CASE("add_linear refuses what it would spoil") {
  auto const refused = [](auto const& make) {
    CHECK_THROWS_AS(record_now([&](recorder& r) {
                      auto const x = r.input<float, rows<16>, columns<16>>("x");
                      add_linear(make(x), x, parameter<columns<16>, from<columns<16>>>{.offset = 0});
                    }),
                    std::logic_error);
  };
  refused([](auto const& x) { return x; });
  refused([](auto const& x) { return softmax<columns>(x); });
}

TEST_CASE("add_linear refuses to read what it writes") {
  static constexpr parameter<columns<16>, from<columns<16>>> weight{.offset = 0};
  auto const recorded = [](auto const& add) {
    return record_now([&add](recorder& r) {
      auto const x = r.input<float, layers<2>, rows<16>, columns<16>>("x");
      auto const y = keep(x * 2);
      r.output("y", add(y));
    });
  };
  CHECK_THROWS_AS(recorded([](auto const& y) { return add_linear(y, y, weight); }), std::logic_error);
  CHECK_NOTHROW(
      recorded([](auto const& y) { return add_linear(slice<layers>(y, 0), slice<layers>(y, 1), weight); }));
}

TEST_CASE("one weight over five steps") {
  using state = shape<rows<16>, columns<24>>;
  using weight = shape<columns<24>, from<columns<24>>>;
  auto const step = [](auto h, auto w) { return keep(tanh(linear(h, w))); };
  CHECK(gradient_error<state, weight>([&](auto&, auto x, auto w) {
          auto h = keep(x * 1);
          for (int i = 0; i < 5; ++i) h = step(h, w);
          return h;
        }) < small);
  CHECK(gradient_error<state, weight>([&](auto&, auto x, auto w) {  // all states are stacked
          auto const first = step(x, w);
          std::array<std::remove_const_t<decltype(first)>, 5> h{first, first, first, first, first};
          for (std::size_t i = 1; i < 5; ++i) h[i] = step(h[i - 1], w);
          return keep(exp(stack<steps>(h)));
        }) < small);
}
