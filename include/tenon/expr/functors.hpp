// SPDX-License-Identifier: BSL-1.0
// The element-wise functions that expressions are made of. Each states its value and how a gradient flows
// back through it; every other derivative in Tenon's expressions follows from these by the chain rule.
//
// `value` and `pull` are written once for any value type V: a scalar, or a pack of lanes. `pull(g, y, x…)`
// takes the gradient g of the result y and gives the gradients of the arguments x….
#pragma once
#include <cstddef>
#include <cstdint>
#include <limits>

#include "../config.hpp"
#include "../cpu/vector_math.hpp"  // written for scalars and packs alike

#define TENON_FN TENON_HOST_DEVICE TENON_ALWAYS_INLINE static

namespace tenon::fn {

/// Gradients of one, two or three arguments.
template <class V>
struct pull1 {
  V a;
};
template <class V>
struct pull2 {
  V a, b;
};

template <class V>
struct pull3 {
  V a, b, c;
};

struct add {
  static constexpr std::size_t flops = 1;
  template <class V>
  TENON_FN V value(V const& a, V const& b) {
    return a + b;
  }
  template <class V>
  TENON_FN pull2<V> pull(V const& g, V const&, V const&, V const&) {
    return {g, g};
  }
};

struct subtract {
  static constexpr std::size_t flops = 1;
  template <class V>
  TENON_FN V value(V const& a, V const& b) {
    return a - b;
  }
  template <class V>
  TENON_FN pull2<V> pull(V const& g, V const&, V const&, V const&) {
    return {g, -g};
  }
};

struct multiply {
  static constexpr std::size_t flops = 1;
  template <class V>
  TENON_FN V value(V const& a, V const& b) {
    return a * b;
  }
  template <class V>
  TENON_FN pull2<V> pull(V const& g, V const&, V const& a, V const& b) {
    return {g * b, g * a};
  }
};

/// Whole numbers, the only ones that leave a remainder.
template <class V>
concept whole = requires(V const& v) {
  v % v;
};

/// Of whole numbers by zero: 0. (Processors trap there, and the lanes beyond an axis's end hold zeros.)
struct divide {
  static constexpr std::size_t flops = 1;
  template <class V>
  TENON_FN V value(V const& a, V const& b) {
    return a / b;
  }
  template <whole V>
  TENON_FN V value(V const& a, V const& b) {
    auto const overflows = (b == V{} - 1) & (a == V{} + std::numeric_limits<std::int32_t>::min());
    V const safe = math::select((b == V{}) | overflows, V{} + 1, b);
    return math::select(b == V{}, V{}, a / safe);
  }
  template <class V>
  TENON_FN pull2<V> pull(V const& g, V const& y, V const&, V const& b) {
    V const ga = g / b;
    return {ga, -ga * y};
  }
};

struct negate {
  static constexpr std::size_t flops = 1;
  template <class V>
  TENON_FN V value(V const& a) {
    return -a;
  }
  template <class V>
  TENON_FN pull1<V> pull(V const& g, V const&, V const&) {
    return {-g};
  }
};

struct exp {
  static constexpr std::size_t flops = 1;
  template <class V>
  TENON_FN V value(V const& a) {
    return math::exp(a);
  }
  template <class V>
  TENON_FN pull1<V> pull(V const& g, V const& y, V const&) {
    return {g * y};
  }
};

struct log {
  static constexpr std::size_t flops = 1;
  template <class V>
  TENON_FN V value(V const& a) {
    return math::log(a);
  }
  template <class V>
  TENON_FN pull1<V> pull(V const& g, V const&, V const& a) {
    return {g / a};
  }
};

struct sqrt {
  static constexpr std::size_t flops = 1;
  template <class V>
  TENON_FN V value(V const& a) {
    return math::sqrt(a);
  }
  template <class V>
  TENON_FN pull1<V> pull(V const& g, V const& y, V const&) {
    return {g / (y + y)};
  }
};

struct tanh {
  static constexpr std::size_t flops = 1;
  template <class V>
  TENON_FN V value(V const& a) {
    return math::tanh(a);
  }
  template <class V>
  TENON_FN pull1<V> pull(V const& g, V const& y, V const&) {
    return {g - g * y * y};
  }
};

struct sigmoid {
  static constexpr std::size_t flops = 1;
  template <class V>
  TENON_FN V value(V const& a) {
    return math::sigmoid(a);
  }
  template <class V>
  TENON_FN pull1<V> pull(V const& g, V const& y, V const&) {
    V const gy = g * y;
    return {gy - gy * y};
  }
};

struct relu {
  static constexpr std::size_t flops = 1;
  template <class V>
  TENON_FN V value(V const& a) {
    return math::max(V{}, a);  // a NaN stays one
  }
  template <class V>
  TENON_FN pull1<V> pull(V const& g, V const&, V const& a) {
    return {math::select(a > V{}, g, V{})};
  }
};

struct abs {
  static constexpr std::size_t flops = 1;
  template <class V>
  TENON_FN V value(V const& a) {
    return math::abs(a);
  }
  template <class V>
  TENON_FN pull1<V> pull(V const& g, V const&, V const& a) {
    return {math::select(a > V{}, g, math::select(a < V{}, -g, V{}))};
  }
};

struct pow {
  static constexpr std::size_t flops = 2;
  template <class V>
  TENON_FN V value(V const& a, V const& b) {
    return math::pow(a, b);
  }
  template <class V>
  TENON_FN pull2<V> pull(V const& g, V const& y, V const& a, V const& b) {
    // At a = 0 the quotient y / a is 0 / 0: use the power one lower instead of it. And x^0 is constant, also
    // at 0.
    V const one = V{} + 1;
    return {math::select(b == V{}, V{}, g * b * math::pow(a, b - one)),
            g * y * math::log(math::select(a > V{}, a, one))};
  }
};

/// a + t (b − a): from a to b as t goes from 0 to 1.
struct lerp {
  static constexpr std::size_t flops = 3;
  template <class V>
  TENON_FN V value(V const& a, V const& b, V const& t) {
    return a + t * (b - a);
  }
  template <class V>
  TENON_FN pull3<V> pull(V const& g, V const&, V const& a, V const& b, V const& t) {
    V const gt = g * t;
    return {g - gt, gt, g * (b - a)};
  }
};

/// The smaller and the larger of two, NaN if either is; a tie sends the gradient to the first.
struct minimum {
  static constexpr std::size_t flops = 1;
  template <class V>
  TENON_FN V value(V const& a, V const& b) {
    return math::min_or_nan(a, b);
  }
  template <class V>
  TENON_FN pull2<V> pull(V const& g, V const&, V const& a, V const& b) {
    return {math::select(a <= b, g, V{}), math::select(a <= b, V{}, g)};
  }
};
struct maximum {
  static constexpr std::size_t flops = 1;
  template <class V>
  TENON_FN V value(V const& a, V const& b) {
    return math::max_or_nan(a, b);
  }
  template <class V>
  TENON_FN pull2<V> pull(V const& g, V const&, V const& a, V const& b) {
    return {math::select(a >= b, g, V{}), math::select(a >= b, V{}, g)};
  }
};

// Comparisons give a mask; no gradient flows through them.
struct less {
  static constexpr std::size_t flops = 1;
  template <class V>
  TENON_FN auto value(V const& a, V const& b) {
    return a < b;
  }
};
struct less_equal {
  static constexpr std::size_t flops = 1;
  template <class V>
  TENON_FN auto value(V const& a, V const& b) {
    return a <= b;
  }
};
struct greater {
  static constexpr std::size_t flops = 1;
  template <class V>
  TENON_FN auto value(V const& a, V const& b) {
    return a > b;
  }
};
struct greater_equal {
  static constexpr std::size_t flops = 1;
  template <class V>
  TENON_FN auto value(V const& a, V const& b) {
    return a >= b;
  }
};
struct equal {
  static constexpr std::size_t flops = 1;
  template <class V>
  TENON_FN auto value(V const& a, V const& b) {
    return a == b;
  }
};
struct not_equal {
  static constexpr std::size_t flops = 1;
  template <class V>
  TENON_FN auto value(V const& a, V const& b) {
    return a != b;
  }
};
template <class F>
inline constexpr bool compares =
    std::is_same_v<F, less> || std::is_same_v<F, less_equal> || std::is_same_v<F, greater> ||
    std::is_same_v<F, greater_equal> || std::is_same_v<F, equal> || std::is_same_v<F, not_equal>;

}  // namespace tenon::fn
