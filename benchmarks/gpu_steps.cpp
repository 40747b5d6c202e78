// SPDX-License-Identifier: BSL-1.0
// Times training steps on a GPU: each by events on its stream, and many in a row by the clock, as training
// runs them.
//
// usage: tenon_gpu_steps [steps]   (100)
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <tenon/tenon.hpp>
#include <vector>

#include "../tests/small_translator.hpp"

namespace {
using namespace tenon;

cuda::owned_event timing_event() {
  cudaEvent_t e = nullptr;
  cuda::check(cudaEventCreate(&e), "cudaEventCreate", "timing");
  return cuda::owned_event(e);
}

template <std::size_t B, std::size_t T, std::size_t H, std::size_t V>
void measure(char const* name, std::size_t steps) {
  auto const p = training_step<B, T, T, H, V>();
  parameter_block weights(p.parameter_count());
  initialise(small_translator<H, V>, weights.values(), 1);
  session<cuda_device> s(p, weights);
  fill_translator_inputs(s, T, V);
  for (std::size_t i = 0; i < 20; ++i) s.run();
  static_cast<void>(s.template output_elements<float>("loss"));

  auto const begin = timing_event(), end = timing_event();
  std::vector<float> milliseconds(steps);
  for (auto& ms : milliseconds) {
    cuda::check(cudaEventRecord(begin.get(), s.queue().stream()), "cudaEventRecord", "timing");
    s.run();
    cuda::check(cudaEventRecord(end.get(), s.queue().stream()), "cudaEventRecord", "timing");
    cuda::check(cudaEventSynchronize(end.get()), "cudaEventSynchronize", "timing");
    cuda::check(cudaEventElapsedTime(&ms, begin.get(), end.get()), "cudaEventElapsedTime", "timing");
  }
  std::nth_element(milliseconds.begin(), milliseconds.begin() + static_cast<std::ptrdiff_t>(steps / 2),
                   milliseconds.end());

  auto const start = std::chrono::steady_clock::now();
  for (std::size_t i = 0; i < steps; ++i) s.run();
  float const loss = s.template output_elements<float>("loss")[0];
  double const in_a_row =
      std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count() /
      static_cast<double>(steps);
  std::printf("GPU_BENCH config=%s what=train_step nodes=%zu step_ms=%.4f in_a_row_ms=%.4f loss=%.4f\n", name,
              s.graph_nodes(), static_cast<double>(milliseconds[steps / 2]), in_a_row,
              static_cast<double>(loss));
  std::fflush(stdout);
}
}  // namespace

int main(int count, char const* const* words) {
  try {
    std::size_t const steps = count > 1 ? std::max(1L, std::strtol(words[1], nullptr, 10)) : 100;
    cuda::require_gpu();
    cudaDeviceProp device{};
    cuda::check(cudaGetDeviceProperties(&device, 0), "cudaGetDeviceProperties", "timing");
    std::printf("device %s, %zu steps each\n", device.name, steps);
    measure<64, 10, 32, 201>("small", steps);
    measure<128, 9, 256, 214>("book", steps);
    measure<64, 30, 512, 8192>("large", steps);
  } catch (std::exception const& e) {
    std::fprintf(stderr, "tenon_gpu_steps: %s\n", e.what());
    return 1;
  }
}
