// SPDX-License-Identifier: BSL-1.0
// A session: a program bound to a device, its arena and a parameter block. It allocates when it is made and
// never again.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "../cpu/team.hpp"
#include "binding.hpp"
#include "ports.hpp"
#include "turns.hpp"

namespace tenon {

// Still a template, so that it is compiled where a session is made (see TENON_WHEN_USED).
template <class Device>
requires std::is_same_v<Device, cpu_device>
class session<Device> : public detail::session_ports<session<Device>> {
 public:
  /// Binds a program to parameters. Both must outlive the session. It runs on so many threads (0 is 1); the
  /// results are the same for any number. Throws tenon::error if the block is smaller than the program's
  /// parameters.
  session(program_view const& program, parameter_block& parameters, std::size_t threads = 1)
      : program_{program}, parameters_{&parameters}, threads_{threads == 0 ? 1 : threads} {
    detail::check_parameters(program, parameters);
    arena_ = detail::allocate_zeros(program.totals.arena_bytes);
    places_ = detail::bound_operands(program, arena_.get(),
                                     reinterpret_cast<std::byte*>(parameters.values().data()),
                                     parameters.state(program.totals.state_bytes).data());
    for (std::size_t i = 0; i < program.calls.size(); ++i)
      if (detail::writes_parameters(program, program.calls[i])) update_ = i;
    calls_.reserve(program.calls.size());
    turn_taking turns(threads_);
    for (auto const& c : program.calls)
      calls_.push_back(
          {c.run,
           c.chunks,
           threads_ > 1 ? turns.next(c, program.operands.subspan(c.first_operand, c.operands))
                        : turn{false, true},
           {places_.data() + c.first_operand, c.scalars.data(), c.integers.data(), c.accumulate, &state_},
           c.joins,
           c.stops});
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
    parameters_->needed_on_host(program_.totals.updates_parameters);
    state_.step = parameters_->steps;
    std::size_t const first = std::exchange(frozen_ready_, true) ? program_.totals.frozen_calls : 0;
    std::size_t end = calls_.size();
    cpu::run_team(threads_,
                  [this, first, &end](std::size_t thread, std::size_t threads, auto const& barrier) {
                    bool const fewer = threads != threads_;  // than was asked for: the turns are not theirs
                    for (std::size_t i = first; i < calls_.size(); ++i) {
                      auto const& c = calls_[i];
                      if (c.how.meets || fewer) barrier();
                      if (c.stops && detail::says_stop(c.arguments)) {
                        if (thread == 0) end = i;
                        break;
                      }
                      auto const mine = c.how.shared || fewer ? chunks_of(c.chunks, thread, threads)
                                                              : chunk_range{0, thread == 0 ? c.chunks : 0};
                      run_chunks(c, c.arguments, mine.begin, mine.end);
                    }
                  });
    count_step(end);
  }

  /// Runs the program once on this thread, handing each call to f(call, run), which is to call run(), and may
  /// time it.
  template <class F>
  void profile(F&& f) {
    parameters_->needed_on_host(program_.totals.updates_parameters);
    state_.step = parameters_->steps;
    std::size_t const first = std::exchange(frozen_ready_, true) ? program_.totals.frozen_calls : 0;
    std::size_t i = first;
    for (; i < calls_.size(); ++i) {
      if (calls_[i].stops && detail::says_stop(calls_[i].arguments)) break;
      f(program_.calls[i], [&c = calls_[i]] { run_chunks(c, c.arguments, 0, c.chunks); });
    }
    count_step(i);
  }

  /// Tells a session whose program froze its weights that they were written to: the next run computes anew
  /// what depends on them.
  void weights_changed() {
    frozen_ready_ = false;
    for (std::size_t i = 0; i < program_.totals.frozen_calls; ++i)
      calls_[i].chunks = program_.calls[i].chunks;
  }

  /// Takes what depends on frozen weights alone from a session of the same parameters, where that has run and
  /// made it by the same calls: it is computed and kept in memory once. The other session must live as long
  /// as this one; call it before the first run. Returns how many calls need not be made.
  std::size_t share_frozen(session const& other) {
    std::size_t shared = 0;
    if (!other.frozen_ready_) return shared;
    for (std::size_t i = 0; i < program_.totals.frozen_calls; ++i) {
      if (calls_[i].chunks == 0) continue;  // shared with a third one
      auto const& c = program_.calls[i];
      auto const* const block = detail::lasting_block(program_, c);
      auto* const known = block ? other.frozen_alike(c, operands_of(c)) : nullptr;
      if (known == nullptr) continue;
      detail::move_block(program_, *block, places_, static_cast<std::byte*>(known));
      detail::release_pages(arena_.get() + block->offset, block->bytes);
      calls_[i].chunks = 0;
      ++shared;
    }
    return shared;
  }

  /// Of dropout, from the next run on; 0 at first. With the steps that the parameters have made it decides
  /// what is dropped.
  void seed(std::uint64_t s) { state_.seed = s; }
  /// Multiplies the learning rate that was recorded, from the next run on: for schedules; 1 at first.
  void learning_rate_scale(float scale) { state_.learning_rate_scale = scale; }
  std::size_t threads() const { return threads_; }
  program_view const& program() const { return program_; }

 private:
  struct bound_call {
    kernel run;
    std::size_t chunks;
    turn how;
    call_arguments arguments;
    bool joins, stops;
  };

  /// After a run of the calls before number `end`: one that stopped before the update made no step.
  void count_step(std::size_t end) {
    if (program_.totals.updates_parameters && end > update_) ++parameters_->steps;
  }
  std::span<void* const> operands_of(program_call const& c) const {
    return std::span(places_).subspan(c.first_operand, c.operands);
  }
  /// Where a frozen call that does what `c` does with the same operands keeps its output; null: there is
  /// none.
  void* frozen_alike(program_call const& c, std::span<void* const> operands) const {
    for (auto const& own : program_.calls.first(program_.totals.frozen_calls))
      if (detail::computes_alike(own, c) && detail::lasting_block(program_, own) &&
          std::ranges::equal(operands_of(own).subspan(1), operands.subspan(1)))
        return operands_of(own)[0];
    return nullptr;
  }

  friend class detail::session_ports<session>;
  std::byte* input_memory(program_port const& p) { return arena_.get() + p.offset; }
  std::byte* output_memory(program_port const& p) { return arena_.get() + p.offset; }

  program_view program_;
  parameter_block* parameters_;
  std::size_t threads_;
  run_state state_;
  detail::aligned_bytes arena_;
  std::vector<void*> places_;
  std::vector<bound_call> calls_;
  std::size_t update_ = 0;     // the number of the last call that writes weights
  bool frozen_ready_ = false;  // the calls on frozen weights have been run
};

template <class... A>
session(A&&...) -> session<cpu_device>;

}  // namespace tenon
