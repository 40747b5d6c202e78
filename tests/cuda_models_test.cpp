// SPDX-License-Identifier: BSL-1.0
// Attentions and whole models by the GPU's kernels against the CPU's. Without a CUDA compiler they run on
// threads of the host.
#include <doctest/doctest.h>

#include <algorithm>
#include <string_view>
#include <tenon/tenon.hpp>

#include "attention_program.hpp"
#include "devices.hpp"
#include "small_translator.hpp"
#include "testing.hpp"

namespace {
using namespace tenon;
using namespace testing;

/// All that layers can do besides: two directions, layer normalisation, tied embeddings.
constexpr auto rich =
    laid_out(translator_of<
             bidirectional_encoder<12, 8, 8, 2, normalised_lstm_cells>,
             attention_decoder<12, 8, 8, 2, normalised_lstm_cells, dot_product_attention, tied_output>>{});

/// The attention behind the recurrent layers, and what it gives fed back to them.
constexpr auto feeding =
    laid_out(translator_of<rnn_encoder<12, 8, 8, 1, gru_cells>, luong_decoder<12, 8, 8, 1>>{});
}  // namespace

TEST_CASE("an attention, whatever its scores, forwards and backwards") {
  auto const plain = attention_program<20, 9, false>(additive_scores);
  auto const thinned = attention_program<20, 9, true>(additive_scores);
  auto const product = attention_program<3, 40, true>(product_scores);
  auto const apart = attention_program<3, 5, false>(stored_scores);
  auto const long_rows = attention_program<2, 600, true>(additive_scores);
  for (bool const last_first : {false, true}) {
#if !defined(__CUDACC__)
    cuda::host_block::last_block_first = last_first;
#endif
    CHECK(device_difference(plain, usual) < 1e-5);
    CHECK(device_difference(thinned, usual) < 1e-5);
    CHECK(device_difference(product, usual) < 1e-5);
    CHECK(device_difference(apart, usual) < 1e-5);
    CHECK(device_difference(long_rows, usual) < 1e-5);
  }
#if !defined(__CUDACC__)
  cuda::host_block::last_block_first = false;
  // One kernel forwards and one backwards: the other calls have none.
  auto const joined = [](dynamic_program const& p) {
    parameter_block block(p.parameter_count());
    auto const nodes = session<cuda_device>(p, block).nodes_of_calls();
    return std::count(nodes.begin(), nodes.end(), 0U);
  };
  CHECK(joined(plain) == 4);
  CHECK(joined(thinned) == 6);
  CHECK(joined(product) == 6);
  CHECK(joined(apart) == 0);
#endif
}

TEST_CASE("an attention whose values are its keys, rows and steps swapped") {
  // A row's block writes gradients of other rows: backwards it stays several kernels.
  auto const p = record_now([](recorder& r) {
    auto const x = r.input<float, batch<6>, steps<6>, hiddens<8>>("x");
    auto const query = r.input<float, batch<6>, hiddens<8>>("query");
    auto const valid = r.input<std::int32_t, batch<6>>("valid");
    r.track(x);
    auto const turned = rename<rows, steps>(rename<steps, batch>(rename<batch, rows>(x)));
    auto const seen = attend<steps>(sum<hiddens>(query * turned), valid, x);
    auto const loss = keep(sum(seen.context * seen.context));
    r.output("loss", loss);
    r.differentiate(loss.at);
    r.output("gradient", r.gradient(x));
  });
#if !defined(__CUDACC__)
  cuda::host_block::last_block_first = true;
#endif
  CHECK(device_difference(p, usual) < 1e-5);
#if !defined(__CUDACC__)
  cuda::host_block::last_block_first = false;
#endif
}

#if !defined(__CUDACC__)
TEST_CASE("calls that do not wait for each other may come in any order") {
  auto const p = training_step<16, 4, 3, 32, 12>();
  parameter_block in_order(p.parameter_count()), otherwise(p.parameter_count());
  for (std::size_t i = 0; i < p.parameter_count(); ++i)
    in_order.values()[i] = otherwise.values()[i] =
        static_cast<float>(static_cast<double>(i * 7919 % 2003) / 5000.0 - 0.2);
  session<cuda_device> a(p, in_order), b(p, otherwise);
  b.last_call_first = true;
  fill_translator_inputs(a, 4, 12);
  fill_translator_inputs(b, 4, 12);
  for (int run = 0; run < 2; ++run) {
    a.run();
    b.run();
  }
  CHECK(std::ranges::equal(a.output_elements<float>("loss"), b.output_elements<float>("loss")));
  CHECK(std::ranges::equal(in_order.values(), otherwise.values()));

  auto const groups = dependencies_of(p.view());
  std::size_t edges = 0, free = 0;
  for (std::size_t g = 1; g < groups.size(); ++g) {
    edges += groups[g].waits_for.size();
    auto const& waits = groups[g].waits_for;
    free += std::find(waits.begin(), waits.end(), g - 1) == waits.end() ? 1 : 0;
  }
  CHECK(free > groups.size() / 5);   // many need not wait for the call before them
  CHECK(edges < 3 * groups.size());  // and what others wait for is not said again
}

TEST_CASE("blocks of a kernel do not wait for each other: a step of learning, the last block first") {
  auto const p = training_step<16, 4, 3, 32, 12>();  // enough for gradients in parts
  cuda::host_block::last_block_first = true;
  CHECK(device_difference(
            p, [](auto& s) { fill_translator_inputs(s, 4, 12); }, 1) < 1e-4);
  cuda::host_block::last_block_first = false;
}

TEST_CASE("the parts of weights' gradients are summed by one kernel") {
  auto const p = training_step<16, 4, 3, 32, 12>();
  parameter_block block(p.parameter_count());
  auto const nodes = session<cuda_device>(p, block).nodes_of_calls();
  std::size_t reductions = 0, kernels = 0;
  for (std::size_t i = 0; i < p.calls.size(); ++i)
    if (std::string_view(p.calls[i].name) == "reduce" && p.calls[i].joint != nullptr &&
        p.calls[i].joint->kernels.empty()) {
      ++reductions;
      kernels += nodes[i];
    }
  CHECK(reductions > 10);
  CHECK(kernels == 1);
}
#endif

TEST_CASE("three steps of learning: losses and weights, with dropout and smoothed labels") {
  auto const p = training_step_of<rich, 4, 5, 6>(label_smoothing{0.1});
  CHECK(device_difference(
            p, [](auto& s) { fill_translator_inputs(s, 5, 12); }, 3) < 1e-5);
}

TEST_CASE("steps of learning with input feeding") {
  // Adam divides a gradient by its size: of one that is nearly nothing, roundings are much.
  auto const p = training_step_of<feeding, 4, 5, 3>();
  CHECK(device_difference(
            p, [](auto& s) { fill_translator_inputs(s, 5, 12); }, 2) < 1e-4);
}

TEST_CASE("greedy decoding chooses the same words") {
  CHECK(difference(
            [](inference_recorder& r) {
              auto const& net = small_translator<8, 12>;
              auto const source = r.input<std::int32_t, batch<2>, steps<5>>("source");
              auto const valid = r.input<std::int32_t, batch<2>>("valid");
              auto const first = r.input<std::int32_t, batch<2>>("first");
              auto const used = r.input<std::int32_t>("used");
              auto const decoded =
                  decode_greedily<4>(net.decoder, net.encoder.template encode<mode::inference>(source, valid),
                                     valid, first, used);
              r.output("tokens", decoded.tokens);
              r.output("weights", decoded.weights);
            },
            1) < 1e-5);
}

TEST_CASE("two models together choose the same words") {
  CHECK(difference(
            [](inference_recorder& r) {
              auto const nets = laid_out_together(small_translator<8, 12>, 2);
              auto const source = r.input<std::int32_t, batch<2>, steps<5>>("source");
              auto const valid = r.input<std::int32_t, batch<2>>("valid");
              auto const first = r.input<std::int32_t, batch<2>>("first");
              auto const used = r.input<std::int32_t>("used");
              auto running = run_ensemble<2>(nets, source, valid, used);
              r.output("logits", running.next(first).logits);
              auto const decoded = decode_greedily<4>(running, first, used);
              r.output("tokens", decoded.tokens);
              r.output("weights", decoded.weights);
            },
            1) < 1e-5);
}
