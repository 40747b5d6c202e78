// SPDX-License-Identifier: BSL-1.0
#pragma once
#include "../ops/gather/gather.hpp"
#include "initialisers.hpp"

namespace tenon {

/// A table of vectors, one for each word: ids (int32, any axes) → their vectors. Starts N(0, 1), as PyTorch's
/// does.
template <std::size_t V, std::size_t E>
struct embedding_table {
  parameter<vocab<V>, embedding<E>> weight{normal(1.0)};
  TENON_MEMBERS(embedding_table, weight)

  template <operand Ids>
  requires well_formed<detail::gather_t<parameter<vocab<V>, embedding<E>>, Ids, vocab>>
  constexpr auto operator()(Ids const& ids) const { return gather<vocab>(weight, ids); }
  template <operand Ids, shape_error Error = detail::gather_t<parameter<vocab<V>, embedding<E>>, Ids, vocab>>
  Error operator()(Ids const& ids) const;
};

}  // namespace tenon
