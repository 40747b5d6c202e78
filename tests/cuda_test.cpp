// SPDX-License-Identifier: BSL-1.0
// The GPU's kernels against the CPU's. Without a CUDA compiler they run on threads of the host.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <tenon/tenon.hpp>

#include "devices.hpp"
#include "random_programs.hpp"
#include "testing.hpp"

namespace {
using namespace tenon;
using namespace testing;

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

TEST_CASE("products on tensor cores are as precise as they are said to be") {
  // Rows and columns as they lie, transposed, a batch of products, one operand for all of them.
  auto const products = [](precision how) {
    return difference([how](inference_recorder& r) {
      r.multiply_with(how);
      auto const x = r.input<float, rows<40>, columns<72>>("x");
      auto const y = r.input<float, rows<40>, vocab<24>>("y");
      auto const z = r.input<float, vocab<24>, columns<72>>("z");
      auto const keys = r.input<float, batch<3>, rows<40>, hiddens<16>>("keys");
      auto const query = r.input<float, batch<3>, hiddens<16>, vocab<8>>("query");
      auto const square = r.input<float, hiddens<16>, from<hiddens<16>>>("square");
      r.output("rows", dot<rows>(x, y));
      r.output("columns", dot<columns>(x, z));
      r.output("vocab", dot<vocab>(y, z));
      r.output("batch", dot<hiddens>(keys, query));
      r.output("shared", linear(keys, square));
    });
  };
  CHECK(products(precision::fp32) < 1e-6);
  CHECK(products(precision::tf32x3) < 1e-6);
  double const tf32 = products(precision::tf32), bf16 = products(precision::bf16);
  CHECK(tf32 < 1e-3);
  CHECK(bf16 < 1e-2);
#if !defined(__CUDACC__)  // where cuBLAS may find that products so small are not worth a tensor core
  CHECK(tf32 > 2e-5);
  CHECK(bf16 > 2 * tf32);
#endif
}

#if !defined(__CUDACC__)
TEST_CASE("a product of split operands is three, behind two kernels that split them") {
  auto const nodes = [](precision how) {
    auto const program = record_now([how](inference_recorder& r) {
      r.multiply_with(how);
      auto const x = r.input<float, rows<40>, columns<72>>("x");
      auto const y = r.input<float, rows<40>, vocab<24>>("y");
      r.output("product", dot<rows>(x, y));
    });
    parameter_block none(0);
    session<cuda_device> s(program, none);
    std::size_t all = 0;
    for (auto const n : s.nodes_of_calls()) all += n;
    return all;
  };
  CHECK(nodes(precision::fp32) == 1);
  CHECK(nodes(precision::tf32) == 1);
  CHECK(nodes(precision::tf32x3) == 5);
}
#endif

#if !defined(__CUDACC__)
TEST_CASE("a bias of a product's columns is added as the product is stored") {
  static constexpr parameter<vocab<24>, from<columns<72>>> weight{.offset = 0};
  static constexpr std::size_t behind = 24 * 72 * sizeof(float);
  auto const nodes = [](auto const& bias, precision how) {
    auto const program = record_now([&](recorder& r) {
      r.multiply_with(how);
      auto const x = r.input<float, rows<40>, columns<72>>("x");
      auto const y = linear(x, weight, bias);
      r.output("y", y);
      minimise(r, keep(mean(y * y)), 24 * 73 + 20, sgd{.learning_rate = 0.1F});
    });
    CHECK(device_difference(program, usual, 3) < (how == precision::fp32 ? 1e-5 : 1e-2));
    parameter_block block(24 * 73 + 20);
    return session<cuda_device>(program, block).nodes_of_calls()[0];
  };
  constexpr parameter<vocab<24>> of_columns{.offset = behind}, unaligned{.offset = behind + sizeof(float)};
  constexpr parameter<rows<40>> of_rows{.offset = behind};
  CHECK(nodes(of_columns, precision::fp32) == 1);
  CHECK(nodes(of_columns, precision::tf32) == 1);
  CHECK(nodes(of_columns, precision::tf32x3) == 6);  // split, in three, and a kernel for the bias
  CHECK(nodes(unaligned, precision::fp32) == 2);
  CHECK(nodes(of_rows, precision::fp32) == 1);  // the bias' own kernel: the product is another call
}
#endif

TEST_CASE("numbers are rounded to 11 significant bits, to even") {
  using cuda::rounded_to_tf32;
  CHECK(rounded_to_tf32(1 + 0x1p-10F) == 1 + 0x1p-10F);
  CHECK(rounded_to_tf32(1 + 0x1p-11F) == 1);
  CHECK(rounded_to_tf32(1 + 0x3p-11F) == 1 + 0x1p-9F);
  CHECK(rounded_to_tf32(-1 - 0x1.8p-11F) == -1 - 0x1p-10F);
  constexpr float most = std::numeric_limits<float>::max(), infinity = std::numeric_limits<float>::infinity();
  CHECK(rounded_to_tf32(most) == 0x1.ffcp127F);  // not infinite, so that the rest is finite too
  CHECK(rounded_to_tf32(infinity) == infinity);
  CHECK(std::isnan(rounded_to_tf32(std::numeric_limits<float>::quiet_NaN())));
}

TEST_CASE("programs drawn by chance, and their gradients") {
  for (std::size_t seed = 0; seed < 6; ++seed) {
    CAPTURE(seed);
    auto const p = record_loss<value, value, square, shape<columns<20>>>(random_loss(seed), true);
    CHECK(device_difference(p, usual) < 1e-12);
  }
}

TEST_CASE("loops of every form: rows of four, odd ones, transposed, broadcast, masked") {
  CHECK(difference([](inference_recorder& r) {
          auto const x = r.input<float, rows<512>, columns<516>>("x");  // enough for four elements a thread
          auto const b = r.input<float, columns<516>>("b");
          auto const c = r.input<float, rows<512>>("c");
          r.output("map", keep(tanh(x) * b + c));
        }) < 1e-6);
  CHECK(difference([](inference_recorder& r) {
          auto const x = r.input<float, rows<5>, columns<7>>("x");
          auto const y = r.input<float, columns<7>, rows<5>>("y");
          r.output("map", keep(select(x < y, exp(x), sigmoid(y)) + pow(abs(x), 1.5)));
          r.output("transposed", keep(arrange<columns, rows>(x * 2)));
          r.output("dropped", keep(dropout(x, 0.4)));
        }) < 1e-6);
}

TEST_CASE("reductions of every form: long and short rows, columns, everything, means and maxima") {
  CHECK(difference([](inference_recorder& r) {
          auto const x = r.input<float, rows<3>, columns<1000>>("x");
          auto const y = r.input<float, rows<40>, columns<9>>("y");
          r.output("long rows", keep(sum<columns>(x * x)));
          r.output("short rows", keep(mean<columns>(y)));
          r.output("columns", keep(max<rows>(x)));
          r.output("many rows", keep(sum<rows>(y * 2)));
          r.output("all", keep(mean(x)));
        }) < 1e-5);
  CHECK(difference([](inference_recorder& r) {  // in two stages
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
          auto const loss = keep(sum(y * x) + mean(cross_entropy<columns>(x, labels, label_smoothing{0.1})));
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

#if !defined(__CUDACC__)
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
#endif

TEST_CASE("the best continuations of hypotheses, some of which have ended") {
  auto const search = [](auto used) {
    return [used](inference_recorder& r) {
      auto const x = r.input<float, batch<5>, beams<3>, vocab<70>>("x");
      auto const totals = r.input<float, batch<5>, beams<3>>("totals");
      auto const drawn = r.input<std::int32_t, batch<5>, beams<3>>("words");
      auto const words = keep(select(drawn > 1, drawn * 0, drawn * 0 + 1));
      auto const lengths = keep(words * 0 + 2);
      auto const eos = keep(r.input<std::int32_t>("eos") * 0 + 1);
      hypotheses<std::remove_cvref_t<decltype(totals)>, std::remove_cvref_t<decltype(words)>> const held{
          totals, words, lengths};
      auto const next = [&] {
        if constexpr (used)
          return best_continuations<4>(x, held, eos, 0.7, keep(eos * 0 + 31));
        else
          return best_continuations<4>(x, held, eos, 0.7);
      }();
      r.output("totals", next.totals);
      r.output("words", next.last_words);
      r.output("parents", next.parents);
      r.output("lengths", next.lengths);
    };
  };
  CHECK(difference(search(std::true_type{})) < 1e-5);
  CHECK(difference(search(std::false_type{})) < 1e-5);
}

TEST_CASE("optimisers, with clipping and division by a number that the program computes") {
  auto const trained = [](auto how) {
    return record_now([how](recorder& r) {
      static constexpr parameter<columns<12>, from<columns<12>>> weight{.offset = 0};
      auto const x = r.input<float, rows<9>, columns<12>>("x");
      auto const loss = keep(mean(pow(linear(x, weight) - 1, 2)));
      r.output("loss", loss);
      minimise(r, loss, 144, how, clip_by_global_norm{0.05F}, sum(r.input<float, rows<9>>("counts") + 2));
    });
  };
  CHECK(device_difference(trained(sgd{.learning_rate = 0.1F}), usual, 3) < 1e-5);
  CHECK(device_difference(trained(sgd{.learning_rate = 0.1F, .momentum = 0.9F}), usual, 3) < 1e-5);
  CHECK(device_difference(trained(adam{}), usual, 3) < 1e-5);
  CHECK(device_difference(trained(adam{.learning_rate = 0.1F, .weight_decay = 0.5F}), usual, 3) < 1e-5);
  CHECK(device_difference(trained(adam{.accumulate = 2}), usual, 5) < 1e-5);
  CHECK(device_difference(trained(sgd{.accumulate = 3}), usual, 5) < 1e-5);
}

TEST_CASE("where a run on a CPU ends, a GPU goes on") {
  auto const p = record_now([](inference_recorder& r) {
    auto const x = r.input<float, rows<9>, columns<12>>("x");
    stop_unless(r.input<float>("going on"));
    r.output("after", keep(x + 2));
  });
  parameter_block none(0);
  session<cpu_device> here(p, none);
  session<cuda_device> there(p, none);
  for (float const going_on : {1.0F, 0.0F}) {
    auto const run = [&](auto& s) {
      std::ranges::fill(s.template input_elements<float>("x"), 5 + going_on);
      s.template input_elements<float>("going on")[0] = going_on;
      s.run();
      return s.template output_elements<float>("after")[107];
    };
    CHECK(run(here) == 8);  // in the second run what the first one left
    CHECK(run(there) == 7 + going_on);
  }
}

TEST_CASE("the average of the weights") {
  auto const p = record_now([](recorder& r) {
    static constexpr parameter<columns<12>, from<columns<12>>> weight{.offset = 0};
    auto const x = r.input<float, rows<9>, columns<12>>("x");
    minimise(r, keep(mean(pow(linear(x, weight) - 1, 2))), 144, adam{.learning_rate = 0.1F});
    average_weights(r, 144, 0.9);
  });
  parameter_block here(144), there(144);
  fill(here.values(), 1, -1, 1);
  std::ranges::copy(here.values(), there.values().begin());
  session<cpu_device> a(p, here);
  session<cuda_device> b(p, there);
  for (int t = 0; t < 12; ++t) {
    fill(a.input_elements<float>("x"), static_cast<std::size_t>(t), -1, 1);
    std::ranges::copy(a.input_elements<float>("x"), b.input_elements<float>("x").begin());
    a.run();
    b.run();
  }
  auto const x = averaged_weights(here, p.view()), y = averaged_weights(there, p.view());
  for (std::size_t i = 0; i < x.size(); ++i)
    CHECK(static_cast<double>(x[i]) == doctest::Approx(static_cast<double>(y[i])).epsilon(1e-5));
  CHECK(x[0] != here.values()[0]);
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
