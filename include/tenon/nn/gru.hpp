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

  /// What the inputs contribute to the gates, W_i x + b_i: x (…, In) → (…, gates, hiddens). With a steps axis
  /// it is one product over all steps.
  template <operand X>
  requires std::is_void_v<detail::axis_error<operation::gru, shape_of<X>, In>>
  constexpr auto input_gates(X&& x) const { return linear(std::forward<X>(x), weight_ih, bias_ih); }
  template <operand X, shape_error Error = detail::axis_error<operation::gru, shape_of<X>, In>>
  Error input_gates(X&& x) const;
  /// The product alone, W_i x, for `step_from_product`: one loop less than with its bias.
  template <operand X>
  requires std::is_void_v<detail::axis_error<operation::gru, shape_of<X>, In>>
  constexpr auto input_product(X&& x) const { return linear(std::forward<X>(x), weight_ih); }
  template <operand X, shape_error Error = detail::axis_error<operation::gru, shape_of<X>, In>>
  Error input_product(X&& x) const;

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
    return next([&](std::size_t i) { return slice<gates>(input, i); }, state);
  }
  template <operand G, operand S, shape_error Error = step_error<G, S>>
  Error operator()(G const& input, S const& state) const;

  /// The same from `input_product`.
  template <operand G, operand S>
  requires std::is_void_v<step_error<G, S>>
  constexpr auto step_from_product(G const& product, S const& state) const {
    return next(with_bias(product), state);
  }
  template <operand G, operand S, shape_error Error = step_error<G, S>>
  Error step_from_product(G const& product, S const& state) const;

  /// The step from a state of zeros, which needs no product of its own.
  template <operand G>
  constexpr auto first(G const& input) const {
    return next_of_zeros([&](std::size_t i) { return slice<gates>(input, i); });
  }
  template <operand G>
  constexpr auto first_from_product(G const& product) const {
    return next_of_zeros(with_bias(product));
  }

 private:
  template <class G>
  constexpr auto with_bias(G const& product) const {
    return [&](std::size_t i) { return slice<gates>(product, i) + slice<gates>(bias_ih, i); };
  }
  /// input(i): the inputs' part of gate i.
  template <class Input, class S>
  constexpr auto next(Input const& input, S const& state) const {
    auto const product = linear(state, weight_hh);
    auto const recurrent = [&](std::size_t i) { return slice<gates>(product, i) + slice<gates>(bias_hh, i); };
    auto const r = sigmoid(input(0) + recurrent(0));
    auto const z = sigmoid(input(1) + recurrent(1));
    auto const n = tanh(input(2) + r * recurrent(2));
    return keep(lerp(n, state, z));
  }
  template <class Input>
  constexpr auto next_of_zeros(Input const& input) const {
    auto const r = sigmoid(input(0) + slice<gates>(bias_hh, 0));
    auto const z = sigmoid(input(1) + slice<gates>(bias_hh, 1));
    auto const n = tanh(input(2) + r * slice<gates>(bias_hh, 2));
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
    auto const outputs = unrolled<Time>(
        bottom.input_gates(x), [&](auto const& input) { return bottom.first(input); },
        [&](auto const& input, auto const& state) { return bottom(input, state); });
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

  /// first(inputs of step 0), then next(inputs of a step, state before it).
  template <template <std::size_t> class Time, class G, class First, class Next>
  static constexpr auto unrolled(G const& inputs, First const& first, Next const& next) {
    constexpr std::size_t steps_count = extent_of<shape_of<G>, Time>;
    auto state = first(slice<Time>(inputs, 0));
    std::array<decltype(state), steps_count> all{};
    all[0] = state;
    for (std::size_t t = 1; t < steps_count; ++t) all[t] = next(slice<Time>(inputs, t), all[t - 1]);
    return stack<Time>(all);
  }

  template <template <std::size_t> class Time, mode Mode, std::size_t I, class X, class State>
  constexpr auto above(X const& below, double dropout_rate, std::array<State, I> const& states) const {
    if constexpr (I == L) {
      return recurrent_result<X, State, L>{below, states};
    } else {
      auto const& cell = hana::at_c<I>(layers);
      auto const products = [&] {
        if constexpr (Mode == mode::training)
          return cell.input_product(keep(dropout(below, dropout_rate)));
        else
          return cell.input_product(below);
      }();
      auto const outputs = unrolled<Time>(
          products, [&](auto const& product) { return cell.first_from_product(product); },
          [&](auto const& product, auto const& state) { return cell.step_from_product(product, state); });
      std::array<State, I + 1> more{};
      for (std::size_t i = 0; i < I; ++i) more[i] = states[i];
      more[I] = slice<Time>(outputs, time_steps<Time>(outputs) - 1);
      return above<Time, Mode, I + 1>(outputs, dropout_rate, more);
    }
  }
};

}  // namespace tenon
