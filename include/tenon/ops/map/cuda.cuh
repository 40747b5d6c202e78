// SPDX-License-Identifier: BSL-1.0
// Maps and reductions on a GPU.
#pragma once
#include <algorithm>
#include <cstddef>
#include <limits>
#include <type_traits>

#include "../../cuda/queue.hpp"
#include "cuda_loops.cuh"

namespace tenon::cuda {

// ---- maps

/// out = tree, for every element; operands: out, then the tree's leaves.
template <class Nest, class Out, class Tree>
struct map_body {
  using leaves = typename tenon::detail::all_loads<Tree>::type;
  using element = typename cpu::place<Out>::element;
  using layout = typename cpu::place<Out>::layout;
  static constexpr std::size_t operands = 1 + tenon::detail::list_size<leaves>;
  static constexpr index width = width_for<Nest>;
  static constexpr std::size_t points = combinations<Nest, every_loop<Nest>> / width;
  static constexpr bool lone_threads = true;
  static constexpr index threads = block_threads(points);
  static_assert(points < (std::size_t{1} << 31), "a tensor of over 2^31 elements");

  static constexpr grid size() {
    return {static_cast<index>(std::min<std::size_t>(divide_up(points, threads), 4096)), threads, 0};
  }

  template <class Block, class Arguments>
  TENON_DEVICE static void run(Block const& block, Arguments const& a) {
    using to = tenon::detail::computed<element>;
    bool const add = a.adds_to(0);
    for (index p = block.number() * threads + block.thread(); p < points; p += block.count() * threads) {
      coordinates<Nest::rank> c;
      place_at<Nest, every_loop<Nest>>(p * width, c);
      leaf_numbers<operands, width> values;
      load_leaves(leaves{}, a, c, values);
      to result[width];
#pragma GCC unroll 4
      for (index j = 0; j < width; ++j) {
        using environment = element_environment<operands, width, Nest::rank>;
        environment const env{a, values, c, j};
        tenon::detail::point<Tree, to, environment> const here{env};
        result[j] = tenon::detail::value_as<to, Tree, environment>(here);
      }
      put<layout>(a.template out<element>(0) + offset_at<layout>(c), result, add);
    }
  }
};

template <class Nest, class Out, class Tree>
struct lowering<cpu::map_kernel<Nest, Out, Tree>> {
  static void enqueue(queue& q, call_arguments const& a) {
    using body = map_body<Nest, Out, Tree>;
    q.run<body>(body::size(), kernel_arguments<body::operands>(a));
  }
};

// ---- reductions

template <class Kind>
using join_of = std::conditional_t<std::is_same_v<Kind, by_max>, larger_or_nan, plus>;

template <class Kind, class T>
TENON_HOST_DEVICE constexpr T start_of() {
  using limits = std::numeric_limits<T>;
  constexpr T least = limits::has_infinity ? -limits::infinity() : limits::lowest();
  return std::is_same_v<Kind, by_max> ? least : T{};
}

/// What a reduction's sum becomes: a mean is divided by the number of elements.
template <class Kind, std::size_t Count, class T>
TENON_DEVICE T finished(T total) {
  if constexpr (std::is_same_v<Kind, by_mean>)
    return total * (T(1) / static_cast<T>(Count));
  else
    return total;
}

/// out = tree reduced over the nest's reduced loops; operands: out, then the tree's leaves. Where the vector
/// axis is reduced, neighbouring threads take neighbouring terms of one result; else they take neighbouring
/// results. Where there are few results of many terms, Splits blocks take a part of each and leave it in
/// scratch memory, [split][result], for `fold_body`.
template <class Kind, class Nest, class Out, class Tree>
struct reduce_body {
  using leaves = typename tenon::detail::all_loads<Tree>::type;
  using element = typename cpu::place<Out>::element;
  using layout = typename cpu::place<Out>::layout;
  using type = typename tenon::detail::tree_type<Tree>::type;
  static constexpr std::size_t operands = 1 + tenon::detail::list_size<leaves>;
  static constexpr std::size_t results = combinations<Nest, kept_loops<Nest>>;
  static constexpr std::size_t terms = combinations<Nest, reduced_loops<Nest>>;
  static_assert(results * terms < (std::size_t{1} << 31), "a tensor of over 2^31 elements");

  /// Threads that share a result: enough to fill a GPU, each with at least four terms.
  static constexpr index sharing = [] {
    if (Nest::vector_reduced) return terms <= 512 ? warp : 256U;
    index n = 1;
    while (n < 32 && terms / (2 * n) >= 4 && results * n < (1U << 16)) n *= 2;
    return n;
  }();
  static constexpr index threads = 256;
  static constexpr index at_once = threads / sharing;  ///< results of a block
  static constexpr std::size_t splits =
      results < 64 ? std::clamp<std::size_t>(terms / (std::size_t{sharing} * 64), 1, 64) : 1;

  static constexpr grid size() {
    return {static_cast<index>(divide_up(results, at_once) * splits), threads, threads * sizeof(type)};
  }

  template <class Block, class Arguments>
  TENON_DEVICE static void run(Block const& block, Arguments const& a) {
    constexpr auto groups = static_cast<index>(divide_up(results, at_once));
    index const split = block.number() / groups;
    index const share = Nest::vector_reduced ? block.thread() % sharing : block.thread() / at_once;
    index const result = block.number() % groups * at_once +
                         (Nest::vector_reduced ? block.thread() / sharing : block.thread() % at_once);
    constexpr std::size_t total_terms = terms;
    auto const begin = static_cast<index>(total_terms * split / splits),
               end = static_cast<index>(total_terms * (split + 1) / splits);
    type total = start_of<Kind, type>();
    coordinates<Nest::rank> c;
    place_at<Nest, kept_loops<Nest>>(result < results ? result : 0, c);
    if (result < results)
      for (index t = begin + share; t < end; t += sharing) {
        place_at<Nest, reduced_loops<Nest>>(t, c);
        total = join_of<Kind>{}(total, value_at<Tree, type>(a, c));
      }
    total = shared_by_threads(block, total);
    if (share != 0 || result >= results) return;
    if constexpr (splits > 1) {
      reinterpret_cast<type*>(a.scratch)[split * results + result] = total;
    } else {
      place_at<Nest, reduced_loops<Nest>>(0, c);
      auto* const to = a.template out<element>(0) + offset_at<layout>(c);
      type const v = finished<Kind, terms>(total);
      *to = static_cast<element>(a.adds_to(0) ? static_cast<type>(*to) + v : v);
    }
  }

 private:
  /// The totals of all threads that share a result, joined; the first of them gets it.
  template <class Block>
  TENON_DEVICE static type shared_by_threads(Block const& block, type total) {
    if constexpr (sharing == 1) {
      return total;
    } else if constexpr (Nest::vector_reduced && sharing == warp) {
      return block.over_warp(total, join_of<Kind>{});
    } else if constexpr (Nest::vector_reduced) {
      return over_block<threads>(block, total, join_of<Kind>{});
    } else {
      type* const all = block.template shared<type>();
      all[block.thread()] = total;
      for (index half = sharing / 2; half > 0; half /= 2) {
        block.sync();
        if (block.thread() / at_once < half)
          all[block.thread()] = join_of<Kind>{}(all[block.thread()], all[block.thread() + half * at_once]);
      }
      return all[block.thread()];
    }
  }
};

/// The second stage: operand 0, the result, gets its splits from scratch memory.
template <class Kind, class Nest, class Out, class Tree>
struct fold_body {
  using first = reduce_body<Kind, Nest, Out, Tree>;
  using type = typename first::type;
  static constexpr bool lone_threads = true;
  static constexpr index threads = block_threads(first::results);
  static constexpr grid size() {
    return {static_cast<index>(divide_up(first::results, threads)), threads, 0};
  }
  template <class Block, class Arguments>
  TENON_DEVICE static void run(Block const& block, Arguments const& a) {
    index const result = block.number() * threads + block.thread();
    if (result >= first::results) return;
    auto const* const parts = reinterpret_cast<type const*>(a.scratch);
    type total = start_of<Kind, type>();
    for (index s = 0; s < first::splits; ++s)
      total = join_of<Kind>{}(total, parts[s * first::results + result]);
    coordinates<Nest::rank> c{};
    place_at<Nest, kept_loops<Nest>>(result, c);
    auto* const to = a.template out<typename first::element>(0) + offset_at<typename first::layout>(c);
    type const v = finished<Kind, first::terms>(total);
    *to = static_cast<typename first::element>(a.adds_to(0) ? static_cast<type>(*to) + v : v);
  }
};

template <class Kind, class Nest, class Out, class Tree>
struct lowering<cpu::reduce_kernel<Kind, Nest, Out, Tree>> {
  static void enqueue(queue& q, call_arguments const& a) {
    using body = reduce_body<Kind, Nest, Out, Tree>;
    if constexpr (body::splits == 1) {
      q.run<body>(body::size(), kernel_arguments<body::operands>(a));
    } else {
      auto* const scratch = q.scratch(body::splits * body::results * sizeof(typename body::type));
      q.run<body>(body::size(), kernel_arguments<body::operands>(a, scratch));
      using fold = fold_body<Kind, Nest, Out, Tree>;
      q.run<fold>(fold::size(), kernel_arguments<1>(a, scratch));
    }
  }
};

}  // namespace tenon::cuda
