// SPDX-License-Identifier: BSL-1.0
// Loop nests: how an expression over named axes becomes loops over extents and strides. Names end here. Axes
// that all leaves walk alike are merged, the axis that most leaves walk with stride one becomes the vector
// axis, and what is left is a nameless type that equal loops under different names share.
#pragma once
#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

#include "../layout.hpp"

namespace tenon {

/// K outer loops whose index reaches the output, then R outer loops that are reduced away, then the vector
/// axis (reduced if VectorReduced); E are their extents in that order.
template <std::size_t K, std::size_t R, bool VectorReduced, std::size_t... E>
struct nest {
  static constexpr std::size_t kept = K, reduced = R, rank = sizeof...(E);
  static constexpr bool vector_reduced = VectorReduced;
  static constexpr std::array<std::size_t, rank> extents{E...};
  static constexpr std::size_t vector_extent = extents[rank - 1];
  static constexpr std::size_t rows = [] {  // iterations of the kept outer loops
    std::size_t n = 1;
    for (std::size_t d = 0; d < K; ++d) n *= extents[d];
    return n;
  }();
  static constexpr std::size_t reduced_rows = [] {
    std::size_t n = 1;
    for (std::size_t d = K; d < K + R; ++d) n *= extents[d];
    return n;
  }();
};

namespace detail {

template <std::size_t Leaves>
struct nest_plan {
  struct dimension {
    std::size_t extent = 1;
    bool kept = true;
    std::array<std::size_t, Leaves> strides{};
  };
  std::array<dimension, 17> dimensions{};
  std::size_t rank = 0;
  std::size_t kept = 0, reduced = 0;  // outer loops of either kind; the last dimension is the vector axis
};

template <std::size_t Leaves, std::size_t Rank>
constexpr nest_plan<Leaves> plan_nest(std::array<std::size_t, Rank> const& extents,
                                      std::array<bool, Rank> const& kept,
                                      std::array<std::array<std::size_t, Rank>, Leaves> const& strides,
                                      std::size_t key) {
  using plan_t = nest_plan<Leaves>;
  using dimension = typename plan_t::dimension;
  std::array<dimension, Rank + 1> pool{};
  std::size_t count = 0;
  for (std::size_t d = 0; d < Rank; ++d) {
    if (extents[d] == 1) continue;
    dimension x;
    x.extent = extents[d];
    x.kept = kept[d];
    for (std::size_t l = 0; l < Leaves; ++l) x.strides[l] = strides[l][d];
    pool[count++] = x;
  }
  plan_t plan;
  if (count == 0) {
    plan.rank = 1;
    return plan;
  }
  std::size_t best = 0, best_score = 0;
  for (std::size_t d = 0; d < count; ++d) {
    std::size_t score = 0;
    for (std::size_t l = 0; l < Leaves; ++l)
      score += pool[d].strides[l] == 1 ? 4U : pool[d].strides[l] == 0 ? 1U : 0U;
    score = score * std::min<std::size_t>(pool[d].extent, 16) + 1;
    if (score >= best_score) {
      best = d;
      best_score = score;
    }
  }
  auto const vector_axis = pool[best];
  for (std::size_t d = best; d + 1 < count; ++d) pool[d] = pool[d + 1];
  --count;
  // Outer loops: kept ones first, those in which leaf number `key` takes the largest strides outermost;
  // stable.
  auto const before = [key](dimension const& left, dimension const& right) {
    if (left.kept != right.kept) return left.kept;
    return left.strides[key] > right.strides[key];
  };
  for (std::size_t i = 1; i < count; ++i)
    for (std::size_t j = i; j > 0 && before(pool[j], pool[j - 1]); --j) std::swap(pool[j], pool[j - 1]);
  pool[count++] = vector_axis;
  for (std::size_t d = 0; d < count; ++d) {
    if (plan.rank > 0 && plan.dimensions[plan.rank - 1].kept == pool[d].kept) {
      auto& outer = plan.dimensions[plan.rank - 1];
      bool mergeable = true;
      for (std::size_t l = 0; l < Leaves; ++l)
        mergeable &= outer.strides[l] == pool[d].strides[l] * pool[d].extent;
      if (mergeable) {
        outer.extent *= pool[d].extent;
        outer.strides = pool[d].strides;
        continue;
      }
    }
    plan.dimensions[plan.rank++] = pool[d];
  }
  for (std::size_t d = 0; d + 1 < plan.rank; ++d) ++(plan.dimensions[d].kept ? plan.kept : plan.reduced);
  return plan;
}

}  // namespace detail

/// The nest for a loop over the axes of Loop whose output has the axes of Out; LeafStrides are each leaf's
/// strides over Loop's axes; leaf number Key decides the order of the outer loops.
template <class Loop, class Out, std::size_t Key, class... LeafStrides>
struct arranged {
  static constexpr auto plan = [] {
    std::array<bool, Loop::rank> kept{};
    [&]<class... A>(shape<A...>) {
      std::size_t d = 0;
      ((kept[d++] = has_axis<Out, A>), ...);
    }(Loop{});
    std::array<std::array<std::size_t, Loop::rank>, sizeof...(LeafStrides)> strides{LeafStrides::values...};
    return detail::plan_nest<sizeof...(LeafStrides), Loop::rank>(Loop::extents, kept, strides, Key);
  }();

  template <std::size_t... D>
  static auto make(std::index_sequence<D...>)
      -> nest<plan.kept, plan.reduced, !plan.dimensions[plan.rank - 1].kept, plan.dimensions[D].extent...>;
  template <std::size_t Leaf, std::size_t... D>
  static auto make_leaf(std::index_sequence<D...>) -> strides<plan.dimensions[D].strides[Leaf]...>;

  using nest_type = decltype(make(std::make_index_sequence<plan.rank>{}));
  template <std::size_t Leaf>
  using leaf = decltype(make_leaf<Leaf>(std::make_index_sequence<plan.rank>{}));
};

}  // namespace tenon
