// SPDX-License-Identifier: BSL-1.0
// The GPU's kernels against the CPU's. Without a CUDA compiler they run on threads of the host.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <tenon/tenon.hpp>

#include "attention_program.hpp"
#include "devices.hpp"
#include "random_programs.hpp"
#include "small_translator.hpp"
#include "testing.hpp"

namespace {
using namespace tenon;
using namespace testing;

/// Float inputs between -1 and 1, others as counts and numbers of rows.
auto const usual = [](auto& session) {
  std::size_t seed = 1;
  for (auto const& port : session.program().inputs) {
    ++seed;
    if (port.type == element_type::int32)
      fill(session.template input_elements<std::int32_t>(port.name), seed, 0, 5);
    else if (port.type == element_type::float64)
      fill(session.template input_elements<double>(port.name), seed, -1, 1);
    else if (port.type == element_type::float32)
      fill(session.template input_elements<float>(port.name), seed, -1, 1);
  }
};

template <class F>
double difference(F const& f, std::size_t runs = 2) {
  return device_difference(record_now(f), usual, runs);
}

/// A program whose axes are called First, Second and Third.
template <template <std::size_t> class First, template <std::size_t> class Second,
          template <std::size_t> class Third>
dynamic_program named() {
  return record_now([](recorder& r) {
    auto const x = r.input<float, First<6>, Second<10>>("x");
    auto const w = r.input<float, Second<10>, from<Second<10>>>("w");
    auto const labels = r.input<std::int32_t, First<6>>("labels");
    auto const keys = r.input<float, Second<10>, First<6>, Third<8>>("keys");
    auto const query = r.input<float, First<6>, Third<8>>("query");
    static constexpr parameter<Third<8>> weight{.offset = 0};
    r.track(x);
    r.track(keys);
    r.track(query);
    auto const y = softmax<Second>(linear(x, w) + tanh(x));
    auto const seen = attend<Second>(keep(sum<Third>(weight * keys)) + 0 * y, labels, keys).context +
                      attend<Second>(sum<Third>(weight * tanh(query + keys)), labels, keys, 0.2).context;
    auto const loss = keep(mean(cross_entropy<Second>(keep(y * x), labels)) + sum(seen));
    r.output("loss", loss);
    r.differentiate(loss.at);
    r.output("gradient", r.gradient(x));
    r.output("keys gradient", r.gradient(keys));
  });
}
}  // namespace

TEST_CASE("programs that differ in names alone share their kernels") {
  auto const a = named<rows, columns, hiddens>(), b = named<heads, layers, vocab>();
  REQUIRE(a.calls.size() == b.calls.size());
  bool shared = true;
  std::size_t joint = 0;
  for (std::size_t i = 0; i < a.calls.size(); ++i) {
    shared = shared && a.calls[i].on_gpu == b.calls[i].on_gpu;
    auto const *const one = a.calls[i].joint, *const other = b.calls[i].joint;
    REQUIRE((one == nullptr) == (other == nullptr));
    if (one == nullptr) continue;
    ++joint;
    shared = shared && one->enqueue_all == other->enqueue_all;
  }
  CHECK(shared);
  CHECK(joint > 1);  // an attention each way
}

TEST_CASE("a program says how precisely a GPU multiplies") {
  auto const plain = [](recorder& r) { r.output("y", keep(r.input<float, rows<2>>("x") * 2)); };
  CHECK(record_now(plain).totals.products == precision::fp32);
  CHECK(record_now([&plain](recorder& r) {
          r.multiply_with(precision::tf32);
          plain(r);
        }).totals.products == precision::tf32);
}

TEST_CASE("programs drawn by chance, and their gradients") {
  for (std::size_t seed = 0; seed < 6; ++seed) {
    CAPTURE(seed);
    auto const p = record_loss<value, value, square, shape<columns<20>>>(random_loss(seed), true);
    CHECK(device_difference(p, usual) < 1e-12);
  }
}

TEST_CASE("loops of every form: rows of four, odd ones, transposed, broadcast, masked") {
  CHECK(difference([](recorder& r) {
          auto const x = r.input<float, rows<512>, columns<516>>("x");  // enough for four elements a thread
          auto const b = r.input<float, columns<516>>("b");
          auto const c = r.input<float, rows<512>>("c");
          r.output("map", keep(tanh(x) * b + c));
        }) < 1e-6);
  CHECK(difference([](recorder& r) {
          auto const x = r.input<float, rows<5>, columns<7>>("x");
          auto const y = r.input<float, columns<7>, rows<5>>("y");
          r.output("map", keep(select(x < y, exp(x), sigmoid(y)) + pow(abs(x), 1.5)));
          r.output("transposed", keep(arrange<columns, rows>(x * 2)));
          r.output("dropped", keep(dropout(x, 0.4)));
        }) < 1e-6);
}

TEST_CASE("reductions of every form: long and short rows, columns, everything, means and maxima") {
  CHECK(difference([](recorder& r) {
          auto const x = r.input<float, rows<3>, columns<1000>>("x");
          auto const y = r.input<float, rows<40>, columns<9>>("y");
          r.output("long rows", keep(sum<columns>(x * x)));
          r.output("short rows", keep(mean<columns>(y)));
          r.output("columns", keep(max<rows>(x)));
          r.output("many rows", keep(sum<rows>(y * 2)));
          r.output("all", keep(mean(x)));
        }) < 1e-5);
  CHECK(difference([](recorder& r) {  // in two stages
          auto const x = r.input<float, rows<200>, columns<300>>("x");
          r.output("all", keep(sum(x * x)));
          r.output("largest", keep(max(x)));
        }) < 1e-5);
}

TEST_CASE("rows that are the work of a whole block") {
  CHECK(difference([](recorder& r) {
          auto const x = r.input<float, rows<3>, columns<700>>("x");
          auto const valid = r.input<std::int32_t, rows<3>>("valid");
          auto const labels = r.input<std::int32_t, rows<3>>("labels");
          r.track(x);
          auto const y = softmax<columns>(x, valid);
          r.output("softmax", y);
          r.output("positions", argmax<columns>(x));
          auto const loss = keep(sum(y * x) + mean(cross_entropy<columns>(x, labels)));
          r.output("loss", loss);
          r.differentiate(loss.at);
          r.output("gradient", r.gradient(x));
        }) < 1e-5);
}

TEST_CASE("gradients whose sums go through scratch memory, in parts and not") {
  CHECK(difference([](recorder& r) {
          auto const x = r.input<float, rows<40>, heads<5>, columns<32>>("x");
          auto const row = r.input<float, columns<32>>("row");
          auto const column = r.input<float, heads<5>>("column");
          auto const one = r.input<float>("one");
          for (auto const& v : {x.at, row.at, column.at, one.at}) r.at(v.storage).active = true;
          auto const loss = keep(sum(tanh(x * row + column) * one));
          r.output("loss", loss);
          r.differentiate(loss.at);
          r.output("x gradient", r.gradient(x));
          r.output("row gradient", r.gradient(row));
          r.output("column gradient", r.gradient(column));
          r.output("one gradient", r.gradient(one));
        }) < 1e-5);
}

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
  auto const p = training_step<8, 4, 3, 16, 12>();
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

TEST_CASE("a weight used in loops of two lengths: the second sum of parts adds to the first") {
  auto const p = record_now([](recorder& r) {
    static constexpr parameter<columns<256>> w{.offset = 0};
    auto const few = r.input<float, rows<8>, columns<256>>("few");
    auto const many = r.input<float, heads<64>, columns<256>>("many");
    auto const loss = keep(sum(keep(few * w)) + sum(keep(many * w)));
    r.output("loss", loss);
    r.differentiate(loss.at);
    r.output("gradient", r.gradient(r.use(w)));
  });
  cuda::host_block::last_block_first = true;
  CHECK(device_difference(p, usual) < 1e-5);
  cuda::host_block::last_block_first = false;
}

TEST_CASE("the parts of weights' gradients are summed by one kernel") {
  auto const p = training_step<16, 4, 4, 32, 12>();
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

TEST_CASE("three steps of learning: losses and weights, with dropout") {
  auto const p = training_step<4, 5, 6, 8, 12>();
  CHECK(device_difference(
            p, [](auto& s) { fill_translator_inputs(s, 5, 12); }, 3) < 1e-5);
}

TEST_CASE("greedy decoding chooses the same words") {
  CHECK(difference(
            [](recorder& r) {
              auto const& net = small_translator<8, 12>;
              auto const source = r.input<std::int32_t, batch<2>, steps<5>>("source");
              auto const valid = r.input<std::int32_t, batch<2>>("valid");
              auto const first = r.input<std::int32_t, batch<2>>("first");
              auto const used = r.input<std::int32_t>("used");
              auto const decoded = decode_greedily<4>(
                  net.decoder, net.encoder.template encode<mode::inference>(source, 0), valid, first, used);
              r.output("tokens", decoded.tokens);
              r.output("weights", decoded.weights);
            },
            1) < 1e-5);
}

TEST_CASE("gradient descent with clipping") {
  auto const p = record_now([](recorder& r) {
    static constexpr parameter<columns<12>, from<columns<12>>> weight{.offset = 0};
    auto const x = r.input<float, rows<9>, columns<12>>("x");
    auto const loss = keep(mean(pow(linear(x, weight) - 1, 2)));
    r.output("loss", loss);
    minimise(r, loss, 144, sgd{.learning_rate = 0.1F}, clip_by_global_norm{0.05F});
  });
  CHECK(device_difference(p, usual, 3) < 1e-5);
}
