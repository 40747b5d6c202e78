// SPDX-License-Identifier: BSL-1.0
// How precisely a GPU multiplies matrices.
#pragma once
#include <cstdint>

namespace tenon {

/// The arithmetic of a program's products of float32 on a GPU. Storage, sums and all other operations are
/// float32 in any case; the CPU computes in float32 always.
enum class precision : std::uint8_t {
  fp32,    ///< float32 throughout
  tf32x3,  ///< on tensor cores in three products, 22 significant bits: nearly float32, see split_products.hpp
  tf32,    ///< on tensor cores, operands rounded to 11 significant bits
  bf16,    ///< on tensor cores, operands rounded to 8 significant bits
};

}  // namespace tenon
