// SPDX-License-Identifier: BSL-1.0
// Which part of a storage a view covers, as a box in the storage's own coordinates. Backwards recording uses
// it to decide whether a gradient's part is written for the first time or added to.
#pragma once
#include <algorithm>
#include <array>
#include <cstddef>
#include <span>

#include "call.hpp"

namespace tenon {

struct region {
  std::array<std::size_t, max_rank> begin{}, end{};
  std::size_t rank = 0;
  bool regular = true;  ///< false: not a box (a strange reshape); treated as touching everything

  constexpr std::size_t volume() const {
    std::size_t product = 1;
    for (std::size_t d = 0; d < rank; ++d) product *= end[d] - begin[d];
    return product;
  }
  constexpr std::size_t common_volume(region const& other) const {
    std::size_t product = 1;
    for (std::size_t d = 0; d < rank; ++d) {
      auto const low = std::max(begin[d], other.begin[d]), high = std::min(end[d], other.end[d]);
      if (high <= low) return 0;
      product *= high - low;
    }
    return product;
  }
};

/// The box that a view with the given extents and strides (in elements), starting `offset` bytes into `s`,
/// covers.
constexpr region region_of(storage const& s, std::size_t offset, std::span<std::size_t const> extents,
                           std::span<std::size_t const> strides) {
  region r;
  r.rank = s.rank;
  std::array<std::size_t, max_rank> dense{};
  std::size_t run = 1;
  for (std::size_t d = s.rank; d-- > 0;) {
    dense[d] = run;
    run *= s.extents[d];
  }
  std::size_t size = 1;
  for (auto e : extents) size *= e;
  if (size == run && offset == 0) {
    for (std::size_t d = 0; d < s.rank; ++d) r.end[d] = s.extents[d];
    return r;
  }
  std::size_t rest = offset / s.element_bytes;
  for (std::size_t d = 0; d < s.rank; ++d) {
    r.begin[d] = rest / dense[d];
    rest %= dense[d];
    r.end[d] = r.begin[d] + 1;
  }
  for (std::size_t k = 0; k < extents.size(); ++k) {
    if (extents[k] == 1) continue;
    // An axis may run over several dense dimensions where a view merged them: peel them off from the
    // innermost.
    std::size_t left = extents[k];
    std::size_t stride = strides[k];
    for (std::size_t d = s.rank; d-- > 0 && left > 1;) {
      if (stride != dense[d]) continue;
      std::size_t const room = s.extents[d] - r.begin[d];
      if (left <= room) {
        r.end[d] = r.begin[d] + left;
        left = 1;
      } else if (r.begin[d] == 0 && left % s.extents[d] == 0) {
        r.end[d] = s.extents[d];
        left /= s.extents[d];
        stride *= s.extents[d];
      } else {
        break;
      }
    }
    if (left != 1) r.regular = false;
  }
  return r;
}

}  // namespace tenon
