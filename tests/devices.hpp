// SPDX-License-Identifier: BSL-1.0
// Compares a program's results on the GPU, or on the host's stand-in for one, with those on the CPU.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <tenon/tenon.hpp>

#include "testing.hpp"

namespace testing {

/// The largest difference between two lists, relative to the largest number in them; not a number if one has
/// one where the other has none.
template <class T>
double relative_difference(std::span<T const> a, std::span<T const> b) {
  double largest = 0, difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    auto const x = static_cast<double>(a[i]), y = static_cast<double>(b[i]);
    if (std::isnan(x) && std::isnan(y)) continue;
    largest = std::max({largest, std::abs(x), std::abs(y)});
    double const d = x == y ? 0 : std::abs(x - y);
    if (!(d <= difference)) difference = d;
  }
  return difference == 0 ? 0 : difference / largest;
}

/// The largest relative difference of any output between two sessions that have run.
template <class A, class B>
double output_difference(A& a, B& b) {
  double worst = 0;
  auto const add = [&worst](double d) {
    if (!(d <= worst)) worst = d;
  };
  for (auto const& port : a.program().outputs) {
    if (port.type == tenon::element_type::float64)
      add(relative_difference(a.template output_elements<double>(port.name),
                              b.template output_elements<double>(port.name)));
    else if (port.type == tenon::element_type::int32)
      add(relative_difference(a.template output_elements<std::int32_t>(port.name),
                              b.template output_elements<std::int32_t>(port.name)));
    else
      add(relative_difference(a.template output_elements<float>(port.name),
                              b.template output_elements<float>(port.name)));
  }
  return worst;
}

/// Runs a program on both devices from equal inputs, given by fill(session), and equal weights, `runs` times;
/// the largest relative difference of outputs after any run, and of weights after the last.
template <class Program, class Fill>
double device_difference(Program const& program, Fill const& fill, std::size_t runs = 2) {
  auto const weights = program.parameter_bytes() / sizeof(float);
  tenon::parameter_block on_cpu(weights), on_gpu(weights);
  for (std::size_t i = 0; i < weights; ++i)
    on_cpu.values()[i] = on_gpu.values()[i] =
        static_cast<float>(static_cast<double>(i * 7919 % 2003) / 5000.0 - 0.2);
  tenon::session<tenon::cpu_device> cpu(program.view(), on_cpu, 1);
  tenon::session<tenon::cuda_device> gpu(program, on_gpu);
  fill(cpu);
  fill(gpu);
  double worst = 0;
  for (std::size_t run = 0; run < runs; ++run) {
    cpu.run();
    gpu.run();
    double const here = output_difference(cpu, gpu);
    if (!(here <= worst)) worst = here;
  }
  std::span<float const> const a = on_cpu.values(), b = on_gpu.values();
  double const of_weights = relative_difference(a, b);
  return of_weights <= worst ? worst : of_weights;
}

/// Float inputs between -1 and 1, others as counts and numbers of rows.
inline auto const usual = [](auto& session) {
  std::size_t seed = 1;
  for (auto const& port : session.program().inputs) {
    ++seed;
    if (port.type == tenon::element_type::int32)
      fill(session.template input_elements<std::int32_t>(port.name), seed, 0, 5);
    else if (port.type == tenon::element_type::float64)
      fill(session.template input_elements<double>(port.name), seed, -1, 1);
    else if (port.type == tenon::element_type::float32)
      fill(session.template input_elements<float>(port.name), seed, -1, 1);
  }
};

template <class F>
double difference(F const& f, std::size_t runs = 2) {
  return device_difference(tenon::record_now(f), usual, runs);
}

}  // namespace testing
