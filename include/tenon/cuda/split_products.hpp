// SPDX-License-Identifier: BSL-1.0
// Products almost as precise as float32's on tensor cores, which take 11 significant bits: each operand
// becomes the sum of two numbers of 11 bits, and three of the four products of the sums' parts are computed.
// What the fourth and the second rounding leave out is some 2^-22 of each term. An infinite factor gives NaN.
//
// Method: Ootomo and Yokota, "Recovering single precision accuracy from Tensor Cores while surpassing the
// FP32 theoretical peak performance", IJHPCA 36, 2022, with their scaling left out: TF32 has float32's
// exponents.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "../config.hpp"
#include "../precision.hpp"
#include "arguments.hpp"

namespace tenon::cuda {

/// The nearest number of 11 significant bits, ties to even; towards zero where that would be infinite.
TENON_HOST_DEVICE inline float rounded_to_tf32(float x) {
  constexpr std::uint32_t dropped = 0x1fff, infinity = 0x7f800000, magnitude = 0x7fffffff;
  auto const bits = __builtin_bit_cast(std::uint32_t, x);
  if ((bits & magnitude) >= infinity) return x;
  std::uint32_t const up = (bits + (dropped >> 1) + ((bits >> 13) & 1U)) & ~dropped;
  return __builtin_bit_cast(float, (up & magnitude) == infinity ? bits & ~dropped : up);
}

/// An operand of `count` matrices as lines of elements that are neighbours, and where its parts go, which lie
/// without gaps.
struct operand_split {
  float const* from = nullptr;
  float *high = nullptr, *low = nullptr;
  std::size_t length = 0, lines = 0, line_step = 0, count = 1, step = 0;
  bool by_rows = true;  ///< lines are rows of the matrices, else columns

  TENON_HOST_DEVICE std::size_t elements() const { return length * lines * count; }
};

/// A block for each line, or for several.
struct split_body {
  static constexpr bool lone_threads = true;
  static constexpr index threads = 128;
  static grid size(operand_split const& s) {
    return {static_cast<index>(std::clamp<std::size_t>(s.lines * s.count, 1, 4096)), threads, 0};
  }
  template <class Block>
  TENON_DEVICE static void run(Block const& block, operand_split const& s) {
    for (std::size_t line = block.number(); line < s.lines * s.count; line += block.count()) {
      float const* const from = s.from + line / s.lines * s.step + line % s.lines * s.line_step;
      for (std::size_t i = block.thread(); i < s.length; i += threads) {
        float const high = rounded_to_tf32(from[i]);
        s.high[line * s.length + i] = high;
        s.low[line * s.length + i] = rounded_to_tf32(from[i] - high);
      }
    }
  }
};

namespace detail {
/// How `count` matrices of rows × columns are split. By rows if the elements of a row are neighbours.
inline operand_split split_of(float const* from, std::size_t rows, std::size_t columns, std::size_t row,
                              std::size_t column, std::size_t count, std::size_t step) {
  operand_split s{.from = from, .count = step == 0 ? 1 : count, .step = step};
  s.by_rows = column == 1 || columns == 1;
  s.length = s.by_rows ? columns : rows;
  s.lines = s.by_rows ? rows : columns;
  s.line_step = s.by_rows ? row : column;
  return s;
}
}  // namespace detail

/// Enqueues a product as three on tensor cores, and the splitting of its operands into scratch memory.
template <class Queue>
void multiply_in_three(Queue& q, matrix_product<float> const& p) {
  auto left = detail::split_of(p.left, p.m, p.k, p.left_row, p.left_column, p.count, p.left_step);
  auto right = detail::split_of(p.right, p.k, p.n, p.right_row, p.right_column, p.count, p.right_step);
  auto const room = [](operand_split const& s) { return divide_up(s.elements(), 64) * 64; };
  auto* const scratch = reinterpret_cast<float*>(q.scratch(2 * (room(left) + room(right)) * sizeof(float)));
  if (scratch != nullptr) {
    left.high = scratch;
    left.low = left.high + room(left);
    right.high = left.low + room(left);
    right.low = right.high + room(right);
  }
  q.template run<split_body>(split_body::size(left), left);
  q.template run<split_body>(split_body::size(right), right);

  matrix_product<float> part = p;
  part.left_row = left.by_rows ? left.length : 1;
  part.left_column = left.by_rows ? 1 : left.length;
  part.right_row = right.by_rows ? right.length : 1;
  part.right_column = right.by_rows ? 1 : right.length;
  if (left.step != 0) part.left_step = p.m * p.k;
  if (right.step != 0) part.right_step = p.k * p.n;
  auto const add_product = [&](float const* l, float const* r) {
    part.left = l;
    part.right = r;
    q.multiply(part, precision::tf32);
    part.add = true;
  };
  // The small ones first.
  add_product(left.low, right.high);
  add_product(left.high, right.low);
  add_product(left.high, right.high);
}

}  // namespace tenon::cuda
