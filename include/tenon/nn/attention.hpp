// SPDX-License-Identifier: BSL-1.0
// Attentions: additive, and by scaled dot products. A user's own one for a decoder has keys and scores,
// and derives from attention_by_scores as they do; or it has keys, attend<Mode> → context and
// weights, and look → weights, for a few rows.
#pragma once
#include "../ops/attend/attend.hpp"
#include "recurrent.hpp"

namespace tenon {

namespace detail {

/// x with the axis Name as its last: in a recording a view, else a tensor, since no view would keep the value
/// of an expression alive.
template <template <std::size_t> class Name, class X>
constexpr auto with_last(X const& x) {
  using S = shape_of<X>;
  if constexpr (position_of<Name>(S{}) + 1 == S::rank) {
    return x;
  } else {
    using T = typename join<typename drop<S, Name>::type, shape<axis_of<S, Name>>>::type;
    if constexpr (is_recorded<X>) {
      using V = std::remove_cvref_t<decltype(keep(x))>;
      return review<T, strides_in<S, typename V::layout, T>>(keep(x), 0);
    } else {
      return tensor_of<element_of<X>, T>(x);
    }
  }
}

}  // namespace detail

/// What all attentions do with their scores. Attention has keys(memory) and scores(query, keys), whose axes
/// may stand in any order.
template <class Attention, std::size_t H>
struct attention_by_scores {
  /// What does not fit: all have the hiddens, memory and keys the steps, the query not; the counts have the
  /// rows' axes.
  template <class Q, class K, class M, class Valid>
  using error = typename detail::first_of<detail::name_error<operation::attention, shape_of<M>, steps>,
                                          detail::axis_error<operation::attention, shape_of<M>, hiddens<H>>,
                                          detail::axis_error<operation::attention, shape_of<Q>, hiddens<H>>,
                                          detail::surplus_error<operation::attention, shape_of<Q>, steps>,
                                          detail::extent_error<operation::attention, shape_of<M>, shape_of<K>,
                                                               shape_of<Q>, shape_of<Valid>>>::type;

  /// query (batch, hiddens), keys (steps, batch, hiddens), valid (batch) → where it looks: (batch, steps),
  /// the weights of the memory's steps.
  template <operand Q, operand K, operand Valid>
  constexpr auto look(Q const& query, K const& keys, Valid const& valid) const {
    return softmax<steps>(scored(query, keys), valid);
  }

  /// query (batch, hiddens), keys and memory (steps, batch, hiddens), valid (batch) → context and weights.
  template <mode Mode, operand Q, operand K, operand M, operand Valid>
  requires std::is_void_v<error<Q, K, M, Valid>>
  constexpr auto attend(Q const& query, K const& keys, M const& memory, Valid const& valid,
                        double dropout_rate) const {
    if constexpr (Mode == mode::training)
      return tenon::attend<steps>(scored(query, keys), valid, memory, dropout_rate);
    else
      return tenon::attend<steps>(scored(query, keys), valid, memory);
  }
  template <mode Mode, operand Q, operand K, operand M, operand Valid,
            shape_error Error = error<Q, K, M, Valid>>
  Error attend(Q const& query, K const& keys, M const& memory, Valid const& valid, double dropout_rate) const;

 private:
  template <class Q, class K>
  constexpr auto scored(Q const& query, K const& keys) const {
    return detail::with_last<steps>(self().scores(query, keys));
  }
  constexpr Attention const& self() const { return static_cast<Attention const&>(*this); }
};

/// Additive attention (Bahdanau, Cho, Bengio, ICLR 2015): score(q, k) = w_v · tanh(W_q q + W_k k), computed
/// as tanh(x + y) = 1 − 2 / (1 + e^2x · e^2y): exponentials are taken of queries and of keys, where a tanh
/// would be taken of every pair.
template <std::size_t H>
struct additive_attention : attention_by_scores<additive_attention<H>, H> {
  linear_map<hiddens<H>, hiddens<H>> W_q, W_k;
  struct score_vector {
    parameter<hiddens<H>> weight{uniform_by(H)};
    TENON_MEMBERS(score_vector, weight)
  } w_v;
  TENON_MEMBERS(additive_attention, W_q, W_k, w_v)

  /// The part of the keys that no query changes: memory (steps, batch, hiddens) → e^(2 W_k k), once for all
  /// queries.
  template <operand M>
  requires std::is_void_v<detail::axis_error<operation::attention, shape_of<M>, hiddens<H>>>
  constexpr auto keys(M const& memory) const { return keep(exponential(W_k(memory))); }
  template <operand M, shape_error Error = detail::axis_error<operation::attention, shape_of<M>, hiddens<H>>>
  Error keys(M const& memory) const;

  /// query (batch, hiddens), keys (steps, batch, hiddens) → scores (batch, steps), an expression: the
  /// features tanh(q + k), (batch, steps, hiddens), are stored nowhere, and computed again for the
  /// derivative.
  template <operand Q, operand K>
  constexpr auto scores(Q const& query, K const& keys) const {
    return sum<hiddens>(w_v.weight * (1 - 2 / (1 + keep_on_cpu(exponential(W_q(query))) * keys)));
  }

 private:
  /// e^2x, of x within ±43, so that no product of two is 0 · ∞. An x beyond has its tanh at ±1, unless
  /// another as large stands against it.
  template <operand X>
  static constexpr auto exponential(X const& x) {
    return exp(clamp(2 * x, -86, 86));
  }
};

/// Scaled dot products (Vaswani et al., NeurIPS 2017): score(q, k) = q · k / √H. Nothing to learn.
template <std::size_t H>
struct dot_product_attention : attention_by_scores<dot_product_attention<H>, H> {
  struct hana_accessors_impl {
    static constexpr auto apply() { return hana::make_tuple(); }
  };

  /// memory (steps, batch, hiddens) → the same.
  template <operand M>
  requires std::is_void_v<detail::axis_error<operation::attention, shape_of<M>, hiddens<H>>>
  constexpr auto keys(M const& memory) const { return memory; }
  template <operand M, shape_error Error = detail::axis_error<operation::attention, shape_of<M>, hiddens<H>>>
  Error keys(M const& memory) const;

  /// query (batch, hiddens), keys (steps, batch, hiddens) → scores (batch, steps), an expression.
  template <operand Q, operand K>
  constexpr auto scores(Q const& query, K const& keys) const {
    return sum<hiddens>(query * keys * (1.0 / square_root(H)));
  }
};

}  // namespace tenon
