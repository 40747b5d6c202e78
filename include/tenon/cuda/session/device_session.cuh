// SPDX-License-Identifier: BSL-1.0
// Sessions on a GPU: the arena in device memory, and all of a program's calls as one CUDA graph, captured
// when the session is made and launched by each run. A run copies the inputs and the run's state to the GPU
// in one piece, launches the graph, and copies the outputs back; it waits for nothing. Whoever asks for an
// output waits for the run that makes it.
#pragma once
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "../../program/binding.hpp"
#include "../../program/ports.hpp"
#include "device_parameters.cuh"
#include "enqueue_calls.hpp"

namespace tenon {

template <>
class session<cuda_device> : public detail::session_ports<session<cuda_device>> {
 public:
  /// Binds a program to parameters and to the current GPU. Both must outlive the session. Throws tenon::error
  /// if there is no GPU, too little memory, or the block is smaller than the program's parameters.
  session(program_view const& program, parameter_block& parameters, std::size_t = 1)
      : program_{program}, parameters_{&parameters} {
    detail::check_parameters(program, parameters);
    detail::check_lowered(program);
    cuda::require_gpu();
    mirror_ = &cuda::device_parameters::of(parameters);
    queue_ = std::make_unique<cuda::queue>(program.totals.products, mirror_->stream());
    auto const state = parameters.state(program.totals.state_bytes);
    mirror_->make_state(state.data(), state.size());
    arena_ = cuda::allocate_on_device(program.totals.arena_bytes, "the arena");
    lay_out(program.inputs, inputs_, round_up(sizeof(run_state)));
    lay_out(program.outputs, outputs_, 0);
    staged_ = cuda::allocate_on_device(inputs_.bytes, "inputs");
    input_.resize(inputs_.bytes);
    for (auto& s : slots_) {
      s.input = cuda::allocate_pinned(inputs_.bytes, "inputs");
      s.output = cuda::allocate_pinned(outputs_.bytes, "outputs");
      s.copied = make_event();
      s.finished = make_event();
    }
    capture();
  }
  template <class Program>
  requires requires(Program const& p) { p.view(); }
  session(Program const& program, parameter_block& parameters, std::size_t = 1)
      : session(program.view(), parameters) {}
  template <class Program>
  requires requires(Program const& p) { p.view(); }
  session(Program&& program, parameter_block& parameters, std::size_t = 1) = delete;  // it would be gone
  template <class Program>
  requires requires(Program const& p) { p.view(); }
  session(Program& program, parameter_block& parameters, std::size_t = 1)
      : session(program.view(), parameters) {}

  session(session const&) = delete;
  session& operator=(session const&) = delete;
  ~session() { static_cast<void>(cudaStreamSynchronize(queue_->stream())); }

  /// Enqueues one run. Waits only where two runs before this one have not begun yet.
  void run() {
    auto const stream = queue_->stream();
    mirror_->needed_on_device(program_.totals.updates_parameters);
    state_.step = parameters_->steps;
    auto& slot = slots_[runs_++ % slots_.size()];
    cuda::check(cudaEventSynchronize(slot.copied.get()), "cudaEventSynchronize", "inputs");
    std::memcpy(slot.input.get(), &state_, sizeof state_);
    std::memcpy(slot.input.get() + inputs_.first, input_.data() + inputs_.first,
                inputs_.bytes - inputs_.first);
    copy(staged_.get(), slot.input.get(), inputs_.bytes, cudaMemcpyHostToDevice);
    cuda::check(cudaEventRecord(slot.copied.get(), stream), "cudaEventRecord", "inputs");
    cuda::check(cudaGraphLaunch(graph_.get(), stream), "cudaGraphLaunch", "a run");
    for (std::size_t i = 0; i < program_.outputs.size(); ++i)
      copy(slot.output.get() + outputs_.offsets[i], arena_.get() + program_.outputs[i].offset,
           bytes_of(program_.outputs[i]), cudaMemcpyDeviceToHost);
    cuda::check(cudaEventRecord(slot.finished.get(), stream), "cudaEventRecord", "outputs");
    if (program_.totals.updates_parameters) ++parameters_->steps;
  }

  /// Frozen weights are no special case here: every run computes from them anew.
  void weights_changed() {}
  /// Shares nothing: on a GPU weights are read as they are.
  std::size_t share_frozen(session const&) { return 0; }

  void seed(std::uint64_t s) { state_.seed = s; }
  void learning_rate_scale(float scale) { state_.learning_rate_scale = scale; }
  program_view const& program() const { return program_; }
  cuda::queue const& queue() const { return *queue_; }
  /// Nodes of the graph that a run launches.
  std::size_t graph_nodes() const { return nodes_; }

 private:
  friend class detail::session_ports<session>;

  /// Where ports lie in memory that is copied in one piece.
  struct layout {
    std::vector<std::size_t> offsets;
    std::size_t first = 0, bytes = 0;
  };
  /// What a run reads and writes on the host: two of them, for while one run computes the next is prepared.
  struct slot {
    cuda::pinned_memory input, output;
    cuda::owned_event copied, finished;
  };

  static constexpr std::size_t round_up(std::size_t bytes) { return (bytes + 255) / 256 * 256; }
  static std::size_t bytes_of(program_port const& p) { return p.elements * size_of(p.type); }
  static void lay_out(std::span<program_port const> ports, layout& l, std::size_t first) {
    l.first = l.bytes = first;
    for (auto const& p : ports) {
      l.offsets.push_back(l.bytes);
      l.bytes += round_up(bytes_of(p));
    }
  }
  static cuda::owned_event make_event() {
    cudaEvent_t e = nullptr;
    cuda::check(cudaEventCreateWithFlags(&e, cudaEventDisableTiming), "cudaEventCreate", "a session");
    return cuda::owned_event(e);
  }
  void copy(std::byte* to, std::byte const* from, std::size_t bytes, cudaMemcpyKind kind) {
    cuda::check(cudaMemcpyAsync(to, from, bytes, kind, queue_->stream()), "cudaMemcpyAsync", "a run");
  }

  std::byte* input_memory(program_port const& p) {
    return input_.data() + inputs_.offsets[static_cast<std::size_t>(&p - program_.inputs.data())];
  }
  std::byte* output_memory(program_port const& p) { return output_of(p, runs_); }
  std::byte* output_memory_before(program_port const& p) { return output_of(p, runs_ - 1); }
  /// An output of run number `run`, counted from 1, one of the last two. Waits for that run.
  std::byte* output_of(program_port const& p, std::size_t run) {
    if (runs_ == 0 || run == 0)
      throw error("the session has not run yet: it has no output \"" + std::string(p.name) + '"');
    auto& made = slots_[(run - 1) % slots_.size()];
    cuda::check(cudaEventSynchronize(made.finished.get()), "cudaEventSynchronize", "outputs");
    return made.output.get() + outputs_.offsets[static_cast<std::size_t>(&p - program_.outputs.data())];
  }

  /// An input's memory is nobody else's during a run: kernels read it where it was copied to.
  void redirect_inputs(std::vector<void*>& places) const {
    for (auto& place : places)
      for (std::size_t i = 0; i < program_.inputs.size(); ++i) {
        auto const* const begin = arena_.get() + program_.inputs[i].offset;
        auto const* const p = static_cast<std::byte*>(place);
        if (place != nullptr && p >= begin && p < begin + bytes_of(program_.inputs[i])) {
          place = staged_.get() + inputs_.offsets[i] + (p - begin);
          break;
        }
      }
  }

  void enqueue(call_group const& group, std::vector<void*> const& places) {
    queue_->begin_call(program_.calls[group.first].name, group.first);
    cuda::enqueue_group(*queue_, program_, group, places.data(),
                        reinterpret_cast<run_state const*>(staged_.get()));
  }

  /// The nodes that what is captured next waits for.
  std::vector<cudaGraphNode_t> captured_last() const {
    cudaStreamCaptureStatus status{};
    cudaGraphNode_t const* nodes = nullptr;
    std::size_t count = 0;
    cuda::check(
        cudaStreamGetCaptureInfo(queue_->stream(), &status, nullptr, nullptr, &nodes, nullptr, &count),
        "cudaStreamGetCaptureInfo", "a program");
    return {nodes, nodes + count};
  }
  /// What is captured next waits for the last nodes of these groups.
  void wait_for(std::vector<std::size_t> const& groups,
                std::vector<std::vector<cudaGraphNode_t>> const& last_nodes) {
    std::vector<cudaGraphNode_t> nodes;
    for (auto const g : groups) nodes.insert(nodes.end(), last_nodes[g].begin(), last_nodes[g].end());
    std::sort(nodes.begin(), nodes.end());
    nodes.erase(std::unique(nodes.begin(), nodes.end()), nodes.end());
    cuda::check(cudaStreamUpdateCaptureDependencies(queue_->stream(), nodes.data(), nullptr, nodes.size(),
                                                    cudaStreamSetCaptureDependencies),
                "cudaStreamUpdateCaptureDependencies", "a program");
  }

  /// Adds that group g waits for the last one that had this shared thing, and takes it.
  static void take_turns(call_group& group, std::size_t g, std::size_t& last_user) {
    auto& before = group.waits_for;
    if (last_user < g && std::find(before.begin(), before.end(), last_user) == before.end())
      before.push_back(last_user);
    last_user = g;
  }

  void capture() {
    auto places = detail::bound_operands(program_, arena_.get(), mirror_->values(), mirror_->state());
    redirect_inputs(places);
    auto groups = dependencies_of(program_);
    // Scratch memory is one for all, and products have few workspaces: their users take turns.
    constexpr auto nobody = std::numeric_limits<std::size_t>::max();
    std::array<std::size_t, cuda::queue::workspaces> last_product;
    last_product.fill(nobody);
    std::size_t last_scratch = nobody, products = 0;
    std::vector<std::size_t> workspace(groups.size(), 0);
    queue_->start_measuring();
    for (std::size_t g = 0; g < groups.size(); ++g) {
      enqueue(groups[g], places);
      if (queue_->uses_scratch()) take_turns(groups[g], g, last_scratch);
      if (!queue_->multiplies()) continue;
      workspace[g] = products++ % last_product.size();
      take_turns(groups[g], g, last_product[workspace[g]]);
    }
    queue_->finish_measuring();

    cuda::check(cudaStreamBeginCapture(queue_->stream(), cudaStreamCaptureModeRelaxed),
                "cudaStreamBeginCapture", "a program");
    std::vector<std::vector<cudaGraphNode_t>> last_nodes;
    std::vector<char> awaited(groups.size(), 0);
    for (std::size_t g = 0; g < groups.size(); ++g) {
      wait_for(groups[g].waits_for, last_nodes);
      for (auto const before : groups[g].waits_for) awaited[before] = 1;
      queue_->use_workspace(workspace[g]);
      enqueue(groups[g], places);
      last_nodes.push_back(captured_last());
    }
    std::vector<std::size_t> loose_ends;
    for (std::size_t g = 0; g < groups.size(); ++g)
      if (awaited[g] == 0) loose_ends.push_back(g);
    wait_for(loose_ends, last_nodes);
    cudaGraph_t graph = nullptr;
    cuda::check(cudaStreamEndCapture(queue_->stream(), &graph), "cudaStreamEndCapture", "a program");
    cuda::owned_graph const captured(graph);
    cuda::check(cudaGraphGetNodes(graph, nullptr, &nodes_), "cudaGraphGetNodes", "a program");
    cudaGraphExec_t ready = nullptr;
    cuda::check(cudaGraphInstantiate(&ready, graph, 0), "cudaGraphInstantiate", "a program");
    graph_.reset(ready);
  }

  program_view program_;
  parameter_block* parameters_;
  run_state state_;
  std::unique_ptr<cuda::queue> queue_;
  cuda::device_parameters* mirror_ = nullptr;
  cuda::device_memory arena_, staged_;
  layout inputs_, outputs_;
  std::vector<std::byte> input_;  ///< what the user fills
  std::array<slot, 2> slots_;
  cuda::owned_graph_run graph_;
  std::size_t runs_ = 0, nodes_ = 0;
};

}  // namespace tenon
