// SPDX-License-Identifier: BSL-1.0
// The work of the configurations on an NVIDIA GPU: training steps, timed by events on their stream.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <tenon/tenon.hpp>

#include "../tests/small_translator.hpp"
#include "workload.hpp"

namespace bench {
namespace {
using namespace tenon;

/// Milliseconds that a stream takes for what `enqueue` puts into it.
template <class F>
double milliseconds_of(cudaStream_t stream, F const& enqueue) {
  auto const make = [] {
    cudaEvent_t e = nullptr;
    cuda::check(cudaEventCreate(&e), "cudaEventCreate", "timing");
    return cuda::owned_event(e);
  };
  auto const begin = make(), end = make();
  cuda::check(cudaEventRecord(begin.get(), stream), "cudaEventRecord", "timing");
  enqueue();
  cuda::check(cudaEventRecord(end.get(), stream), "cudaEventRecord", "timing");
  cuda::check(cudaEventSynchronize(end.get()), "cudaEventSynchronize", "timing");
  float ms = 0;
  cuda::check(cudaEventElapsedTime(&ms, begin.get(), end.get()), "cudaEventElapsedTime", "timing");
  return static_cast<double>(ms);
}

/// The rate of a large product in float32.
double measured_gflops(cudaStream_t stream) {
  constexpr std::size_t n = 4096;
  auto const memory = cuda::allocate_on_device(3 * n * n * sizeof(float), "a product to be timed");
  auto* const a = reinterpret_cast<float*>(memory.get());
  cuda::check(cudaMemsetAsync(a, 0, 3 * n * n * sizeof(float), stream), "cudaMemsetAsync", "timing");
  cuda::queue q(precision::fp32, stream);
  q.begin_call("sgemm", 0);
  auto const multiply = [&] {
    q.multiply(cuda::matrix_product<float>{n, n, n, a, n, 1, a + n * n, n, 1, a + 2 * n * n, n});
  };
  multiply();
  double best = milliseconds_of(stream, multiply);
  for (int i = 0; i < 5; ++i) best = std::min(best, milliseconds_of(stream, multiply));
  return 2.0 * n * n * n / (best * 1e6);
}

template <std::size_t B, std::size_t T, std::size_t H, std::size_t V>
struct training {
  dynamic_program program = training_step<B, T, T, H, V>();
  parameter_block weights{program.parameter_count()};
  std::unique_ptr<session<cuda_device>> bound;

  training() {
    cuda::require_gpu();
    initialise(small_translator<H, V>, weights.values(), 1);
    bound = std::make_unique<session<cuda_device>>(program, weights);
    fill_translator_inputs(*bound, T, V);
  }
  cudaStream_t stream() const { return bound->queue().stream(); }

  static workload make(std::string const& what) {
    if (what != "train_step") return {};
    auto const t = std::make_shared<training>();
    workload result;
    result.run = [t] { t->bound->run(); };
    result.flops = 3 * forward_flops(B, T, T, H, 2, V);
    result.keep_alive = t;
    result.milliseconds = [t](long count) {
      return milliseconds_of(t->stream(), [&] {
        for (long i = 0; i < count; ++i) t->bound->run();
      });
    };
    result.sgemm_gflops = [t] { return measured_gflops(t->stream()); };
    result.graph_nodes = t->bound->graph_nodes();
    return result;
  }
};
}  // namespace

workload make_small(std::string const& what, std::size_t) {
  return training<64, 10, 32, 201>::make(what);
}
workload make_book(std::string const& what, std::size_t) {
  return training<128, 9, 256, 214>::make(what);
}
workload make_large(std::string const& what, std::size_t) {
  return training<64, 30, 512, 8192>::make(what);
}

}  // namespace bench
