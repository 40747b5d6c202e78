// SPDX-License-Identifier: BSL-1.0
// Sessions on a GPU where there is none: the GPU's kernels, run by threads of the host (host_block.hpp).
#pragma once
#include <algorithm>
#include <cstddef>
#include <vector>

#include "../../program/binding.hpp"
#include "../../program/ports.hpp"
#include "../host_queue.hpp"
#include "enqueue_calls.hpp"

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
    for (auto const g : order()) cuda::enqueue_group(queue_, program_, groups_[g], places_.data(), &state_);
    if (program_.totals.updates_parameters) ++parameters_->steps;
  }

  /// Frozen weights are no special case here: every run computes from them anew.
  void weights_changed() {}
  std::size_t share_frozen(session const&) { return 0; }

  void seed(std::uint64_t s) { state_.seed = s; }
  void learning_rate_scale(float scale) { state_.learning_rate_scale = scale; }
  program_view const& program() const { return program_; }
  /// How many nodes the graph of each call would have, those of joint calls counted with the first of them;
  /// nothing is run.
  std::vector<std::size_t> nodes_of_calls() {
    cuda::queue counting(program_.totals.products);
    counting.only_counts = true;
    std::vector<std::size_t> result(program_.calls.size(), 0);
    for (auto const& g : groups_) {
      std::size_t const before = counting.nodes;
      cuda::enqueue_group(counting, program_, g, places_.data(), &state_);
      result[g.first] = counting.nodes - before;
    }
    return result;
  }

  /// Runs the calls not as recorded, but always the last one that waits for nothing that is not done: what a
  /// graph with branches leaves open comes out as differently as can be.
  bool last_call_first = false;

 private:
  friend class detail::session_ports<session>;
  std::byte* input_memory(program_port const& p) { return arena_.get() + p.offset; }
  std::byte* output_memory(program_port const& p) { return arena_.get() + p.offset; }

  std::vector<std::size_t> order() const {
    std::vector<std::size_t> result;
    std::vector<char> done(groups_.size(), 0);
    auto const is_ready = [&](std::size_t g) {
      return std::all_of(groups_[g].waits_for.begin(), groups_[g].waits_for.end(),
                         [&](std::size_t before) { return done[before] != 0; });
    };
    while (result.size() < groups_.size()) {
      std::size_t next = result.size();
      if (last_call_first) {
        next = groups_.size() - 1;
        while (done[next] != 0 || !is_ready(next)) --next;
      }
      done[next] = 1;
      result.push_back(next);
    }
    return result;
  }

  program_view program_;
  parameter_block* parameters_;
  run_state state_;
  detail::aligned_bytes arena_;
  std::vector<void*> places_;
  std::vector<call_group> groups_ = dependencies_of(program_);
  cuda::queue queue_{program_.totals.products};
};

}  // namespace tenon
