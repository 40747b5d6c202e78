// SPDX-License-Identifier: BSL-1.0
// Optimisers over the flat parameter block: Adam and SGD, with clipping by the gradient's global norm. Two
// calls in all, however many parameters a model has: the norm, then clip and update together.
#pragma once
#include <cmath>
#include <cstddef>
#include <limits>

#include "../ops/emit.hpp"
#include "../ops/map/map.hpp"
#include "../program/differentiate.hpp"

namespace tenon {

/// Adam (Kingma and Ba, ICLR 2015), with PyTorch's placing of ε: p −= lr · m̂ / (√v̂ + ε).
struct adam {
  float learning_rate = 0.001F;
  float beta1 = 0.9F;
  float beta2 = 0.999F;
  float epsilon = 1e-8F;
};

/// Plain gradient descent: p −= lr · g.
struct sgd {
  float learning_rate = 0.01F;
};

/// If ‖g‖ > limit then g ← g · limit / ‖g‖, the norm being over all parameters together (Pascanu, Mikolov,
/// Bengio, ICML 2013).
struct clip_by_global_norm {
  float limit = std::numeric_limits<float>::infinity();
};

namespace detail {

inline constexpr std::size_t norm_parts = 16;

/// Operands: sums of squares (one double per chunk), gradients. integers[0]: parameters.
inline void norm_kernel(call_arguments const& a, std::size_t chunk) {
  auto const mine = cpu::part_of(static_cast<std::size_t>(a.integers[0]), norm_parts, chunk);
  auto const* const g = a.in<float>(1);
  double total = 0;
  std::size_t i = mine.begin;
  // Blocks of some thousand floats: within a block float lanes are exact enough, across blocks a double is
  // needed.
  while (i < mine.end) {
    std::size_t const stop = std::min(mine.end, i + 4096);
    cpu::pack<float> sums{};
    for (; i + cpu::lanes <= stop; i += cpu::lanes) {
      auto const v = cpu::load(g + i);
      sums += v * v;
    }
    if (i < stop) {
      auto const v = cpu::load_partial(g + i, stop - i);
      sums += v * v;
      i = stop;
    }
    total += static_cast<double>(cpu::sum(sums));
  }
  a.out<double>(0)[chunk] = total;
}

/// The factor that clips the gradient, from the sums of squares at operand k and the limit.
inline float clip_scale(double const* parts, double limit) {
  double total = 0;
  for (std::size_t i = 0; i < norm_parts; ++i) total += parts[i];
  double const norm = std::sqrt(total);
  return norm > limit ? static_cast<float>(limit / norm) : 1.0F;
}

/// Operands: parameters, first moments, second moments, gradients, sums of squares. scalars: learning rate,
/// β₁, β₂, ε, norm limit; integers[0]: parameters.
inline void adam_kernel(call_arguments const& a, std::size_t chunk) {
  auto const mine = cpu::part_of(static_cast<std::size_t>(a.integers[0]), norm_parts, chunk);
  float* const p = a.out<float>(0);
  float* const m = a.out<float>(1);
  float* const v = a.out<float>(2);
  float const* const g = a.in<float>(3);
  double const beta1 = a.scalars[1], beta2 = a.scalars[2];
  auto const step = static_cast<double>(a.state->step + 1);
  double const correction1 = 1.0 - std::pow(beta1, step), correction2 = 1.0 - std::pow(beta2, step);
  using V = cpu::pack<float>;
  auto const splat = [](double x) { return cpu::broadcast<float>(static_cast<float>(x)); };
  V const rate = splat(a.scalars[0] * static_cast<double>(a.state->learning_rate_scale) / correction1);
  V const b1 = splat(beta1), c1 = splat(1.0 - beta1), b2 = splat(beta2), c2 = splat(1.0 - beta2);
  V const root = splat(1.0 / std::sqrt(correction2)), epsilon = splat(a.scalars[3]);
  V const scale = splat(static_cast<double>(clip_scale(a.in<double>(4), a.scalars[4])));
  auto const update = [&](V const& gradient, V& m1, V& v1, V& value) __attribute__((always_inline)) {
    V const clipped = gradient * scale;
    m1 = b1 * m1 + c1 * clipped;
    v1 = b2 * v1 + c2 * clipped * clipped;
    value -= rate * m1 / (math::sqrt(v1) * root + epsilon);
  };
  std::size_t i = mine.begin;
  for (; i + cpu::lanes <= mine.end; i += cpu::lanes) {
    V m1 = cpu::load(m + i), v1 = cpu::load(v + i), value = cpu::load(p + i);
    update(cpu::load(g + i), m1, v1, value);
    cpu::store(m + i, m1);
    cpu::store(v + i, v1);
    cpu::store(p + i, value);
  }
  if (i < mine.end) {
    std::size_t const n = mine.end - i;
    V m1 = cpu::load_partial(m + i, n), v1 = cpu::load_partial(v + i, n), value = cpu::load_partial(p + i, n);
    update(cpu::load_partial(g + i, n), m1, v1, value);
    cpu::store_partial(m + i, m1, n);
    cpu::store_partial(v + i, v1, n);
    cpu::store_partial(p + i, value, n);
  }
}

/// Operands: parameters, gradients, sums of squares. scalars: learning rate, norm limit; integers[0]:
/// parameters.
inline void sgd_kernel(call_arguments const& a, std::size_t chunk) {
  auto const mine = cpu::part_of(static_cast<std::size_t>(a.integers[0]), norm_parts, chunk);
  float* const p = a.out<float>(0);
  float const* const g = a.in<float>(1);
  float const rate = static_cast<float>(a.scalars[0]) * a.state->learning_rate_scale *
                     clip_scale(a.in<double>(2), a.scalars[1]);
  for (std::size_t i = mine.begin; i < mine.end; ++i) p[i] -= rate * g[i];
}

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

/// Records the loss's derivative and the gradient's norm; gives the places of the gradients and of the norm's
/// parts.
template <class T>
constexpr std::array<location, 2> gradients_and_norm(recorder& r, variable<T, shape<>> const& loss,
                                                     std::size_t count) {
  auto const gradients = r.parameter_gradients(count * sizeof(float));
  r.differentiate(loss.at);
  if (!r.complete_parameter_gradients(count * sizeof(float))) r.at(gradients.storage).zero_first = true;
  storage s;
  s.name = "gradient norm";
  s.element_bytes = sizeof(double);
  s.bytes = norm_parts * sizeof(double);
  s.rank = 1;
  s.extents[0] = norm_parts;
  location const parts{r.add_storage(s), 0};
  call_spec norm;
  norm.name = "gradient norm";
  norm.run = &norm_kernel;
  norm.chunks = norm_parts;
  norm.flops = 2 * count;
  norm.integers[0] = static_cast<std::int64_t>(count);
  r.begin(norm);
  r.result(parts, s.bytes);
  r.operand(gradients, count * sizeof(float));
  r.end();
  return {gradients, parts};
}

}  // namespace detail

/// Ends a training program: derivatives of `loss` (a scalar) with respect to all `parameters` (their number),
/// clipping, one step of Adam. State: two floats a parameter.
template <operand X>
requires std::is_same_v<shape_of<X>, shape<>>
constexpr void minimise(recorder& r, X const& loss, std::size_t parameters, adam const& how,
                        clip_by_global_norm const& clip = {}) {
  std::size_t const bytes = parameters * sizeof(float);
  auto const [gradients, parts] = detail::gradients_and_norm(r, keep(loss), parameters);
  call_spec spec;
  spec.name = "adam";
  spec.run = &detail::adam_kernel;
  spec.chunks = detail::norm_parts;
  spec.flops = 14 * parameters;
  spec.scalars = {static_cast<double>(how.learning_rate), static_cast<double>(how.beta1),
                  static_cast<double>(how.beta2), static_cast<double>(how.epsilon),
                  static_cast<double>(clip.limit)};
  spec.integers[0] = static_cast<std::int64_t>(parameters);
  r.begin(spec);
  r.result(detail::parameters_in_place(r, bytes), bytes, true);
  r.result(detail::optimiser_state(r, bytes, 0), bytes, true);
  r.result(detail::optimiser_state(r, bytes, bytes), bytes, true);
  r.operand(gradients, bytes);
  r.operand(parts, detail::norm_parts * sizeof(double));
  r.end();
  r.updates_parameters(2 * bytes);
}

/// The same with one step of gradient descent.
template <operand X>
requires std::is_same_v<shape_of<X>, shape<>>
constexpr void minimise(recorder& r, X const& loss, std::size_t parameters, sgd const& how,
                        clip_by_global_norm const& clip = {}) {
  std::size_t const bytes = parameters * sizeof(float);
  auto const [gradients, parts] = detail::gradients_and_norm(r, keep(loss), parameters);
  call_spec spec;
  spec.name = "sgd";
  spec.run = &detail::sgd_kernel;
  spec.chunks = detail::norm_parts;
  spec.flops = 2 * parameters;
  spec.scalars = {static_cast<double>(how.learning_rate), static_cast<double>(clip.limit)};
  spec.integers[0] = static_cast<std::int64_t>(parameters);
  r.begin(spec);
  r.result(detail::parameters_in_place(r, bytes), bytes, true);
  r.operand(gradients, bytes);
  r.operand(parts, detail::norm_parts * sizeof(double));
  r.end();
  r.updates_parameters(0);
}

/// A loss that still has axes is none yet: reduce it first.
template <operand X, class Optimiser>
requires(!std::is_same_v<shape_of<X>, shape<>>) axis_without_place < operation::minimise,
    axis_at < shape_of<X>,
0 >, shape < >> minimise(recorder&, X const&, std::size_t, Optimiser const&, clip_by_global_norm const& = {});

}  // namespace tenon
