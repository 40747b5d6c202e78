// SPDX-License-Identifier: BSL-1.0
// Softmax along one axis on the CPU. A row's elements lie `Stride` apart; rows are numbered over the other
// axes.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "../map/loops.hpp"

namespace tenon::cpu {

/// One row of Count elements Stride apart, read and written a pack at a time.
template <class T, std::size_t Count, std::size_t Stride>
struct strided_row {
  static constexpr std::size_t count = Count;
  TENON_ALWAYS_INLINE static pack<T> read(T const* row, std::size_t i, std::size_t n) {
    if constexpr (Stride == 1) {
      return n == lanes ? load(row + i) : load_partial(row + i, n);
    } else {
      return gather_partial(row + i * Stride, Stride, n);
    }
  }
  TENON_ALWAYS_INLINE static void write(T* row, std::size_t i, std::size_t n, pack<T> const& v) {
    if constexpr (Stride == 1) {
      if (n == lanes)
        store(row + i, v);
      else
        store_partial(row + i, v, n);
    } else {
      scatter(row + i * Stride, Stride, v, n);
    }
  }
  /// Calls f(i, n, used) for each pack of the row: n elements from i on, `used` masking the lanes that hold
  /// them.
  template <class F>
  TENON_ALWAYS_INLINE static void each_pack(F const& f) {
    for (std::size_t i = 0; i < Count; i += lanes) {
      std::size_t const n = std::min(lanes, Count - i);
      f(i, n, iota<std::int32_t>() < static_cast<std::int32_t>(n));
    }
  }
};

/// A score that a mask replaces: exp of it, less any sensible maximum, is 0, yet a row of nothing else is
/// uniform.
template <class T>
inline constexpr T masked_score = T(-1e6);

/// y = softmax(x) along the row; operands: y, x and, if Masked, how many elements of each row count (int32).
template <class T, std::size_t Count, std::size_t StrideX, class WalkX, class WalkY, std::size_t StrideY,
          class WalkValid, bool Masked, bool Log>
struct softmax_kernel {
  static constexpr std::size_t chunks = chunks_for(WalkX::count * Count, 20, WalkX::count);
  static constexpr reach touched(std::size_t k) {
    return k == 0   ? WalkY::touched(Count, StrideY, chunks, sizeof(T))
           : k == 1 ? WalkX::touched(Count, StrideX, chunks, sizeof(T))
                    : WalkValid::touched(1, 1, chunks, sizeof(std::int32_t));
  }
  static void run(call_arguments const& a, std::size_t chunk) {
    auto const rows = part_of(WalkX::count, chunks, chunk);
    for (std::size_t r = rows.begin; r < rows.end; ++r) {
      T const* const x = a.in<T>(1) + WalkX::offset(r);
      T* const y = a.out<T>(0) + WalkY::offset(r);
      std::int32_t valid = static_cast<std::int32_t>(Count);
      if constexpr (Masked) valid = std::clamp(a.in<std::int32_t>(2)[WalkValid::offset(r)], 0, valid);
      using row_x = strided_row<T, Count, StrideX>;
      using row_y = strided_row<T, Count, StrideY>;
      auto const read = [&](std::size_t i, std::size_t n) {
        auto const v = row_x::read(x, i, n);
        if constexpr (Masked)
          return select(iota<std::int32_t>() < valid - static_cast<std::int32_t>(i), v,
                        broadcast<T>(masked_score<T>));
        else
          return v;
      };
      auto top = broadcast<T>(std::numeric_limits<T>::lowest());
      row_x::each_pack(
          [&](std::size_t i, std::size_t n, auto used) { top = select(used, max(top, read(i, n)), top); });
      auto const highest = broadcast<T>(max_of(top));
      pack<T> total{};
      row_x::each_pack([&](std::size_t i, std::size_t n, auto used) {
        auto const e = select(used, math::exp(read(i, n) - highest), pack<T>{});
        if constexpr (!Log) row_y::write(y, i, n, e);
        total += e;
      });
      if constexpr (Log) {
        auto const shift = highest + math::log(broadcast<T>(sum(total)));
        row_x::each_pack(
            [&](std::size_t i, std::size_t n, auto) { row_y::write(y, i, n, read(i, n) - shift); });
      } else {
        auto const scale = broadcast<T>(T(1) / sum(total));
        row_x::each_pack(
            [&](std::size_t i, std::size_t n, auto) { row_y::write(y, i, n, row_y::read(y, i, n) * scale); });
      }
    }
  }
};

/// dx = y (g − Σ g y), or g − e^y Σ g for the logarithm; masked positions get 0. Operands: dx, g, y and, if
/// Masked, the valid counts.
template <class T, std::size_t Count, std::size_t StrideX, class WalkX, class WalkY, std::size_t StrideY,
          class WalkValid, bool Masked, bool Log>
struct softmax_gradient_kernel {
  static constexpr std::size_t chunks = chunks_for(WalkX::count * Count, Log ? 20 : 4, WalkX::count);
  static constexpr reach touched(std::size_t k) {
    return k == 0  ? WalkX::touched(Count, StrideX, chunks, sizeof(T))
           : k < 3 ? WalkY::touched(Count, StrideY, chunks, sizeof(T))
                   : WalkValid::touched(1, 1, chunks, sizeof(std::int32_t));
  }
  static void run(call_arguments const& a, std::size_t chunk) {
    auto const rows = part_of(WalkX::count, chunks, chunk);
    bool const add = a.adds_to(0);
    for (std::size_t r = rows.begin; r < rows.end; ++r) {
      T* const dx = a.out<T>(0) + WalkX::offset(r);
      T const* const g = a.in<T>(1) + WalkY::offset(r);
      T const* const y = a.in<T>(2) + WalkY::offset(r);
      std::int32_t valid = static_cast<std::int32_t>(Count);
      if constexpr (Masked) valid = std::clamp(a.in<std::int32_t>(3)[WalkValid::offset(r)], 0, valid);
      using row_x = strided_row<T, Count, StrideX>;
      using row_y = strided_row<T, Count, StrideY>;
      pack<T> total{};
      row_x::each_pack([&](std::size_t i, std::size_t n, auto) {
        auto const v = row_y::read(g, i, n);
        total += Log ? v : v * row_y::read(y, i, n);
      });
      auto const common = broadcast<T>(sum(total));
      row_x::each_pack([&](std::size_t i, std::size_t n, auto) {
        auto const gy = row_y::read(g, i, n), yy = row_y::read(y, i, n);
        auto d = Log ? gy - math::exp(yy) * common : yy * (gy - common);
        if constexpr (Masked)
          d = select(iota<std::int32_t>() < valid - static_cast<std::int32_t>(i), d, pack<T>{});
        if (add) d += row_x::read(dx, i, n);
        row_x::write(dx, i, n, d);
      });
    }
  }
};

}  // namespace tenon::cpu
