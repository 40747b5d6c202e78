// SPDX-License-Identifier: BSL-1.0
// Frozen weights: computed with once, kept, and computed with anew when they change.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <stdexcept>
#include <string_view>
#include <tenon/tenon.hpp>
#include <utility>
#include <vector>

#include "small_translator.hpp"
#include "testing.hpp"

using namespace tenon;
using testing::columns, testing::rows;

namespace {

constexpr std::size_t T = 7, S = 6, H = 48, V = 37;
constexpr auto const& net = small_translator<H, V>;

enum class weights { used, frozen, scaled, halved };

/// What weights are kept as.
constexpr element_type type_of(weights how) {
  return how == weights::halved   ? element_type::bfloat16
         : how == weights::scaled ? element_type::int16
                                  : element_type::float32;
}

/// Greedy decoding of B sentences, with the logits of the first step's words beside it.
template <std::size_t B>
dynamic_program translation(weights how) {
  return record_now([how](inference_recorder& r) {
    if (how != weights::used) r.freeze_weights(type_of(how));
    auto const source = r.input<std::int32_t, batch<B>, steps<T>>("source");
    auto const valid = r.input<std::int32_t, batch<B>>("source_valid");
    auto const first = r.input<std::int32_t, batch<B>>("first");
    auto const used = r.input<std::int32_t>("used");
    auto const encoded = net.encoder.encode<mode::inference>(source, valid);
    r.output("memory", encoded.outputs);
    auto const result = decode_greedily<S>(net.decoder, encoded, valid, first, used);
    r.output("tokens", result.tokens);
    r.output("weights", result.weights);
  });
}

struct results {
  std::vector<float> memory, weights;
  std::vector<std::int32_t> tokens;
};

results run(session<>& s) {
  std::uint32_t state = 3;
  for (auto& x : s.input_elements<std::int32_t>("source"))
    x = static_cast<std::int32_t>((state = state * 1664525U + 1013904223U) >> 8) % static_cast<int>(V);
  std::ranges::fill(s.input_elements<std::int32_t>("source_valid"), T - 2);
  std::ranges::fill(s.input_elements<std::int32_t>("first"), 1);
  std::ranges::fill(s.input_elements<std::int32_t>("used"), V);
  s.run();
  auto const copy = []<class X>(std::span<X const> x) { return std::vector<X>(x.begin(), x.end()); };
  return {copy(s.output_elements<float>("memory")), copy(s.output_elements<float>("weights")),
          copy(s.output_elements<std::int32_t>("tokens"))};
}

double largest(std::vector<float> const& a, std::vector<float> const& b) {
  REQUIRE(a.size() == b.size());
  double result = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    result = std::max(result, std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i])));
  return result;
}

template <std::size_t B>
void check_frozen() {
  auto const plain = translation<B>(weights::used), frozen = translation<B>(weights::frozen);
  CHECK(plain.totals.frozen_calls == 0);
  CHECK(frozen.totals.frozen_calls > 0);
  CHECK(frozen.flops() < plain.flops());
  parameter_block block(parameter_count(net));
  CHECK_THROWS_AS(initialise(net, block.values().first(block.values().size() - 1), 5), std::logic_error);
  initialise(net, block.values(), 5);
  for (std::size_t const threads : {1U, 2U, 3U}) {
    CAPTURE(threads);
    session<> one(plain, block, threads), other(frozen, block, threads);
    auto const expected = run(one);
    run(other);
    auto const found = run(other);  // the second run uses what the first one kept
    CHECK(largest(found.memory, expected.memory) < 2e-6);
    CHECK(largest(found.weights, expected.weights) < 2e-6);
    CHECK(found.tokens == expected.tokens);
  }
}

}  // namespace

TEST_CASE("frozen weights give what weights give") {
  check_frozen<1>();
  check_frozen<3>();
  check_frozen<20>();
}

TEST_CASE("the number of threads changes no bit") {
  parameter_block block(parameter_count(net));
  initialise(net, block.values(), 5);
  for (auto const how : {weights::halved, weights::scaled}) {
    auto const program = translation<1>(how);
    session<> one(program, block, 1), two(program, block, 2);
    CHECK(run(one).memory == run(two).memory);
  }
}

TEST_CASE("weights of 8 bits change the third digit") {
  parameter_block block(parameter_count(net));
  initialise(net, block.values(), 5);
  auto const plain = translation<1>(weights::used), halved = translation<1>(weights::halved);
  session<> one(plain, block), other(halved, block);
  auto const error = largest(run(other).memory, run(one).memory);
  MESSAGE("largest difference of the memory: " << error);
  CHECK(error > 1e-5);
  CHECK(error < 1e-2);
}

TEST_CASE("weights of 16 bits change no digit before the fifth") {
  parameter_block block(parameter_count(net));
  initialise(net, block.values(), 5);
  auto const plain = translation<3>(weights::used), scaled = translation<3>(weights::scaled);
  CHECK(scaled.arena_bytes() < translation<3>(weights::frozen).arena_bytes());
  session<> one(plain, block), other(scaled, block);
  auto const expected = run(one), found = run(other);
  auto const error = largest(found.memory, expected.memory);
  MESSAGE("largest difference of the memory: " << error);
  CHECK(error > 1e-7);
  CHECK(error < 2e-5);
  CHECK(found.tokens == expected.tokens);
}

TEST_CASE("changed weights are seen when the session is told") {
  auto const program = translation<1>(weights::frozen);
  parameter_block block(parameter_count(net));
  initialise(net, block.values(), 5);
  session<> s(program, block);
  auto const before = run(s);
  initialise(net, block.values(), 6);
  s.weights_changed();
  auto const after = run(s);
  CHECK(largest(before.memory, after.memory) > 1e-3);
  session<> fresh(program, block);
  CHECK(run(fresh).memory == after.memory);
}

TEST_CASE("sessions of the same weights share what comes of them") {
  parameter_block block(parameter_count(net)), others(parameter_count(net));
  initialise(net, block.values(), 5);
  initialise(net, others.values(), 6);
  for (auto const how : {weights::frozen, weights::halved}) {
    auto const two = translation<2>(how), three = translation<3>(how);
    session<> first(two, block), second(three, block), alone(three, block), elsewhere(three, others);
    CHECK(second.share_frozen(first) == 0);  // which has not run
    run(first);
    CHECK(elsewhere.share_frozen(first) == 0);
    auto const shared = second.share_frozen(first);
    CHECK(shared > 0);
    CHECK(shared <= three.totals.frozen_calls);
    auto const expected = run(alone), found = run(second);
    CHECK(found.memory == expected.memory);
    CHECK(found.weights == expected.weights);
    CHECK(found.tokens == expected.tokens);

    initialise(net, block.values(), 6);  // those who are told see other weights
    second.weights_changed();
    CHECK(run(second).memory == run(elsewhere).memory);
    initialise(net, block.values(), 5);
  }
}

TEST_CASE("what two calls make of frozen weights is right in every session") {
  struct net_type {
    embedding_table<50, 16> table;
    linear_layer<tenon::embedding<16>, hiddens<32>> dense;
    TENON_MEMBERS(net_type, table, dense)
  };
  static constexpr auto mapped = laid_out(net_type{});
  auto const program = record_now([](inference_recorder& r) {
    r.freeze_weights();
    r.output("y", mapped.dense(mapped.table(r.input<std::int32_t, batch<3>>("ids"))));
  });
  parameter_block block(parameter_count(mapped));
  initialise(mapped, block.values(), 2);
  session<> first(program, block), second(program, block);
  first.run();
  auto const of_first = first.output_elements<float>("y");
  std::vector<float> const expected(of_first.begin(), of_first.end());
  second.share_frozen(first);
  second.run();
  first.run();
  CHECK(std::ranges::equal(second.output_elements<float>("y"), expected));
  CHECK(std::ranges::equal(first.output_elements<float>("y"), expected));
}

TEST_CASE("frozen weights are packed for products that would not be worth it in each run") {
  // Neighbours in memory are rows, and there are few of them.
  using weight = parameter<columns<24>, hiddens<40>>;
  auto const recorded = [](bool frozen) {
    return record_now([frozen](inference_recorder& r) {
      if (frozen) r.freeze_weights();
      auto const x = r.input<float, columns<24>, rows<5>>("x");
      r.output("product", dot<columns>(x, r.use(weight{.offset = 0})));
    });
  };
  auto const plain = recorded(false), frozen = recorded(true);
  CHECK(plain.totals.frozen_calls == 0);
  CHECK(frozen.totals.frozen_calls == 1);
  parameter_block block(24 * 40);
  std::iota(block.values().begin(), block.values().end(), -400.0F);
  session<> expected(plain, block), found(frozen, block);
  for (auto* s : {&expected, &found}) {
    auto const x = s->input_elements<float>("x");
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i % 7) - 3;
    s->run();
  }
  CHECK(std::ranges::equal(found.output_elements<float>("product"),
                           expected.output_elements<float>("product")));
}

TEST_CASE("a recurrence reads each frozen weight for two steps in succession") {
  constexpr std::size_t steps = 6;
  using map = linear_map<hiddens<160>, hiddens<160>>;
  struct layers {
    map below, across, above;
    TENON_MEMBERS(layers, below, across, above)
  };
  static constexpr auto model = laid_out(layers{});
  auto const recorded = [](bool frozen) {
    return record_now([frozen](inference_recorder& r) {
      if (frozen) r.freeze_weights();
      auto const x = r.input<float, batch<1>, hiddens<160>>("x");
      auto lower = keep(tanh(x)), upper = keep(x * 0.5F);
      for (std::size_t t = 0; t < steps; ++t) {
        lower = keep(tanh(model.below(lower) + upper));
        auto const from_below = model.across(lower);
        upper = keep(tanh(from_below + model.above(upper)));
        stop_unless(sum<batch, hiddens>(lower * lower));
      }
      r.output("lower", lower);
      r.output("upper", upper);
    });
  };
  auto const plain = recorded(false), frozen = recorded(true);
  auto const repeated =
      [](dynamic_program const& p) {  // calls that read what the product before them has read
        std::size_t count = 0;
        address const* last = nullptr;
        for (std::size_t i = p.totals.frozen_calls; i < p.calls.size(); ++i) {
          auto const& c = p.calls[i];
          if (c.flops < 2 * 160 * 160) continue;
          auto const& weight = p.operands[c.first_operand + c.operands - 1];
          count += last != nullptr && last->where == weight.where && last->offset == weight.offset;
          last = &weight;
        }
        return count;
      };
  CHECK(repeated(plain) == 0);
  CHECK(repeated(frozen) == 2 * (steps / 2));  // `below` and `above`: `across` is needed where `lower` is new
  parameter_block block(parameter_count(model));
  initialise(model, block.values(), 5);
  session<> expected(plain, block), found(frozen, block, 2);
  for (auto* s : {&expected, &found}) {
    auto const x = s->input_elements<float>("x");
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i % 7) - 3;
    s->run();
  }
  for (auto const* name : {"lower", "upper"}) {
    auto const f = found.output_elements<float>(name), e = expected.output_elements<float>(name);
    for (std::size_t i = 0; i < f.size(); ++i) CHECK(std::abs(f[i] - e[i]) < 1e-5F);
  }
}

TEST_CASE("an output that is recorded behind a stop is not computed before it") {
  static constexpr auto model = laid_out(linear_map<hiddens<160>, hiddens<160>>{});
  auto const program = record_now([](inference_recorder& r) {
    r.freeze_weights();
    auto const x = r.input<float, batch<1>, hiddens<160>>("x");
    auto const known = keep(x + 1);
    r.output("once", keep(model(x) * 2));
    stop_unless(r.input<std::int32_t>("goes on"));
    r.output("later", model(known));
  });
  parameter_block block(parameter_count(model));
  initialise(model, block.values(), 5);
  session<> s(program, block);
  auto const run = [&s](float value, std::int32_t goes_on) {
    std::ranges::fill(s.input_elements<float>("x"), value);
    s.input_elements<std::int32_t>("goes on")[0] = goes_on;
    s.run();
    return std::pair(s.output_elements<float>("once")[0], s.output_elements<float>("later")[0]);
  };
  auto const first = run(1, 1), stopped = run(2, 0);
  CHECK(stopped.first != first.first);
  CHECK(stopped.second == first.second);
  CHECK(run(2, 1).second != first.second);
}

TEST_CASE("what weights alone say stops every run") {
  using weight = parameter<rows<5>>;
  auto const program = record_now([](inference_recorder& r) {
    r.freeze_weights();
    auto const x = r.input<float>("x");
    stop_unless(sum(r.use(weight{.offset = 0}) * 0.0F));
    r.output("y", keep(x + 1));
  });
  parameter_block block(5);
  session s(program, block);
  s.input_elements<float>("x")[0] = 2;
  for (int run = 0; run < 2; ++run) {
    s.run();
    CHECK(s.output_elements<float>("y")[0] == 0);
  }
}

TEST_CASE("what is read from outside is not shared") {
  using weight = parameter<rows<5>, columns<8>>;
  auto const program = record_now([](inference_recorder& r) {
    r.freeze_weights();
    r.output("doubled", keep(r.use(weight{.offset = 0}) * 2));
  });
  parameter_block block(40);
  std::iota(block.values().begin(), block.values().end(), 1.0F);
  session<> first(program, block), second(program, block);
  first.run();
  CHECK(second.share_frozen(first) == 0);
  second.run();
  CHECK(second.output_elements<float>("doubled")[1] == 4);
}

TEST_CASE("what is not from weights alone is computed in each run") {
  using weight = parameter<rows<5>, columns<8>>;
  auto const program = record_now([](inference_recorder& r) {
    r.freeze_weights();
    auto const x = r.input<float, columns<8>>("x");
    auto const doubled = keep(r.use(weight{.offset = 0}) * 2);  // from weights alone
    auto const sums = keep(sum<columns>(doubled * x));
    r.output("sums", sums);
    r.output("thinned", keep(dropout(r.use(weight{.offset = 0}), 0.5)));  // random: not even that lasts
    r.output("doubled", doubled);
  });
  CHECK(program.totals.frozen_calls == 1);
  parameter_block block(40);
  std::iota(block.values().begin(), block.values().end(), 1.0F);
  session<> s(program, block);
  for (float const scale : {1.0F, 3.0F}) {
    std::ranges::fill(s.input_elements<float>("x"), scale);
    s.run();
    CHECK(s.output_elements<float>("sums")[0] == 72 * scale);
    CHECK(s.output_elements<float>("doubled")[39] == 80);
  }
}

TEST_CASE("frozen weights are refused where they make no sense") {
  using weight = parameter<rows<5>, columns<8>>;
  CHECK_THROWS_AS(record_now([](recorder& r) { r.freeze_weights(element_type::int32); }), std::logic_error);
  CHECK_THROWS_AS(record_now([](recorder& r) {
                    r.output("y", r.use(weight{.offset = 0}) * 2);
                    r.freeze_weights();
                  }),
                  std::logic_error);
  CHECK_THROWS_AS(record_now([](recorder& r) {
                    r.freeze_weights();
                    r.differentiate(sum(r.use(weight{.offset = 0}) * 2));
                  }),
                  std::logic_error);
}

namespace {
/// A table of more rows than are mapped, and a weight of which a part maps them.
struct large_table_type {
  parameter<vocab<1500>, columns<40>> table;
  parameter<hiddens<300>, from<columns<70>>> weight;
  parameter<hiddens<300>> bias;
  TENON_MEMBERS(large_table_type, table, weight, bias)
};
constexpr auto large_table = laid_out(large_table_type{});

template <std::size_t Count>
dynamic_program looked_up(weights how) {
  return record_now([how](inference_recorder& r) {
    if (how != weights::used) r.freeze_weights(type_of(how));
    auto const ids = r.input<std::int32_t, batch<Count>>("ids");
    auto const rows_of = [&] { return gather<vocab>(large_table.table, ids); };
    auto const own = detail::input_columns<columns<40>>(large_table.weight, 30);
    r.output("mapped", linear(rows_of(), own, large_table.bias));
    r.output("without bias", linear(rows_of(), own));
    r.output("again", linear(rows_of(), own, large_table.bias));
  });
}

template <std::size_t Count>
void check_looked_up() {
  auto const plain = looked_up<Count>(weights::used), frozen = looked_up<Count>(weights::frozen),
             halved = looked_up<Count>(weights::halved), scaled = looked_up<Count>(weights::scaled);
  CHECK(std::ranges::count(frozen.calls, std::string_view("mapped rows"),
                           [](auto const& c) { return std::string_view(c.name); }) == 3);
  CHECK(frozen.flops() == 3 * 2 * Count * 300 * 40);  // at most
  parameter_block block(parameter_count(large_table));
  testing::fill(block.values(), 1);
  for (std::size_t const threads : {1U, 2U}) {
    session<> used(plain, block, threads), kept(frozen, block, threads), rounded(halved, block, threads),
        whole(scaled, block, threads);
    for (auto* s : {&used, &kept, &rounded, &whole}) {
      auto const ids = s->template input_elements<std::int32_t>("ids");
      for (std::size_t i = 0; i < Count; ++i) ids[i] = static_cast<std::int32_t>(i * 377 % 1500);
      ids[0] = 1023;
      ids[Count - 1] = Count > 2 ? 1600 : 1024;
      if (Count > 3) ids[2] = -1;
    }
    for (int round = 0; round < 2; ++round)
      for (auto* s : {&used, &kept, &rounded, &whole}) s->run();
    for (auto const* name : {"mapped", "without bias", "again"}) {
      auto const of = [name](session<>& s) {
        auto const x = s.output_elements<float>(name);
        return std::vector<float>(x.begin(), x.end());
      };
      CHECK(largest(of(used), of(kept)) < 2e-5);
      CHECK(largest(of(used), of(rounded)) < 0.05);
      CHECK(largest(of(used), of(whole)) < 5e-4);
    }
  }
}
}  // namespace

TEST_CASE("of a large table's rows the first are mapped once, the others when they are asked for") {
  check_looked_up<1>();
  check_looked_up<2>();
  check_looked_up<5>();
  check_looked_up<40>();
}

namespace {
/// A bias whose axes stand in another order than the weight's.
struct turned_type {
  parameter<vocab<1500>, columns<64>> table;
  parameter<gates<3>, hiddens<16>, from<columns<64>>> weight;
  parameter<hiddens<16>, gates<3>> bias;
  TENON_MEMBERS(turned_type, table, weight, bias)
};
}  // namespace

TEST_CASE("the bias of a large table's rows may have its axes in another order than the weight") {
  static constexpr auto turned = laid_out(turned_type{});
  auto const recorded = [](bool frozen) {
    return record_now([frozen](inference_recorder& r) {
      if (frozen) r.freeze_weights();
      auto const ids = r.input<std::int32_t, batch<3>>("ids");
      r.output("y", linear(gather<vocab>(turned.table, ids), turned.weight, turned.bias));
    });
  };
  auto const plain = recorded(false), frozen = recorded(true);
  parameter_block block(parameter_count(turned));
  testing::fill(block.values(), 1);
  session<> used(plain, block), kept(frozen, block);
  for (auto* s : {&used, &kept}) {
    std::ranges::copy(std::array{2, 1024, 1499}, s->input_elements<std::int32_t>("ids").begin());
    s->run();
  }
  CHECK(testing::worst(kept.output_elements<float>("y"), used.output_elements<float>("y")) < 1e-5);
}

TEST_CASE("a table that is given anew for each run is not mapped") {
  auto const of = []<std::size_t Rows>(rows<Rows>) {
    return record_now([](inference_recorder& r) {
      r.freeze_weights();
      auto const table = r.input<float, rows<Rows>, columns<40>>("table");
      auto const ids = r.input<std::int32_t, batch<2>>("ids");
      r.output("y", linear(gather<testing::rows>(table, ids),
                           detail::input_columns<columns<40>>(large_table.weight, 0)));
    });
  };
  for (auto const& program : {of(rows<100>{}), of(rows<1500>{})}) CHECK(program.flops() == 2 * 2 * 300 * 40);
}
