// SPDX-License-Identifier: BSL-1.0
// Parameters' gradients and optimisers: the product put off over all steps, shared and unused weights, Adam
// and SGD with clipping.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <stdexcept>
#include <vector>

#include "testing.hpp"

namespace {
using namespace tenon;
using namespace testing;

struct batch_fields {
  tensor<std::int32_t, batch<2>, steps<3>> source;
  tensor<float, batch<2>> weight;
  TENON_MEMBERS(batch_fields, source, weight)
};

constexpr std::size_t B = 16, H = 24, V = 12;
using square = shape<columns<H>, from<columns<H>>>;
constexpr parameter<columns<H>, from<columns<H>>> w{.offset = 0};
constexpr parameter<columns<H>, from<columns<H>>> u{.offset = H * H * sizeof(float)};
constexpr parameter<columns<H>> b{.offset = 2 * H * H * sizeof(float)};
constexpr parameter<vocab<V>, columns<H>> table{.offset = (2 * H + 1) * H * sizeof(float)};
constexpr std::size_t count = 2 * H * H + H + V * H;

/// A recurrence over five steps whose table is looked up, multiplied with the states, and used element by
/// element.
template <class W, class U, class C, class T>
auto recurrent_loss(recorder& r, W const& wx, U const& wh, C const& c, T const& words) {
  auto const ids = r.input<std::int32_t, steps<5>, rows<B>>("ids");
  auto const penalty = keep(0.01 * sum(words * words));  // used first, so that its gradient comes last
  auto const x = keep(gather<vocab>(words, ids));
  auto h = keep(tanh(linear(slice<steps>(x, 0), wx) + c));
  std::array<decltype(h), 5> all{h, h, h, h, h};
  for (std::size_t t = 1; t < 5; ++t)
    all[t] = h = keep(tanh(linear(slice<steps>(x, t), wx) + linear(h, wh) + c));
  auto const scores = dot<columns>(stack<steps>(all), words);
  auto const labels = keep(ids + 0);
  return keep(mean(cross_entropy<vocab>(scores, labels)) + penalty + mean(linear(h, wh)));
}

/// The loss and all gradients, of parameters (put off until all steps are known) or of inputs (at once).
dynamic_program recurrent(bool as_parameters) {
  return record_now([=](recorder& r) {
    auto const all = [&](auto const& wx, auto const& wh, auto const& c, auto const& words) {
      auto const loss =
          as_parameters ? recurrent_loss(r, w, u, b, r.use(table)) : recurrent_loss(r, wx, wh, c, words);
      r.differentiate(loss.at);
      r.output("loss", loss);
      r.output("gw", r.gradient(wx));
      r.output("gu", r.gradient(wh));
      r.output("gb", r.gradient(c));
      r.output("gt", r.gradient(words));
    };
    if (as_parameters) return all(r.use(w), r.use(u), r.use(b), r.use(table));
    auto const wx = r.input<float, columns<H>, from<columns<H>>>("w"),
               wh = r.input<float, columns<H>, from<columns<H>>>("u");
    auto const c = r.input<float, columns<H>>("b");
    auto const words = r.input<float, vocab<V>, columns<H>>("t");
    r.track(wx);
    r.track(wh);
    r.track(c);
    r.track(words);
    all(wx, wh, c, words);
  });
}

void copy_part(std::span<float const> from, std::size_t begin, std::span<float> to) {
  std::copy_n(from.begin() + static_cast<std::ptrdiff_t>(begin), to.size(), to.begin());
}

/// ½ Σ (w − target)²-like loss whose gradient is easy: mean over rows of (x · w + b − y)².
constexpr parameter<columns<4>, from<columns<8>>> small_w{.offset = 0};
constexpr parameter<columns<4>> small_b{.offset = 32 * sizeof(float)};
constexpr std::size_t small_count = 40;  // four more than are used

template <class How>
dynamic_program regression(How how, float limit, bool divided) {
  return record_now([=](recorder& r) {
    auto const x = r.input<float, rows<10>, columns<8>>("x");
    auto const y = r.input<float, rows<10>, columns<4>>("y");
    auto const loss = keep(mean<rows, columns>(pow(linear(x, small_w) + small_b - y, 2)));
    r.output("loss", loss);
    if (divided)
      minimise(r, loss, small_count, how, clip_by_global_norm{limit},
               sum(r.input<float, rows<10>>("counts")));
    else
      minimise(r, loss, small_count, how, clip_by_global_norm{limit});
  });
}

/// The same by hand, in double: gradients of the loss, clipped; gives the loss.
double plain_gradient(std::vector<double> const& p, std::span<float const> x, std::span<float const> y,
                      double limit, std::vector<double>& g) {
  double loss = 0, norm = 0;
  g.assign(small_count, 0.0);
  for (std::size_t r = 0; r < 10; ++r)
    for (std::size_t o = 0; o < 4; ++o) {
      double value = p[32 + o];
      for (std::size_t i = 0; i < 8; ++i) value += p[o * 8 + i] * static_cast<double>(x[r * 8 + i]);
      double const d = value - static_cast<double>(y[r * 4 + o]);
      loss += d * d / 40;
      for (std::size_t i = 0; i < 8; ++i) g[o * 8 + i] += 2 * d / 40 * static_cast<double>(x[r * 8 + i]);
      g[32 + o] += 2 * d / 40;
    }
  for (double v : g) norm += v * v;
  norm = std::sqrt(norm);
  if (norm > limit)
    for (double& v : g) v *= limit / norm;
  return loss;
}

/// Ten steps of the program and of `update(p, g, step)` by hand, with gradients divided by 4 after clipping
/// or not; the largest difference of losses and parameters.
template <class How, class Update>
double training_error(How how, float limit, bool divided, Update const& update, std::size_t threads = 1) {
  auto const program = regression(how, limit, divided);
  parameter_block block(small_count);
  fill(block.values(), 1, -0.5, 0.5);
  std::vector<double> p(block.values().begin(), block.values().end()), g;
  session<cpu_device> s(program, block, threads);
  fill(s.template input_elements<float>("x"), 2);
  fill(s.template input_elements<float>("y"), 3, -2, 2);
  if (divided) std::ranges::fill(s.template input_elements<float>("counts"), 0.4F);
  double error = 0;
  for (std::size_t step = 1; step <= 10; ++step) {
    s.learning_rate_scale(step > 5 ? 0.5F : 1.0F);
    s.run();
    double const loss = plain_gradient(p, s.template input_elements<float>("x"),
                                       s.template input_elements<float>("y"), static_cast<double>(limit), g);
    if (divided)
      for (double& v : g) v /= 4;
    update(p, g, step);
    error = std::max(error, std::abs(static_cast<double>(s.template output<float>("loss")()) - loss));
    error = std::max(error, worst(block.values(), p));
  }
  CHECK(block.steps == 10);
  return error;
}
}  // namespace

TEST_CASE("gradients of weights, put off over five steps, are those of single products") {
  auto const together = recurrent(true), single = recurrent(false);
  std::size_t products = 0, single_products = 0;
  for (auto const& c : together.calls) products += std::string_view(c.name) == "weight gradient" ? 1 : 0;
  for (auto const& c : single.calls)
    single_products += std::string_view(c.name) == "contract gradient" ? 1 : 0;
  CHECK(products <= 5);  // w, u in the steps and after them, the table, perhaps in two pieces
  CHECK(single_products > products);
  parameter_block block(count), none(0);
  fill(block.values(), 1, -0.4, 0.4);
  session a(together, block), two(together, block, 2), c(single, none);
  auto const values = std::as_const(block).values();
  copy_part(values, 0, c.input_elements<float>("w"));
  copy_part(values, H * H, c.input_elements<float>("u"));
  copy_part(values, 2 * H * H, c.input_elements<float>("b"));
  copy_part(values, (2 * H + 1) * H, c.input_elements<float>("t"));
  for (auto* s : {&a, &two, &c}) {
    fill(s->input_elements<std::int32_t>("ids"), 2, 0, V - 1);
    s->run();
    s->run();
  }
  CHECK(a.output<float>("loss")() == doctest::Approx(c.output<float>("loss")()));
  for (auto const* name : {"gw", "gu", "gb", "gt"}) {
    CAPTURE(name);
    CHECK(worst(a.output_elements<float>(name), c.output_elements<float>(name)) < 1e-5);
    CHECK(worst(a.output_elements<float>(name), two.output_elements<float>(name)) == 0);
    double largest = 0;
    for (float g : a.output_elements<float>(name)) largest = std::max<double>(largest, std::abs(g));
    CHECK(largest > 1e-3);
  }
}

TEST_CASE("Adam as PyTorch has it") {
  adam const how{.learning_rate = 0.05F, .beta1 = 0.8F, .beta2 = 0.99F, .epsilon = 1e-4F};
  for (float limit : {0.3F, std::numeric_limits<float>::infinity()})
    for (std::size_t threads : {1U, 2U}) {
      std::vector<double> m(small_count), v(small_count);
      CHECK(training_error(
                how, limit, threads == 2,
                [&](std::vector<double>& p, std::vector<double> const& g, std::size_t step) {
                  double const rate = 0.05 * (step > 5 ? 0.5 : 1), t = static_cast<double>(step);
                  for (std::size_t i = 0; i < small_count; ++i) {
                    m[i] = 0.8 * m[i] + 0.2 * g[i];
                    v[i] = 0.99 * v[i] + 0.01 * g[i] * g[i];
                    p[i] -= rate * (m[i] / (1 - std::pow(0.8, t))) /
                            (std::sqrt(v[i] / (1 - std::pow(0.99, t))) + 1e-4);
                  }
                },
                threads) < 2e-6);
    }
}

TEST_CASE("Adam with weight decay as PyTorch's AdamW has it") {
  std::vector<double> m(small_count), v(small_count);
  CHECK(training_error(adam{.learning_rate = 0.05F, .weight_decay = 0.1F}, 0.3F, false,
                       [&](std::vector<double>& p, std::vector<double> const& g, std::size_t step) {
                         double const rate = 0.05 * (step > 5 ? 0.5 : 1), t = static_cast<double>(step);
                         for (std::size_t i = 0; i < small_count; ++i) {
                           p[i] *= 1 - rate * 0.1;
                           m[i] = 0.9 * m[i] + 0.1 * g[i];
                           v[i] = 0.999 * v[i] + 0.001 * g[i] * g[i];
                           p[i] -= rate * (m[i] / (1 - std::pow(0.9, t))) /
                                   (std::sqrt(v[i] / (1 - std::pow(0.999, t))) + 1e-8);
                         }
                       }) < 1e-5);
}

/// What is learnt of rows of x, so many at a time.
template <std::size_t Rows, class How>
std::vector<float> learnt(How const& how, std::size_t runs, std::size_t threads) {
  auto const program = record_now([&](recorder& r) {
    auto const x = r.input<float, rows<Rows>, columns<12>>("x");
    constexpr parameter<columns<12>, from<columns<12>>> p{.offset = 0};
    minimise(r, keep(mean(pow(linear(x, p) - 1, 2))), 144, how, clip_by_global_norm{0.5F});
  });
  parameter_block block(144);
  fill(block.values(), 1, -1, 1);
  session s(program, block, threads);
  std::vector<float> all(8 * 3 * 12);
  fill(std::span(all), 2, -1, 1);
  auto const x = s.template input_elements<float>("x");
  for (std::size_t run = 0; run < runs; ++run) {
    std::ranges::copy(std::span(all).subspan(run * x.size(), x.size()), x.begin());
    s.run();
  }
  return {block.values().begin(), block.values().end()};
}

TEST_CASE("gradients of several runs make the step that one of all their rows makes") {
  for (std::size_t threads : {1U, 2U}) {
    CHECK(worst(learnt<2>(adam{.learning_rate = 0.1F, .accumulate = 4}, 12, threads),
                learnt<8>(adam{.learning_rate = 0.1F}, 3, threads)) < 1e-5);
    CHECK(worst(learnt<2>(sgd{.learning_rate = 0.1F, .accumulate = 4}, 12, threads),
                learnt<8>(sgd{.learning_rate = 0.1F}, 3, threads)) < 1e-5);
    CHECK(worst(learnt<2>(sgd{.learning_rate = 0.1F, .momentum = 0.9F, .accumulate = 4}, 12, threads),
                learnt<8>(sgd{.learning_rate = 0.1F, .momentum = 0.9F}, 3, threads)) < 1e-5);
    // Runs that make no step yet change nothing.
    CHECK(worst(learnt<2>(adam{.accumulate = 4}, 7, threads), learnt<2>(adam{.accumulate = 4}, 4, threads)) ==
          0);
    CHECK(worst(learnt<2>(adam{.accumulate = 4}, 8, threads), learnt<2>(adam{.accumulate = 4}, 4, threads)) >
          1e-4);
  }
}

TEST_CASE("the average of the weights forgets them exponentially, the first ones sooner") {
  auto const program = record_now([](recorder& r) {
    auto const x = r.input<float, rows<10>, columns<4>>("x");
    constexpr parameter<rows<10>, columns<4>> p{.offset = 0};
    minimise(r, keep(sum(r.use(p) * x)), 40, sgd{.learning_rate = 1});
    average_weights(r, 40, 0.7);
  });
  for (std::size_t threads : {1U, 2U}) {
    parameter_block block(40);
    fill(block.values(), 1);
    session s(program, block, threads);
    fill(s.input_elements<float>("x"), 2);
    std::vector<double> expected(40);
    for (int t = 0; t < 40; ++t) {
      s.run();
      double const kept = std::min(0.7, t / (t + 9.0));
      for (std::size_t i = 0; i < 40; ++i)
        expected[i] = kept * expected[i] + (1 - kept) * static_cast<double>(block.values()[i]);
    }
    auto const average = averaged_weights(block, program.view());
    REQUIRE(average.size() == 40);
    for (std::size_t i = 0; i < 40; ++i)
      CHECK(static_cast<double>(average[i]) == doctest::Approx(expected[i]).epsilon(1e-5));
  }
  CHECK_THROWS_AS(record_now([](recorder& r) { average_weights(r, 40, 0.7); }), std::logic_error);
}

TEST_CASE("the average is over steps, whatever the runs of a step and the room in the block") {
  auto const averages = [](std::size_t runs_of_step) {
    auto const program = record_now([&](recorder& r) {
      auto const x = r.input<float, rows<10>, columns<4>>("x");
      constexpr parameter<rows<10>, columns<4>> p{.offset = 0};
      minimise(r, keep(sum(r.use(p) * x)), 40, sgd{.learning_rate = 1, .accumulate = runs_of_step});
      average_weights(r, 40, 0.7);
    });
    parameter_block block(100);
    fill(block.values(), 1);
    session s(program, block);
    fill(s.input_elements<float>("x"), 2);
    for (std::size_t run = 0; run < 12 * runs_of_step; ++run) s.run();
    auto const found = averaged_weights(block, program.view());
    return std::vector<float>(found.begin(), found.end());
  };
  auto const each = averages(1);
  CHECK(each.size() == 40);
  CHECK(worst(averages(2), each) < 1e-6);
}

TEST_CASE("averages are found whatever else a program and its block hold") {
  struct net_type {
    parameter<hiddens<40>> w{constant(1)};
    TENON_MEMBERS(net_type, w)
  };
  static constexpr auto student = laid_out(net_type{});
  static constexpr auto teacher = laid_out(net_type{}, parameter_count(student));
  auto const taught = [](std::size_t runs) {
    return record_now([runs](recorder& r) {
      auto const x = r.input<float, batch<4>, hiddens<40>>("x");
      auto const said = argmax<hiddens>(x * teacher.w);  // read, and not averaged
      auto const e = sum<hiddens>(x * student.w) - cast<float>(said);
      minimise(r, mean(e * e), parameter_count(student), adam{.learning_rate = 0.1F, .accumulate = runs});
      average_weights(r, parameter_count(student), 0.9);
    });
  };
  auto const one = taught(1), several = taught(4);
  parameter_block block(parameter_count(student) + parameter_count(teacher));
  initialise(student, block.values(), 1);
  initialise(teacher, block.values(), 1);
  session larger(several, block), s(one, block);  // the first has more room for its optimiser
  testing::fill(s.input_elements<float>("x"), 3);
  s.run();
  auto const average = averaged_weights(block, one.view());
  CHECK(average.size() == 40);
  CHECK(std::ranges::equal(average, block.values().first(40)));  // after a step they are the weights
}

TEST_CASE("a run that stops before the update makes no step") {
  struct net_type {
    parameter<hiddens<4>> w{constant(1)};
    TENON_MEMBERS(net_type, w)
  };
  static constexpr auto net = laid_out(net_type{});
  auto const program = record_now([](recorder& r) {
    auto const loss = keep(sum(r.use(net.w) * r.use(net.w)));
    stop_unless(r.input<std::int32_t>("go"));
    minimise(r, loss, parameter_count(net), sgd{.learning_rate = 0.25F});
  });
  parameter_block block(parameter_count(net));
  initialise(net, block.values(), 1);
  session s(program, block, 2);
  for (std::int32_t const go : {0, 1, 0}) {
    s.input_elements<std::int32_t>("go")[0] = go;
    s.run();
  }
  CHECK(block.steps == 1);
  CHECK(block.values()[3] == 0.5F);
}

TEST_CASE("gradient descent") {
  for (float limit : {0.3F, std::numeric_limits<float>::infinity()})
    for (bool divided : {false, true})
      CHECK(training_error(sgd{.learning_rate = 0.2F}, limit, divided,
                           [](std::vector<double>& p, std::vector<double> const& g, std::size_t step) {
                             for (std::size_t i = 0; i < small_count; ++i)
                               p[i] -= 0.2 * (step > 5 ? 0.5 : 1) * g[i];
                           }) < 2e-6);
}

TEST_CASE("gradient descent with momentum") {
  for (bool divided : {false, true}) {
    std::vector<double> velocity(small_count);
    CHECK(training_error(sgd{.learning_rate = 0.05F, .momentum = 0.9F}, 0.3F, divided,
                         [&](std::vector<double>& p, std::vector<double> const& g, std::size_t step) {
                           for (std::size_t i = 0; i < small_count; ++i) {
                             velocity[i] = 0.9 * velocity[i] + g[i];
                             p[i] -= 0.05 * (step > 5 ? 0.5 : 1) * velocity[i];
                           }
                         }) < 5e-6);
  }
}

TEST_CASE("rates and limits that make no sense are refused") {
  auto const with = [](auto how, clip_by_global_norm clip = {}) {
    record_now([&](recorder& r) {
      constexpr parameter<rows<10>> p{.offset = 0};
      auto const loss = keep(sum(p * r.input<float, rows<10>>("x")));
      minimise(r, loss, 10, how, clip);
    });
  };
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  CHECK_NOTHROW(with(adam{.learning_rate = 0}));
  CHECK_THROWS_AS(with(adam{.learning_rate = nan}), std::logic_error);
  CHECK_THROWS_AS(with(sgd{.learning_rate = -1}), std::logic_error);
  CHECK_THROWS_AS(with(sgd{.momentum = 1}), std::logic_error);
  CHECK_THROWS_AS(with(adam{.beta2 = 1}), std::logic_error);
  CHECK_THROWS_AS(with(adam{.weight_decay = -1}), std::logic_error);
  CHECK_THROWS_AS(with(adam{.accumulate = 0}), std::logic_error);
  CHECK_THROWS_AS(with(sgd{}, clip_by_global_norm{0}), std::logic_error);
  CHECK_THROWS_AS(with(sgd{}, clip_by_global_norm{nan}), std::logic_error);
}

TEST_CASE("a loss of no weight is nothing to learn from") {
  CHECK_THROWS_WITH_AS(record_now([](recorder& r) {
                         auto const x = r.input<float, rows<10>>("x");
                         minimise(r, keep(sum(x * x)), 10, adam{});
                       }),
                       doctest::Contains("depends on no weight"), std::logic_error);
}

TEST_CASE("a model may learn from what another one in its block says") {
  auto const program = record_now([](recorder& r) {
    auto const x = r.input<float, rows<10>>("x");
    constexpr parameter<rows<10>> pupil{.offset = 0}, teacher{.offset = 10 * sizeof(float)};
    auto const best = argmax<rows>(r.use(teacher) * x);  // no gradient comes through
    auto const error = pupil * x - gather<rows>(x, best);
    minimise(r, keep(sum(error * error)), 10, sgd{.learning_rate = 0.1F});
  });
  parameter_block block(20);
  fill(block.values(), 1);
  std::vector<float> const before(block.values().begin(), block.values().end());
  session s(program, block);
  fill(s.input_elements<float>("x"), 2, 1, 2);
  s.run();
  for (std::size_t i = 0; i < 20; ++i) CHECK((block.values()[i] != before[i]) == (i < 10));
}

TEST_CASE("a part of a weight that no gradient reaches stays as it is") {
  auto const program = record_now([](recorder& r) {
    auto const x = r.input<float, rows<10>, columns<4>>("x");
    constexpr parameter<rows<10>, columns<4>> p{.offset = 0};
    auto const used = slice<rows>(r.use(p), 3);
    minimise(r, keep(sum(used * x)), 40, sgd{.learning_rate = 1});
  });
  parameter_block block(40);
  fill(block.values(), 1);
  std::vector<float> const before(block.values().begin(), block.values().end());
  session s(program, block);
  fill(s.input_elements<float>("x"), 2);
  for (int i = 0; i < 3; ++i) s.run();
  for (std::size_t i = 0; i < 40; ++i) CHECK((block.values()[i] == before[i]) == (i / 4 != 3));
}

TEST_CASE("the fields of a batch fill the inputs of their names") {
  auto const program = record_now([](inference_recorder& r) {
    auto const weight = r.input<float, batch<2>>("weight");
    auto const source = r.input<std::int32_t, batch<2>, steps<3>>("source");
    r.output("y", cast<float>(source) * weight);
  });
  parameter_block none(0);
  session s(program, none);
  batch_fields fields;
  std::ranges::copy(std::array{1, 2, 3, 4, 5, 6}, fields.source.data());
  std::ranges::copy(std::array{10.0F, 100.0F}, fields.weight.data());
  fill_inputs(s, fields);
  s.run();
  CHECK(std::ranges::equal(s.output_elements<float>("y"),
                           std::array{10.0F, 20.0F, 30.0F, 400.0F, 500.0F, 600.0F}));

  auto const other =
      record_now([](inference_recorder& r) { r.output("y", r.input<float, batch<2>>("weight") * 2); });
  session without(other, none);
  CHECK_THROWS_WITH_AS(fill_inputs(without, fields), doctest::Contains("source"), error);
}
