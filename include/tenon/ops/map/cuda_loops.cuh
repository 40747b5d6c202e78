// SPDX-License-Identifier: BSL-1.0
// What kernels on a GPU have in common that walk a loop nest: coordinates, loads, stores, and the environment
// in which a lowered expression is evaluated at one element.
#pragma once
#include <cstddef>
#include <cstdint>
#include <utility>

#include "../../cpu/random.hpp"
#include "../../cuda/arguments.hpp"
#include "../../cuda/block_reduce.hpp"
#include "../../expr/evaluate.hpp"
#include "cpu.hpp"

namespace tenon::cuda {

/// Where a thread stands in a loop nest.
template <std::size_t Rank>
struct coordinates {
  index at[Rank];
};

/// Sets those coordinates that `Chosen` says, as number `n` of their combinations, the last one fastest.
template <class Nest, class Chosen>
TENON_DEVICE void place_at(index n, coordinates<Nest::rank>& c) {
  [&]<std::size_t... D>(std::index_sequence<D...>) {
    auto const one = [&]<std::size_t I>(std::integral_constant<std::size_t, I>) {
      constexpr std::size_t d = Nest::rank - 1 - I;
      constexpr auto extent = static_cast<index>(Nest::extents[d]);
      if constexpr (Chosen::has(d)) {
        c.at[d] = n % extent;
        n /= extent;
      }
    };
    (one(std::integral_constant<std::size_t, D>{}), ...);
  }
  (std::make_index_sequence<Nest::rank>{});
}

/// How many combinations the chosen coordinates have.
template <class Nest, class Chosen>
inline constexpr std::size_t combinations = [] {
  std::size_t n = 1;
  for (std::size_t d = 0; d < Nest::rank; ++d)
    if (Chosen::has(d)) n *= Nest::extents[d];
  return n;
}();

template <class Nest>
struct every_loop {
  static constexpr bool has(std::size_t) { return true; }
};
template <class Nest>
struct kept_loops {
  static constexpr bool has(std::size_t d) {
    return d + 1 == Nest::rank ? !Nest::vector_reduced : d < Nest::kept;
  }
};
template <class Nest>
struct reduced_loops {
  static constexpr bool has(std::size_t d) { return !kept_loops<Nest>::has(d); }
};

/// The element of an operand with strides L at a place.
template <class L, std::size_t Rank>
TENON_DEVICE index offset_at(coordinates<Rank> const& c) {
  index result = 0;
  [&]<std::size_t... D>(std::index_sequence<D...>) {
    ((result += c.at[D] * static_cast<index>(L::values[D])), ...);
  }
  (std::make_index_sequence<Rank>{});
  return result;
}

template <class L>
inline constexpr std::size_t vector_stride = L::values[L::values.size() - 1];

/// Four neighbours that one instruction moves.
template <class T>
struct alignas(4 * sizeof(T)) quad {
  T at[4];
};
/// May groups of four neighbours begin at a multiple of four in every row?
template <class L>
inline constexpr bool in_quads = [] {
  for (std::size_t d = 0; d + 1 < L::values.size(); ++d)
    if (L::values[d] % 4 != 0) return false;
  return vector_stride<L> == 1;
}();
template <class T>
TENON_DEVICE bool is_aligned(T const* p) {
  return reinterpret_cast<std::uintptr_t>(p) % sizeof(quad<T>) == 0;
}

/// Width numbers for each operand, in the type that it is computed in; what is not used is not there. One
/// short type for all expressions: the front ends of CUDA compilers take long over long ones.
template <std::size_t Operands, index Width>
struct leaf_numbers {
  float single[Operands][Width];
  double wide[Operands][Width];
  std::int32_t whole[Operands][Width];

  template <class T>
  TENON_DEVICE T* of(std::size_t operand) {
    if constexpr (std::is_same_v<T, float>)
      return single[operand];
    else if constexpr (std::is_same_v<T, double>)
      return wide[operand];
    else
      return whole[operand];
  }
  template <class T>
  TENON_DEVICE T const* of(std::size_t operand) const {
    return const_cast<leaf_numbers*>(this)->template of<T>(operand);
  }
};

/// Loads operand number I at Width neighbouring places.
template <std::size_t I, class T, class L, std::size_t Operands, index Width, std::size_t Rank>
TENON_DEVICE void load_leaf(element_at<I, T, L>, arguments<Operands> const& a, coordinates<Rank> const& c,
                            leaf_numbers<Operands, Width>& numbers) {
  T const* const p = a.template in<T>(I) + offset_at<L>(c);
  auto* const to = numbers.template of<tenon::detail::computed<T>>(I);
  if constexpr (Width == 4 && in_quads<L>)
    if (is_aligned(p)) {
      auto const all = *reinterpret_cast<quad<T> const*>(p);
      for (index j = 0; j < Width; ++j) to[j] = all.at[j];
      return;
    }
  for (index j = 0; j < Width; ++j) to[j] = p[j * vector_stride<L>];
}
template <std::size_t I, std::size_t J, std::size_t K, class L, std::size_t Operands, index Width,
          std::size_t Rank>
TENON_DEVICE void load_leaf(mask_at<I, J, K, L>, arguments<Operands> const&, coordinates<Rank> const&,
                            leaf_numbers<Operands, Width>&) {}  // drawn, not loaded

/// Loads all operands of a list.
template <class... Leaf, std::size_t Operands, index Width, std::size_t Rank>
TENON_DEVICE void load_leaves(tenon::detail::list<Leaf...>, arguments<Operands> const& a,
                              coordinates<Rank> const& c, leaf_numbers<Operands, Width>& numbers) {
  (load_leaf(Leaf{}, a, c, numbers), ...);
}

/// The environment of one element: number `neighbour` of those loaded.
template <std::size_t Operands, index Width, std::size_t Rank>
struct element_environment {
  cuda::arguments<Operands> const& arguments;
  leaf_numbers<Operands, Width> const& leaves;
  coordinates<Rank> const& place;
  index neighbour;

  template <class T>
  TENON_DEVICE static T splat(T x) {
    return x;
  }
  template <std::size_t I, class T, class L>
  TENON_DEVICE auto get() const {
    return leaves.template of<tenon::detail::computed<T>>(I)[neighbour];
  }
  template <std::size_t I, class L>
  TENON_DEVICE float keep(double rate, std::int64_t site) const {
    auto const element = static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(arguments.operands[I])) +
                         offset_at<L>(place) + neighbour * static_cast<index>(vector_stride<L>);
    auto const bits =
        cpu::random16<std::uint32_t>(element, static_cast<std::uint32_t>(site), *arguments.state);
    return bits >= cpu::kept_from(rate) ? cpu::scale_of_kept(rate) : 0.0F;
  }
};

/// A tree's value at one place, computed in type T.
template <class Tree, class T, std::size_t Operands, std::size_t Rank>
TENON_DEVICE T value_at(arguments<Operands> const& a, coordinates<Rank> const& c) {
  leaf_numbers<Operands, 1> values;
  load_leaves(typename tenon::detail::all_loads<Tree>::type{}, a, c, values);
  using environment = element_environment<Operands, 1, Rank>;
  environment const env{a, values, c, 0};
  tenon::detail::point<Tree, T, environment> const here{env};
  return tenon::detail::value_as<T, Tree, environment>(here);
}

/// Writes, or adds, Width neighbours at p.
template <class L, class T, class V, index Width>
TENON_DEVICE void put(T* p, V const (&v)[Width], bool add) {
  if constexpr (Width == 4 && in_quads<L>)
    if (is_aligned(p)) {
      auto& all = *reinterpret_cast<quad<T>*>(p);
      quad<T> result;
      if (add) {
        result = all;
        for (index j = 0; j < Width; ++j) result.at[j] = static_cast<T>(result.at[j] + v[j]);
      } else {
        for (index j = 0; j < Width; ++j) result.at[j] = static_cast<T>(v[j]);
      }
      all = result;
      return;
    }
  for (index j = 0; j < Width; ++j) {
    auto& to = p[j * vector_stride<L>];
    to = static_cast<T>(add ? to + v[j] : v[j]);
  }
}

/// How many neighbours a thread takes: four where there is enough to do for all of a large GPU's threads.
template <class Nest>
inline constexpr index width_for = Nest::vector_extent % 4 == 0 &&
                                           combinations<Nest, every_loop<Nest>> >= (1U << 18)
                                       ? 4
                                       : 1;

}  // namespace tenon::cuda
