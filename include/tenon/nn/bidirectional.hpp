// SPDX-License-Identifier: BSL-1.0
// Layers that read a sequence in both directions (Schuster and Paliwal, 1997), each up to its valid length,
// as PyTorch does with packed sequences.
#pragma once
#include <array>
#include <cstddef>

#include "recurrent.hpp"

namespace tenon {

namespace detail {

/// A cell for each direction; the names of the second's weights end in "_reverse".
template <class Cells, axis_type In, std::size_t H>
struct cell_pair {
  typename Cells::template cell<In, H> forward{}, backward{};
  struct hana_accessors_impl {
    static constexpr auto apply() {
      return hana::make_tuple(
          hana::make_pair(hana::string<>{}, [](auto&& self) -> decltype(auto) { return (self.forward); }),
          hana::make_pair(BOOST_HANA_STRING("_reverse"),
                          [](auto&& self) -> decltype(auto) { return (self.backward); }));
    }
  };
};

template <class Cells, class In, std::size_t H, class Sequence>
struct cell_pairs;
template <class Cells, class In, std::size_t H, std::size_t... I>
struct cell_pairs<Cells, In, H, std::index_sequence<I...>> {
  using type = hana::tuple<cell_pair<Cells, std::conditional_t<I == 0, In, hiddens<H>>, H / 2>...>;
};

}  // namespace detail

/// L layers of cells in both directions, H / 2 hiddens each, from states of zeros; outputs and states of the
/// two lie one behind the other along hiddens, so that the whole has H. Dropout between layers. Steps at or
/// beyond a row's valid length change no state.
template <class Cells, axis_type In, std::size_t H, std::size_t L>
struct bidirectional_layers {
  static_assert(H % 2 == 0,
                "bidirectional_layers: each direction has half of the hiddens, so their number is even");
  using kind = typename Cells::kind;
  using layers_type = typename detail::cell_pairs<Cells, In, H, std::make_index_sequence<L>>::type;
  layers_type layers{};
  struct hana_accessors_impl {  // transparent, as recurrent_layers
    static constexpr auto apply() {
      return hana::make_tuple(
          hana::make_pair(hana::string<>{}, [](auto&& self) -> decltype(auto) { return (self.layers); }));
    }
  };

  template <class X, class Valid, template <std::size_t> class Time>
  using run_error = typename detail::first_of<detail::name_error<kind, shape_of<X>, Time>,
                                              detail::axis_error<kind, shape_of<X>, In>,
                                              detail::extent_error<kind, shape_of<X>, shape_of<Valid>>>::type;

  /// x (…, In) with a steps axis Time, valid (batch) → the top layer's outputs (steps, batch, hiddens) and
  /// all last states.
  template <template <std::size_t> class Time, mode Mode, operand X, operand Valid>
  requires std::is_void_v<run_error<X, Valid, Time>>
  constexpr auto run(X const& x, Valid const& valid, double dropout_rate) const {
    auto const bottom = layer<Time>(hana::at_c<0>(layers), x, valid);
    return above<Time, Mode, 1>(bottom.outputs, valid, dropout_rate, std::array{bottom.last});
  }
  template <template <std::size_t> class Time, mode Mode, operand X, operand Valid,
            shape_error Error = run_error<X, Valid, Time>>
  Error run(X const& x, Valid const& valid, double dropout_rate) const;

 private:
  template <class Outputs, class State>
  struct layer_run {
    Outputs outputs;
    State last;
  };

  /// One cell over all steps, forwards or backwards; its outputs stand at the steps that they belong to.
  template <template <std::size_t> class Time, bool Backwards, class C, class X, class Valid>
  static constexpr auto direction(C const& cell, X const& x, Valid const& valid) {
    auto const input = cell.input_gates(x);
    constexpr std::size_t count = extent_of<shape_of<X>, Time>;
    constexpr auto step = [](std::size_t i) { return Backwards ? count - 1 - i : i; };
    auto const where_valid = [&](std::size_t t) {
      return [&valid, t](auto const& then, auto const& otherwise) {
        return keep(select(valid > static_cast<int>(t), then, otherwise));
      };
    };
    auto const start = cell.first(slice<Time>(input, step(0)));
    auto state = cell.combined(
        [&](auto const& made, auto const&) {
          return keep(select(valid > static_cast<int>(step(0)), made, 0.0F));
        },
        start, start);
    std::array<std::remove_cvref_t<decltype(cell.output(state))>, count> outputs{};
    outputs[step(0)] = cell.output(state);
    for (std::size_t i = 1; i < count; ++i) {
      state = cell.combined(where_valid(step(i)), cell(slice<Time>(input, step(i)), state), state);
      outputs[step(i)] = cell.output(state);
    }
    auto const all = stack<Time>(outputs);
    auto const last = cell.with_output(state, slice<Time>(all, step(count - 1)));
    return layer_run<std::remove_cvref_t<decltype(all)>, std::remove_cvref_t<decltype(last)>>{all, last};
  }

  template <template <std::size_t> class Time, class Pair, class X, class Valid>
  static constexpr auto layer(Pair const& cells, X const& x, Valid const& valid) {
    auto const there = direction<Time, false>(cells.forward, x, valid);
    auto const back = direction<Time, true>(cells.backward, x, valid);
    auto const side_by_side = [](auto const& a, auto const& b) { return concat<hiddens>(a, b); };
    auto const outputs = side_by_side(there.outputs, back.outputs);
    auto const last = cells.forward.combined(side_by_side, there.last, back.last);
    return layer_run<std::remove_cvref_t<decltype(outputs)>, std::remove_cvref_t<decltype(last)>>{outputs,
                                                                                                  last};
  }

  template <template <std::size_t> class Time, mode Mode, std::size_t I, class X, class Valid, class State>
  constexpr auto above(X const& below, Valid const& valid, double dropout_rate,
                       std::array<State, I> const& states) const {
    if constexpr (I == L) {
      return recurrent_result<Cells, X, State, L>{below, states};
    } else {
      auto const here = [&] {
        if constexpr (Mode == mode::training)
          return layer<Time>(hana::at_c<I>(layers), keep(dropout(below, dropout_rate)), valid);
        else
          return layer<Time>(hana::at_c<I>(layers), below, valid);
      }();
      std::array<State, I + 1> more{};
      for (std::size_t i = 0; i < I; ++i) more[i] = states[i];
      more[I] = here.last;
      return above<Time, Mode, I + 1>(here.outputs, valid, dropout_rate, more);
    }
  }
};

}  // namespace tenon
