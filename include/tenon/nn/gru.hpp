// SPDX-License-Identifier: BSL-1.0
// Gated recurrent units (Cho et al., EMNLP 2014) in PyTorch's form: reset after the hidden product, two
// biases.
#pragma once
#include <array>
#include <cstddef>

#include "../fit.hpp"
#include "../ops/dropout/dropout.hpp"
#include "../ops/stack/stack.hpp"
#include "linear.hpp"

namespace tenon {

/// Is a program recorded to learn, with dropout, or to be used?
enum class mode : std::uint8_t { training, inference };

/// r = σ(W_ir x + b_ir + W_hr h + b_hr), z likewise, n = tanh(W_in x + b_in + r ∘ (W_hn h + b_hn)), h' = (1 −
/// z) ∘ n + z ∘ h.
template <axis_type In, std::size_t H>
struct gru_cell {
  static constexpr std::size_t hidden_size = H;
  parameter<gates<3>, hiddens<H>, from<In>> weight_ih{xavier_uniform(In::extent, 3 * H)};
  parameter<gates<3>, hiddens<H>, from<hiddens<H>>> weight_hh{xavier_uniform(H, 3 * H)};
  parameter<gates<3>, hiddens<H>> bias_ih{uniform_by(H)};
  parameter<gates<3>, hiddens<H>> bias_hh{uniform_by(H)};
  TENON_MEMBERS(gru_cell, weight_ih, weight_hh, bias_ih, bias_hh)

  /// What the inputs contribute to the gates, W_i x, without their bias, which costs least within the step's
  /// loop: x (…, In) → (…, gates, hiddens). With a steps axis it is one product over all steps.
  template <operand X>
  requires std::is_void_v<detail::axis_error<operation::gru, shape_of<X>, In>>
  constexpr auto input_gates(X&& x) const { return linear(std::forward<X>(x), weight_ih); }
  template <operand X, shape_error Error = detail::axis_error<operation::gru, shape_of<X>, In>>
  Error input_gates(X&& x) const;

  template <class G, class S>
  using step_error =
      typename detail::first_of<detail::axis_error<operation::gru, shape_of<G>, gates<3>>,
                                detail::axis_error<operation::gru, shape_of<G>, hiddens<H>>,
                                detail::axis_error<operation::gru, shape_of<S>, hiddens<H>>,
                                detail::extent_error<operation::gru, shape_of<G>, shape_of<S>>>::type;

  /// One step from the inputs' part of the gates (batch, gates, hiddens) and the state (batch, hiddens).
  template <operand G, operand S>
  requires std::is_void_v<step_error<G, S>>
  constexpr auto operator()(G const& input, S const& state) const {
    auto const recurrent = linear(state, weight_hh);
    auto const of_input = [&](std::size_t i) { return slice<gates>(input, i) + slice<gates>(bias_ih, i); };
    auto const of_state = [&](std::size_t i) {
      return slice<gates>(recurrent, i) + slice<gates>(bias_hh, i);
    };
    auto const r = sigmoid(of_input(0) + of_state(0));
    auto const z = sigmoid(of_input(1) + of_state(1));
    auto const n = tanh(of_input(2) + r * of_state(2));
    return keep(lerp(n, state, z));
  }
  template <operand G, operand S, shape_error Error = step_error<G, S>>
  Error operator()(G const& input, S const& state) const;

  /// The step from a state of zeros, which needs no product.
  template <operand G>
  constexpr auto first(G const& input) const {
    auto const gate = [&](std::size_t i) { return slice<gates>(input, i) + slice<gates>(bias_ih, i); };
    auto const r = sigmoid(gate(0) + slice<gates>(bias_hh, 0));
    auto const z = sigmoid(gate(1) + slice<gates>(bias_hh, 1));
    auto const n = tanh(gate(2) + r * slice<gates>(bias_hh, 2));
    return keep((1 - z) * n);
  }
};

/// The outputs of a recurrent stack: the top layer's states of all steps, and each layer's last state.
template <class Outputs, class State, std::size_t Layers>
struct recurrent_result {
  Outputs outputs;                   ///< (steps, batch, hiddens)
  std::array<State, Layers> states;  ///< (batch, hiddens) each
};

namespace detail {
template <class In, std::size_t H, class Sequence>
struct gru_layers;
template <class In, std::size_t H, std::size_t... I>
struct gru_layers<In, H, std::index_sequence<I...>> {
  using type = hana::tuple<gru_cell<std::conditional_t<I == 0, In, hiddens<H>>, H>...>;
};
}  // namespace detail

/// L layers of GRU cells, from a state of zeros, with dropout between layers.
template <axis_type In, std::size_t H, std::size_t L>
struct gru {
  using layers_type = typename detail::gru_layers<In, H, std::make_index_sequence<L>>::type;
  layers_type layers{};
  struct hana_accessors_impl {  // transparent: the layers' weights appear as this struct's own,
                                // "weight_ih_l0"
    static constexpr auto apply() {
      return hana::make_tuple(
          hana::make_pair(hana::string<>{}, [](auto&& self) -> decltype(auto) { return (self.layers); }));
    }
  };

  template <class X, template <std::size_t> class Time>
  using run_error = typename detail::first_of<detail::name_error<operation::gru, shape_of<X>, Time>,
                                              detail::axis_error<operation::gru, shape_of<X>, In>>::type;

  /// x (…, In) with a steps axis Time → the top layer's outputs (steps, batch, hiddens) and all last states.
  template <template <std::size_t> class Time, mode Mode, operand X>
  requires std::is_void_v<run_error<X, Time>>
  constexpr auto run(X const& x, double dropout_rate) const {
    auto const& bottom = hana::front(layers);
    auto const outputs = layer<Time>(bottom, bottom.input_gates(x));
    return above<Time, Mode, 1>(outputs, dropout_rate,
                                std::array{slice<Time>(outputs, time_steps<Time>(outputs) - 1)});
  }
  template <template <std::size_t> class Time, mode Mode, operand X, shape_error Error = run_error<X, Time>>
  Error run(X const& x, double dropout_rate) const;

 private:
  template <template <std::size_t> class Time, class X>
  static constexpr std::size_t time_steps(X const&) {
    return extent_of<shape_of<X>, Time>;
  }

  template <template <std::size_t> class Time, class Cell, class G>
  static constexpr auto layer(Cell const& cell, G const& input) {
    constexpr std::size_t steps_count = extent_of<shape_of<G>, Time>;
    auto state = cell.first(slice<Time>(input, 0));
    std::array<decltype(state), steps_count> all{};
    all[0] = state;
    for (std::size_t t = 1; t < steps_count; ++t) all[t] = cell(slice<Time>(input, t), all[t - 1]);
    return stack<Time>(all);
  }

  template <template <std::size_t> class Time, mode Mode, std::size_t I, class X, class State>
  constexpr auto above(X const& below, double dropout_rate, std::array<State, I> const& states) const {
    if constexpr (I == L) {
      return recurrent_result<X, State, L>{below, states};
    } else {
      auto const& cell = hana::at_c<I>(layers);
      auto const input = [&] {
        if constexpr (Mode == mode::training)
          return cell.input_gates(keep(dropout(below, dropout_rate)));
        else
          return cell.input_gates(below);
      }();
      auto const outputs = layer<Time>(cell, input);
      std::array<State, I + 1> more{};
      for (std::size_t i = 0; i < I; ++i) more[i] = states[i];
      more[I] = slice<Time>(outputs, time_steps<Time>(outputs) - 1);
      return above<Time, Mode, I + 1>(outputs, dropout_rate, more);
    }
  }
};

}  // namespace tenon
