// SPDX-License-Identifier: BSL-1.0
// Setting memory to zeros or ones: the calls that backwards recording itself needs.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstring>

#include "call.hpp"

namespace tenon {

/// Zeros integers[0] bytes in integers[1] chunks; operand: out.
inline void clear_kernel(call_arguments const& a, std::size_t chunk) {
  auto const bytes = static_cast<std::size_t>(a.integers[0]),
             chunks = static_cast<std::size_t>(a.integers[1]);
  std::size_t const begin = bytes * chunk / chunks, end = bytes * (chunk + 1) / chunks;
  std::memset(a.out<char>(0) + begin, 0, end - begin);
}

constexpr call_spec clear_spec(std::size_t bytes) {
  call_spec spec;
  spec.name = "clear";
  spec.run = &clear_kernel;
  spec.chunks = std::clamp<std::size_t>(bytes >> 19, 1, 16);
  spec.integers = {static_cast<std::int64_t>(bytes), static_cast<std::int64_t>(spec.chunks)};
  return spec;
}

/// Writes the one element 1; operand: out. The gradient of a loss with respect to itself.
template <class T>
void one_kernel(call_arguments const& a, std::size_t) {
  *a.out<T>(0) = T(1);
}

}  // namespace tenon
