// SPDX-License-Identifier: BSL-1.0
// Recurrent layers: stacks of cells over a sequence. What cells: a struct as gru_cells and lstm_cells are,
// the library's or a user's own, with the operation by which errors call it and the cell itself,
//
//   struct my_cells {
//     using kind = my_operation;
//     template <axis_type In, std::size_t H> using cell = my_cell<In, H>;
//   };
//
// A cell over input axis In and H hiddens has
//
//   weight_ih                  the weight that acts on inputs: parameter<gates<G>, hiddens<H>, from<In>>
//   input_gates(x)             linear(x, weight_ih) of any number of steps, and nothing more: decoders apply
//                              parts of that weight to parts of their input. Biases belong in the step
//   first(gates)               a step from a state of zeros → the state
//   cell(gates, state)         a step → the state
//   output(state)              what the layer above sees of a state: (batch, hiddens)
//   with_output(state, output) the state with its output seen in another place
//   combined(f, a, b)          f(x, y) of each part of two states, as a state: for bidirectional layers and
//                              beam search alone
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>

#include "../fit.hpp"
#include "../ops/stack/stack.hpp"
#include "dropout_rates.hpp"
#include "linear.hpp"

namespace tenon {

/// The outputs of a recurrent stack: the top layer's outputs of all steps, and each layer's last state.
template <class Cells, class Outputs, class State, std::size_t Layers>
struct recurrent_result {
  using cells = Cells;
  Outputs outputs;                   ///< (steps, batch, hiddens)
  std::array<State, Layers> states;  ///< of (batch, hiddens)
};

namespace detail {

template <class Cells, class In, std::size_t H, class Sequence>
struct cell_layers;
template <class Cells, class In, std::size_t H, std::size_t... I>
struct cell_layers<Cells, In, H, std::index_sequence<I...>> {
  using type = hana::tuple<typename Cells::template cell<std::conditional_t<I == 0, In, hiddens<H>>, H>...>;
};

/// What a cell's step cannot work with: gates (…, gates<Gates>, hiddens<H>), state (…, hiddens<H>).
template <class Kind, std::size_t Gates, std::size_t H, class G, class S>
using cell_error =
    typename first_of<axis_error<Kind, shape_of<G>, gates<Gates>>, axis_error<Kind, shape_of<G>, hiddens<H>>,
                      axis_error<Kind, shape_of<S>, hiddens<H>>,
                      extent_error<Kind, shape_of<G>, shape_of<S>>>::type;

/// The columns of a cell's weight_ih that act on In, from number `begin` of its input on.
template <axis_type In, std::size_t Gates, std::size_t H, axis_type Whole>
constexpr auto input_columns(parameter<gates<Gates>, hiddens<H>, from<Whole>> const& weight,
                             std::size_t begin) {
  using whole = parameter<gates<Gates>, hiddens<H>, from<Whole>>;
  return parameter_part<whole, shape<gates<Gates>, hiddens<H>, from<In>>, typename whole::layout>{
      weight, begin * sizeof(float)};
}
/// The same of a linear layer's weight.
template <axis_type In, axis_type Out, axis_type Whole>
constexpr auto input_columns(parameter<Out, from<Whole>> const& weight, std::size_t begin) {
  using whole = parameter<Out, from<Whole>>;
  return parameter_part<whole, shape<Out, from<In>>, typename whole::layout>{weight, begin * sizeof(float)};
}

}  // namespace detail

/// L layers of cells, from a state of zeros or a given one, with dropout between layers (on the outputs of all but
/// the top).
template <class Cells, axis_type In, std::size_t H, std::size_t L>
struct recurrent_layers {
  using kind = typename Cells::kind;
  using layers_type = typename detail::cell_layers<Cells, In, H, std::make_index_sequence<L>>::type;
  layers_type layers{};
  struct hana_accessors_impl {  // transparent: the layers' weights appear as this struct's own,
                                // "weight_ih_l0"
    static constexpr auto apply() {
      return hana::make_tuple(
          hana::make_pair(hana::string<>{}, [](auto&& self) -> decltype(auto) { return (self.layers); }));
    }
  };

  constexpr auto const& bottom() const { return hana::front(layers); }

  template <class X, template <std::size_t> class Time>
  using run_error = typename detail::first_of<detail::name_error<kind, shape_of<X>, Time>,
                                              detail::axis_error<kind, shape_of<X>, In>>::type;

  /// x (…, In) with a steps axis Time → the top layer's outputs (steps, batch, hiddens) and all last states.
  template <template <std::size_t> class Time, mode Mode, operand X>
  requires std::is_void_v<run_error<X, Time>>
  constexpr auto run(X const& x, double dropout_rate) const {
    auto const first = layer<Time>(bottom(), bottom().input_gates(x));
    return above<Time, Mode, 1>(first.outputs, dropout_rate, std::array{first.last});
  }
  template <template <std::size_t> class Time, mode Mode, operand X, shape_error Error = run_error<X, Time>>
  Error run(X const& x, double dropout_rate) const;

  /// The same from the states `from`, one for each layer: the last ones of a run over the steps before, say.
  template <template <std::size_t> class Time, mode Mode, operand X, class State>
  requires std::is_void_v<run_error<X, Time>>
  constexpr auto run(X const& x, double dropout_rate, std::array<State, L> const& from) const {
    auto const first = layer<Time>(bottom(), bottom().input_gates(x), from[0]);
    return above<Time, Mode, 1>(first.outputs, dropout_rate, std::array{first.last}, from);
  }
  template <template <std::size_t> class Time, mode Mode, operand X, class State,
            shape_error Error = run_error<X, Time>>
  Error run(X const& x, double dropout_rate, std::array<State, L> const& from) const;

  /// One step of all layers: the bottom layer's gates (batch, gates, hiddens) → the top layer's output; moves
  /// the states on.
  template <mode Mode, operand G, class State>
  constexpr auto step(G const& bottom_gates, std::array<State, L>& states, double dropout_rate) const {
    states[0] = bottom()(bottom_gates, states[0]);
    step_above<Mode, 1>(states, dropout_rate);
    return output(states);
  }
  /// The states with f of each of their parts in its place.
  template <class F, class State>
  static constexpr auto each_part(F const& f, std::array<State, L> const& states) {
    using cell = std::remove_cvref_t<decltype(std::declval<recurrent_layers const&>().bottom())>;
    auto const of_one = [&](State const& s) {
      return cell::combined([&](auto const& part, auto const&) { return f(part); }, s, s);
    };
    std::array<decltype(of_one(states[0])), L> result{};
    for (std::size_t l = 0; l < L; ++l) result[l] = of_one(states[l]);
    return result;
  }
  /// The top layer's output in these states: (batch, hiddens).
  template <class State>
  constexpr auto output(std::array<State, L> const& states) const {
    return hana::at_c<L - 1>(layers).output(states[L - 1]);
  }

 private:
  template <class Outputs, class State>
  struct layer_run {
    Outputs outputs;
    State last;
  };
  template <template <std::size_t> class Time, class C, class G, class... From>
  static constexpr auto layer(C const& cell, G const& input, From const&... from) {
    constexpr std::size_t count = extent_of<shape_of<G>, Time>;
    auto state = [&] {
      if constexpr (sizeof...(From) == 0)
        return cell.first(slice<Time>(input, 0));
      else
        return cell(slice<Time>(input, 0), from...);
    }();
    std::array<std::remove_cvref_t<decltype(cell.output(state))>, count> outputs{};
    outputs[0] = cell.output(state);
    for (std::size_t t = 1; t < count; ++t) {
      state = cell(slice<Time>(input, t), state);
      outputs[t] = cell.output(state);
    }
    auto const all = stack<Time>(outputs);
    auto const last = cell.with_output(state, slice<Time>(all, count - 1));
    return layer_run<std::remove_cvref_t<decltype(all)>, std::remove_cvref_t<decltype(last)>>{all, last};
  }

  template <mode Mode, std::size_t I, class X>
  constexpr auto gates_of(X const& below, double dropout_rate) const {
    if constexpr (Mode == mode::training)
      return hana::at_c<I>(layers).input_gates(keep(dropout(below, dropout_rate)));
    else
      return hana::at_c<I>(layers).input_gates(below);
  }

  template <template <std::size_t> class Time, mode Mode, std::size_t I, class X, class State, class... From>
  constexpr auto above(X const& below, double dropout_rate, std::array<State, I> const& states,
                       From const&... from) const {
    if constexpr (I == L) {
      return recurrent_result<Cells, X, State, L>{below, states};
    } else {
      auto const here =
          layer<Time>(hana::at_c<I>(layers), gates_of<Mode, I>(below, dropout_rate), from[I]...);
      std::array<State, I + 1> more{};
      for (std::size_t i = 0; i < I; ++i) more[i] = states[i];
      more[I] = here.last;
      return above<Time, Mode, I + 1>(here.outputs, dropout_rate, more, from...);
    }
  }

  template <mode Mode, std::size_t I, class State>
  constexpr void step_above(std::array<State, L>& states, double dropout_rate) const {
    if constexpr (I < L) {
      auto const below = hana::at_c<I - 1>(layers).output(states[I - 1]);
      states[I] = hana::at_c<I>(layers)(gates_of<Mode, I>(below, dropout_rate), states[I]);
      step_above<Mode, I + 1>(states, dropout_rate);
    }
  }
};

}  // namespace tenon
