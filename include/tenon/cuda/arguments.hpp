// SPDX-License-Identifier: BSL-1.0
// What a kernel on a GPU is given, by value at its launch: the places and constants of one call.
#pragma once
#include <cstddef>
#include <cstdint>

#include "../program/call.hpp"

namespace tenon::cuda {

/// Positions in a tensor; 32 bits, in which a GPU computes.
using index = std::uint32_t;

inline constexpr index warp = 32;

/// Rounds n threads up to whole warps, at most `most` of them (a multiple of the warp).
constexpr index block_threads(std::size_t n, index most = 256) {
  std::size_t const whole = (n + warp - 1) / warp * warp;
  return whole < most ? static_cast<index>(whole) : most;
}
constexpr std::size_t divide_up(std::size_t n, std::size_t by) {
  return (n + by - 1) / by;
}

/// The operands and constants of a call; the same questions as `call_arguments` answers on the CPU.
template <std::size_t Operands>
struct arguments {
  void* operands[Operands];
  double scalars[8];
  std::int64_t integers[4];
  run_state const* state;
  std::byte* scratch;  ///< what the call asked its queue for
  std::uint32_t accumulate;

  template <class T>
  TENON_HOST_DEVICE T* out(std::size_t k) const {
    return static_cast<T*>(operands[k]);
  }
  template <class T>
  TENON_HOST_DEVICE T const* in(std::size_t k) const {
    return static_cast<T const*>(operands[k]);
  }
  TENON_HOST_DEVICE bool adds_to(std::size_t k) const { return ((accumulate >> k) & 1U) != 0; }
};

/// The first `Operands` operands of a call, as a kernel takes them.
template <std::size_t Operands>
arguments<Operands> kernel_arguments(call_arguments const& a, std::byte* scratch = nullptr) {
  arguments<Operands> result{};
  for (std::size_t k = 0; k < Operands; ++k) result.operands[k] = a.operands[k];
  for (std::size_t i = 0; i < 8; ++i) result.scalars[i] = a.scalars[i];
  for (std::size_t i = 0; i < 4; ++i) result.integers[i] = a.integers[i];
  result.state = a.state;
  result.scratch = scratch;
  result.accumulate = a.accumulate;
  return result;
}

/// How many blocks of how many threads a kernel is launched with, and how many bytes of shared memory each
/// block has.
struct grid {
  index blocks = 1, threads = 32, shared_bytes = 0;
};

/// A product of matrices, or `count` of them whose operands lie the given numbers of elements apart:
/// out (m × n) (+)= left (m × k) · right (k × n). Strides are in elements; out's columns are neighbours, and
/// of either operand's two strides one is 1 (or does not matter because there is one row or column).
template <class T>
struct matrix_product {
  std::size_t m = 0, n = 0, k = 0;
  T const* left = nullptr;
  std::size_t left_row = 0, left_column = 0;
  T const* right = nullptr;
  std::size_t right_row = 0, right_column = 0;
  T* out = nullptr;
  std::size_t out_row = 0;
  bool add = false;
  std::size_t count = 1, left_step = 0, right_step = 0, out_step = 0;
};

/// Can a product's epilogue read a bias from here? It does so 16 bytes at a time.
inline bool bias_fits(float const* bias) {
  return reinterpret_cast<std::uintptr_t>(bias) % 16 == 0;
}

}  // namespace tenon::cuda
