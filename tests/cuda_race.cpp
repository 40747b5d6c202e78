// SPDX-License-Identifier: BSL-1.0
// Runs the GPU's kernels on threads of the host, for ThreadSanitizer: a translator's step of learning, rows
// that are the work of a whole block, and an attention in one kernel each way.
//
// usage: cuda_race [without-barriers]   then ThreadSanitizer must find races, or it would not see missing
// ones
#include <cstdio>
#include <string_view>
#include <tenon/tenon.hpp>

#include "attention_program.hpp"
#include "small_translator.hpp"

namespace {
using namespace tenon;
template <std::size_t N>
struct rows : axis<N> {};
template <std::size_t N>
struct columns : axis<N> {};

void run_long_rows() {
  auto const p = record_now([](recorder& r) {
    auto const x = r.input<float, rows<2>, columns<600>>("x");
    r.track(x);
    auto const loss =
        keep(sum(softmax<columns>(x) * x) + mean(cross_entropy<columns>(x, argmax<columns>(x))));
    r.output("loss", loss);
    r.differentiate(loss.at);
    r.output("gradient", r.gradient(x));
  });
  parameter_block none(0);
  session<cuda_device> s(p, none);
  s.run();
  std::printf("loss %f\n", static_cast<double>(s.output_elements<float>("loss")[0]));
}

void run_attention() {
  auto const p = attention_program<8, 8, true>(additive_scores);
  parameter_block weight(p.parameter_count());
  session<cuda_device> s(p, weight);
  for (auto& v : s.input_elements<std::int32_t>("valid")) v = 5;
  s.run();
  std::printf("loss %f\n", static_cast<double>(s.output_elements<float>("loss")[0]));
}

void run_translator() {
  auto const p = training_step<3, 3, 2, 4, 6>();
  parameter_block weights(p.parameter_count());
  session<cuda_device> s(p, weights);
  fill_translator_inputs(s, 3, 6);
  s.run();
  std::printf("loss %f\n", static_cast<double>(s.output_elements<float>("loss")[0]));
}
}  // namespace

int main(int count, char const* const* words) {
  bool const barriers = count < 2 || std::string_view(words[1]) != "without-barriers";
  cuda::host_block::always_threads = true;
  cuda::host_block::synchronises = barriers;
  run_long_rows();
  if (!barriers) return 0;
  run_attention();
  run_translator();
}
