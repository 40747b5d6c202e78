// SPDX-License-Identifier: BSL-1.0
// Looking up rows of a table on the CPU, and adding rows up by number.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "../../program/call.hpp"
#include "../map/loops.hpp"
#include "../rows.hpp"

namespace tenon::cpu {

/// out row i = table row ids[i]; operands: out, table, ids. Rows hold Width elements.
template <class T, std::size_t Rows, std::size_t Width, class Walk>
struct gather_kernel {
  static constexpr std::size_t chunks = chunks_for(Walk::count * Width, 1, Walk::count);
  static constexpr reach touched(std::size_t k) {
    return k == 0   ? reach_of<2>({Walk::count, Width}, {Width, 1}, 0, chunks, sizeof(T))
           : k == 1 ? reach_of<1>({Rows * Width}, {1}, 0, 1, sizeof(T))
                    : Walk::touched(1, 1, chunks, sizeof(std::int32_t));
  }
  static void run(call_arguments const& a, std::size_t chunk) {
    auto const mine = part_of(Walk::count, chunks, chunk);
    T* const out = a.out<T>(0);
    T const* const table = a.in<T>(1);
    auto const* const ids = a.in<std::int32_t>(2);
    bool const add = a.adds_to(0);
    for (std::size_t i = mine.begin; i < mine.end; ++i) {
      T const* const row = table + clamped_row(ids[Walk::offset(i)], Rows) * Width;
      if (add)
        for (std::size_t k = 0; k < Width; ++k) out[i * Width + k] += row[k];
      else
        std::copy_n(row, Width, out + i * Width);
    }
  }
};

/// table row ids[i] += rows row i; operands: table, rows, ids. Each chunk owns some columns, so that the
/// order in which a row's contributions are added, and with it the sum's last bit, depends on nothing.
template <class T, std::size_t Rows, std::size_t Width, class Walk>
struct scatter_add_kernel {
  static constexpr std::size_t chunks =
      chunks_for(Walk::count * Width, 2, std::max<std::size_t>(1, Width / 64));
  static constexpr reach touched(std::size_t k) {
    return k == 0   ? reach_of<2>({Width, Rows}, {1, Width}, 0, chunks, sizeof(T))
           : k == 1 ? reach_of<2>({Width, Walk::count}, {1, Width}, 0, chunks, sizeof(T))
                    : Walk::touched(1, 1, 1, sizeof(std::int32_t));
  }
  static void run(call_arguments const& a, std::size_t chunk) {
    auto const mine = part_of(Width, chunks, chunk);
    std::size_t const width = mine.end - mine.begin;
    T* const table = a.out<T>(0) + mine.begin;
    T const* const rows = a.in<T>(1) + mine.begin;
    auto const* const ids = a.in<std::int32_t>(2);
    if (!a.adds_to(0))
      for (std::size_t r = 0; r < Rows; ++r) std::fill_n(table + r * Width, width, T{});
    for (std::size_t i = 0; i < Walk::count; ++i) {
      T* const to = table + clamped_row(ids[Walk::offset(i)], Rows) * Width;
      T const* const row = rows + i * Width;
      for (std::size_t k = 0; k < width; ++k) to[k] += row[k];
    }
  }
};

}  // namespace tenon::cpu
