// SPDX-License-Identifier: BSL-1.0
// Maps and reductions on the CPU: one vectorised loop nest for an expression, one for all of its gradients
// together.
#pragma once
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "../../cpu/pack.hpp"
#include "../../cpu/random.hpp"
#include "../../expr/evaluate.hpp"

namespace tenon::cpu {

/// Part `chunk` of `chunks` equal parts of [0, total).
struct range {
  std::size_t begin, end;
};
constexpr range part_of(std::size_t total, std::size_t chunks, std::size_t chunk) {
  return {total * chunk / chunks, total * (chunk + 1) / chunks};
}

/// Into how many chunks to cut a loop of `elements` elements of `cost` operations each, at most `most`: a
/// power of two, so that few threads get equal shares. Short ones are cut in two all the same, for where all
/// calls around them are cut alike, threads need not wait for each other.
constexpr std::size_t chunks_for(std::size_t elements, std::size_t cost, std::size_t most) {
  std::size_t const work = elements * (cost + 2);
  std::size_t const wanted = work >= 1U << 10 ? std::max<std::size_t>(2, work >> 15) : 1;
  return std::bit_floor(std::clamp<std::size_t>(wanted, 1, std::clamp<std::size_t>(most, 1, 16)));
}

/// The environment in which a lowered tree is evaluated: one pack of lanes at a position of the vector axis.
template <bool Full>
struct lane_environment {
  call_arguments const& arguments;
  void const* const* base;  ///< per operand: where the current row starts (for masks: its element number)
  std::size_t position;
  std::size_t count;  ///< lanes in use, unless Full
  random_cache& randoms;

  template <class T>
  TENON_ALWAYS_INLINE static pack<T> splat(T x) {
    return broadcast<T>(x);
  }

  template <std::size_t I, class T, class L>
  TENON_ALWAYS_INLINE auto get() const {
    constexpr std::size_t stride = L::values[L::values.size() - 1];
    T const* p = static_cast<T const*>(base[I]) + position * stride;
    if constexpr (stride == 0) {
      return broadcast<tenon::detail::computed<T>>(*p);
    } else if constexpr (stride == 1) {
      if constexpr (Full)
        return load(p);
      else
        return load_partial(p, count);
    } else {
      if constexpr (Full)
        return gather(p, stride);
      else
        return gather_partial(p, stride, count);
    }
  }

  template <std::size_t I, class L>
  TENON_ALWAYS_INLINE pack<float> keep(double rate, std::int64_t site) const {
    constexpr std::size_t stride = L::values[L::values.size() - 1];
    auto const first = reinterpret_cast<std::uintptr_t>(base[I]) + position * stride;
    auto const element = broadcast<std::uint32_t>(static_cast<std::uint32_t>(first)) +
                         iota<std::uint32_t>() * static_cast<std::uint32_t>(stride);
    auto const bits = stride == 1 && first % lanes == 0
                          ? randoms.neighbours(static_cast<std::uint32_t>(first),
                                               static_cast<std::uint32_t>(site), *arguments.state)
                          : random16(element, static_cast<std::uint32_t>(site), *arguments.state);
    auto const threshold = static_cast<std::uint32_t>(rate * 65536.0 + 0.5);
    auto const scale = static_cast<float>(1.0 / (1.0 - rate));
    return select(bits >= threshold, broadcast<float>(scale), broadcast<float>(0.0f));
  }
};

/// Row r of a value: the offset of its first element. E: extents of the row axes, S: their strides.
template <class E, class S>
struct row_walk;
template <std::size_t... E, std::size_t... S>
struct row_walk<strides<E...>, strides<S...>> {
  static constexpr std::size_t count = (std::size_t{1} * ... * E);
  /// What chunks of rows touch, each row being `length` elements `stride` apart.
  static constexpr reach touched(std::size_t length, std::size_t stride, std::size_t chunks,
                                 std::size_t element_bytes) {
    return reach_of<sizeof...(E) + 2>({E..., 1, length}, {S..., 0, stride}, 0, chunks, element_bytes);
  }
  TENON_ALWAYS_INLINE static std::size_t offset(std::size_t row) {
    constexpr std::size_t extents[] = {E..., 1}, steps[] = {S..., 0};
    std::size_t result = 0;
    for (std::size_t d = sizeof...(E); d-- > 0;) {
      result += row % extents[d] * steps[d];
      row /= extents[d];
    }
    return result;
  }
};

/// Coordinates of a loop's rows.
template <class Nest, std::size_t Begin, std::size_t Count>
TENON_ALWAYS_INLINE void decode(std::size_t number, std::size_t* coordinates) {
  for (std::size_t d = Begin + Count; d-- > Begin;) {
    coordinates[d] = number % Nest::extents[d];
    number /= Nest::extents[d];
  }
}

template <class X>
struct place;  // where a leaf's row starts
template <std::size_t I, class T, class L>
struct place<element_at<I, T, L>> {
  static constexpr std::size_t index = I;
  using element = T;
  using layout = L;
};
template <std::size_t I, std::size_t J, std::size_t K, class L>
struct place<mask_at<I, J, K, L>> {
  static constexpr std::size_t index = I;
  using element = char;
  using layout = L;
};

template <class Nest, class Leaf, std::size_t Outer>
TENON_ALWAYS_INLINE std::size_t row_offset(std::size_t const* coordinates) {
  std::size_t offset = 0;
  for (std::size_t d = 0; d < Outer; ++d) offset += coordinates[d] * place<Leaf>::layout::values[d];
  return offset;
}

template <class Nest, class... Leaf>
TENON_ALWAYS_INLINE void set_rows(tenon::detail::list<Leaf...>, call_arguments const& a,
                                  std::size_t const* coordinates, void const** base) {
  ((base[place<Leaf>::index] = reinterpret_cast<void const*>(
        reinterpret_cast<std::uintptr_t>(a.operands[place<Leaf>::index]) +
        row_offset<Nest, Leaf, Nest::rank - 1>(coordinates) * sizeof(typename place<Leaf>::element))),
   ...);
}

template <bool Full, std::size_t Stride, class T, class V>
TENON_ALWAYS_INLINE void put(T* p, V const& v, std::size_t count, bool add) {
  if constexpr (Stride == 1) {
    if constexpr (Full)
      store(p, add ? v + load(p) : v);
    else
      store_partial(p, add ? v + load_partial(p, count) : v, count);
  } else {
    if constexpr (Full)
      scatter(p, Stride, add ? v + gather(p, Stride) : v);
    else
      scatter(p, Stride, add ? v + gather_partial(p, Stride, count) : v, count);
  }
}

/// The reach into the leaf that is operand number k, of those listed, of a loop nest cut at loop `cut`.
template <class Nest, class... Leaf>
constexpr reach leaf_reach(tenon::detail::list<Leaf...>, std::size_t k, std::size_t cut, std::size_t chunks) {
  // Where the vector axis is cut, whole packs are dealt out.
  if (cut == Nest::rank - 1 && Nest::vector_extent % (chunks * lanes) != 0) chunks = 1;
  reach result{};
  ((result = place<Leaf>::index == k ? reach_of(Nest::extents, place<Leaf>::layout::values, cut, chunks,
                                                sizeof(typename place<Leaf>::element))
                                     : result),
   ...);
  return result;
}

// ---- maps
// --------------------------------------------------------------------------------------------------

/// out = tree, for every element; operands: out, then the tree's leaves.
template <class Nest, class Out, class Tree>
struct map_kernel {
  using leaves = typename tenon::detail::all_loads<Tree>::type;
  using element = typename place<Out>::element;
  static constexpr std::size_t vector_extent = Nest::vector_extent;
  static constexpr bool by_rows = Nest::kept > 0;
  static constexpr std::size_t chunks =
      chunks_for(Nest::rows * vector_extent, tenon::detail::flops_of<Tree>,
                 by_rows ? Nest::rows : (vector_extent + lanes - 1) / lanes);

  static constexpr std::size_t cut = by_rows ? 0 : Nest::rank - 1;

  static constexpr reach touched(std::size_t k) {
    using all = typename tenon::detail::join_lists<tenon::detail::list<Out>, leaves>::type;
    return leaf_reach<Nest>(all{}, k, cut, chunks);
  }

  static void run(call_arguments const& a, std::size_t chunk) {
    bool const add = a.adds_to(0);
    if constexpr (by_rows) {
      auto const rows = part_of(Nest::rows, chunks, chunk);
      for (std::size_t row = rows.begin; row < rows.end; ++row) do_row(a, row, 0, vector_extent, add);
    } else {
      auto const blocks = part_of((vector_extent + lanes - 1) / lanes, chunks, chunk);
      do_row(a, 0, blocks.begin * lanes, std::min(blocks.end * lanes, vector_extent), add);
    }
  }

 private:
  TENON_ALWAYS_INLINE static void do_row(call_arguments const& a, std::size_t row, std::size_t begin,
                                         std::size_t end, bool add) {
    std::size_t coordinates[Nest::rank];
    decode<Nest, 0, Nest::kept>(row, coordinates);
    void const* base[32];
    set_rows<Nest>(leaves{}, a, coordinates, base);
    element* const out = a.template out<element>(0) + row_offset<Nest, Out, Nest::rank - 1>(coordinates);
    random_cache randoms;
    std::size_t i = begin;
    if constexpr (vector_extent >= lanes)
      for (; i + lanes <= end; i += lanes) at<true>(a, base, out, i, lanes, add, randoms);
    if constexpr (vector_extent % lanes != 0)
      if (i < end) at<false>(a, base, out, i, end - i, add, randoms);
  }
  template <bool Full>
  TENON_ALWAYS_INLINE static void at(call_arguments const& a, void const* const* base, element* out,
                                     std::size_t i, std::size_t count, bool add, random_cache& randoms) {
    constexpr std::size_t stride = place<Out>::layout::values[Nest::rank - 1];
    using to = tenon::detail::computed<element>;
    lane_environment<Full> const env{a, base, i, count, randoms};
    tenon::detail::point<Tree, to, lane_environment<Full>> const here{env};
    auto const v = tenon::detail::value_as<to, Tree, lane_environment<Full>>(here);
    put<Full, stride>(out + i * stride, v, count, add);
  }
};

// ---- reductions
// --------------------------------------------------------------------------------------------

template <class Kind>
struct combine {  // sum and mean
  template <class V>
  TENON_ALWAYS_INLINE static V start() {
    return V{};
  }
  template <class V>
  TENON_ALWAYS_INLINE static V join(V const& a, V const& b) {
    return a + b;
  }
  template <class V>
  TENON_ALWAYS_INLINE static auto across(V const& v) {
    return sum(v);
  }
};
template <>
struct combine<by_max> {
  template <class V>
  TENON_ALWAYS_INLINE static V start() {
    return broadcast<element_of<V>>(std::numeric_limits<element_of<V>>::lowest());
  }
  template <class V>
  TENON_ALWAYS_INLINE static V join(V const& a, V const& b) {
    return max(a, b);
  }
  template <class V>
  TENON_ALWAYS_INLINE static auto across(V const& v) {
    return max_of(v);
  }
};

/// out = tree reduced over the nest's reduced loops; operands: out, then the tree's leaves.
template <class Kind, class Nest, class Out, class Tree>
struct reduce_kernel {
  using leaves = typename tenon::detail::all_loads<Tree>::type;
  using element = typename place<Out>::element;
  using type = typename tenon::detail::tree_type<Tree>::type;
  using value = pack<type>;
  using how = combine<Kind>;
  static constexpr std::size_t vector_extent = Nest::vector_extent;
  static constexpr std::size_t count = Nest::reduced_rows * (Nest::vector_reduced ? vector_extent : 1);
  static constexpr std::size_t blocks = (vector_extent + lanes - 1) / lanes;
  static constexpr bool by_rows = Nest::kept > 0 || Nest::vector_reduced;
  static constexpr std::size_t chunks =
      chunks_for(Nest::rows * Nest::reduced_rows * vector_extent, tenon::detail::flops_of<Tree> + 1,
                 by_rows ? Nest::rows : blocks);

  static constexpr std::size_t cut = Nest::kept > 0 ? 0 : Nest::rank - 1;

  static constexpr reach touched(std::size_t k) {
    using all = typename tenon::detail::join_lists<tenon::detail::list<Out>, leaves>::type;
    return leaf_reach<Nest>(all{}, k, cut, chunks);
  }

  static void run(call_arguments const& a, std::size_t chunk) {
    bool const add = a.adds_to(0);
    if constexpr (by_rows) {
      auto const rows = part_of(Nest::rows, chunks, chunk);
      for (std::size_t row = rows.begin; row < rows.end; ++row) {
        if constexpr (Nest::vector_reduced)
          to_scalar(a, row, add);
        else
          to_vector(a, row, 0, vector_extent, add);
      }
    } else {
      auto const mine = part_of(blocks, chunks, chunk);
      to_vector(a, 0, mine.begin * lanes, std::min(mine.end * lanes, vector_extent), add);
    }
  }

 private:
  template <class T>
  TENON_ALWAYS_INLINE static T finish(T const& v) {
    if constexpr (std::is_same_v<Kind, by_mean> && std::is_integral_v<type>)
      return v / static_cast<type>(count);
    else if constexpr (std::is_same_v<Kind, by_mean>)
      return v * (type(1) / static_cast<type>(count));
    else
      return v;
  }

  template <bool Full>
  TENON_ALWAYS_INLINE static value at(call_arguments const& a, void const* const* base, std::size_t i,
                                      std::size_t n, random_cache& randoms) {
    lane_environment<Full> const env{a, base, i, n, randoms};
    tenon::detail::point<Tree, type, lane_environment<Full>> const here{env};
    return tenon::detail::value_as<type, Tree, lane_environment<Full>>(here);
  }

  TENON_ALWAYS_INLINE static void to_scalar(call_arguments const& a, std::size_t row, bool add) {
    std::size_t coordinates[Nest::rank];
    decode<Nest, 0, Nest::kept>(row, coordinates);
    value total = how::template start<value>();
    random_cache randoms;
    for (std::size_t r = 0; r < Nest::reduced_rows; ++r) {
      decode<Nest, Nest::kept, Nest::reduced>(r, coordinates);
      void const* base[32];
      set_rows<Nest>(leaves{}, a, coordinates, base);
      std::size_t i = 0;
      if constexpr (vector_extent >= lanes)
        for (; i + lanes <= vector_extent; i += lanes)
          total = how::join(total, at<true>(a, base, i, lanes, randoms));
      if constexpr (vector_extent % lanes != 0) {
        std::size_t const n = vector_extent - i;
        auto const used = iota<std::int32_t>() < static_cast<std::int32_t>(n);
        total =
            how::join(total, select(used, at<false>(a, base, i, n, randoms), how::template start<value>()));
      }
    }
    element* const out = a.template out<element>(0) + row_offset<Nest, Out, Nest::kept>(coordinates);
    type const result = finish(how::across(total));
    *out = static_cast<element>(add ? static_cast<type>(*out) + result : result);
  }

  TENON_ALWAYS_INLINE static void to_vector(call_arguments const& a, std::size_t row, std::size_t begin,
                                            std::size_t end, bool add) {
    std::size_t coordinates[Nest::rank];
    decode<Nest, 0, Nest::kept>(row, coordinates);
    std::size_t i = begin;
    if constexpr (vector_extent >= 4 * lanes)
      for (; i + 4 * lanes <= end; i += 4 * lanes) columns<true, 4>(a, coordinates, i, lanes, add);
    if constexpr (vector_extent >= lanes)
      for (; i + lanes <= end; i += lanes) columns<true, 1>(a, coordinates, i, lanes, add);
    if constexpr (vector_extent % lanes != 0)
      if (i < end) columns<false, 1>(a, coordinates, i, end - i, add);
  }

  // Width packs side by side: the reduced loops run over memory rows apart, and wider columns use more of
  // each cache line fetched.
  template <bool Full, std::size_t Width>
  TENON_ALWAYS_INLINE static void columns(call_arguments const& a, std::size_t* coordinates, std::size_t i,
                                          std::size_t n, bool add) {
    value total[Width];
    random_cache randoms;
    for (auto& t : total) t = how::template start<value>();
    for (std::size_t r = 0; r < Nest::reduced_rows; ++r) {
      decode<Nest, Nest::kept, Nest::reduced>(r, coordinates);
      void const* base[32];
      set_rows<Nest>(leaves{}, a, coordinates, base);
      for (std::size_t w = 0; w < Width; ++w)
        total[w] = how::join(total[w], at<Full>(a, base, i + w * lanes, n, randoms));
    }
    constexpr std::size_t stride = place<Out>::layout::values[Nest::rank - 1];
    element* const out = a.template out<element>(0) + row_offset<Nest, Out, Nest::kept>(coordinates);
    for (std::size_t w = 0; w < Width; ++w)
      put<Full, stride>(out + (i + w * lanes) * stride, finish(total[w]), n, add);
  }
};

// ---- gradients of maps and reductions
// ------------------------------------------------------------------------

/// One pack of gradient per leaf, found by the leaf's operand number.
template <std::size_t I, class V>
struct gradient_slot {
  V value{};
};
template <class List>
struct gradient_pack;
template <std::size_t... I, class... T, class... L>
struct gradient_pack<tenon::detail::list<element_at<I, T, L>...>>
    : gradient_slot<I, pack<tenon::detail::computed<T>>>... {
  template <std::size_t J, class V>
  TENON_ALWAYS_INLINE void add(V const& g) {
    slot<J>(*this) += g;
  }
  template <std::size_t J, class V>
  TENON_ALWAYS_INLINE static V& slot(gradient_slot<J, V>& s) {
    return s.value;
  }
};

/// The gradients of all leaves of a tree in one loop; operands: one sink per leaf in `Sinks` (null: not
/// wanted), then the gradient G of the result, the result Y (max alone reads it), and the tree's leaves. Sink
/// k belongs to leaf number `Leaves`[k]. A sink that lacks the loop's first axis gets one part per chunk, to
/// be summed by the caller, if there are several chunks.
template <class Kind, class Nest, std::size_t Chunks, class G, class Y, class Tree, class Leaves, class Sinks>
struct pull_kernel;

template <class Kind, class Nest, std::size_t Chunks, class G, class Y, class Tree, class... Leaf,
          class... Sink>
struct pull_kernel<Kind, Nest, Chunks, G, Y, Tree, tenon::detail::list<Leaf...>,
                   tenon::detail::list<Sink...>> {
  using loads = typename tenon::detail::all_loads<Tree>::type;
  using type = typename tenon::detail::tree_type<Tree>::type;
  using leaf_list = tenon::detail::list<Leaf...>;
  static constexpr std::size_t sinks = sizeof...(Sink);
  static constexpr std::size_t outer = Nest::rank - 1;
  static constexpr std::size_t rows = Nest::rows * Nest::reduced_rows;
  static constexpr std::size_t vector_extent = Nest::vector_extent;
  static constexpr bool by_rows = outer > 0;

  static constexpr std::size_t cut = by_rows ? 0 : Nest::rank - 1;

  static constexpr reach touched(std::size_t k) {
    reach result{};
    ((result = place<Sink>::index == k ? sink_reach<Sink>() : result), ...);
    using read = typename tenon::detail::join_lists<tenon::detail::list<G, Y>, loads>::type;
    return k < sinks ? result : leaf_reach<Nest>(read{}, k, cut, Chunks);
  }

  static void run(call_arguments const& a, std::size_t chunk) {
    if constexpr (by_rows) {
      auto const first = part_of(Nest::extents[0], Chunks, chunk);
      constexpr std::size_t inner_rows = rows / Nest::extents[0];
      for (std::size_t row = first.begin * inner_rows; row < first.end * inner_rows; ++row)
        do_row(a, row, first.begin, chunk, 0, vector_extent);
    } else {
      auto const blocks = part_of((vector_extent + lanes - 1) / lanes, Chunks, chunk);
      do_row(a, 0, 0, chunk, blocks.begin * lanes, std::min(blocks.end * lanes, vector_extent));
    }
  }

 private:
  /// A sink that lacks the loop that is cut has a part for each chunk, as long as what one of them touches.
  template <class S>
  static constexpr bool in_parts = Chunks > 1 && place<S>::layout::values[cut] == 0;
  template <class S>
  static constexpr std::size_t part = [] {
    std::size_t elements = 1;
    for (std::size_t d = 0; d < Nest::rank; ++d)
      elements += (Nest::extents[d] - 1) * place<S>::layout::values[d];
    return elements;
  }();
  template <class S>
  static constexpr reach sink_reach() {
    std::size_t const size = sizeof(typename place<S>::element);
    if constexpr (in_parts<S>)
      return reach_of<1>({Chunks * part<S>}, {1}, 0, Chunks, size);
    else
      return reach_of(Nest::extents, place<S>::layout::values, cut, Chunks, size);
  }

  struct sink_row {
    void* row = nullptr;
    bool add = false;
  };

  template <class S>
  TENON_ALWAYS_INLINE static sink_row sink_at(call_arguments const& a, std::size_t const* coordinates,
                                              std::size_t first, std::size_t chunk) {
    using element = typename place<S>::element;
    constexpr auto strides = place<S>::layout::values;
    auto* const start = static_cast<element*>(a.operands[place<S>::index]);
    if (start == nullptr) return {};
    std::size_t offset = row_offset<Nest, S, outer>(coordinates);
    bool touched = false;  // by an earlier iteration of a loop that this sink lacks
    for (std::size_t d = 0; d < outer; ++d)
      if (strides[d] == 0) touched |= coordinates[d] != (d == 0 ? first : 0);
    if constexpr (in_parts<S>) offset += chunk * part<S>;
    return {start + offset, touched || a.adds_to(place<S>::index)};
  }

  TENON_ALWAYS_INLINE static void do_row(call_arguments const& a, std::size_t row, std::size_t first,
                                         std::size_t chunk, std::size_t begin, std::size_t end) {
    std::size_t coordinates[Nest::rank];
    decode<Nest, 0, outer>(row, coordinates);
    void const* base[sinks + 2 + tenon::detail::list_size<loads>];
    set_rows<Nest>(loads{}, a, coordinates, base);
    set_rows<Nest>(tenon::detail::list<G, Y>{}, a, coordinates, base);
    sink_row const sink[] = {sink_at<Sink>(a, coordinates, first, chunk)...};
    gradient_pack<leaf_list> totals;
    random_cache randoms;
    std::size_t i = begin;
    if constexpr (vector_extent >= lanes)
      for (; i + lanes <= end; i += lanes) at<true>(a, base, sink, totals, i, lanes, randoms);
    if constexpr (vector_extent % lanes != 0)
      if (i < end) at<false>(a, base, sink, totals, i, end - i, randoms);
    std::size_t k = 0;
    (finish_row<Leaf, Sink>(sink[k++], totals), ...);
  }

  template <bool Full>
  TENON_ALWAYS_INLINE static void at(call_arguments const& a, void const* const* base, sink_row const* sink,
                                     gradient_pack<leaf_list>& totals, std::size_t i, std::size_t count,
                                     random_cache& randoms) {
    lane_environment<Full> const env{a, base, i, count, randoms};
    using environment = lane_environment<Full>;
    tenon::detail::point<Tree, type, environment> const e{env};
    tenon::detail::point<G, type, environment> const upstream{env};
    auto g = tenon::detail::value_as<type, G, environment>(upstream);
    if constexpr (std::is_same_v<Kind, by_mean>) {
      constexpr std::size_t n = [] {
        std::size_t product = 1;
        for (std::size_t d = 0; d < Nest::rank; ++d)
          if (place<G>::layout::values[d] == 0) product *= Nest::extents[d];
        return product;
      }();
      g *= type(1) / static_cast<type>(n);
    }
    if constexpr (std::is_same_v<Kind, by_max>) {
      tenon::detail::point<Y, type, environment> const y{env};
      g = select(e.value == y.value, g, pack<type>{});
    }
    gradient_pack<leaf_list> here;
    tenon::detail::backward<Tree, environment>::run(e, g, here);
    std::size_t k = 0;
    (deliver<Full, Leaf, Sink>(sink[k++], here, totals, i, count), ...);
  }

  template <bool Full, class L, class S>
  TENON_ALWAYS_INLINE static void deliver(sink_row const& sink, gradient_pack<leaf_list>& here,
                                          gradient_pack<leaf_list>& totals, std::size_t i,
                                          std::size_t count) {
    constexpr std::size_t stride = place<S>::layout::values[outer];
    using element = typename place<S>::element;
    auto v = gradient_pack<leaf_list>::template slot<place<L>::index>(here);
    if constexpr (stride == 0) {
      if constexpr (!Full)
        v = select(iota<std::int32_t>() < static_cast<std::int32_t>(count), v, decltype(v){});
      gradient_pack<leaf_list>::template slot<place<L>::index>(totals) += v;
    } else {
      if (sink.row != nullptr)
        put<Full, stride>(static_cast<element*>(sink.row) + i * stride, v, count, sink.add);
    }
  }

  template <class L, class S>
  TENON_ALWAYS_INLINE static void finish_row(sink_row const& sink, gradient_pack<leaf_list>& totals) {
    if constexpr (place<S>::layout::values[outer] == 0) {
      using element = typename place<S>::element;
      if (sink.row == nullptr) return;
      auto* const p = static_cast<element*>(sink.row);
      auto const total = sum(gradient_pack<leaf_list>::template slot<place<L>::index>(totals));
      *p = static_cast<element>(sink.add ? static_cast<decltype(total)>(*p) + total : total);
    }
  }
};

}  // namespace tenon::cpu
