// SPDX-License-Identifier: BSL-1.0
// The gradients of maps and reductions on a GPU: one kernel for the gradients of all leaves together.
//
// Loops whose index reaches every sink are spread over threads. The first loop, where some sinks lack it, is
// cut into the call's chunks, each of which has a part of such a sink to itself: no atomic operations, the
// same bits in every run. The other loops each thread walks itself. Where a sink lacks the vector axis, a
// block takes a row and adds across its threads.
#pragma once
#include <cstddef>
#include <span>
#include <type_traits>

#include "../../cuda/queue.hpp"
#include "cpu_gradient.hpp"
#include "cuda_loops.cuh"

namespace tenon::cuda {

/// The gradients of an expression's leaves at one element, by operand number.
template <std::size_t Operands>
struct leaf_gradients : leaf_numbers<Operands, 1> {
  TENON_DEVICE leaf_gradients() {
    for (std::size_t i = 0; i < Operands; ++i) this->single[i][0] = 0.0F, this->wide[i][0] = 0.0;
  }
  template <std::size_t I, class V>
  TENON_DEVICE void add(V const& g) {
    this->template of<V>(I)[0] += g;
  }
};

/// How the loops of a gradient kernel are dealt with; the sinks' strides over them decide.
template <class Nest, std::size_t Chunks, class... Sink>
struct gradient_loops {
  static constexpr std::size_t rank = Nest::rank, outer = rank - 1;

  template <class S>
  static constexpr bool lacks(std::size_t d) {
    return cpu::place<S>::layout::values[d] == 0;
  }
  static constexpr bool in_all(std::size_t d) { return (!lacks<Sink>(d) && ...); }

  static constexpr bool vector_in_all = in_all(outer);
  static constexpr bool grouped = outer > 0 && !in_all(0);

  struct spread {  // over threads, or, where the vector axis is not in all sinks, over blocks
    static constexpr bool has(std::size_t d) {
      return d == outer ? vector_in_all : in_all(d) && !(d == 0 && grouped);
    }
  };
  struct walked {  // by each thread, besides its group of the first loop
    static constexpr bool has(std::size_t d) { return d != outer && !in_all(d) && d != 0; }
  };

  static constexpr std::size_t places = combinations<Nest, spread>;
  static constexpr std::size_t walks = combinations<Nest, walked>;
  static constexpr index threads =
      vector_in_all ? block_threads(places, grouped ? 128 : 256) : block_threads(Nest::vector_extent);

  static constexpr std::size_t groups = grouped ? Chunks : 1;

  /// The sink has a part for each chunk.
  template <class S>
  static constexpr bool in_parts = Chunks > 1 && lacks<S>(0);
  /// How far the parts are apart: as far as a part's first and last element.
  template <class S>
  static constexpr std::size_t part = [] {
    std::size_t n = 1;
    for (std::size_t d = 0; d < rank; ++d) n += (Nest::extents[d] - 1) * cpu::place<S>::layout::values[d];
    return n;
  }();
  /// No loop that a thread walks reaches the sink: one sum in a register, delivered at the end.
  template <class S>
  static constexpr bool once = [] {
    if (grouped && !lacks<S>(0)) return false;
    for (std::size_t d = 0; d < rank; ++d)
      if (walked::has(d) && !lacks<S>(d)) return false;
    return vector_in_all || lacks<S>(outer);
  }();
};

template <class Kind, class Nest, std::size_t Chunks, class G, class Y, class Tree, class Leaves, class Sinks>
struct pull_body;

/// Operands as those of cpu::pull_kernel.
template <class Kind, class Nest, std::size_t Chunks, class G, class Y, class Tree, class... Leaf,
          class... Sink>
struct pull_body<Kind, Nest, Chunks, G, Y, Tree, tenon::detail::list<Leaf...>, tenon::detail::list<Sink...>> {
  using how = gradient_loops<Nest, Chunks, Sink...>;
  using loads = typename tenon::detail::all_loads<Tree>::type;
  using type = typename tenon::detail::tree_type<Tree>::type;
  using upstream =
      std::conditional_t<std::is_same_v<Kind, by_max>, tenon::detail::list<G, Y>, tenon::detail::list<G>>;
  using leaves = typename tenon::detail::join_lists<upstream, loads>::type;
  using place_type = coordinates<Nest::rank>;
  static constexpr std::size_t sinks = sizeof...(Sink);
  static constexpr std::size_t operands = sinks + 2 + tenon::detail::list_size<loads>;
  using gradients = leaf_gradients<operands>;
  static constexpr bool lone_threads = how::vector_in_all;
  static constexpr index threads = how::threads;
  static_assert(combinations<Nest, every_loop<Nest>> < (std::size_t{1} << 31),
                "a tensor of over 2^31 elements");

  static constexpr grid size() {
    std::size_t const blocks =
        how::vector_in_all ? divide_up(how::places * how::groups, threads) : how::places * how::groups;
    return {static_cast<index>(blocks), threads, block_reduce_bytes<threads, type>};
  }

  template <class Block, class Arguments>
  TENON_DEVICE static void run(Block const& block, Arguments const& a) {
    place_type c{};
    index place = block.number(), group = 0;
    bool idle = false;
    if constexpr (how::vector_in_all) {
      place = block.number() * threads + block.thread();
      idle = place >= how::places * how::groups;
      if (idle) return;
    }
    if constexpr (how::grouped) {
      group = place / static_cast<index>(how::places);
      place %= static_cast<index>(how::places);
    }
    place_at<Nest, typename how::spread>(place, c);
    constexpr std::size_t first_extent = how::grouped ? Nest::extents[0] : 1;
    auto const begin = static_cast<index>(first_extent * group / how::groups),
               end = static_cast<index>(first_extent * (group + 1) / how::groups);
    gradients totals;
    for (index first = begin; first < end; ++first) {
      if constexpr (how::grouped) c.at[0] = first;
      for (index walk = 0; walk < how::walks; ++walk) {
        place_at<Nest, typename how::walked>(walk, c);
        gradients row;  // of sinks that lack the vector axis
        if constexpr (how::vector_in_all) {
          at(a, c, group, first == begin, totals, row);
        } else {
          for (index i = block.thread(); i < Nest::vector_extent; i += threads) {
            c.at[how::outer] = i;
            at(a, c, group, first == begin, totals, row);
          }
          (deliver_row<Leaf, Sink>(block, a, c, group, first == begin, row), ...);
        }
      }
    }
    (deliver_total<Leaf, Sink>(block, a, c, group, totals), ...);
  }

 private:
  template <class Arguments>
  TENON_DEVICE static void at(Arguments const& a, place_type const& c, index group, bool first,
                              gradients& totals, gradients& row) {
    leaf_numbers<operands, 1> values;
    load_leaves(leaves{}, a, c, values);
    using environment = element_environment<operands, 1, Nest::rank>;
    environment const env{a, values, c, 0};
    tenon::detail::point<Tree, type, environment> const here{env};
    tenon::detail::point<G, type, environment> const above{env};
    auto g = tenon::detail::value_as<type, G, environment>(above);
    if constexpr (std::is_same_v<Kind, by_mean>) {
      constexpr std::size_t n = [] {
        std::size_t product = 1;
        for (std::size_t d = 0; d < Nest::rank; ++d)
          if (cpu::place<G>::layout::values[d] == 0) product *= Nest::extents[d];
        return product;
      }();
      g *= type(1) / static_cast<type>(n);
    }
    if constexpr (std::is_same_v<Kind, by_max>) {
      tenon::detail::point<Y, type, environment> const y{env};
      g = here.value == y.value ? g : type{};
    }
    gradients mine;
    tenon::detail::backward<Tree, environment>::run(here, g, mine);
    (deliver<Leaf, Sink>(a, c, group, first, mine, totals, row), ...);
  }

  template <class L>
  TENON_DEVICE static auto& part(gradients& g) {
    return *g.template of<tenon::detail::computed<typename cpu::place<L>::element>>(cpu::place<L>::index);
  }

  /// Is this the first time that a thread comes to the sink's element?
  template <class S>
  TENON_DEVICE static bool first_time(place_type const& c, bool first) {
    bool result = !how::grouped || !how::template lacks<S>(0) || first;
    for (std::size_t d = 0; d < Nest::rank; ++d)
      if (how::walked::has(d) && how::template lacks<S>(d)) result = result && c.at[d] == 0;
    return result;
  }

  template <class S>
  static constexpr std::size_t number = cpu::place<S>::index;

  /// Puts v where the sink has its element at c, or adds it to what this run has put there.
  template <class S, class Arguments, class V>
  TENON_DEVICE static void write(Arguments const& a, place_type const& c, index group, bool first,
                                 V const& v) {
    using element = typename cpu::place<S>::element;
    index offset = offset_at<typename cpu::place<S>::layout>(c);
    bool const add = !first || a.adds_to(number<S>);
    if constexpr (how::template in_parts<S>) {
      offset += group * static_cast<index>(how::template part<S>);
      if constexpr (how::groups <
                    Chunks)  // the first loop is the vector axis: a block walks it, and all parts are its own
        for (index chunk = 1; chunk < Chunks && !add; ++chunk)
          a.template out<element>(number<S>)[offset + chunk * how::template part<S>] = element{};
    }
    auto& to = a.template out<element>(number<S>)[offset];
    to = static_cast<element>(add ? to + v : v);
  }

  template <class L, class S, class Arguments>
  TENON_DEVICE static void deliver(Arguments const& a, place_type const& c, index group, bool first,
                                   gradients& mine, gradients& totals, gradients& row) {
    if constexpr (how::template once<S>) {
      part<L>(totals) += part<L>(mine);
    } else if constexpr (how::template lacks<S>(how::outer)) {
      part<L>(row) += part<L>(mine);
    } else {
      if (a.operands[number<S>] != nullptr) write<S>(a, c, group, first_time<S>(c, first), part<L>(mine));
    }
  }

  /// Adds up, over the block, what a row gives to a sink without the vector axis.
  template <class L, class S, class Block, class Arguments>
  TENON_DEVICE static void deliver_row(Block const& block, Arguments const& a, place_type& c, index group,
                                       bool first, gradients& row) {
    if constexpr (how::template lacks<S>(how::outer) && !how::template once<S>) {
      auto const sum = over_block<threads>(block, static_cast<type>(part<L>(row)), plus{});
      if (block.thread() == 0 && a.operands[number<S>] != nullptr)
        write<S>(a, c, group, first_time<S>(c, first), sum);
    }
  }

  template <class L, class S, class Block, class Arguments>
  TENON_DEVICE static void deliver_total(Block const& block, Arguments const& a, place_type const& c,
                                         index group, gradients& totals) {
    if constexpr (how::template once<S>) {
      if constexpr (how::vector_in_all) {
        if (a.operands[number<S>] != nullptr) write<S>(a, c, group, true, part<L>(totals));
      } else {
        auto const sum = over_block<threads>(block, static_cast<type>(part<L>(totals)), plus{});
        if (block.thread() == 0 && a.operands[number<S>] != nullptr) write<S>(a, c, group, true, sum);
      }
    }
  }
};

template <class Kind, class Nest, std::size_t Chunks, class G, class Y, class Tree, class Leaves, class Sinks>
struct lowering<cpu::pull_kernel<Kind, Nest, Chunks, G, Y, Tree, Leaves, Sinks>> {
  static void enqueue(queue& q, call_arguments const& a) {
    using body = pull_body<Kind, Nest, Chunks, G, Y, Tree, Leaves, Sinks>;
    q.run<body>(body::size(), kernel_arguments<body::operands>(a));
  }
};

// ---- sums of parts

/// Sums that neighbouring calls make of parts, each with its operands (out, parts) and integers: how many
/// parts, and how many elements in each, without gaps. A block sums 32 elements, its warps sharing the parts.
template <class T>
struct sum_parts_body {
  static constexpr std::size_t most = most_joint_calls;
  static constexpr index threads = 256, warps = threads / warp;

  struct sum {
    T* out;
    T const* parts;
    index count, elements, first_block;
    bool add;
  };
  struct all_arguments {
    sum of[most];
    index sums;
  };

  static void enqueue(queue& q, std::span<call_arguments const> each) {
    all_arguments a{};
    index blocks = 0;
    for (auto const& c : each) {
      auto const elements = static_cast<index>(c.integers[1]);
      a.of[a.sums++] = {c.out<T>(0), c.in<T>(1), static_cast<index>(c.integers[0]),
                        elements,    blocks,     c.adds_to(0)};
      blocks += static_cast<index>(divide_up(elements, warp));
    }
    q.run<sum_parts_body>({blocks, threads, threads * sizeof(T)}, a);
  }

  template <class Block, class Arguments>
  TENON_DEVICE static void run(Block const& block, Arguments const& a) {
    index which = 0;
    while (which + 1 < a.sums && a.of[which + 1].first_block <= block.number()) ++which;
    auto const& s = a.of[which];
    index const lane = block.thread() % warp, number = block.thread() / warp;
    index const element = (block.number() - s.first_block) * warp + lane;
    T total{};
    if (element < s.elements)
      for (index p = number; p < s.count; p += warps) total += s.parts[p * s.elements + element];
    T* const all = block.template shared<T>();
    all[block.thread()] = total;
    block.sync();
    if (number != 0 || element >= s.elements) return;
    for (index w = 1; w < warps; ++w) total += all[w * warp + lane];
    s.out[element] = s.add ? s.out[element] + total : total;
  }
};
template <class T>
inline constexpr joint_calls sums_of_parts{{}, &sum_parts_body<T>::enqueue};

}  // namespace tenon::cuda
