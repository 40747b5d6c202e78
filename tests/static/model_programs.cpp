// SPDX-License-Identifier: BSL-1.0
// Small models recorded in constant expressions.
#include <tenon/nn/seq2seq.hpp>
#include <tenon/program/program.hpp>

using namespace tenon;

constexpr std::size_t calls_named(auto const& program, std::string_view name) {
  std::size_t count = 0;
  for (auto const& c : program.calls) count += c.name == name ? 1 : 0;
  return count;
}
constexpr auto rnn = laid_out(gru<embedding<16>, 32, 1>{});
template <std::size_t T>
constexpr auto run_gru = record([](recorder& r) {
  auto const x = r.input<float, steps<T>, batch<4>, embedding<16>>("x");
  r.output("outputs", rnn.run<steps, mode::inference>(x, 0).outputs);
});
static_assert(run_gru<5>.parameter_count() == parameter_count(rnn));
static_assert(calls_named(run_gru<5>, "linear") == 1 + 4, "the inputs of all steps are one product");
static_assert(run_gru<5>.flops() >= 5 * 2 * 4 * 16 * 96 + 4 * 2 * 4 * 32 * 96);
static_assert(run_gru<6>.flops() - run_gru<5>.flops() == run_gru<5>.flops() - run_gru<4>.flops(),
              "each step costs the same");
static_assert(run_gru<5>.live_bytes() <= run_gru<5>.arena_bytes());
static_assert(100 * run_gru<5>.arena_bytes() <= 115 * run_gru<5>.live_bytes());

constexpr auto model = laid_out(encoder_decoder<10, 12, 8, 16, 2>{});
constexpr auto translate = record([](recorder& r) {
  auto const words = r.input<std::int32_t, batch<4>, steps<3>>("source");
  auto const lengths = r.input<std::int32_t, batch<4>>("valid");
  auto const wanted = r.input<std::int32_t, batch<4>, target_steps<2>>("target");
  r.output("logits", model.logits<mode::inference>(words, lengths, wanted));
});
static_assert(translate.parameter_count() == parameter_count(model));
static_assert(translate.outputs[0].elements == 2 * 4 * 12);
static_assert(translate.live_bytes() <= translate.arena_bytes() &&
              100 * translate.arena_bytes() <= 115 * translate.live_bytes());
static_assert(calls_named(translate, "softmax") == 2, "attention once a target step");
