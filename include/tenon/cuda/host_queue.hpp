// SPDX-License-Identifier: BSL-1.0
// A GPU's queue of work on a CPU: what is enqueued is done at once (see host_block.hpp).
#pragma once
#include <cstddef>
#include <cstring>
#include <vector>

#include "../cpu/product.hpp"
#include "host_block.hpp"

namespace tenon::cuda {

class queue {
 public:
  template <class Body, class Arguments>
  void run(grid const& g, Arguments const& a) {
    ++nodes;
    if (!only_counts) run_on_host<Body>(g, a);
  }

  template <class T>
  void multiply(matrix_product<T> const& p) {
    ++nodes;
    if (only_counts) return;
    for (std::size_t i = 0; i < p.count; ++i)
      cpu::multiply<T>(p.m, p.n, p.k, {p.left + i * p.left_step, p.left_row, p.left_column},
                       cpu::strided_matrix<T>{p.right + i * p.right_step, p.right_row, p.right_column}, p.add,
                       p.out + i * p.out_step, p.out_row);
  }

  void clear(std::byte* where, std::size_t bytes) {
    ++nodes;
    if (!only_counts) std::memset(where, 0, bytes);
  }

  /// Memory for the call that is being enqueued alone.
  std::byte* scratch(std::size_t bytes) {
    if (scratch_.size() * sizeof(scratch_[0]) < bytes) scratch_.resize(bytes / sizeof(scratch_[0]) + 1);
    return reinterpret_cast<std::byte*>(scratch_.data());
  }

  std::size_t nodes = 0;     ///< that a graph of what was enqueued so far would have
  bool only_counts = false;  ///< nothing is done

 private:
  std::vector<std::max_align_t> scratch_;
};

}  // namespace tenon::cuda
