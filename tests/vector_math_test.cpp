// SPDX-License-Identifier: BSL-1.0
// The elementary functions on packs and scalars: accuracy over dense sweeps, special values, partial loads
// and stores.
#include "tenon/cpu/vector_math.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include "tenon/cpu/pack.hpp"

namespace {
namespace cpu = tenon::cpu;
namespace math = tenon::math;

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();
constexpr float smallest_normal = std::numeric_limits<float>::min();
constexpr float smallest = std::numeric_limits<float>::denorm_min();

std::uint32_t bits(float x) {
  return __builtin_bit_cast(std::uint32_t, x);
}
float from_bits(std::uint32_t b) {
  return __builtin_bit_cast(float, b);
}
bool same(float a, float b) {
  return bits(a) == bits(b) || (std::isnan(a) && std::isnan(b));
}

/// |got - exact| in units in the last place of the exact value (of the smallest normal number below that).
double ulps(float got, long double exact) {
  if (std::isnan(got) || std::isnan(exact)) return std::isnan(got) && std::isnan(exact) ? 0.0 : 1e30;
  if (std::isinf(got)) return std::isinf(static_cast<float>(exact)) ? 0.0 : 1e30;
  if (exact == 0.0L) return got == 0.0f ? 0.0 : 1e30;
  int const exponent = std::max(std::ilogb(exact), -126);
  return static_cast<double>(std::abs(got - exact) / std::ldexp(1.0L, exponent - 23));
}

struct worst_case {
  double pack_ulps = 0.0, apart_ulps = 0.0;  // against the exact value; packs against scalars
  float at = 0.0f;
};

/// Goes through the floats from `first` to `last` (same sign) in steps of `stride` bit patterns.
template <class F, class G>
worst_case sweep(F f, G exact, float first, float last, std::uint32_t stride) {
  worst_case worst;
  std::array<float, cpu::lanes> x{}, y{};
  std::uint64_t const end = bits(last);
  for (std::uint64_t b = bits(first); b <= end;) {
    for (float& lane : x) {
      lane = from_bits(static_cast<std::uint32_t>(std::min(b, end)));
      b += stride;
    }
    cpu::store(y.data(), f(cpu::load(x.data())));
    for (std::size_t l = 0; l != cpu::lanes; ++l) {
      double const error = ulps(y[l], exact(static_cast<long double>(x[l])));
      if (error > worst.pack_ulps) worst.pack_ulps = error, worst.at = x[l];
    }
    worst.apart_ulps = std::max(worst.apart_ulps, ulps(f(x[0]), static_cast<long double>(y[0])));
  }
  return worst;
}

#define CHECK_SWEEP(bound, ...)                    \
  do {                                             \
    worst_case const worst = sweep(__VA_ARGS__);   \
    CAPTURE(worst.at);                             \
    CHECK(worst.pack_ulps <= bound);               \
    CHECK(worst.pack_ulps > 0.4); /* it did run */ \
    CHECK(worst.apart_ulps <= 1.0);                \
  } while (false)

/// f of a scalar, having checked that every lane of f of a pack has the same value to within 1 ULP and is
/// special alike.
template <class F>
float both(F f, float x) {
  float const scalar = f(x);
  std::array<float, cpu::lanes> lane{};
  cpu::store(lane.data(), f(cpu::broadcast(x)));
  for (float v : lane) CHECK((same(v, scalar) || ulps(v, static_cast<long double>(scalar)) <= 1.0));
  return scalar;
}

// Not lambdas: g++ warns where one returns a vector wider than the target's registers.
#define FUNCTION(name)                                   \
  struct {                                               \
    template <class V>                                   \
    TENON_ALWAYS_INLINE V operator()(V const& x) const { \
      return math::name(x);                              \
    }                                                    \
  } constexpr name##_ {                                  \
  }
FUNCTION(exp);
FUNCTION(log);
FUNCTION(tanh);
FUNCTION(sigmoid);
FUNCTION(sqrt);
#undef FUNCTION
struct {
  template <class V>
  TENON_ALWAYS_INLINE V operator()(V const& x) const {
    return math::pow(x, x);
  }
} constexpr self_power{};
}  // namespace

TEST_CASE("exp, tanh, sigmoid and log keep their stated errors") {
  auto const exact_exp = [](long double x) { return std::exp(x); };
  CHECK_SWEEP(1.02, exp_, exact_exp, 1e-8f, 88.7228f, 293);
  CHECK_SWEEP(1.02, exp_, exact_exp, -1e-8f, -87.3365f, 293);
  auto const exact_sigmoid = [](long double x) { return 1.0L / (1.0L + std::exp(-x)); };
  CHECK_SWEEP(2.5, sigmoid_, exact_sigmoid, 1e-8f, 88.0f, 293);
  CHECK_SWEEP(2.5, sigmoid_, exact_sigmoid, -1e-8f, -87.3f, 293);
  auto const exact_tanh = [](long double x) { return std::tanh(x); };
  CHECK_SWEEP(1.5, tanh_, exact_tanh, 1e-4f, 12.0f, 193);
  CHECK_SWEEP(1.5, tanh_, exact_tanh, -1e-4f, -12.0f, 997);
  auto const exact_log = [](long double x) { return std::log(x); };
  CHECK_SWEEP(0.83, log_, exact_log, 0.5f, 2.0f, 97);
  CHECK_SWEEP(0.83, log_, exact_log, smallest, std::numeric_limits<float>::max(), 4999);
  CHECK_SWEEP(
      0.5, sqrt_, [](long double x) { return std::sqrt(x); }, smallest, 1e38f, 4999);
}

TEST_CASE("exp: limits") {
  CHECK(both(exp_, 0.0f) == 1.0f);
  CHECK(both(exp_, -0.0f) == 1.0f);
  CHECK(both(exp_, 88.72283f) < infinity);
  CHECK(both(exp_, 88.72284f) == infinity);
  CHECK(both(exp_, infinity) == infinity);
  CHECK(both(exp_, -87.3365f) >= smallest_normal);
  CHECK(same(both(exp_, -87.34f), 0.0f));
  CHECK(same(both(exp_, -1e6f), 0.0f));
  CHECK(same(both(exp_, -infinity), 0.0f));
  CHECK(std::isnan(both(exp_, not_a_number)));
  CHECK(std::isnan(both(exp_, -not_a_number)));
}

TEST_CASE("log: limits") {
  CHECK(same(both(log_, 1.0f), 0.0f));
  CHECK(both(log_, 0.0f) == -infinity);
  CHECK(both(log_, -0.0f) == -infinity);
  CHECK(both(log_, infinity) == infinity);
  CHECK(both(log_, smallest) == doctest::Approx(-103.2789));
  CHECK(std::isnan(both(log_, -smallest)));
  CHECK(std::isnan(both(log_, -1.0f)));
  CHECK(std::isnan(both(log_, -infinity)));
  CHECK(std::isnan(both(log_, not_a_number)));
}

TEST_CASE("tanh, sigmoid, sqrt: limits") {
  for (float x : {0.0f, -0.0f, smallest, -smallest, smallest_normal, -1e-20f}) CHECK(same(both(tanh_, x), x));
  for (float x : {9.1f, 19.9f, 20.1f, 88.0f, 1e30f, infinity}) {
    CHECK(both(tanh_, x) == 1.0f);
    CHECK(both(tanh_, -x) == -1.0f);
  }
  CHECK(std::isnan(both(tanh_, not_a_number)));
  CHECK(both(sigmoid_, 0.0f) == 0.5f);
  CHECK(both(sigmoid_, infinity) == 1.0f);
  CHECK(both(sigmoid_, 1e30f) == 1.0f);
  CHECK(both(sigmoid_, -infinity) == 0.0f);
  CHECK(both(sigmoid_, -1e30f) == 0.0f);
  CHECK(std::isnan(both(sigmoid_, not_a_number)));
  CHECK(both(sqrt_, 2.25f) == 1.5f);
  CHECK(same(both(sqrt_, -0.0f), -0.0f));
  CHECK(both(sqrt_, infinity) == infinity);
  CHECK(std::isnan(both(sqrt_, -1.0f)));
}

TEST_CASE("pow: accuracy over random pairs, special cases as in the C library") {
  std::mt19937 random{7};
  std::uniform_real_distribution<float> log_of_x{-80.0f, 80.0f}, log_of_result{-100.0f, 88.0f};
  double worst = 0.0, apart = 0.0;
  for (int i = 0; i != 100'000; ++i) {
    float const log_x = i % 2 == 0 ? log_of_x(random) : 1e-4f * log_of_x(random);
    float const x = std::exp(log_x), y = log_of_result(random) / log_x;
    long double const exact = std::pow(static_cast<long double>(x), static_cast<long double>(y));
    if (!(exact < 3.4e38L)) continue;
    std::array<float, cpu::lanes> lane{};
    cpu::store(lane.data(), math::pow(cpu::broadcast(x), cpu::broadcast(y)));
    // Subnormal results are gradual: half of their own unit, which is that of the smallest normal number.
    worst = std::max(worst, ulps(lane[cpu::lanes - 1], exact));
    apart = std::max(apart, ulps(math::pow(x, y), static_cast<long double>(lane[0])));
  }
  CHECK(worst <= 0.51);
  CHECK(worst > 0.49);
  CHECK(apart <= 1.0);

  std::vector<float> const values{0.0f,     -0.0f,       1.0f,     -1.0f,     2.0f,       -2.0f,
                                  3.0f,     -3.0f,       0.5f,     -0.5f,     1.5f,       -1.5f,
                                  infinity, -infinity,   1e30f,    -1e30f,    1e-30f,     not_a_number,
                                  65536.0f, 16777215.0f, smallest, -smallest, -0.9999999f};
  for (float x : values)
    for (float y : values) {
      CAPTURE(x);
      CAPTURE(y);
      float const expected = std::pow(x, y);
      float const got =
          both([y](auto const& v) { return math::pow(v, cpu::splat<std::decay_t<decltype(v)>>(y)); }, x);
      CHECK((same(got, expected) || (std::signbit(got) == std::signbit(expected) &&
                                     ulps(got, static_cast<long double>(expected)) <= 1.0)));
    }
}

TEST_CASE("double versions are those of the C library, lane by lane") {
  std::array<double, cpu::lanes> x{}, y{};
  for (std::size_t l = 0; l != cpu::lanes; ++l) x[l] = 0.37 * static_cast<double>(l + 1);
  auto const near = [&](auto f, auto exact) {
    cpu::store(y.data(), f(cpu::load(x.data())));
    for (std::size_t l = 0; l != cpu::lanes; ++l) {
      CHECK(y[l] ==
            doctest::Approx(static_cast<double>(exact(static_cast<long double>(x[l])))).epsilon(1e-15));
      CHECK(y[l] == f(x[l]));
    }
  };
  near(exp_, [](long double v) { return std::exp(v); });
  near(log_, [](long double v) { return std::log(v); });
  near(tanh_, [](long double v) { return std::tanh(v); });
  near(sqrt_, [](long double v) { return std::sqrt(v); });
  near(sigmoid_, [](long double v) { return 1.0L / (1.0L + std::exp(-v)); });
  near(self_power, [](long double v) { return std::pow(v, v); });
}
