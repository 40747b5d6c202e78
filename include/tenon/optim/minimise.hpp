// SPDX-License-Identifier: BSL-1.0
// Optimisers over the flat parameter block: Adam and SGD, with clipping by the gradient's global norm. Two
// calls in all, however many parameters a model has: the norm, then clip and update together.
#pragma once
#include <array>
#include <cstddef>
#include <limits>
#include <stdexcept>

#include "../ops/emit.hpp"
#include "../ops/map/map.hpp"
#include "../program/differentiate.hpp"
#include "cpu.hpp"

#if TENON_CUDA
#include "cuda.cuh"  // IWYU pragma: export
#endif

namespace tenon {

/// Adam (Kingma and Ba, ICLR 2015), with PyTorch's placing of ε: p −= lr · m̂ / (√v̂ + ε). With a weight decay
/// AdamW (Loshchilov and Hutter, ICLR 2019): before that p −= lr · decay · p, for all weights.
struct adam {
  float learning_rate = 0.001F;
  float beta1 = 0.9F;
  float beta2 = 0.999F;
  float epsilon = 1e-8F;
  float weight_decay = 0;
  std::size_t accumulate = 1;  ///< of so many runs the gradients' mean makes one step
};

/// Gradient descent: p −= lr · g. With momentum (Polyak, 1964) in PyTorch's form: v ← momentum · v + g,
/// p −= lr · v.
struct sgd {
  float learning_rate = 0.01F;
  float momentum = 0;
  std::size_t accumulate = 1;  ///< of so many runs the gradients' mean makes one step
};

/// If ‖g‖ > limit then g ← g · limit / ‖g‖, the norm being over all parameters together (Pascanu, Mikolov,
/// Bengio, ICML 2013).
struct clip_by_global_norm {
  float limit = std::numeric_limits<float>::infinity();
};

namespace detail {

constexpr location parameters_in_place(recorder& r, std::size_t bytes) {
  storage s;
  s.kind = storage::kind_t::parameter;
  s.name = "parameters";
  s.bytes = bytes;
  s.rank = 1;
  s.extents[0] = bytes / sizeof(float);
  return {r.add_storage(s), 0};
}
constexpr location optimiser_state(recorder& r, std::size_t bytes, std::size_t offset) {
  storage s;
  s.kind = storage::kind_t::state;
  s.name = "optimiser state";
  s.bytes = bytes;
  s.offset = offset;
  s.rank = 1;
  s.extents[0] = bytes / sizeof(float);
  return {r.add_storage(s), 0};
}

/// Where the gradients of several runs come together, in the optimiser's state behind `offset` bytes of it.
constexpr location accumulated(recorder& r, location gradients, std::size_t count, std::size_t offset,
                               std::size_t runs) {
  std::size_t const bytes = count * sizeof(float);
  auto const sum = optimiser_state(r, bytes, offset);
  call_spec spec;
  spec.name = "accumulate";
  spec.computed_by<accumulate_kernel>();
  spec.flops = 2 * count;
  spec.integers = {static_cast<std::int64_t>(count), static_cast<std::int64_t>(runs)};
  r.begin(spec);
  r.result(sum, bytes, true);
  r.operand(gradients, bytes);
  r.end();
  return sum;
}

/// Refuses what no training can be meant to have.
constexpr void check_training(float learning_rate, std::size_t accumulate, clip_by_global_norm const& clip,
                              bool others) {
  if (!(learning_rate >= 0 && learning_rate < std::numeric_limits<float>::infinity()))
    throw std::logic_error("minimise: the learning rate is a number that is not negative");
  if (!(clip.limit > 0)) throw std::logic_error("minimise: the norm is clipped to more than 0");
  if (accumulate == 0)
    throw std::logic_error("minimise: a step is made of the gradients of at least one run");
  if (!others)
    throw std::logic_error("minimise: betas and momentum are in [0, 1), epsilon and decay not below 0");
}
constexpr bool is_decay(float x) {
  return x >= 0 && x < 1;
}

/// What an optimiser works with.
struct gradient_places {
  location gradients, norm_parts;
  std::size_t state_bytes = 0;  ///< of the optimiser's state
};

/// Records the loss's derivative and the gradient's norm. The optimiser has `state_bytes` of its own; behind
/// them are the gradients of several runs, where there are several.
template <class T>
constexpr gradient_places gradients_and_norm(recorder& r, variable<T, shape<>> const& loss, std::size_t count,
                                             std::size_t state_bytes, std::size_t runs) {
  if (!r.is_active(r.place(loss)))
    throw std::logic_error("minimise: the loss depends on no weight, so there is nothing to learn");
  auto gradients = r.parameter_gradients(count * sizeof(float));
  r.differentiate(loss.at);
  if (!r.complete_parameter_gradients(count * sizeof(float))) r.at(gradients.storage).zero_first = true;
  if (runs > 1) {
    gradients = accumulated(r, gradients, count, state_bytes, runs);
    state_bytes += count * sizeof(float);
  }
  storage s;
  s.name = "gradient norm";
  s.element_bytes = sizeof(double);
  s.bytes = norm_parts * sizeof(double);
  s.rank = 1;
  s.extents[0] = norm_parts;
  location const parts{r.add_storage(s), 0};
  call_spec norm;
  norm.name = "gradient norm";
  norm.computed_by<norm_kernel>();
  norm.flops = 2 * count;
  norm.integers[0] = static_cast<std::int64_t>(count);
  r.begin(norm);
  r.result(parts, s.bytes);
  r.operand(gradients, count * sizeof(float));
  r.end();
  return {gradients, parts, state_bytes};
}

/// Records an optimiser's update, whose operands are the parameters, its own state, gradients, the parts of
/// their norm, and the divisor if there is one.
template <std::size_t States, std::size_t Divisors>
constexpr void record_update(recorder& r, call_spec spec, gradient_places const& made, std::size_t parameters,
                             std::size_t runs, std::array<location, States> const& state,
                             std::array<location, Divisors> const& divided_by) {
  std::size_t const bytes = parameters * sizeof(float);
  spec.integers = {static_cast<std::int64_t>(parameters), static_cast<std::int64_t>(runs)};
  r.begin(spec);
  r.result(parameters_in_place(r, bytes), bytes, true);
  for (auto const& at : state) r.result(at, bytes, true);
  r.operand(made.gradients, bytes);
  r.operand(made.norm_parts, norm_parts * sizeof(double));
  for (auto const& at : divided_by) r.operand(at, sizeof(float));
  r.end();
  r.updates_parameters(made.state_bytes, runs);
}

/// Where the divisor is, if there is one.
template <operand... Divisor>
constexpr std::array<location, sizeof...(Divisor)> divisors(recorder& r, Divisor const&... divisor) {
  static_assert(sizeof...(Divisor) <= 1, "minimise: one number to divide the gradient by");
  static_assert(
      (... && (std::is_same_v<shape_of<Divisor>, shape<>> && std::is_same_v<element_of<Divisor>, float>)),
      "minimise: what the gradient is divided by is one float");
  return {r.place(keep(divisor))...};
}

}  // namespace detail

/// Ends a training program: derivatives of `loss` (a scalar) with respect to all `parameters` (their number),
/// clipping, division by `divisor` if one is given (how many words a sum is over, say), one step of Adam.
/// State: two floats a parameter, three where gradients are accumulated. Throws std::logic_error if the loss
/// depends on no weight, if weights are frozen, if the program has another loss already, and for rates and limits
/// that make no sense.
template <operand X, operand... Divisor>
requires std::is_void_v<detail::loss_error<operation::minimise, X>>
constexpr void minimise(recorder& r, X const& loss, std::size_t parameters, adam const& how,
                        clip_by_global_norm const& clip = {}, Divisor const&... divisor) {
  std::size_t const bytes = parameters * sizeof(float);
  auto const divided_by = detail::divisors(r, divisor...);
  detail::check_training(how.learning_rate, how.accumulate, clip,
                         detail::is_decay(how.beta1) && detail::is_decay(how.beta2) && how.epsilon >= 0 &&
                             how.weight_decay >= 0);
  auto const made = detail::gradients_and_norm(r, keep(loss), parameters, 2 * bytes, how.accumulate);
  call_spec spec;
  spec.name = "adam";
  spec.computed_by<detail::adam_kernel<sizeof...(Divisor) == 1>>();
  spec.flops = 14 * parameters;
  spec.scalars = {static_cast<double>(how.learning_rate), static_cast<double>(how.beta1),
                  static_cast<double>(how.beta2),         static_cast<double>(how.epsilon),
                  static_cast<double>(clip.limit),        static_cast<double>(how.weight_decay)};
  std::array const state{detail::optimiser_state(r, bytes, 0), detail::optimiser_state(r, bytes, bytes)};
  detail::record_update(r, spec, made, parameters, how.accumulate, state, divided_by);
}

/// The same with one step of gradient descent. State: none, one float a parameter with momentum; one more
/// where gradients are accumulated.
template <operand X, operand... Divisor>
requires std::is_void_v<detail::loss_error<operation::minimise, X>>
constexpr void minimise(recorder& r, X const& loss, std::size_t parameters, sgd const& how,
                        clip_by_global_norm const& clip = {}, Divisor const&... divisor) {
  std::size_t const bytes = parameters * sizeof(float);
  detail::check_training(how.learning_rate, how.accumulate, clip, detail::is_decay(how.momentum));
  bool const moves = how.momentum != 0;
  auto const divided_by = detail::divisors(r, divisor...);
  auto const made = detail::gradients_and_norm(r, keep(loss), parameters, moves ? bytes : 0, how.accumulate);
  call_spec spec;
  spec.name = "sgd";
  spec.flops = (moves ? 4 : 2) * parameters;
  spec.scalars = {static_cast<double>(how.learning_rate), static_cast<double>(clip.limit),
                  static_cast<double>(how.momentum)};
  if (moves) {
    spec.computed_by<detail::momentum_kernel<sizeof...(Divisor) == 1>>();
    detail::record_update(r, spec, made, parameters, how.accumulate,
                          std::array{detail::optimiser_state(r, bytes, 0)}, divided_by);
  } else {
    spec.computed_by<detail::sgd_kernel<sizeof...(Divisor) == 1>>();
    detail::record_update(r, spec, made, parameters, how.accumulate, std::array<location, 0>{}, divided_by);
  }
}

/// Nor is anything learnt through a recorder that leaves derivatives out.
template <operand X, class Optimiser>
derivatives_not_recorded<operation::minimise, inference_recorder> minimise(inference_recorder&, X const&,
                                                                           std::size_t, Optimiser const&,
                                                                           clip_by_global_norm const& = {},
                                                                           operand auto const&...);

template <operand X, class Optimiser, shape_error Error = detail::loss_error<operation::minimise, X>>
Error minimise(recorder&, X const&, std::size_t, Optimiser const&, clip_by_global_norm const& = {},
               operand auto const&...);

}  // namespace tenon
