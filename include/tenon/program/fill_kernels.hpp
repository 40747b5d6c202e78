// SPDX-License-Identifier: BSL-1.0
// Setting memory to zeros or ones on the CPU.
#pragma once
#include <cstddef>
#include <cstring>

#include "call.hpp"

namespace tenon {

/// Zeros integers[0] bytes in integers[1] chunks; operand: out.
struct clear_kernel {
  static void run(call_arguments const& a, std::size_t chunk) {
    auto const bytes = static_cast<std::size_t>(a.integers[0]),
               chunks = static_cast<std::size_t>(a.integers[1]);
    std::size_t const begin = bytes * chunk / chunks, end = bytes * (chunk + 1) / chunks;
    std::memset(a.out<char>(0) + begin, 0, end - begin);
  }
};

/// Writes the one element 1; operand: out. The gradient of a loss with respect to itself.
template <class T>
struct one_kernel {
  static void run(call_arguments const& a, std::size_t) { *a.out<T>(0) = T(1); }
};

}  // namespace tenon
