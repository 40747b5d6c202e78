// SPDX-License-Identifier: BSL-1.0
// A session without a heap: program, weights and arena are objects in static storage, so that the linker
// knows what a model needs and nothing is ever allocated.
//
//   constexpr auto step = record([](inference_recorder& r) { … });
//   constexpr float weights[] = {…};
//   constinit static_session<step, weights> session;
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

#include "../owned.hpp"
#include "program.hpp"

namespace tenon {

/// The name of an input or output, as a template argument.
template <std::size_t N>
struct port_name {
  char text[N]{};
  consteval port_name(char const (&name)[N]) {  // NOLINT(google-explicit-constructor): session.input<"x">()
    std::copy_n(name, N, text);
  }
  constexpr std::string_view view() const { return {text, N - 1}; }
};

namespace detail {

template <element_type Type>
using element_named = std::conditional_t<
    Type == element_type::float64, double,
    std::conditional_t<Type == element_type::bfloat16, bf16,
                       std::conditional_t<Type == element_type::int32, std::int32_t, float>>>;

/// The position of the port of this name; the number of ports if there is none.
template <class Ports>
constexpr std::size_t port_position(Ports const& ports, std::string_view name) {
  std::size_t i = 0;
  while (i < ports.size() && ports[i].name != name) ++i;
  return i;
}

}  // namespace detail

/// Runs Program, a constant that `record` gave, on one thread. Weights: a constant array of floats, the
/// model's parameter block. All its memory is its own: `constinit` it in static storage, where it is zeros
/// until it runs.
template <auto const& Program, auto const& Weights>
class static_session {
  static_assert(!Program.totals.updates_parameters,
                "static_session: the weights are constant: they cannot be trained");
  static_assert(std::size(Weights) * sizeof(float) >= Program.parameter_bytes(),
                "static_session: the program has more weights than these");

 public:
  constexpr static_session() = default;
  static_session(static_session const&) = delete;
  static_session& operator=(static_session const&) = delete;

  /// The elements of an input, row-major, to be filled before each run that should see other values; it keeps
  /// what was put there.
  template <port_name Name>
  auto input() {
    constexpr std::size_t at = detail::port_position(Program.inputs, Name.view());
    static_assert(at < Program.inputs.size(), "static_session: the program has no input of this name");
    if constexpr (at < Program.inputs.size()) {
      constexpr auto& port = Program.inputs[at];
      return elements<detail::element_named<port.type>, port.elements>(port.offset);
    }
  }
  /// What the last run made.
  template <port_name Name>
  auto output() {
    constexpr std::size_t at = detail::port_position(Program.outputs, Name.view());
    static_assert(at < Program.outputs.size(), "static_session: the program has no output of this name");
    if constexpr (at < Program.outputs.size()) {
      constexpr auto& port = Program.outputs[at];
      return elements<detail::element_named<port.type> const, port.elements>(port.offset);
    }
  }

  /// Runs the program once.
  void run() {
    run_state const state{};
    std::size_t const first = std::exchange(frozen_ready_, true) ? Program.totals.frozen_calls : 0;
    for (std::size_t i = first; i < Program.calls.size(); ++i) {
      auto const& c = Program.calls[i];
      void* places[most_operands];
      for (std::size_t k = 0; k < c.operands; ++k) places[k] = place(Program.operands[c.first_operand + k]);
      call_arguments const a{places, c.scalars.data(), c.integers.data(), c.accumulate, &state};
      if (c.stops && detail::says_stop(a)) break;
      run_chunks(c, a, 0, c.chunks);
    }
  }

 private:
  static constexpr std::size_t most_operands = [] {
    std::size_t most = 1;
    for (auto const& c : Program.calls) most = std::max<std::size_t>(most, c.operands);
    return most;
  }();

  template <class T, std::size_t Count>
  std::span<T, Count> elements(std::size_t offset) {
    return std::span<T, Count>(reinterpret_cast<T*>(arena_ + offset), Count);
  }

  /// Kernels take pointers to what they may write to; those to weights are only read from.
  void* place(address const& a) {
    if (!a.exists) return nullptr;
    if (a.where == area::arena) return arena_ + a.offset;
    return const_cast<float*>(std::data(Weights)) + a.offset / sizeof(float);
  }

  alignas(detail::alignment) std::byte arena_[detail::aligned(Program.arena_bytes())]{};
  bool frozen_ready_ = false;  // the calls on frozen weights have been run
};

}  // namespace tenon
