// SPDX-License-Identifier: BSL-1.0
#pragma once
#include "../ops/gather/gather.hpp"
#include "module.hpp"

namespace tenon {

/// A table of vectors, one for each word: ids (int32, any axes) → their vectors. Starts N(0, 1), as PyTorch's does.
template <std::size_t V, std::size_t E>
struct embedding_table {
  parameter<vocab<V>, embedding<E>> weight{normal(1.0)};
  TENON_MEMBERS(embedding_table, weight)

  constexpr auto operator()(operand auto const& ids) const { return gather<vocab>(weight, ids); }
};

}  // namespace tenon
