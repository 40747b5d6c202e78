// SPDX-License-Identifier: BSL-1.0
// Random numbers: Philox against the vectors that its authors published, and what is drawn from it: dropout's
// masks, and weights as they start.
#include "tenon/cpu/random.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include "testing.hpp"

namespace {
using namespace tenon;
using namespace testing;

struct known_answer {
  std::array<std::uint32_t, 4> counter;
  std::array<std::uint32_t, 2> key;
  std::array<std::uint32_t, 4> result;
};
// Random123's kat_vectors for philox4x32 with 10 rounds.
constexpr known_answer published[] = {
    {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
    {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
     {0xffffffff, 0xffffffff},
     {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
    {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
     {0xa4093822, 0x299f31d0},
     {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
};

using flat = tensor<float, columns<8192>>;

/// The factors that dropout multiplies with: 0 or 1 / (1 − rate).
template <class X>
X factors(double rate, std::uint64_t site) {
  X ones(1.0F);
  X const dropped = dropout(ones, rate, site);
  return dropped;
}

auto const masked = [](recorder& r) {
  auto const x = r.input<float, columns<8192>>("x");
  r.output("a", keep(dropout(x, 0.25)));
  r.output("b", keep(dropout(x, 0.25)));
};
}  // namespace

TEST_CASE("Philox gives the published answers, alone and in packs") {
  for (auto const& k : published) {
    auto const one = cpu::philox<std::uint32_t>(k.counter[0], k.counter[1], k.counter[2], k.counter[3],
                                                k.key[0], k.key[1]);
    using V = cpu::pack<std::uint32_t>;
    auto const splat = [](std::uint32_t x) { return cpu::broadcast<std::uint32_t>(x); };
    auto const many = cpu::philox<V>(splat(k.counter[0]) + cpu::iota<std::uint32_t>(), splat(k.counter[1]),
                                     splat(k.counter[2]), splat(k.counter[3]), k.key[0], k.key[1]);
    for (std::size_t w = 0; w < 4; ++w) {
      CHECK(one.word[w] == k.result[w]);
      std::array<std::uint32_t, cpu::lanes> lanes{};
      cpu::store(lanes.data(), many.word[w]);
      for (std::size_t l = 0; l < cpu::lanes; ++l) {
        auto const alone =
            cpu::philox<std::uint32_t>(k.counter[0] + static_cast<std::uint32_t>(l), k.counter[1],
                                       k.counter[2], k.counter[3], k.key[0], k.key[1]);
        CHECK(lanes[l] == alone.word[w]);
      }
    }
  }
}

TEST_CASE("sixteen bits of an element are a part of its block") {
  run_state const state{.seed = (std::uint64_t{1} << 32) + 9, .step = (std::uint64_t{7} << 32) + 5};
  for (std::uint32_t element : {0U, 1U, 15U, 16U, 112U, 127U, 128U, 12345U, 0xffffffffU}) {
    // Sixteen neighbours have sixteen blocks, eight such groups share them.
    auto const block = cpu::philox<std::uint32_t>(element / 128 * 16 + element % 16, 3, 5, 7, 9, 1);
    auto const word = block.word[element / 32 % 4];
    auto const want = element / 16 % 2 == 0 ? word & 0xffffU : word >> 16;
    CHECK(cpu::random16<std::uint32_t>(element, 3, state) == want);
    using V = cpu::pack<std::uint32_t>;
    std::array<std::uint32_t, cpu::lanes> lanes{};
    cpu::store(lanes.data(), cpu::random16<V>(cpu::broadcast<std::uint32_t>(element), 3, state));
    CHECK(lanes[cpu::lanes - 1] == want);
    constexpr auto lanes_in_pack = static_cast<std::uint32_t>(cpu::lanes);
    auto const first = element / lanes_in_pack * lanes_in_pack;
    cpu::random_cache cache;
    for (int again = 0; again < 2; ++again) {
      cpu::store(lanes.data(), cache.neighbours(first, 3, state));
      CHECK(lanes[element - first] == want);
    }
  }
}

TEST_CASE_TEMPLATE("dropout's factors are the elements' own bits, in rows of any length", N,
                   std::integral_constant<std::size_t, 1>, std::integral_constant<std::size_t, 15>,
                   std::integral_constant<std::size_t, 33>, std::integral_constant<std::size_t, 128>) {
  using wide = tensor<float, rows<40>, columns<N::value>>;
  auto const f = factors<wide>(0.25, 9);
  wide const ones(1.0F);
  tensor<float, layers<2>, rows<40>, columns<N::value>> const twice =
      dropout(ones, 0.25, 9);  // the same for both layers
  std::size_t wrong = 0;
  for (std::uint32_t i = 0; i < wide::size; ++i) {
    auto const want = cpu::random16<std::uint32_t>(i, 9, run_state{}) >= 16384 ? 1 / 0.75F : 0.0F;
    wrong +=
        f.elements()[i] != want || twice.elements()[i] != want || twice.elements()[wide::size + i] != want
            ? 1
            : 0;
  }
  CHECK(wrong == 0);
}

TEST_CASE("dropout keeps the mean and drops at its rate") {
  for (double rate : {0.0, 0.1, 0.5, 0.9}) {
    using wide = tensor<float, rows<16>, columns<8192>>;
    auto const f = factors<wide>(rate, 7);
    double dropped = 0, total = 0;
    bool others = false;
    auto const kept = static_cast<float>(1 / (1 - rate));
    for (float x : f.elements()) {
      dropped += x == 0 ? 1 : 0;
      others |= x != 0 && x != kept;
      total += x;
    }
    double const n = wide::size, deviation = std::sqrt(rate * (1 - rate) / n);
    CHECK_FALSE(others);
    CHECK(std::abs(dropped / n - rate) <= 4 * deviation);
    CHECK(std::abs(total / n - 1) <= 4 * deviation / (1 - rate) + 1e-4);
  }
}

/// Two layers as a model has them, with gates of 3 × 16 from 16 and words of 24.
struct some_layers {
  parameter<vocab<40>, embedding<24>> words{normal(1)};
  parameter<gates<3>, hiddens<16>, from<hiddens<16>>> weight_hh{uniform(1)};
  parameter<gates<3>, hiddens<16>, from<embedding<24>>> weight_ih{uniform(1)};
  parameter<hiddens<16>> bias{uniform(1)};
  parameter<> scale{uniform(1)};
  TENON_MEMBERS(some_layers, words, weight_hh, weight_ih, bias, scale)
};

/// The weights of layers that start so.
struct started {
  some_layers layers;
  parameter_block block;

  explicit started(some_layers const& how) : layers(laid_out(how)), block(parameter_count(layers)) {
    initialise(layers, block.values(), 3);
  }
  template <class P>
  std::vector<double> of(P some_layers::*weight) {
    auto const values = values_of(block.values(), layers.*weight);
    return {values.begin(), values.end()};
  }
};

double deviation(std::span<double const> values) {
  double sum = 0;
  for (double const x : values) sum += x * x;
  return std::sqrt(sum / static_cast<double>(values.size()));
}

/// How far the columns of a matrix (rows × 16) are from orthonormal.
double off_orthonormal(std::span<double const> matrix) {
  double worst = 0;
  for (std::size_t a = 0; a < 16; ++a)
    for (std::size_t b = 0; b < 16; ++b) {
      double dot = 0;
      for (std::size_t row = 0; row < matrix.size(); row += 16) dot += matrix[row + a] * matrix[row + b];
      worst = std::max(worst, std::abs(dot - (a == b ? 1 : 0)));
    }
  return worst;
}

TEST_CASE("weights start as Keras and as Flax let them") {
  some_layers layers;
  start_as_keras(layers, 30);
  started keras(layers);
  CHECK(off_orthonormal(keras.of(&some_layers::weight_hh)) < 1e-6);
  CHECK(std::ranges::max(keras.of(&some_layers::words)) <= 0.05);
  CHECK(deviation(keras.of(&some_layers::words)) == doctest::Approx(0.05 / std::sqrt(3.0)).epsilon(0.1));
  CHECK(deviation(keras.of(&some_layers::weight_ih)) ==
        doctest::Approx(std::sqrt(2.0 / (24 + 48))).epsilon(0.1));
  CHECK(deviation(keras.of(&some_layers::bias)) == 0);

  start_as_flax(layers);
  started flax(layers);
  auto const recurrent = flax.of(&some_layers::weight_hh);
  for (std::size_t gate = 0; gate < 3; ++gate)
    CHECK(off_orthonormal(std::span(recurrent).subspan(gate * 256, 256)) < 1e-6);
  CHECK(deviation(flax.of(&some_layers::words)) == doctest::Approx(1 / std::sqrt(24.0)).epsilon(0.1));
  auto const input = flax.of(&some_layers::weight_ih);
  CHECK(deviation(input) == doctest::Approx(1 / std::sqrt(24.0)).epsilon(0.1));
  CHECK(std::ranges::max(input) < 2 / std::sqrt(24.0) / 0.879);
  CHECK(deviation(flax.of(&some_layers::bias)) == 0);
  CHECK(flax.of(&some_layers::scale)[0] != 0);
}

TEST_CASE("orthogonal matrices of a number of rows that a weight has no multiple of are refused") {
  struct net_type {
    parameter<hiddens<4>, from<hiddens<4>>> weight{orthogonal(3)};
    TENON_MEMBERS(net_type, weight)
  };
  std::vector<float> values(16);
  CHECK_THROWS_AS(initialise(laid_out(net_type{}), values, 1), std::logic_error);
}

TEST_CASE("orthogonal matrices that are wider than high have orthonormal rows") {
  some_layers layers;
  layers.weight_ih.init = orthogonal(12);
  started wide(layers);
  auto const values = wide.of(&some_layers::weight_ih);
  for (std::size_t matrix = 0; matrix < 4; ++matrix)
    for (std::size_t a = 0; a < 12; ++a)
      for (std::size_t b = 0; b < 12; ++b) {
        double dot = 0;
        for (std::size_t i = 0; i < 24; ++i)
          dot += values[(matrix * 12 + a) * 24 + i] * values[(matrix * 12 + b) * 24 + i];
        REQUIRE(dot == doctest::Approx(a == b ? 1 : 0).epsilon(1e-6));
      }
}

TEST_CASE("an element's number depends on nothing but seed, step, site and element") {
  // Whatever the loop around it looks like: the same elements as one long axis, as rows, transposed.
  auto const f = factors<flat>(0.3, 2);
  auto const by_rows = factors<tensor<float, rows<64>, columns<128>>>(0.3, 2);
  CHECK(worst(f.elements(), by_rows.elements()) == 0);
  tensor<float, rows<64>, columns<128>> const ones(1.0F);
  tensor<float, columns<128>, rows<64>> const turned = dropout(ones, 0.3, 2);
  tensor<float, rows<64>> const total = sum<columns>(dropout(ones, 0.3, 2));
  double difference = 0, sums = 0;
  for (std::size_t i = 0; i < 64; ++i) {
    float row = 0;
    for (std::size_t j = 0; j < 128; ++j) {
      difference += std::abs(turned(j, i) - by_rows(i, j));
      row += by_rows(i, j);
    }
    sums = std::max<double>(sums, std::abs(row - total(i)));
  }
  CHECK(difference == 0);
  CHECK(sums < 1e-3);
  CHECK(worst(f.elements(), factors<flat>(0.3, 3).elements()) > 0.1);
}

TEST_CASE("programs draw anew at each step, site and seed, and again the same") {
  auto const program = record_now(masked);
  parameter_block block(0);
  auto const draw = [&](std::uint64_t seed, std::uint64_t step, std::size_t threads) {
    block.steps = step;
    session s(program, block, threads);
    s.seed(seed);
    fill(s.input_elements<float>("x"), 1, 1, 2);
    s.run();
    std::array<std::vector<float>, 2> result;
    auto const a = s.output_elements<float>("a"), b = s.output_elements<float>("b");
    result[0].assign(a.begin(), a.end());
    result[1].assign(b.begin(), b.end());
    return result;
  };
  auto const first = draw(1, 0, 1);
  CHECK(first == draw(1, 0, 1));
  CHECK(first == draw(1, 0, 2));
  CHECK(first[0] != first[1]);
  auto const next = draw(1, 1, 1), late = draw(1, std::uint64_t{1} << 32, 1), other = draw(2, 0, 1);
  CHECK(first[0] != next[0]);
  CHECK(first[0] != late[0]);
  CHECK(first[0] != other[0]);
  std::size_t both = 0;  // of two independent masks at rate 1/4 a sixteenth is dropped by both
  for (std::size_t i = 0; i < flat::size; ++i) both += first[0][i] == 0 && first[1][i] == 0 ? 1 : 0;
  CHECK(static_cast<double>(both) == doctest::Approx(flat::size / 16.0).epsilon(0.2));
}
