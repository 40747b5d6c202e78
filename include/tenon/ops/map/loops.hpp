// SPDX-License-Identifier: BSL-1.0
// What kernels on the CPU have in common: how a loop is cut into chunks, where rows begin, what a chunk
// touches, and the environment in which a lowered expression is evaluated one pack at a time.
#pragma once
#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>

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
constexpr std::size_t chunks_for(std::size_t elements, std::size_t cost, std::size_t most,
                                 std::size_t limit = 16) {
  std::size_t const work = elements * (cost + 2);
  std::size_t const wanted = work >= 1U << 10 ? std::max<std::size_t>(2, work >> 15) : 1;
  return std::bit_floor(std::clamp<std::size_t>(wanted, 1, std::clamp<std::size_t>(most, 1, limit)));
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
    return select(bits >= kept_from(rate), broadcast<float>(scale_of_kept(rate)), broadcast<float>(0.0f));
  }
};

/// A call's arguments with operands of their own: what a kernel stores cannot change these for all that a
/// compiler knows, so it reads them once and not in every row.
template <std::size_t Operands>
struct own_arguments : call_arguments {
  TENON_ALWAYS_INLINE explicit own_arguments(call_arguments const& a) : call_arguments(a) {
    for (std::size_t i = 0; i < Operands; ++i) own[i] = a.operands[i];
    operands = own;
  }
  own_arguments(own_arguments const&) = delete;
  own_arguments& operator=(own_arguments const&) = delete;
  ~own_arguments() = default;

 private:
  void* own[Operands]{};
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
  TENON_HOST_DEVICE TENON_ALWAYS_INLINE static std::size_t offset(std::size_t row) {
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

}  // namespace tenon::cpu
