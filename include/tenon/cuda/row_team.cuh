// SPDX-License-Identifier: BSL-1.0
// Rows of a tensor on a GPU, each the work of a team: a warp, or for long rows a block.
#pragma once
#include <algorithm>
#include <cstddef>

#include "arguments.hpp"
#include "block_reduce.hpp"

namespace tenon::cuda {

/// Teams for Rows rows of Count elements. `Number` is what teams reduce.
template <std::size_t Rows, std::size_t Count, class Number>
struct row_team {
  static constexpr index size = Count <= 512 ? warp : 256;
  /// Up to four warps of a block have rows of their own: few enough that few rows use many processors.
  static constexpr index threads = size > warp ? size : block_threads(Rows* warp, 4 * warp);
  static constexpr index rows_of_block = threads / size;
  static_assert(Rows * std::size_t{size} < (std::size_t{1} << 31), "a tensor of too many rows");

  static constexpr grid size_of_grid() {
    return {static_cast<index>(divide_up(Rows, rows_of_block)), threads, block_reduce_bytes<size, Number>};
  }
  template <class Block>
  TENON_DEVICE static index row(Block const& block) {
    return block.number() * rows_of_block + block.thread() / size;
  }
  /// The thread's number in its team.
  template <class Block>
  TENON_DEVICE static index member(Block const& block) {
    return block.thread() % size;
  }
  /// join over the team; all its members call it together, and get it.
  template <class Block, class T, class Join>
  TENON_DEVICE static T joined(Block const& block, T const& v, Join const& join) {
    return over_block<size>(block, v, join);
  }
};

}  // namespace tenon::cuda
