// SPDX-License-Identifier: BSL-1.0
// What a training step costs a GPU at least, and how many nodes its graph has: FLOPs, bytes and dependent
// phases of the benchmarks' configurations. Needs no GPU.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <tenon/tenon.hpp>
#include <vector>

#include "../tests/small_translator.hpp"

namespace {
using namespace tenon;

// An NVIDIA H200: the makers' figures.
constexpr double fp32_flops = 67e12, tf32_flops = 494e12, bytes_per_second = 4.8e12;
// What one phase takes that waits for another: a graph's node after a node, and a barrier within a cluster of
// blocks (estimates, to be measured).
constexpr double node_seconds = 2.5e-6, cluster_seconds = 1e-6;

struct range {
  std::size_t begin, end;
  bool meets(range const& o) const { return begin < o.end && o.begin < end; }
};

/// The longest chain of calls each of which waits for the one before.
std::size_t dependent_calls(program_view const& p, std::vector<std::size_t> const& nodes) {
  std::vector<std::size_t> depth(p.calls.size(), 0);
  std::size_t longest = 0;
  auto const span_of_operand = [&](address const& a, std::size_t chunks) {
    auto const& t = a.touched;
    if (t.bytes > 0)
      return range{a.offset,
                   a.offset + t.bytes + std::size_t{t.step} * (chunks - 1) + std::size_t{t.jump} * t.jumps};
    // Where the reach is unknown, the whole block that the operand stands in.
    for (auto const& b : p.blocks)
      if (a.where == area::arena && a.offset >= b.offset && a.offset < b.offset + b.bytes)
        return range{a.offset, b.offset + b.bytes};
    return range{a.offset, SIZE_MAX};
  };
  auto const waits_for = [&](std::size_t later, std::size_t earlier) {
    auto const &c = p.calls[later], &d = p.calls[earlier];
    for (std::size_t k = 0; k < c.operands; ++k)
      for (std::size_t l = 0; l < d.operands; ++l) {
        auto const& a = p.operands[c.first_operand + k];
        auto const& b = p.operands[d.first_operand + l];
        if (a.exists && b.exists && a.where == b.where && (k < c.outputs || l < d.outputs) &&
            span_of_operand(a, c.chunks).meets(span_of_operand(b, d.chunks)))
          return true;
      }
    return false;
  };
  for (std::size_t begin = 0, end = 0; begin < p.calls.size(); begin = end) {
    end = begin + joint_count(p.calls, begin);  // these are one node
    std::size_t before = 0;
    for (std::size_t i = begin; i < end; ++i)
      for (std::size_t j = 0; j < begin; ++j)
        if (depth[j] > before && waits_for(i, j)) before = depth[j];
    bool const works =
        std::any_of(nodes.begin() + static_cast<std::ptrdiff_t>(begin),
                    nodes.begin() + static_cast<std::ptrdiff_t>(end), [](std::size_t n) { return n > 0; });
    std::fill(depth.begin() + static_cast<std::ptrdiff_t>(begin),
              depth.begin() + static_cast<std::ptrdiff_t>(end), before + (works ? 1 : 0));
    longest = std::max(longest, depth[begin]);
  }
  return longest;
}

template <std::size_t B, std::size_t T, std::size_t H, std::size_t V>
void print(char const* name) {
  auto const p = training_step<B, T, T, H, V>();
  parameter_block weights(p.parameter_count());
  session<cuda_device> s(p, weights);
  auto const nodes = s.nodes_of_calls();
  std::size_t total = 0;
  for (auto n : nodes) total += n;
  auto const phases = static_cast<double>(dependent_calls(p.view(), nodes));
  auto const flops = static_cast<double>(p.flops());
  // Of the counted bytes only what no cache holds costs time at the memory: weights, their gradients and the
  // optimiser's state, once each way, and the activations that are kept for the derivative, written and read.
  double const bytes =
      7.0 * static_cast<double>(p.parameter_bytes()) + 2.0 * static_cast<double>(p.arena_bytes());
  std::printf(
      "GPU_FLOOR config=%s nodes=%zu phases=%.0f gflop=%.2f fp32_us=%.0f tf32x3_us=%.0f tf32_us=%.0f "
      "mbytes=%.0f memory_us=%.0f nodes_us=%.0f cluster_us=%.0f\n",
      name, total, phases, flops * 1e-9, flops / fp32_flops * 1e6, 3 * flops / tf32_flops * 1e6,
      flops / tf32_flops * 1e6, bytes * 1e-6, bytes / bytes_per_second * 1e6, phases * node_seconds * 1e6,
      phases * cluster_seconds * 1e6);
}
}  // namespace

int main() {
  print<64, 10, 32, 201>("small");
  print<128, 9, 256, 214>("book");
  print<64, 30, 512, 8192>("large");
}
