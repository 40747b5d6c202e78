// SPDX-License-Identifier: BSL-1.0
// What the benchmark measures, in a form that each configuration's translation unit fills in.
#pragma once
#include <cstddef>
#include <functional>
#include <memory>
#include <string>

namespace bench {

/// One piece of work, ready to be run again and again.
struct workload {
  std::function<void()> run;
  double flops = 0;  ///< nominal: what the plain model computes, whatever Tenon saves of it
  std::shared_ptr<void> keep_alive;
  /// Of a device that works by itself: what `count` runs take by its own clock. Empty: `run` waits.
  std::function<double(long count)> milliseconds{};
  std::function<double()> sgemm_gflops{};  ///< the device's; empty: the CPU's
  std::size_t graph_nodes = 0;             ///< that a run launches; 0: there is no graph
};

/// Multiplications and additions of the model's products, forwards, whatever a program saves of them: `batch`
/// sentences of T source and S target words, embeddings and states of H, L layers, V target words.
constexpr double forward_flops(double batch, double T, double S, double H, double L, double V) {
  double const b = 2 * batch, square = H * H;
  double const encoder = T * b * 3 * square * 2 * L;
  double const keys = T * b * square;
  double const step = b * (square + 3 * square * 3 + 3 * square * 2 * (L - 1) + H * V) + 2 * b * T * H;
  return encoder + keys + S * step;
}

/// Makes the work `what` ("train_step", "forward", "translate_one") of a configuration; an empty `run` if
/// there is no such work.
workload make_small(std::string const& what, std::size_t threads);
workload make_book(std::string const& what, std::size_t threads);
workload make_large(std::string const& what, std::size_t threads);

}  // namespace bench
