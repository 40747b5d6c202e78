// SPDX-License-Identifier: BSL-1.0
// Sessions on a GPU where there is none: the GPU's kernels, run by threads of the host (host_block.hpp).
#pragma once
#include <cstddef>
#include <vector>

#include "../program/binding.hpp"
#include "../program/ports.hpp"
#include "enqueue_calls.hpp"
#include "host_queue.hpp"

namespace tenon {

template <>
class session<cuda_device> : public detail::session_ports<session<cuda_device>> {
 public:
  session(program_view const& program, parameter_block& parameters, std::size_t = 1)
      : program_{program}, parameters_{&parameters} {
    detail::check_parameters(program, parameters);
    detail::check_lowered(program);
    arena_ = detail::allocate_zeros(program.totals.arena_bytes);
    places_ = detail::bound_operands(program, arena_.get(),
                                     reinterpret_cast<std::byte*>(parameters.values().data()),
                                     parameters.state(program.totals.state_bytes).data());
  }
  template <class Program>
  requires requires(Program const& p) { p.view(); }
  session(Program const& program, parameter_block& parameters, std::size_t = 1)
      : session(program.view(), parameters) {}

  session(session const&) = delete;
  session& operator=(session const&) = delete;

  void run() {
    state_.step = parameters_->steps;
    cuda::enqueue_calls(queue_, program_, places_.data(), &state_, [](std::size_t) {});
    if (program_.totals.updates_parameters) ++parameters_->steps;
  }

  /// Frozen weights are no special case here: every run computes from them anew.
  void weights_changed() {}

  void seed(std::uint64_t s) { state_.seed = s; }
  void learning_rate_scale(float scale) { state_.learning_rate_scale = scale; }
  program_view const& program() const { return program_; }
  /// How many nodes the graph of each call would have, those of joint calls counted with the first of them;
  /// nothing is run.
  std::vector<std::size_t> nodes_of_calls() {
    cuda::queue counting;
    counting.only_counts = true;
    std::vector<std::size_t> before(program_.calls.size() + 1), begun(program_.calls.size());
    cuda::enqueue_calls(counting, program_, places_.data(), &state_, [&](std::size_t i) {
      before[i] = counting.nodes;
      begun[i] = 1;
    });
    before.back() = counting.nodes;
    for (std::size_t i = program_.calls.size(); i-- > 0;)
      if (begun[i] == 0) before[i] = before[i + 1];
    std::vector<std::size_t> result;
    for (std::size_t i = 0; i < program_.calls.size(); ++i) result.push_back(before[i + 1] - before[i]);
    return result;
  }

 private:
  friend class detail::session_ports<session>;
  std::byte* input_memory(program_port const& p) { return arena_.get() + p.offset; }
  std::byte* output_memory(program_port const& p) { return arena_.get() + p.offset; }

  program_view program_;
  parameter_block* parameters_;
  run_state state_;
  detail::aligned_bytes arena_;
  std::vector<void*> places_;
  cuda::queue queue_;
};

}  // namespace tenon
