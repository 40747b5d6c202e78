// SPDX-License-Identifier: BSL-1.0
// Random numbers: Philox against the vectors that its authors published, and dropout, which draws its masks
// from it.
#include "tenon/cpu/random.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <cstdint>
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
