// SPDX-License-Identifier: BSL-1.0
// An attention on a GPU, forwards in one kernel and backwards in one: a block does all of a row (a sentence),
// stage after stage, each stage being what one call of the program says (joint.cuh). What one stage leaves in
// memory, the next reads there, the block's own row and none other.
#pragma once
#include <array>
#include <cstddef>
#include <span>
#include <type_traits>

#include "../../cuda/queue.hpp"
#include "../map/cuda.cuh"
#include "../map/cuda_gradient.cuh"
#include "../softmax/cuda.cuh"

namespace tenon::cuda {

inline constexpr index attend_threads = 256;

/// The loops of a stage: a row, the axis attended over, and for a stage that has it what is inside that. Not
/// merged and reordered as those of a kernel for a single expression are.
template <std::size_t... E>
struct row_loop {
  static constexpr std::size_t rank = sizeof...(E);
  static constexpr std::array<index, rank> extents{static_cast<index>(E)...};
  static constexpr index rows = extents[0], across = extents[1], inside = extents[rank - 1];
};

/// Stands for dropout where there is none.
struct no_stage {
  static constexpr std::size_t operands = 1;
};

/// A lowered expression over Loop, summed over what its result, of element type T and strides L, lacks of
/// it. Operands as those of the call.
template <class Loop, class T, class L, class Tree>
struct row_stage {
  using element = T;
  using loads = typename tenon::detail::all_loads<Tree>::type;
  static constexpr std::size_t operands = 1 + tenon::detail::list_size<loads>;
  static constexpr index rows = Loop::rows, across = Loop::across, inside = Loop::inside;
  using place = coordinates<Loop::rank>;

  TENON_DEVICE static element at(arguments<operands> const& a, place const& c) {
    return value_at<Tree, element>(a, c);
  }
  TENON_DEVICE static void put(arguments<operands> const& a, place const& c, element v) {
    auto& to = a.template out<element>(0)[offset_at<L>(c)];
    to = a.adds_to(0) ? to + v : v;
  }
};

template <class Loop, std::size_t Chunks, class Above, class Tree, class Sinks>
struct row_gradient;

/// The gradients of a lowered expression's leaves over Loop. Operands as those of the call: a sink for each
/// leaf (null: not wanted), the result's gradient Above, the result (not read), the leaves. A sink that lacks
/// the rows has a part for each of the chunks.
template <class Loop, std::size_t Chunks, class Above, class Tree, class... Sink>
struct row_gradient<Loop, Chunks, Above, Tree, tenon::detail::list<Sink...>> {
  static constexpr std::size_t sinks = sizeof...(Sink);
  template <std::size_t K>
  using sink = cpu::place<typename tenon::detail::list_at<K, tenon::detail::list<Sink...>>::type>;
  using type = typename tenon::detail::tree_type<Tree>::type;
  using loads = typename tenon::detail::join_lists<tenon::detail::list<Above>,
                                                   typename tenon::detail::all_loads<Tree>::type>::type;
  using leaves = typename tenon::detail::gradient_leaves<Tree>::type;
  static constexpr std::size_t operands = sinks + 1 + tenon::detail::list_size<loads>;
  using gradients = leaf_gradients<operands>;
  static constexpr index rows = Loop::rows, across = Loop::across, inside = Loop::inside;
  using place = coordinates<Loop::rank>;

  template <std::size_t K>
  static constexpr bool lacks(std::size_t d) {
    return sink<K>::layout::values[d] == 0;
  }
  /// Does any sink lack loop d?
  static constexpr bool any_lacks(std::size_t d) {
    return [&]<std::size_t... K>(std::index_sequence<K...>) {
      return (lacks<K>(d) || ...);
    }
    (std::make_index_sequence<sinks>{});
  }
  /// Sinks that lack the row, and none other, have parts.
  static constexpr bool has_parts = any_lacks(0);
  static constexpr std::size_t parts = has_parts ? Chunks : 1;

  /// Elements from one part of a sink to the next.
  template <std::size_t K>
  static constexpr index span = [] {
    index n = 1;
    for (std::size_t d = 0; d < Loop::rank; ++d)
      n += (Loop::extents[d] - 1) * static_cast<index>(sink<K>::layout::values[d]);
    return n;
  }();

  /// The gradients at one place.
  TENON_DEVICE static gradients at(arguments<operands> const& a, place const& c) {
    leaf_numbers<operands, 1> values;
    load_leaves(loads{}, a, c, values);
    using environment = element_environment<operands, 1, Loop::rank>;
    environment const env{a, values, c, 0};
    tenon::detail::point<Tree, type, environment> const here{env};
    tenon::detail::point<Above, type, environment> const g{env};
    gradients mine;
    tenon::detail::backward<Tree, environment>::run(
        here, tenon::detail::value_as<type, Above, environment>(g), mine);
    return mine;
  }

  template <std::size_t K>
  TENON_DEVICE static auto& of_sink(gradients& g) {
    using leaf = typename tenon::detail::list_at<K, leaves>::type;
    return *g.template of<tenon::detail::computed<typename cpu::place<leaf>::element>>(
        cpu::place<leaf>::index);
  }
  /// Writes to sink K, or adds to it; a sink with parts to the one of number `part`, the first time or not.
  template <std::size_t K, class V>
  TENON_DEVICE static void put(arguments<operands> const& a, place const& c, index part, bool first,
                               V const& v) {
    using element = typename sink<K>::element;
    if (a.operands[K] == nullptr) return;
    index offset = offset_at<typename sink<K>::layout>(c);
    bool add = a.adds_to(K);
    if constexpr (lacks<K>(0)) {
      offset += part * span<K>;
      add = add || !first;
    }
    auto& to = a.template out<element>(K)[offset];
    to = static_cast<element>(add ? to + v : v);
  }
  /// f(number of a sink), for each of them.
  template <class F>
  TENON_DEVICE static void each_sink(F const& f) {
    [&]<std::size_t... K>(std::index_sequence<K...>) {
      (f(std::integral_constant<std::size_t, K>{}), ...);
    }
    (std::make_index_sequence<sinks>{});
  }
};

/// A call's arguments; for no stage none.
template <class Stage>
arguments<Stage::operands> arguments_of(std::span<call_arguments const> each, std::size_t& next) {
  if constexpr (std::is_same_v<Stage, no_stage>)
    return {};
  else
    return kernel_arguments<Stage::operands>(each[next++]);
}

/// scores = Σ, weights = softmax(scores), thinned = dropout(weights), context = Σ thinned · values: a block
/// for each row.
template <class Score, class Softmax, class Thin, class Mix>
struct attend_body {
  static constexpr index threads = attend_threads;
  static constexpr index rows = Score::rows, across = Score::across;
  static constexpr bool thins = !std::is_same_v<Thin, no_stage>;

  struct all_arguments {
    arguments<Score::operands> score;
    arguments<Softmax::operands> softmax;
    arguments<Thin::operands> thin;
    arguments<Mix::operands> mix;
  };

  static void enqueue(queue& q, std::span<call_arguments const> each) {
    std::size_t next = 0;
    auto const score = arguments_of<Score>(each, next);
    auto const softmax = arguments_of<Softmax>(each, next);
    auto const thin = arguments_of<Thin>(each, next);
    q.run<attend_body>({rows, threads, block_reduce_bytes<threads, typename Score::element>},
                       all_arguments{score, softmax, thin, arguments_of<Mix>(each, next)});
  }

  template <class Block, class Arguments>
  TENON_DEVICE static void run(Block const& block, Arguments const& a) {
    index const row = block.number();
    typename Score::place c{{row, 0, 0}};
    for (c.at[1] = block.thread() / warp; c.at[1] < across; c.at[1] += threads / warp) {
      typename Score::element total{};
      for (c.at[2] = block.thread() % warp; c.at[2] < Score::inside; c.at[2] += warp)
        total += Score::at(a.score, c);
      total = block.over_warp(total, plus{});
      c.at[2] = 0;
      if (block.thread() % warp == 0) Score::put(a.score, c, total);
    }
    block.sync();
    if (block.thread() < Softmax::team::size) Softmax::run_row(block, a.softmax, row);
    block.sync();
    if constexpr (thins) {
      typename Thin::place t{{row, 0}};
      for (t.at[1] = block.thread(); t.at[1] < across; t.at[1] += threads)
        Thin::put(a.thin, t, Thin::at(a.thin, t));
      block.sync();
    }
    for (index i = block.thread(); i < Mix::inside; i += threads) {
      typename Mix::place m{{row, 0, i}};
      typename Mix::element total{};
      for (; m.at[1] < across; ++m.at[1]) total += Mix::at(a.mix, m);
      m.at[1] = 0;
      Mix::put(a.mix, m, total);
    }
  }
};

/// The derivatives of the stages above, the last one first. A block does a row; where a sink of the scores
/// lacks the rows (a weight), as many rows as make up one of its parts.
template <class Score, class Softmax, class Thin, class Mix>
struct attend_gradient_body {
  static constexpr index threads = attend_threads;
  static constexpr index blocks_at_once = 2;  // there are as many blocks as rows: a few per multiprocessor
  static constexpr index rows = Score::rows, across = Score::across;
  static constexpr index blocks = Score::has_parts ? static_cast<index>(Score::parts) : rows;
  static constexpr bool thins = !std::is_same_v<Thin, no_stage>;

  struct all_arguments {
    arguments<Mix::operands> mix;
    arguments<Thin::operands> thin;
    arguments<Softmax::operands> softmax;
    arguments<Score::operands> score;
  };

  static void enqueue(queue& q, std::span<call_arguments const> each) {
    std::size_t next = 0;
    auto const mix = arguments_of<Mix>(each, next);
    auto const thin = arguments_of<Thin>(each, next);
    auto const softmax = arguments_of<Softmax>(each, next);
    q.run<attend_gradient_body>({blocks, threads, block_reduce_bytes<threads, typename Score::type>},
                                all_arguments{mix, thin, softmax, arguments_of<Score>(each, next)});
  }

  template <class Block, class Arguments>
  TENON_DEVICE static void run(Block const& block, Arguments const& a) {
    constexpr std::size_t all_rows = rows;
    auto const begin = static_cast<index>(all_rows * block.number() / blocks),
               end = static_cast<index>(all_rows * (block.number() + 1) / blocks);
    for (index row = begin; row < end; ++row) {
      if (row != begin) block.sync();
      mix(block, a.mix, row);
      block.sync();
      if constexpr (thins) {
        typename Thin::place c{{row, 0}};
        for (c.at[1] = block.thread(); c.at[1] < across; c.at[1] += threads) {
          auto g = Thin::at(a.thin, c);
          Thin::each_sink([&]<class K>(K) {
            Thin::template put<K::value>(a.thin, c, 0, true, Thin::template of_sink<K::value>(g));
          });
        }
        block.sync();
      }
      if (block.thread() < Softmax::team::size) Softmax::run_row(block, a.softmax, row);
      block.sync();
      score(block, a.score, row, row == begin);
    }
  }

 private:
  /// A warp for each step: the weights' gradients are sums over what is inside.
  template <class Block>
  TENON_DEVICE static void mix(Block const& block, arguments<Mix::operands> const& a, index row) {
    typename Mix::place c{{row, 0, 0}};
    for (c.at[1] = block.thread() / warp; c.at[1] < across; c.at[1] += threads / warp) {
      typename Mix::gradients totals;
      for (c.at[2] = block.thread() % warp; c.at[2] < Mix::inside; c.at[2] += warp) {
        auto g = Mix::at(a, c);
        Mix::each_sink([&]<class K>(K) {
          constexpr std::size_t k = K::value;
          if constexpr (Mix::template lacks<k>(2))
            Mix::template of_sink<k>(totals) += Mix::template of_sink<k>(g);
          else
            Mix::template put<k>(a, c, 0, true, Mix::template of_sink<k>(g));
        });
      }
      c.at[2] = 0;
      Mix::each_sink([&]<class K>(K) {
        constexpr std::size_t k = K::value;
        if constexpr (Mix::template lacks<k>(2)) {
          auto const total = block.over_warp(Mix::template of_sink<k>(totals), plus{});
          if (block.thread() % warp == 0) Mix::template put<k>(a, c, 0, true, total);
        }
      });
    }
  }

  /// A thread for each place inside: queries' gradients are sums over the steps.
  template <class Block>
  TENON_DEVICE static void score(Block const& block, arguments<Score::operands> const& a, index row,
                                 bool first) {
    index const part = block.number();
    for (index i = block.thread(); i < Score::inside; i += threads) {
      typename Score::place c{{row, 0, i}};
      typename Score::gradients totals;
      for (; c.at[1] < across; ++c.at[1]) {
        auto g = Score::at(a, c);
        Score::each_sink([&]<class K>(K) {
          constexpr std::size_t k = K::value;
          if constexpr (Score::template lacks<k>(1))
            Score::template of_sink<k>(totals) += Score::template of_sink<k>(g);
          else
            Score::template put<k>(a, c, part, first, Score::template of_sink<k>(g));
        });
      }
      c.at[1] = 0;
      Score::each_sink([&]<class K>(K) {
        constexpr std::size_t k = K::value;
        if constexpr (Score::template lacks<k>(1))
          Score::template put<k>(a, c, part, first, Score::template of_sink<k>(totals));
      });
    }
  }
};

}  // namespace tenon::cuda
