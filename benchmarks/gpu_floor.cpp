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

/// The longest chain of nodes each of which waits for the one before.
std::size_t dependent_nodes(program_view const& p, std::vector<std::size_t> const& nodes) {
  std::vector<std::size_t> depth;
  for (auto const& g : dependencies_of(p)) {
    std::size_t before = 0;
    for (auto const d : g.waits_for) before = std::max(before, depth[d]);
    depth.push_back(before + (nodes[g.first] > 0 ? 1 : 0));
  }
  return depth.empty() ? 0 : *std::max_element(depth.begin(), depth.end());
}

template <std::size_t B, std::size_t T, std::size_t H, std::size_t V>
void print(char const* name) {
  auto const p = training_step<B, T, T, H, V>();
  parameter_block weights(p.parameter_count());
  session<cuda_device> s(p, weights);
  auto const nodes = s.nodes_of_calls();
  std::size_t total = 0;
  for (auto n : nodes) total += n;
  auto const phases = static_cast<double>(dependent_nodes(p.view(), nodes));
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
