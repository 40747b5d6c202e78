// SPDX-License-Identifier: BSL-1.0
// A GPU's queue of work on a CPU: what is enqueued is done at once (see host_block.hpp).
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstring>
#include <type_traits>
#include <vector>

#include "../cpu/product.hpp"
#include "../element.hpp"
#include "../precision.hpp"
#include "host_block.hpp"
#include "split_products.hpp"

namespace tenon::cuda {

class queue {
 public:
  explicit queue(precision how = precision::fp32) : how_{how} {}

  template <class Body, class Arguments>
  void run(grid const& g, Arguments const& a) {
    ++nodes;
    if (!only_counts) run_on_host<Body>(g, a);
  }

  template <class T>
  void multiply(matrix_product<T> const& p) {
    if constexpr (std::is_same_v<T, float>)
      if (how_ == precision::tf32x3) return multiply_in_three(*this, p);
    multiply(p, how_);
  }
  /// One product in this arithmetic: operands are rounded as tensor cores round them.
  template <class T>
  void multiply(matrix_product<T> const& p, precision how) {
    ++nodes;
    if (only_counts) return;
    for (std::size_t i = 0; i < p.count; ++i) {
      cpu::strided_matrix<T> left{p.left + i * p.left_step, p.left_row, p.left_column};
      cpu::strided_matrix<T> right{p.right + i * p.right_step, p.right_row, p.right_column};
      std::vector<T> of_left, of_right;
      if constexpr (std::is_same_v<T, float>)
        if (how != precision::fp32) {
          left = rounded(left, p.m, p.k, how, of_left);
          right = rounded(right, p.k, p.n, how, of_right);
        }
      cpu::multiply<T>(p.m, p.n, p.k, left, right, p.add, p.out + i * p.out_step, p.out_row);
    }
  }

  /// One product and a bias that is added to each of its rows, where a GPU has one kernel for both.
  bool multiply_with_bias(matrix_product<float> const& p, float const* bias) {
    if (how_ == precision::tf32x3 || !bias_fits(bias)) return false;
    if (!only_counts)
      for (std::size_t i = 0; i < p.m; ++i) std::copy_n(bias, p.n, p.out + i * p.out_row);
    matrix_product<float> added = p;
    added.add = true;
    multiply(added, how_);
    return true;
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
  /// A matrix of rows × columns with its elements rounded, in `to`.
  template <class T>
  static cpu::strided_matrix<T> rounded(cpu::strided_matrix<T> const& from, std::size_t rows,
                                        std::size_t columns, precision how, std::vector<T>& to) {
    to.reserve(rows * columns);
    for (std::size_t i = 0; i < rows; ++i)
      for (std::size_t j = 0; j < columns; ++j) {
        auto const x = static_cast<float>(from.data[i * from.row_stride + j * from.column_stride]);
        to.push_back(how == precision::bf16 ? static_cast<float>(bf16(x)) : rounded_to_tf32(x));
      }
    return {to.data(), columns, 1};
  }

  precision how_;
  std::vector<std::max_align_t> scratch_;
};

}  // namespace tenon::cuda
