// SPDX-License-Identifier: BSL-1.0
// What makes logits of a decoder's outputs. A user's own one has `operator()(x, table)`: x (…, hiddens), the
// decoder's embedding (vocab, embedding) → (…, vocab).
#pragma once
#include <cstddef>
#include <utility>

#include "linear.hpp"

namespace tenon {

/// A linear layer of its own.
template <std::size_t V, std::size_t E, std::size_t H>
struct dense_output : linear_layer<hiddens<H>, vocab<V>> {
  template <operand X, class Table>
  constexpr auto operator()(X&& x, Table const&) const {
    return linear(std::forward<X>(x), this->weight, this->bias);
  }
};

/// The embedding's weights once more (Press and Wolf, EACL 2017), and a bias.
template <std::size_t V, std::size_t E, std::size_t H>
struct tied_output {
  static_assert(
      E == H,
      "tied_output: the embedding is the output layer's matrix too, so embedding and hiddens must have "
      "the same extent; projected_tied_output works with others");
  parameter<vocab<V>> bias{uniform_by(H)};
  TENON_MEMBERS(tied_output, bias)

  template <operand X, class Table>
  constexpr auto operator()(X&& x, Table const& table) const {
    using as_matrix = shape<vocab<V>, from<hiddens<H>>>;
    return linear(std::forward<X>(x), parameter_part<Table, as_matrix, row_major<as_matrix>>{table, 0}, bias);
  }
};

/// The same behind a linear layer from hiddens to the embedding's extent.
template <std::size_t V, std::size_t E, std::size_t H>
struct projected_tied_output {
  linear_layer<hiddens<H>, embedding<E>> projection;
  parameter<vocab<V>> bias{uniform_by(E)};
  TENON_MEMBERS(projected_tied_output, projection, bias)

  template <operand X, class Table>
  constexpr auto operator()(X&& x, Table const& table) const {
    using as_matrix = shape<vocab<V>, from<embedding<E>>>;
    return linear(projection(std::forward<X>(x)),
                  parameter_part<Table, as_matrix, row_major<as_matrix>>{table, 0}, bias);
  }
};

}  // namespace tenon
