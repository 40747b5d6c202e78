// SPDX-License-Identifier: BSL-1.0
// Packs: rounding, partial loads and stores, strides, masks, folds; and bf16, which packs load and store.
#include "tenon/cpu/pack.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "tenon/element.hpp"

namespace {
namespace cpu = tenon::cpu;
using tenon::bf16;

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

float from_bits(std::uint32_t b) {
  return __builtin_bit_cast(float, b);
}
bool same(float a, float b) {
  return __builtin_bit_cast(std::uint32_t, a) == __builtin_bit_cast(std::uint32_t, b) ||
         (std::isnan(a) && std::isnan(b));
}
}  // namespace

TEST_CASE("round goes to even, floor down; both keep what is whole already") {
  for (float x :
       {0.0f, -0.0f, 0.5f, -0.5f, 1.5f, 2.5f, -2.5f, 0.49999997f, 8388607.5f, 8388609.0f, -1e30f, infinity}) {
    CAPTURE(x);
    std::array<float, cpu::lanes> rounded{}, floored{};
    cpu::store(rounded.data(), cpu::round(cpu::broadcast(x)));
    cpu::store(floored.data(), cpu::floor(cpu::broadcast(x)));
    for (float v : rounded) CHECK(same(v, std::nearbyint(x)));
    for (float v : floored) CHECK(same(v, std::floor(x)));
    CHECK(same(cpu::round(x), std::nearbyint(x)));
    CHECK(same(cpu::floor(x), std::floor(x)));
  }
  CHECK(std::isnan(cpu::round(not_a_number)));
  CHECK(std::isnan(cpu::floor(not_a_number)));
  CHECK(cpu::floor(-1.25) == -2.0);
  CHECK(cpu::round(4503599627370495.5) == 4503599627370496.0);
}

TEST_CASE_TEMPLATE("partial loads and stores touch n elements and no more", T, float, double, std::int32_t,
                   std::uint32_t, bf16) {
  for (std::size_t n = 0; n <= cpu::lanes; ++n) {
    CAPTURE(n);
    // Of exactly n elements, so that a sanitiser sees a read or a write too far.
    std::vector<T> source(n), target(n);
    for (std::size_t l = 0; l != n; ++l) source[l] = static_cast<T>(static_cast<float>(l + 1));
    auto const v = cpu::load_partial(source.data(), n);
    std::array<T, cpu::lanes + 1> all{};
    all.fill(static_cast<T>(43.0f));
    cpu::store(all.data(), v);
    for (std::size_t l = 0; l != cpu::lanes; ++l) CHECK(all[l] == (l < n ? source[l] : static_cast<T>(0.0f)));
    CHECK(all[cpu::lanes] == static_cast<T>(43.0f));
    all.fill(static_cast<T>(43.0f));
    cpu::store_partial(all.data(), v, n);
    for (std::size_t l = 0; l != cpu::lanes; ++l)
      CHECK(all[l] == (l < n ? source[l] : static_cast<T>(43.0f)));
    cpu::store_partial(target.data(), v, n);
    CHECK(std::equal(source.begin(), source.end(), target.begin()));
  }
}

TEST_CASE_TEMPLATE("gather and scatter step by their stride", T, float, double, std::int32_t, bf16) {
  std::vector<T> memory(3 * cpu::lanes + 3), back(3 * cpu::lanes, static_cast<T>(0.0f));
  for (std::size_t i = 0; i != memory.size(); ++i) memory[i] = static_cast<T>(static_cast<float>(i));
  auto const v = cpu::gather(memory.data() + 1, 3);
  cpu::scatter(back.data() + 1, 3, v);
  for (std::size_t i = 0; i != back.size(); ++i)
    CHECK(back[i] == (i % 3 == 1 ? memory[i] : static_cast<T>(0.0f)));
  std::array<T, cpu::lanes> lane{};
  cpu::store(lane.data(), cpu::gather(memory.data() + 5, 0));
  for (T x : lane) CHECK(x == memory[5]);
  cpu::store(lane.data(), cpu::gather(memory.data() + memory.size() - 1, -1));
  for (std::size_t l = 0; l != cpu::lanes; ++l) CHECK(lane[l] == memory[memory.size() - 1 - l]);
}

TEST_CASE("select, conversions, min, max, abs") {
  auto const x = cpu::iota<float>() - 2.0f;
  auto const wide = cpu::convert<double>(x);
  std::array<float, cpu::lanes> f{};
  std::array<double, cpu::lanes> d{};
  std::array<std::int32_t, cpu::lanes> i{};
  cpu::store(d.data(), cpu::select(x < 0.0f, -wide, wide + 0.5));  // a mask of floats selects doubles
  cpu::store(f.data(), cpu::select(wide < 0.0, cpu::broadcast(9.0f), x));
  cpu::store(i.data(), cpu::convert<std::int32_t>(x * 1.5f));
  for (std::size_t l = 0; l != cpu::lanes; ++l) {
    float const v = static_cast<float>(l) - 2.0f;
    CHECK(d[l] == (v < 0.0f ? -static_cast<double>(v) : static_cast<double>(v) + 0.5));
    CHECK(f[l] == (v < 0.0f ? 9.0f : v));
    CHECK(i[l] == static_cast<std::int32_t>(v * 1.5f));
  }
  cpu::store(f.data(), cpu::max(cpu::min(x, cpu::broadcast(1.0f)), cpu::broadcast(-1.0f)));
  cpu::store(i.data(), cpu::abs(cpu::iota<std::int32_t>() - 2));
  cpu::store(d.data(), cpu::abs(wide));
  for (std::size_t l = 0; l != cpu::lanes; ++l) {
    float const v = static_cast<float>(l) - 2.0f;
    CHECK(f[l] == std::clamp(v, -1.0f, 1.0f));
    CHECK(static_cast<float>(i[l]) == std::abs(v));
    CHECK(static_cast<float>(d[l]) == std::abs(v));
  }
  cpu::store(f.data(), cpu::broadcast(-0.0f));
  for (float v : f) CHECK(same(v, -0.0f));
  for (float v : {not_a_number, 1.0f}) {
    CHECK(same(cpu::max(1.0f, v), v));  // b where either is a NaN
    CHECK(same(cpu::min(1.0f, v), v));
    CHECK(cpu::max(v, 1.0f) == 1.0f);
  }
}

// Not inlined, so that no value is known and the compiler has to choose its instructions.
template <class T>
[[gnu::noinline]] void copy_signs(T const* in, T* first, T* second) {
  auto const x = cpu::load(in);
  auto const larger = cpu::abs(x) + T{1};
  cpu::store(first, cpu::select(x * x < T{1}, cpu::copy_sign(larger, x), x));
  cpu::store(second, cpu::select(x * x < T{1}, larger, cpu::copy_sign(larger, x)));
}

TEST_CASE_TEMPLATE("a copied sign survives a select of the same operands", T, float, double) {
  std::array<T, cpu::lanes> given{}, first{}, second{};
  for (std::size_t l = 0; l != cpu::lanes; ++l) given[l] = static_cast<T>(0.3) * (static_cast<T>(l) - T{7.5});
  copy_signs(given.data(), first.data(), second.data());
  for (std::size_t l = 0; l != cpu::lanes; ++l) {
    bool const small = given[l] * given[l] < T{1};
    T const larger = std::abs(given[l]) + T{1}, expected = std::copysign(larger, given[l]);
    CHECK(first[l] == (small ? expected : given[l]));
    CHECK(second[l] == (small ? larger : expected));
  }
}

TEST_CASE("sum and max_of over the lanes") {
  float const n = static_cast<float>(cpu::lanes);
  CHECK(cpu::sum(cpu::iota<float>()) == n * (n - 1.0f) / 2.0f);
  CHECK(cpu::sum(cpu::iota<double>() * 0.5) == static_cast<double>(n * (n - 1.0f)) / 4.0);
  CHECK(cpu::sum(cpu::iota<std::int32_t>()) == static_cast<std::int32_t>(cpu::lanes * (cpu::lanes - 1) / 2));
  std::array<float, cpu::lanes> lane{};
  for (std::size_t l = 0; l != cpu::lanes; ++l) {
    lane.fill(-3.0f);
    lane[l] = -2.0f;
    CHECK(cpu::max_of(cpu::load(lane.data())) == -2.0f);
  }
}

TEST_CASE("bf16 rounds to nearest even, alone and in packs") {
  static_assert(bf16{1.0f}.bits == 0x3f80);
  static_assert(static_cast<float>(bf16::from_bits(0xc049)) == -3.140625f);
  CHECK(bf16{from_bits(0x3f808000)}.bits == 0x3f80);  // ties
  CHECK(bf16{from_bits(0x3f818000)}.bits == 0x3f82);
  CHECK(bf16{from_bits(0x3f808001)}.bits == 0x3f81);
  CHECK(bf16{std::numeric_limits<float>::max()}.bits == 0x7f80);
  CHECK(std::isnan(static_cast<float>(bf16{from_bits(0x7f800001)})));  // would be an infinity if cut off
  CHECK(std::isnan(static_cast<float>(bf16{from_bits(0xffffffff)})));  // would wrap to 0 if rounded
  std::array<bf16, cpu::lanes> stored{};
  std::array<float, cpu::lanes> x{}, back{};
  for (std::uint64_t b = 0; b < 0x100000000u;
       b += 0x10000) {  // every exponent and sign, with four low halves
    constexpr std::array<std::uint32_t, 4> low{0x0001, 0x7fff, 0x8000, 0xffff};
    for (std::size_t l = 0; l != cpu::lanes; ++l)
      x[l] = from_bits(static_cast<std::uint32_t>(b) | low[l % 4]);
    cpu::store(stored.data(), cpu::load(x.data()));
    cpu::store(back.data(), cpu::load(stored.data()));
    for (std::size_t l = 0; l != cpu::lanes; ++l) {
      REQUIRE(stored[l].bits == bf16{x[l]}.bits);
      REQUIRE(same(back[l], static_cast<float>(stored[l])));
    }
  }
}
