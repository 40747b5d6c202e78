// SPDX-License-Identifier: BSL-1.0
// Compares recorded derivatives with central finite differences, in double.
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "testing.hpp"

#if TENON_CUDA
#include "devices.hpp"
#endif

namespace testing {

struct difference_options {
  double low = -1, high = 1;  ///< where the inputs lie
  std::int32_t largest = 3;   ///< integer inputs lie in [0, largest]
  std::size_t samples = 25;   ///< elements of each input that are looked at
  std::size_t threads = 1;
  bool chunked = false;  ///< some call must have several chunks, or the test tests nothing
};

inline constexpr std::array<char const*, 4> input_names{"x0", "x1", "x2", "x3"};
inline constexpr std::array<char const*, 4> gradient_names{"g0", "g1", "g2", "g3"};

template <class T, class... A>
constexpr auto input_like(tenon::recorder& r, char const* name, tenon::shape<A...>) {
  return r.input<T, A...>(name);
}

/// Records f(r, x…) for inputs of the shapes S…; the loss is Σ weight · f. With the gradients of all inputs
/// if asked for.
template <class... S, class F>
tenon::dynamic_program record_loss(F const& f, bool gradients) {
  return tenon::record_now([&](tenon::recorder& r) {
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      std::tuple const x{input_like<double>(r, input_names[I], S{})...};
      (r.track(std::get<I>(x)), ...);
      auto const y = f(r, std::get<I>(x)...);
      auto const weight = input_like<double>(r, "weight", tenon::shape_of<decltype(y)>{});
      auto const loss = tenon::keep(tenon::sum(y * weight));
      r.output("loss", loss);
      if (!gradients) return;
      r.differentiate(loss.at);
      (r.output(gradient_names[I], r.gradient(std::get<I>(x))), ...);
    }
    (std::index_sequence_for<S...>{});
  });
}

template <class Session>
void fill_inputs(Session& session, difference_options const& o) {
  std::size_t seed = 1;
  for (auto const& port : session.program().inputs) {
    ++seed;
    if (port.type == tenon::element_type::int32)
      fill(session.template input_elements<std::int32_t>(port.name), seed, 0, o.largest);
    else if (port.name == "weight")
      fill(session.template input_elements<double>(port.name), seed, -1, 1);
    else
      fill(session.template input_elements<double>(port.name), seed, o.low, o.high);
  }
}

/// The largest error of the derivatives of f with respect to its inputs, relative to 1 + |the difference
/// quotient|; where there are kernels for a GPU, at least their difference from the CPU's results.
template <class... S, class F>
double gradient_error(F const& f, difference_options const& o = {}) {
  auto const forward = record_loss<S...>(f, false), both = record_loss<S...>(f, true);
  tenon::parameter_block none(0);
  tenon::session plain(forward, none), backward(both, none, o.threads);
  fill_inputs(plain, o);
  fill_inputs(backward, o);
  bool chunked = !o.chunked;
  for (auto const& c : both.calls) chunked |= c.chunks > 1;
  if (!chunked) return std::numeric_limits<double>::infinity();
  for (int run = 0; run < 2; ++run) backward.run();  // the second run meets what the first left in memory
  plain.run();
  auto const loss = [&] { return plain.template output<double>("loss")(); };
#if TENON_CUDA
  double const of_device = device_difference(both, [&o](auto& s) { fill_inputs(s, o); });
  if (!(of_device < 1e-9)) return of_device;
#endif
  double error = std::abs(loss() - backward.template output<double>("loss")()) / (1 + std::abs(loss()));
  for (std::size_t i = 0; i < sizeof...(S); ++i) {
    auto const x = plain.template input_elements<double>(input_names[i]);
    auto const g = backward.template output_elements<double>(gradient_names[i]);
    std::size_t const step = std::max<std::size_t>(1, x.size() / o.samples);
    for (std::size_t k = 0; k < x.size(); k += step) {
      double const old = x[k], h = 1e-5;
      x[k] = old + h;
      plain.run();
      double const above = loss();
      x[k] = old - h;
      plain.run();
      double const below = loss();
      x[k] = old;
      double const want = (above - below) / (2 * h);
      double const here = std::abs(g[k] - want) / (1 + std::abs(want));
      if (!(here <= error)) error = here;
    }
  }
  return error;
}

}  // namespace testing
