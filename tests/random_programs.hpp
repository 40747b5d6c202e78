// SPDX-License-Identifier: BSL-1.0
// Programs drawn by chance.
#pragma once
#include <algorithm>
#include <array>
#include <cstddef>
#include <vector>

#include "finite_differences.hpp"

namespace testing {

/// A chain of values of one type, drawn by chance: uses of values at once, long after, in stacks, as parts.
template <class V, class W, class B>
auto random_values(std::size_t seed, V const& x, V const& y, W const& w, B const& b) {
  std::size_t drawn = 0;
  auto const draw = [&](std::size_t n) {
    return static_cast<std::size_t>(testing::number(drawn++, seed) * static_cast<double>(n));
  };
  std::vector<V> pool{keep(x * 1), keep(y * 1)};
  auto const any = [&] { return pool[draw(pool.size())]; };
  auto const recent = [&] { return pool[pool.size() - 1 - draw(std::min<std::size_t>(3, pool.size()))]; };
  for (std::size_t i = 0; i < 14; ++i) {
    V const a = recent(), c = any();
    switch (draw(10)) {
      case 0:
        pool.push_back(keep(tanh(a)));
        break;
      case 1:
        pool.push_back(keep(a * c + a));
        break;
      case 2:
        pool.push_back(keep(a - mean<columns>(c)));
        break;
      case 3:
        pool.push_back(softmax<columns>(a));
        break;
      case 4:
        pool.push_back(linear(a, w));
        break;
      case 5:
        pool.push_back(linear(a, w, b));
        break;
      case 6:
        pool.push_back(concat<columns>(part<columns, 0, 10>(a), part<columns, 6, 10>(c)));
        break;
      case 7:
        pool.push_back(keep(a * slice<rows>(c, draw(12))));
        break;
      case 8: {
        auto const all = stack<layers>(std::array{a, c, pool[0]});
        pool.push_back(slice<layers>(all, draw(3)));
        pool.push_back(keep(sum<layers>(all * 0.5)));
        break;
      }
      default:
        pool.push_back(keep(max(a, c)));
        break;
    }
  }
  return pool;
}

/// The program that random_values gives for a seed, without or with derivatives.
inline auto random_loss(std::size_t seed) {
  return [seed](auto& r, auto x, auto y, auto w, auto b) {
    auto const pool = random_values(seed, x, y, w, b);
    r.output("middle", pool[pool.size() / 2]);
    return keep(pool.back() + pool[pool.size() - 2] * 0.1);
  };
}
using value = tenon::shape<rows<12>, columns<20>>;
using square = tenon::shape<columns<20>, tenon::from<columns<20>>>;

}  // namespace testing
