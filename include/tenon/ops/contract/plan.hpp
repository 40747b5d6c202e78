// SPDX-License-Identifier: BSL-1.0
// How a contraction over named axes becomes matrix products: axes are sorted into the roles they play,
// neighbours in memory are merged, and what does not fit one product becomes a loop of products. All at
// compile time, on plain arrays.
#pragma once
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace tenon {

/// A product of fewer rows than this takes as long as reading its weights: they are read in place, and best
/// once.
inline constexpr std::size_t few_rows = 12;

/// One axis of a contraction: its extent and its stride in the left operand, the right operand and the
/// output; 0 where it is absent.
struct contraction_axis {
  std::size_t extent = 1, left = 0, right = 0, out = 0;
};

/// out(m, n) += Σ_k left(m, k) · right(k, n), inside loops over what is left. Strides are in elements.
struct contraction_plan {
  bool possible = true;  ///< false: some operand has no axis of stride one; use an element-wise loop
  bool swapped = false;  ///< left and right change roles, because the output is stored transposed
  contraction_axis m{}, n{}, k{};
  std::array<contraction_axis, 8>
      loops{};  ///< independent products first, then `sums` loops that add to one output
  std::size_t independent = 0, sums = 0;

  constexpr std::uint64_t flops() const {
    std::uint64_t product = 2 * std::uint64_t{m.extent} * n.extent * k.extent;
    for (std::size_t i = 0; i < independent + sums; ++i) product *= loops[i].extent;
    return product;
  }
};

template <std::size_t N>
constexpr contraction_plan plan_contraction(std::array<contraction_axis, N> axes) {
  struct role {
    std::array<contraction_axis, 8> axes{};
    std::size_t count = 0;
    constexpr void add(contraction_axis a) { axes[count++] = a; }
    // Outermost first, then merge neighbours that every operand walks as one.
    constexpr void merge(bool by_out) {
      for (std::size_t i = 1; i < count; ++i)
        for (std::size_t j = i; j > 0; --j) {
          auto const key = [by_out](contraction_axis const& a) {
            return by_out ? a.out : std::max(a.left, a.right);
          };
          if (key(axes[j]) > key(axes[j - 1])) std::swap(axes[j], axes[j - 1]);
        }
      std::size_t kept = 0;
      for (std::size_t i = 0; i < count; ++i) {
        if (kept > 0) {
          auto& o = axes[kept - 1];
          auto const& a = axes[i];
          if (o.left == a.left * a.extent && o.right == a.right * a.extent && o.out == a.out * a.extent) {
            o = {o.extent * a.extent, a.left, a.right, a.out};
            continue;
          }
        }
        axes[kept++] = axes[i];
      }
      count = kept;
    }
    // Takes out the axis that the product itself is to run over: the longest.
    constexpr contraction_axis take() {
      if (count == 0) return {};
      std::size_t best = 0;
      for (std::size_t i = 1; i < count; ++i)
        if (axes[i].extent > axes[best].extent) best = i;
      auto const result = axes[best];
      for (std::size_t i = best; i + 1 < count; ++i) axes[i] = axes[i + 1];
      --count;
      return result;
    }
  };
  role m, n, k, each;
  for (auto const& a : axes) {
    if (a.extent == 1) continue;
    if (a.left != 0 && a.right != 0 && a.out != 0)
      each.add(a);
    else if (a.left != 0 && a.out != 0)
      m.add(a);
    else if (a.right != 0 && a.out != 0)
      n.add(a);
    else
      k.add(a);
  }
  m.merge(true);
  n.merge(true);
  k.merge(false);
  each.merge(true);
  contraction_plan plan;
  plan.m = m.take();
  plan.n = n.take();
  plan.k = k.take();
  if (plan.m.extent > 1 && plan.n.extent == 1 ? plan.m.out == 1 : (plan.n.extent > 1 && plan.n.out != 1)) {
    plan.swapped = true;
    std::swap(plan.m, plan.n);
    std::swap(plan.m.left, plan.m.right);
    std::swap(plan.n.left, plan.n.right);
    std::swap(plan.k.left, plan.k.right);
  }
  auto const loop = [&plan](role const& r) {
    for (std::size_t i = 0; i < r.count; ++i) {
      auto a = r.axes[i];
      if (plan.swapped) std::swap(a.left, a.right);
      plan.loops[plan.independent + plan.sums] = a;
      ++(a.out != 0 ? plan.independent : plan.sums);
    }
  };
  loop(each);
  loop(m);
  loop(n);
  loop(k);
  // An extent of one fits any stride; otherwise one of the two strides of each matrix must be one.
  auto const fits = [](std::size_t rows, std::size_t row_stride, std::size_t columns,
                       std::size_t column_stride) {
    return columns == 1 || column_stride == 1 || rows == 1 || row_stride == 1;
  };
  plan.possible = (plan.n.extent == 1 || plan.n.out == 1) &&
                  fits(plan.m.extent, plan.m.left, plan.k.extent, plan.k.left) &&
                  fits(plan.k.extent, plan.k.right, plan.n.extent, plan.n.right);
  return plan;
}

}  // namespace tenon
