// SPDX-License-Identifier: BSL-1.0
// Programs and sessions: what the compiler knows of a program, the memory plan, threads, allocations, wrong
// names and sizes.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "counted_allocations.hpp"
#include "finite_differences.hpp"
#include "random_programs.hpp"
#include "tenon/program/static_session.hpp"

namespace {
using namespace tenon;
using namespace testing;

constexpr parameter<columns<32>, from<columns<32>>> weight{.offset = 0};
constexpr parameter<columns<32>> bias{.offset = 32 * 32 * sizeof(float)};
constexpr std::size_t parameters = 32 * 33;

constexpr auto affine = record([](recorder& r) {
  auto const x = r.input<float, rows<16>, columns<32>>("x");
  auto const y = linear(x, weight, bias);
  r.output("y", tanh(y));
  r.output("sum", sum<columns>(y));
});
static_assert(affine.flops() >= 2 * 16 * 32 * 32 && affine.flops() < 3 * 16 * 32 * 32);
static_assert(affine.call_count() == 4);  // bias, product, tanh, sum
static_assert(affine.calls[1].flops == 2 * 16 * 32 * 32);
static_assert(affine.parameter_count() == parameters);
static_assert(affine.arena_bytes() ==
              3 * 16 * 32 * sizeof(float) + 64);  // x, the product, its tanh and the sum, all at once
static_assert(affine.live_bytes() == affine.arena_bytes());
static_assert(affine.bytes_moved() > 4 * 16 * 32 * sizeof(float) && affine.arena_bytes() < 7_KiB);

bool overlapping(program_view const& p) {
  for (auto const& a : p.blocks)
    for (auto const& b : p.blocks)
      if (&a < &b && a.first <= b.last && b.first <= a.last && a.offset < b.offset + b.bytes &&
          b.offset < a.offset + a.bytes)
        return true;
  return false;
}
}  // namespace

constexpr parameter<columns<32>, from<columns<32>>> square_of_weights{.offset = 0};
constexpr auto mapped_twice = record([](inference_recorder& r) {
  r.freeze_weights();
  auto const x = r.input<float, rows<3>, columns<32>>("x");
  auto const once = keep(tanh(linear(x, square_of_weights)));
  r.output("once", once);
  stop_unless(r.input<std::int32_t>("again"));
  r.output("twice", linear(once, square_of_weights));
});
constexpr auto some_weights = [] {
  std::array<float, 32 * 32> values{};
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i * 37 % 101) / 101 - 0.5F;
  return values;
}();
constinit static_session<mapped_twice, some_weights> session_without_a_heap;

TEST_CASE("a session in static storage gives the bits of one that allocates") {
  parameter_block block(some_weights.size());
  std::ranges::copy(some_weights, block.values().begin());
  session usual(mapped_twice, block);
  auto& s = session_without_a_heap;
  static_assert(std::is_same_v<decltype(s.input<"x">()), std::span<float, 96>>);
  static_assert(std::is_same_v<decltype(s.output<"twice">()), std::span<float const, 96>>);
  for (std::int32_t const again : {1, 0, 1}) {
    for (std::size_t i = 0; i < 96; ++i)
      s.input<"x">()[i] = static_cast<float>(i % 11) / 5 - static_cast<float>(again);
    std::ranges::copy(s.input<"x">(), usual.input_elements<float>("x").begin());
    usual.input_elements<std::int32_t>("again")[0] = s.input<"again">()[0] = again;
    s.run();
    usual.run();
    CHECK(std::ranges::equal(s.output<"once">(), usual.output_elements<float>("once")));
    CHECK(std::ranges::equal(s.output<"twice">(), usual.output_elements<float>("twice")));
    CHECK(s.output<"twice">()[95] != 0);
  }
}

TEST_CASE("the gradient of a weight in the middle of its block is an output like others") {
  using scores = parameter<columns<16>>;
  constexpr auto p = record([](recorder& r) {
    scores middle;
    middle.offset = 16 * sizeof(float);
    auto const w = r.use(middle);
    auto const y = softmax<columns>(w);  // its derivative takes its operand's memory
    r.differentiate(sum(y * y));
    r.output("gradient", r.gradient(w));
  });
  parameter_block block(32);
  for (std::size_t i = 0; i < 16; ++i) block.values()[16 + i] = 0.3F * static_cast<float>(i);
  session s(p, block);
  s.run();
  std::array<double, 16> y{}, want{};
  double total = 0, squares = 0;
  for (std::size_t i = 0; i < 16; ++i) total += y[i] = std::exp(static_cast<double>(block.values()[16 + i]));
  for (auto& v : y) {
    v /= total;
    squares += v * v;
  }
  for (std::size_t i = 0; i < 16; ++i) want[i] = 2 * y[i] * (y[i] - squares);
  CHECK(worst(s.output_elements<float>("gradient"), want) < 1e-6);
}

TEST_CASE("stacked gradients are the same in each run") {
  auto const p = record_now([](recorder& r) {
    auto const x = r.input<float, rows<4>>("x"), y = r.input<float, rows<4>>("y");
    r.track(x), r.track(y);
    r.differentiate(slice<rows>(x, 1) * slice<rows>(y, 2));  // the other elements' gradients are cleared
    r.output("both", stack<layers>(std::array{r.gradient(x), r.gradient(y)}));
  });
  parameter_block none(0);
  session s(p, none);
  for (auto const* name : {"x", "y"}) fill(s.input_elements<float>(name), 1, 1, 2);
  auto const x = s.input_elements<float>("x"), y = s.input_elements<float>("y");
  for (int run = 0; run < 3; ++run) {
    s.run();
    std::vector<float> const want{0, y[2], 0, 0, 0, 0, x[1], 0};
    CHECK(std::ranges::equal(s.output_elements<float>("both"), want));
  }
}

TEST_CASE("an output that is partly written before a stop keeps its other part") {
  auto const p = record_now([](recorder& r) {
    auto const x = r.input<float, columns<16>>("x");
    auto const t = softmax<columns>(x), t2 = softmax<columns>(t), t3 = softmax<columns>(t2);
    auto const zero = keep(sum(softmax<columns>(t * t3) * t2) * 0.0);
    auto const a = keep(x + zero);
    stop_unless(r.input<std::int32_t>("going on"));
    r.output("both", stack<layers>(std::array{a, keep(x * 3)}));
  });
  parameter_block none(0);
  session s(p, none);
  std::ranges::fill(s.input_elements<float>("x"), 1.0F);
  for (std::int32_t const going_on : {1, 0}) {
    s.input_elements<std::int32_t>("going on")[0] = going_on;
    s.run();
    CHECK(s.output_elements<float>("both")[0] == 1);
    CHECK(s.output_elements<float>("both")[31] == 3);
  }
}

TEST_CASE("a run ends where nothing is left to do") {
  constexpr auto counted = record([](recorder& r) {
    auto const x = r.input<float, rows<40>, columns<32>>("x");
    auto const going_on = r.input<float, rows<40>>("going on");
    r.output("before", keep(x + 1));
    stop_unless(sum<rows>(going_on));
    auto const after = keep(x + 2);
    r.output("after", after);
    stop_unless(r.input<std::int32_t>("zero"));
    r.output("never", keep(after + 1));
  });
  constexpr auto busy = record([](recorder& r) {  // its temporaries would find the output's memory free
    auto const x = r.input<float, rows<40>, columns<32>>("x");
    auto const large = keep(exp(x)), larger = keep(large + 100);
    r.output("before", sum<columns>(large * larger) + sum<columns>(large));
    stop_unless(r.input<std::int32_t>("going on"));
    r.output("after", x * 2);
  });
  {
    parameter_block none(0);
    session s(busy, none);
    std::ranges::fill(s.input_elements<float>("x"), 3.0F);
    for (std::int32_t const going_on : {1, 0}) {
      s.input_elements<std::int32_t>("going on")[0] = going_on;
      s.run();
      CHECK(std::ranges::all_of(s.output_elements<float>("after"), [](float v) { return v == 6; }));
    }
  }
  for (std::size_t threads : {1U, 2U}) {
    parameter_block none(0);
    session s(counted, none, threads);
    auto const run = [&](float x, float going_on) {
      std::ranges::fill(s.input_elements<float>("x"), x);
      std::ranges::fill(s.input_elements<float>("going on"), 0.0F);
      s.input_elements<float>("going on")[39] = going_on;
      s.run();
      return std::array{s.output_elements<float>("before")[7], s.output_elements<float>("after")[7],
                        s.output_elements<float>("never")[7]};
    };
    CHECK(run(1, 1) == std::array{2.0F, 3.0F, 0.0F});
    CHECK(run(5, 0) == std::array{6.0F, 3.0F, 0.0F});
    CHECK(run(6, 2) == std::array{7.0F, 8.0F, 0.0F});
    std::size_t calls = 0;
    std::ranges::fill(s.input_elements<float>("going on"), 0.0F);
    s.profile([&](program_call const&, auto const& call) {
      ++calls;
      call();
    });
    CHECK(calls < counted.call_count() / 2 + 1);
  }
}

TEST_CASE("a zero of either sign stops a run, and no other number does") {
  auto const p = record_now([](inference_recorder& r) {
    stop_unless(-r.input<float>("float"));
    stop_unless(r.input<std::int32_t>("whole"));
    r.output("y", keep(r.input<float>("x") + 1));
  });
  parameter_block none(0);
  auto const goes_on = [&](float number, std::int32_t whole) {
    session s(p, none);
    s.input_elements<float>("float")[0] = number;
    s.input_elements<std::int32_t>("whole")[0] = whole;
    s.run();
    return s.output_elements<float>("y")[0] == 1;
  };
  constexpr auto lowest = std::numeric_limits<std::int32_t>::min();  // the bits of −0
  CHECK(!goes_on(0.0F, 1));
  CHECK(!goes_on(-0.0F, 1));
  CHECK(!goes_on(1.0F, 0));
  CHECK(goes_on(-1e-40F, lowest));
}

TEST_CASE("the plan gives what is needed at once memory of its own, and the arena hardly more than needed") {
  double worst_ratio = 0, sum_of_ratios = 0;
  for (std::size_t seed = 0; seed < 60; ++seed) {
    CAPTURE(seed);
    auto const p = record_loss<value, value, square, shape<columns<20>>>(random_loss(seed), true);
    CHECK_FALSE(overlapping(p.view()));
    for (auto const& b : p.blocks) CHECK(b.offset + b.bytes <= p.arena_bytes());
    CHECK(p.arena_bytes() >= p.live_bytes());
    auto const ratio = static_cast<double>(p.arena_bytes()) / static_cast<double>(p.live_bytes());
    worst_ratio = std::max(worst_ratio, ratio);
    sum_of_ratios += ratio;
  }
  CHECK(worst_ratio <= 1.15);
  CHECK(sum_of_ratios / 60 <= 1.05);
}

TEST_CASE("random programs have the derivatives that finite differences show") {
  for (std::size_t seed = 0; seed < 25; ++seed) {
    CAPTURE(seed);
    CHECK(gradient_error<value, value, square, shape<columns<20>>>(
              random_loss(seed), {.samples = 6, .threads = 1 + seed % 2}) < 1e-6);
  }
}

TEST_CASE("a program has one loss") {
  CHECK_THROWS_AS(record_now([](recorder& r) {
                    auto const x = r.input<float, rows<3>>("x");
                    r.track(x);
                    auto const loss = keep(sum(x * x));
                    r.differentiate(loss.at);
                    r.differentiate(loss.at);
                  }),
                  std::logic_error);
}

TEST_CASE("what cannot be recorded is refused") {
  recorder elsewhere;
  auto const stranger = elsewhere.input<float, rows<3>>("x");
  CHECK_THROWS_AS(record_now([&](recorder& r) { r.output("y", r.input<float, rows<3>>("x") + stranger); }),
                  std::logic_error);
  CHECK_THROWS_AS(record_now([](recorder& r) {
                    auto const y = keep(r.input<float, rows<3>>("x") * 2);
                    r.output("before", y);
                    add_linear(y, r.input<float, columns<2>>("z"),
                               r.input<float, rows<3>, from<columns<2>>>("w"));
                  }),
                  std::logic_error);
  auto const refused = [](auto const& how) { CHECK_THROWS_AS(record_now(how), std::logic_error); };
  using values = columns<4>;
  refused([](recorder& r) {  // a gradient would lack what was computed before
    auto const x = r.input<float, values>("x");
    auto const y = keep(x * 2);
    r.track(x);
    r.output("y", y);
  });
  refused([](recorder& r) {
    auto const x = r.input<float, values>("x");
    r.track(x);
    r.output("g", r.gradient(x));
  });
  refused([](recorder& r) { r.output("y", r.input<float, values>("x") + r.input<float, values>("x")); });
  refused([](recorder& r) {
    auto const x = r.input<float, values>("x");
    r.output("y", x * 2);
    r.output("y", x * 3);
  });
  // Weights that lie in one another, and more of them than minimise is told of.
  constexpr parameter<rows<2>, columns<4>> small{.offset = 0};
  constexpr parameter<rows<3>, columns<4>> large{.offset = 0};
  constexpr parameter<rows<3>, columns<4>> behind{.offset = 4 * sizeof(float)},
      apart{.offset = 8 * sizeof(float)};
  for (auto const& other : {large, behind})
    refused([&](recorder& r) { r.output("y", sum(r.use(small)) + sum(r.use(other))); });
  constexpr parameter<rows<4>, columns<2>> turned{.offset = 0};  // as many bytes, but other extents
  refused([&](recorder& r) { r.output("y", sum(r.use(small)) + sum(r.use(turned))); });
  constexpr parameter<layers<2>, from<columns<4>>> tied{.offset = 0};
  CHECK_NOTHROW(record_now([&](recorder& r) { r.output("y", sum(r.use(small)) + sum(r.use(tied))); }));
  auto const learns = [&](std::size_t count) {
    return
        [&, count](recorder& r) { minimise(r, keep(sum(r.use(small)) * sum(r.use(apart))), count, sgd{}); };
  };
  refused(learns(8));
  CHECK_NOTHROW(record_now(learns(20)));
  for (double const rate : {1.0, 1.5, -0.5, std::numeric_limits<double>::quiet_NaN()})
    refused([rate](recorder& r) { r.output("y", dropout(r.input<float, values>("x"), rate)); });
}

TEST_CASE("two threads compute the same bits as one; inputs and outputs keep their values") {
  auto const big = record_now([](recorder& r) {
    auto const x = r.input<float, rows<300>, columns<32>>("x");
    r.track(x);
    auto const h = keep(tanh(linear(keep(x * x), weight, bias)));
    auto const p = softmax<columns>(linear(h, weight));
    auto const loss = keep(mean(p * h) + mean(pow(x, 3)));
    r.output("h", h);
    r.differentiate(loss.at);
    r.output("loss", loss);
    r.output("g", r.gradient(x));
    r.output("gw", r.gradient(r.use(weight)));
    r.output("gb", r.gradient(r.use(bias)));
  });
  parameter_block block(parameters);
  fill(block.values(), 1, -0.3, 0.3);
  session one(big, block, 1), two(big, block, 2);
  fill(one.input_elements<float>("x"), 2);
  fill(two.input_elements<float>("x"), 2);
  std::vector<float> const before(one.input_elements<float>("x").begin(),
                                  one.input_elements<float>("x").end());
  for (int run = 0; run < 3; ++run) {
    one.run();
    two.run();
  }
  for (auto const* name : {"h", "loss", "g", "gw", "gb"}) {
    CAPTURE(name);
    CHECK(worst(one.output_elements<float>(name), two.output_elements<float>(name)) == 0);
  }
  CHECK(worst(one.input_elements<float>("x"), before) == 0);
  auto const again = record_now([](recorder& r) {
    auto const x = r.input<float, rows<300>, columns<32>>("x");
    r.output("h", keep(tanh(linear(keep(x * x), weight, bias))));
  });
  session forward(again, block);
  fill(forward.input_elements<float>("x"), 2);
  forward.run();
  CHECK(worst(one.output_elements<float>("h"), forward.output_elements<float>("h")) == 0);
}

TEST_CASE("the last call does not take the memory of an output") {
  auto const p = record_now([](recorder& r) {
    auto const x = r.input<float, rows<16>, columns<32>>("x");
    auto const h = keep(x + 1);
    auto const y = keep(tanh(h));
    r.output("h", h);
    r.output("y", y);
  });
  parameter_block none(0);
  session s(p, none);
  fill(s.input_elements<float>("x"), 1);
  s.run();
  auto const x = s.input_elements<float>("x"), h = s.input_elements<float>("x");
  for (std::size_t i = 0; i < x.size(); ++i) CHECK(s.output_elements<float>("h")[i] == h[i] + 1);
}

TEST_CASE("what dies at a call may give its memory to the call's result") {
  auto const p = record_now([](recorder& r) {
    auto const x = r.input<float, rows<64>, columns<64>>("x");
    auto h = keep(x + 1);
    for (int i = 0; i < 5; ++i) h = keep(tanh(h) + x);
    r.output("h", softmax<columns>(h));
  });
  CHECK(p.arena_bytes() == 2 * 64 * 64 * sizeof(float));
}

TEST_CASE("what nobody reads is not computed") {
  auto const of = [](bool more) {
    return record_now([more](recorder& r) {
      auto const x = r.input<float, rows<8>, columns<32>>("x");
      auto const h = keep(tanh(x));
      if (more) {
        auto const unread = softmax<columns>(keep(exp(h)));  // by what nobody reads either
        auto const all = stack<layers>(std::array{unread, keep(x * 2)});
        static_cast<void>(keep(sum<columns>(all)));
      }
      auto const half = keep(h * 0.5);
      r.output("y", stack<layers>(std::array{half, keep(half + 1)}));  // each is a part of what is read
    });
  };
  auto const plain = of(false), more = of(true);
  CHECK(more.calls.size() == plain.calls.size());
  CHECK(more.arena_bytes() == plain.arena_bytes());
  CHECK(more.flops() == plain.flops());
  parameter_block none(0);
  session one(plain, none), other(more, none);
  for (auto* s : {&one, &other}) {
    fill(s->input_elements<float>("x"), 1);
    s->run();
  }
  CHECK(std::ranges::equal(one.output_elements<float>("y"), other.output_elements<float>("y")));
}

TEST_CASE("a run allocates nothing") {
  auto const p = record_loss<value, value, square, shape<columns<20>>>(random_loss(3), true);
  parameter_block none(0), block(parameters);
  session a(p, none, 2), b(p, none, 1), c(affine, block, 2);
  for (auto* s : {&a, &b, &c}) s->run();  // the thread pool makes its own memory once
  std::size_t const before = allocations;
  for (int i = 0; i < 3; ++i)
    for (auto* s : {&a, &b, &c}) s->run();
  std::size_t const after = allocations;
  CHECK(after == before);
  std::vector<int> const counted(3);
  CHECK(allocations > after);
}

TEST_CASE_TEMPLATE("products of any size allocate nothing", T, float, double) {
  // Narrow, short, transposed, and one that BLAS cuts into its own blocks.
  auto const p = record_now([](recorder& r) {
    auto const x = r.input<T, rows<300>, columns<64>>("x");
    auto const few = r.input<T, heads<5>, columns<64>>("few");
    auto const narrow = r.input<T, columns<64>, layers<7>>("narrow");
    auto const wide = r.input<T, columns<64>, sides<800>>("wide");
    r.output("narrow product", dot<columns>(x, narrow));
    r.output("few rows", dot<columns>(few, narrow));
    r.output("transposed", dot<rows>(x, keep(dot<columns>(x, few))));
    r.output("wide product", dot<columns>(x, wide));
  });
  parameter_block none(0);
  session one(p, none, 1), two(p, none, 2);
  for (auto* s : {&one, &two}) s->run();
  std::size_t const before = allocations;
  for (int i = 0; i < 3; ++i)
    for (auto* s : {&one, &two}) s->run();
  CHECK(allocations == before);
}

TEST_CASE("wrong names, types, sizes and blocks are refused in one line") {
  parameter_block block(parameters), small(parameters - 1);
  session s(affine, block);
  CHECK_THROWS_WITH_AS((s.input<float, rows<16>, columns<32>>("z")),
                       "the program has no input \"z\"; it has: x", error);
  CHECK_THROWS_AS((s.input<float, rows<16>, columns<33>>("x")), error);
  CHECK_THROWS_AS((s.input<double, rows<16>, columns<16>>("x")), error);
  CHECK_THROWS_AS((s.output<float, rows<16>>("x")), error);
  CHECK_THROWS_AS(s.output_elements<std::int32_t>("sum"), error);
  CHECK_NOTHROW(s.output<float, rows<16>>("sum"));
  CHECK_THROWS_AS(session(affine, small), error);
  CHECK_THROWS_AS(record_now([](recorder& r) { r.output("w", keep(weight * 2)); }), std::logic_error);
}
