// SPDX-License-Identifier: BSL-1.0
// A session: a program bound to a device, its arena and a parameter block. It allocates when it is made and
// never again.
#pragma once
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../cpu/blas.hpp"
#include "../cpu/team.hpp"
#include "../error.hpp"
#include "../tensor.hpp"
#include "parameter_block.hpp"
#include "program.hpp"
#include "turns.hpp"

namespace tenon {

/// The default device.
struct cpu_device {};

template <class Device = cpu_device>
class session;

template <>
class session<cpu_device> {
 public:
  /// Binds a program to parameters. Both must outlive the session. Throws tenon::error if the block is
  /// smaller than the program's parameters.
  session(program_view const& program, parameter_block& parameters, std::size_t threads = 1)
      : program_{program}, parameters_{&parameters}, threads_{threads == 0 ? 1 : threads} {
    if (program.totals.parameter_bytes > parameters.bytes())
      throw error("the program uses " + std::to_string(program.totals.parameter_bytes / sizeof(float)) +
                  " parameters, the block has " + std::to_string(parameters.bytes() / sizeof(float)) +
                  ": make the block from the same model");
    cpu::blas_single_threaded();
    arena_ = detail::allocate_zeros(program.totals.arena_bytes);
    std::byte* const bases[] = {arena_.get(), reinterpret_cast<std::byte*>(parameters.values().data()),
                                parameters.state(program.totals.state_bytes).data()};
    pointers_.reserve(program.operands.size());
    for (auto const& a : program.operands)
      pointers_.push_back(a.exists ? bases[static_cast<std::size_t>(a.where)] + a.offset : nullptr);
    calls_.reserve(program.calls.size());
    turn_taking turns(threads_);
    for (auto const& c : program.calls)
      calls_.push_back(
          {c.run,
           c.chunks,
           threads_ > 1 ? turns.next(c, program.operands.subspan(c.first_operand, c.operands))
                        : turn{false, true},
           {pointers_.data() + c.first_operand, c.scalars.data(), c.integers.data(), c.accumulate, &state_}});
  }
  template <class Program>
  requires requires(Program const& p) { p.view(); }
  session(Program const& program, parameter_block& parameters, std::size_t threads = 1)
      : session(program.view(), parameters, threads) {}
  template <class Program>
  requires requires(Program const& p) { p.view(); }
  session(Program&& program, parameter_block& parameters,
          std::size_t threads = 1) = delete;  // it would be gone
  template <class Program>
  requires requires(Program const& p) { p.view(); }
  session(Program& program, parameter_block& parameters, std::size_t threads = 1)
      : session(program.view(), parameters, threads) {}

  session(session const&) = delete;
  session& operator=(session const&) = delete;

  /// Runs the program once. Allocates nothing.
  void run() {
    state_.step = parameters_->steps;
    std::size_t const first = std::exchange(frozen_ready_, true) ? program_.totals.frozen_calls : 0;
    cpu::run_team(threads_, [this, first](std::size_t thread, std::size_t threads, auto const& barrier) {
      bool const fewer = threads != threads_;  // than was asked for: the turns are not theirs
      for (std::size_t i = first; i < calls_.size(); ++i) {
        auto const& c = calls_[i];
        if (c.how.meets || fewer) barrier();
        auto const mine = c.how.shared || fewer ? chunks_of(c.chunks, thread, threads)
                                                : chunk_range{0, thread == 0 ? c.chunks : 0};
        for (std::size_t chunk = mine.begin; chunk < mine.end; ++chunk) c.run(c.arguments, chunk);
      }
    });
    if (program_.totals.updates_parameters) ++parameters_->steps;
  }

  /// Runs the program once on this thread, handing each call to f(call, run), which is to call run(), and may
  /// time it.
  template <class F>
  void profile(F&& f) {
    state_.step = parameters_->steps;
    std::size_t const first = std::exchange(frozen_ready_, true) ? program_.totals.frozen_calls : 0;
    for (std::size_t i = first; i < calls_.size(); ++i)
      f(program_.calls[i], [&c = calls_[i]] {
        for (std::size_t chunk = 0; chunk < c.chunks; ++chunk) c.run(c.arguments, chunk);
      });
    if (program_.totals.updates_parameters) ++parameters_->steps;
  }

  /// The memory of an input, to be filled before each run that should see other values; it keeps what was put
  /// there. Throws tenon::error if the program has no such input of this type and size.
  template <class T, axis_type... A>
  tensor_view<T, shape<A...>> input(std::string_view name) {
    return tensor_view<T, shape<A...>>(reinterpret_cast<T*>(find(
        program_.inputs, "input", name, element_type_of<T>, shape<A...>::size, fingerprint<shape<A...>>)));
  }
  /// The same as a flat span of row-major elements.
  template <class T>
  std::span<T> input_elements(std::string_view name) {
    return elements<T>(program_.inputs, "input", name);
  }

  template <class T, axis_type... A>
  tensor_view<T const, shape<A...>> output(std::string_view name) {
    return tensor_view<T const, shape<A...>>(reinterpret_cast<T const*>(find(
        program_.outputs, "output", name, element_type_of<T>, shape<A...>::size, fingerprint<shape<A...>>)));
  }
  template <class T>
  std::span<T const> output_elements(std::string_view name) {
    return elements<T>(program_.outputs, "output", name);
  }

  /// Tells a session whose program froze its weights that they were written to: the next run computes anew
  /// what depends on them.
  void weights_changed() { frozen_ready_ = false; }

  void seed(std::uint64_t s) { state_.seed = s; }
  void learning_rate_scale(float scale) { state_.learning_rate_scale = scale; }
  std::size_t threads() const { return threads_; }
  program_view const& program() const { return program_; }

 private:
  struct bound_call {
    kernel run;
    std::size_t chunks;
    turn how;
    call_arguments arguments;
  };

  static program_port const& port_named(std::span<program_port const> ports, char const* kind,
                                        std::string_view name) {
    for (auto const& p : ports)
      if (p.name == name) return p;
    std::string known;
    for (auto const& p : ports) known += (known.empty() ? "" : ", ") + std::string(p.name);
    throw error("the program has no " + std::string(kind) + " \"" + std::string(name) +
                "\"; it has: " + known);
  }
  std::byte* find(std::span<program_port const> ports, char const* kind, std::string_view name,
                  element_type type, std::size_t count, std::uint64_t axes) {
    auto const& p = port_named(ports, kind, name);
    if (p.type != type || p.elements != count)
      throw error("the program's " + std::string(kind) + " \"" + std::string(name) + "\" has " +
                  std::to_string(p.elements) + " elements of another type or number than was asked for (" +
                  std::to_string(count) + ")");
    if (p.axes != axes)
      throw error(
          "the program's " + std::string(kind) + " \"" + std::string(name) +
          "\" has other axes, or the same in another order, than was asked for: use those of its recording");
    return arena_.get() + p.offset;
  }
  template <class T>
  std::span<T> elements(std::span<program_port const> ports, char const* kind, std::string_view name) {
    auto const& p = port_named(ports, kind, name);
    return {reinterpret_cast<T*>(
                find(ports, kind, name, element_type_of<std::remove_const_t<T>>, p.elements, p.axes)),
            p.elements};
  }

  program_view program_;
  parameter_block* parameters_;
  std::size_t threads_;
  run_state state_;
  detail::aligned_bytes arena_;
  std::vector<void*> pointers_;
  std::vector<bound_call> calls_;
  bool frozen_ready_ = false;  // the calls on frozen weights have been run
};

template <class... A>
session(A&&...) -> session<cpu_device>;

}  // namespace tenon
