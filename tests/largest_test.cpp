// SPDX-License-Identifier: BSL-1.0
// argmax of a product with frozen weights, found by estimates and bounds, against all products in full.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>
#include <tenon/tenon.hpp>

#include "testing.hpp"

using namespace tenon;

namespace {

bool calls(dynamic_program const& program, std::string_view name) {
  return std::ranges::any_of(program.calls, [&](auto const& c) { return c.name == name; });
}

/// argmax of linear(x, W, b) for M rows, of which `searched` computes as little as it can, and `looked`
/// everything.
template <std::size_t K, std::size_t N, bool Biased, std::size_t M = 1>
struct search {
  struct net_type {
    linear_layer<hiddens<K>, vocab<N>> dense;
    TENON_MEMBERS(net_type, dense)
  };
  static constexpr auto net = laid_out(net_type{});

  static dynamic_program program(bool all) {
    return record_now([all](inference_recorder& r) {
      r.freeze_weights();
      auto const x = r.input<float, batch<M>, hiddens<K>>("x");
      auto const used = r.input<std::int32_t>("used");
      auto const logits = Biased ? net.dense(x) : linear(x, net.dense.weight);
      r.output("word", argmax<vocab>(logits, used));
      r.output("any word", argmax<vocab>(Biased ? net.dense(x) : linear(x, net.dense.weight)));
      if (all) r.output("logits", logits);
    });
  }

  dynamic_program searched = program(false), looked = program(true);
  parameter_block block{parameter_count(net)};
  session<> first{searched, block, 2}, second{looked, block};

  std::span<float> weights() { return block.values().first(N * K); }
  std::span<float> biases() { return block.values().last(N); }

  search() {
    testing::fill(block.values(), 1, -0.1, 0.1);
    for (auto* s : {&first, &second}) {
      testing::fill(s->template input_elements<float>("x"), 2);
      s->template input_elements<std::int32_t>("used")[0] = N;
    }
  }

  void check() {
    for (auto* s : {&first, &second}) {
      s->weights_changed();
      s->run();
    }
    auto const logits = second.template output_elements<float>("logits");
    auto const used = static_cast<std::size_t>(
        std::clamp<std::int32_t>(first.template input_elements<std::int32_t>("used")[0], 1, N));
    for (std::size_t row = 0; row < M; ++row) {
      auto const of_row = logits.subspan(row * N, N);
      std::size_t best = 0, of_used = 0;
      for (std::size_t i = 1; i < N; ++i) {
        if (of_row[i] > of_row[best]) best = i;
        if (i < used && of_row[i] > of_row[of_used]) of_used = i;
      }
      // Several rows together are summed in another order.
      auto const found = [&](session<>& s, std::string_view name, std::size_t expected) {
        auto const word = static_cast<std::size_t>(s.template output_elements<std::int32_t>(name)[row]);
        return word == expected ||
               (M > 1 && word < N && of_row[word] >= of_row[expected] - 1e-5F * std::abs(of_row[expected]));
      };
      for (auto* s : {&first, &second}) {
        CHECK(found(*s, "word", of_used));
        CHECK(found(*s, "any word", best));
      }
    }
  }
};

template <std::size_t K, std::size_t N, bool Biased, std::size_t M = 1>
void check_search() {
  search<K, N, Biased, M> s;
  bool const estimates = TENON_BYTE_QUADS;  // where the processor is good at them
  CHECK(calls(s.searched, "argmax of product") == estimates);
  CHECK(calls(s.searched, "linear") == !estimates);  // nobody reads the logits in full
  CHECK(calls(s.looked, "linear"));
  s.check();

  SUBCASE("few are in use") {
    for (std::int32_t const used : {-1, 1, 2, 100, static_cast<std::int32_t>(N - 1)}) {
      for (auto* one : {&s.first, &s.second}) one->template input_elements<std::int32_t>("used")[0] = used;
      s.check();
    }
  }
  SUBCASE("many are the largest but for a last bit") {
    // Every third column is the one that fits x best, a little changed in one place.
    auto const x = s.first.template input_elements<float>("x");
    for (std::size_t round = 0; round < 20; ++round) {
      for (std::size_t n = 0; n < N; n += 3) {
        for (std::size_t k = 0; k < K; ++k) s.weights()[n * K + k] = x[k] * 0.3F;
        auto& one = s.weights()[n * K + (n * 7 + round) % K];
        one = std::nextafter(one, testing::number(n, round) < 0.5 ? -1.0F : 1.0F);
        if (Biased) s.biases()[n] = 0.01F;
      }
      s.check();
    }
  }
  SUBCASE("rounding takes as much as it can from the largest, and gives it to another") {
    for (auto* one : {&s.first, &s.second})
      for (std::size_t k = 0; k < K; ++k)
        one->template input_elements<float>("x")[k] = k % 3 == 0 ? -1.0F : 1.0F;
    constexpr float step = 2.0F / 127;  // between the numbers that a column of up to 2 can have
    auto const fill = [&](std::size_t n, float value) {
      for (std::size_t k = 0; k < K; ++k) s.weights()[n * K + k] = k % 3 == 0 ? -value : value;
    };
    fill(N - 3, 63.49F * step);
    fill(7, 63.51F * step);
    for (std::size_t const n : {N - 3, std::size_t{7}}) s.weights()[n * K + K - 1] = 2;
    s.weights()[7 * K + 1] -= 0.03F * step * static_cast<float>(K);
    s.check();
    CHECK(s.first.template output_elements<std::int32_t>("any word")[0] == N - 3);
  }
  SUBCASE("all are the same") {
    std::ranges::fill(s.block.values(), 0.25F);
    s.check();
  }
  SUBCASE("there is nothing but zeros") {
    std::ranges::fill(s.block.values(), 0.0F);
    s.check();
    for (auto* one : {&s.first, &s.second}) std::ranges::fill(one->template input_elements<float>("x"), 0.0F);
    s.check();
  }
  SUBCASE("numbers are huge or tiny") {
    for (float const scale : {1e30F, 1e-30F, 1e-8F})
      for (float const of_x : {1e-20F, 1.0F, 1e25F}) {
        if (M > 1 && scale * of_x > 1e30F)
          continue;  // infinite, or none: the order in which it is summed says
        testing::fill(s.block.values(), 3, -scale, scale);
        for (auto* one : {&s.first, &s.second})
          testing::fill(one->template input_elements<float>("x"), 4, -of_x, of_x);
        s.check();
      }
  }
  SUBCASE("some are no numbers") {
    constexpr float infinity = std::numeric_limits<float>::infinity();
    constexpr float strange[] = {std::numeric_limits<float>::quiet_NaN(), infinity, -infinity,
                                 std::numeric_limits<float>::max()};
    for (float const value : strange) {
      s.weights()[5 * K + 3] = value;
      s.check();
      s.weights()[3] = value;  // in the first column
      s.check();
      if (Biased) s.biases()[N - 1] = value;
      s.check();
      testing::fill(s.block.values(), 1, -0.1, 0.1);
    }
    for (float const value : strange) {
      for (auto* one : {&s.first, &s.second}) one->template input_elements<float>("x")[K / 2] = value;
      s.check();
    }
  }
}

}  // namespace

TEST_CASE("the largest of many products is found by estimates, to the bit") {
  check_search<256, 1024, true>();
}
TEST_CASE("the same without a bias, of extents that fill no registers") {
  check_search<301, 1003, false>();
}
TEST_CASE("the same of long columns") {
  check_search<777, 401, true>();
}

TEST_CASE("the same of several rows") {
  check_search<256, 1024, true, 4>();
}
TEST_CASE("the same of an odd number of rows, without a bias") {
  check_search<301, 1003, false, 3>();
}

TEST_CASE("the same of rows that lie apart") {
  static constexpr parameter<vocab<1024>, from<hiddens<256>>> weight{.offset = 0};
  auto const program = [](bool all) {
    return record_now([all](inference_recorder& r) {
      r.freeze_weights();
      auto const x = r.input<float, batch<3>, hiddens<300>>("x");
      auto const logits = linear(part<hiddens, 20, 256>(x), weight);
      r.output("words", argmax<vocab>(logits));
      if (all) r.output("logits", logits);
    });
  };
  auto const searched = program(false), looked = program(true);
  CHECK(calls(searched, "argmax of product") == bool{TENON_BYTE_QUADS});
  parameter_block block(1024 * 256);
  testing::fill(block.values(), 1, -0.1, 0.1);
  session<> one(searched, block, 2), other(looked, block);
  for (auto* s : {&one, &other}) {
    testing::fill(s->input_elements<float>("x"), 2);
    s->run();
  }
  auto const logits = other.output_elements<float>("logits");
  for (std::size_t row = 0; row < 3; ++row) {
    auto const of_row = logits.subspan(row * 1024, 1024);
    auto const best = std::ranges::max_element(of_row) - of_row.begin();
    CHECK(one.output_elements<std::int32_t>("words")[row] == best);
  }
}

TEST_CASE("the largest of a part of a product is looked for in that part") {
  static constexpr parameter<vocab<1024>, from<hiddens<256>>> weight{.offset = 0};
  auto const program = record_now([](inference_recorder& r) {
    r.freeze_weights();
    auto const logits = linear(r.input<float, batch<1>, hiddens<256>>("x"), weight);
    r.output("word", argmax<vocab>(part<vocab, 0, 100>(logits)));
  });
  parameter_block block(1024 * 256);
  testing::fill(block.values(), 1, -0.1, 0.1);
  std::ranges::fill(block.values().subspan(77 * 256, 256), 1.0F);
  std::ranges::fill(block.values().subspan(777 * 256, 256), 2.0F);
  session s(program, block);
  std::ranges::fill(s.input_elements<float>("x"), 1.0F);
  s.run();
  CHECK(s.output_elements<std::int32_t>("word")[0] == 77);
}

TEST_CASE("of weights in bfloat16 the largest is that of the rounded weights") {
  using searched = search<256, 1024, true>;
  constexpr std::size_t K = 256, N = 1024;
  auto const program = [](element_type type) {
    return record_now([type](inference_recorder& r) {
      r.freeze_weights(type);
      r.output("word", argmax<vocab>(searched::net.dense(r.input<float, batch<1>, hiddens<K>>("x"))));
    });
  };
  auto const halved = program(element_type::bfloat16), whole = program(element_type::float32),
             scaled = program(element_type::int16);
  CHECK(calls(halved, "argmax of product") == bool{TENON_BYTE_QUADS});
  parameter_block block(parameter_count(searched::net)), rounded(parameter_count(searched::net));
  std::size_t differ = 0;
  for (std::uint32_t round = 0; round < 40; ++round) {
    testing::fill(block.values(), round, -0.1, 0.1);
    session<> one(halved, block), other(whole, rounded), exact(whole, block), numbers(scaled, block);
    for (auto* s : {&one, &other, &exact, &numbers})
      testing::fill(s->input_elements<float>("x"), 1000 + round);
    // Many that all but fit x, so that rounding decides between them.
    auto const x = one.input_elements<float>("x");
    for (std::size_t n = 0; n < N; n += 2)
      for (std::size_t k = 0; k < K; ++k)
        block.values()[n * K + k] = x[k] + 1e-3F * block.values()[n * K + k];
    for (std::size_t i = 0; i < N * K; ++i) rounded.values()[i] = static_cast<float>(bf16(block.values()[i]));
    std::ranges::copy(block.values().last(N), rounded.values().last(N).begin());
    for (auto* s : {&one, &other, &exact, &numbers}) s->run();
    auto const word = [](session<>& s) { return s.output_elements<std::int32_t>("word")[0]; };
    CHECK(word(one) == word(other));
    if (TENON_BYTE_QUADS) CHECK(word(numbers) == word(exact));  // by the numbers' own weights, in full
    differ += word(one) != word(exact) ? 1 : 0;
  }
  CHECK(differ > 0);
}

TEST_CASE_TEMPLATE("the same of columns that no vector of pairs divides", X, hiddens<514>, hiddens<515>) {
  static constexpr parameter<vocab<512>, from<X>> weight{.offset = 0};
  constexpr std::size_t K = X::extent, N = 512;
  auto const program = record_now([](inference_recorder& r) {
    r.freeze_weights(element_type::bfloat16);
    auto const logits = linear(r.input<float, batch<1>, X>("x"), weight);
    r.output("word", argmax<vocab>(logits));
    r.output("logits", logits);
  });
  CHECK(calls(program, "argmax of product") == bool{TENON_BYTE_QUADS});
  parameter_block block(N * K);
  for (std::uint32_t round = 0; round < 10; ++round) {
    session<> s(program, block);
    // Pairs of one sum in either order: columns differ by the order in which they are summed alone.
    auto const x = s.input_elements<float>("x");
    testing::fill(x, 1000 + round);
    for (std::size_t k = 0; k + 1 < K; k += 2) x[k + 1] = x[k];
    for (std::size_t n = 0; n < N; ++n)
      for (std::size_t k = 0; k < K; ++k) {
        bool const swapped = testing::number(n * K + k / 2, round) < 0.5 && (k ^ 1U) < K;
        block.values()[n * K + k] = static_cast<float>(testing::number(swapped ? k ^ 1U : k, round));
      }
    s.run();
    auto const logits = s.output_elements<float>("logits");
    CHECK(s.output_elements<std::int32_t>("word")[0] == std::ranges::max_element(logits) - logits.begin());
  }
}

TEST_CASE("a bias of other numbers is not read as floats") {
  static constexpr parameter<vocab<1024>, from<hiddens<256>>> weight{.offset = 0};
  auto const program = record_now([](inference_recorder& r) {
    r.freeze_weights();
    auto const x = r.input<float, batch<1>, hiddens<256>>("x");
    auto const bias = r.input<std::int32_t, vocab<1024>>("bias");
    r.output("word", argmax<vocab>(linear(x, weight, bias)));
  });
  parameter_block block(1024 * 256);
  testing::fill(block.values(), 1, -0.1, 0.1);
  session s(program, block);
  testing::fill(s.input_elements<float>("x"), 2);
  s.input_elements<std::int32_t>("bias")[777] = 1000;
  s.run();
  CHECK(s.output_elements<std::int32_t>("word")[0] == 777);
}

TEST_CASE("all products are computed where that is not worth it, or not wanted") {
  using small = search<64, 128, true>;
  CHECK(!calls(small::program(false), "argmax of product"));
  using large = search<256, 1024, true>;
  auto const of = [](auto const& f) { return record_now(f); };
  auto const used = of([](inference_recorder& r) {
    r.output("word", argmax<vocab>(large::net.dense(r.input<float, batch<1>, hiddens<256>>("x"))));
  });
  auto const rows = of([](inference_recorder& r) {
    r.freeze_weights();
    r.output("word", argmax<vocab>(large::net.dense(r.input<float, batch<17>, hiddens<256>>("x"))));
  });
  auto const input = of([](inference_recorder& r) {
    r.freeze_weights();
    auto const w = r.input<float, vocab<1024>, from<hiddens<256>>>("w");
    r.output("word", argmax<vocab>(linear(r.input<float, batch<1>, hiddens<256>>("x"), w)));
  });
  auto const changed = of([](inference_recorder& r) {
    r.freeze_weights();
    auto const y = large::net.dense(r.input<float, batch<1>, hiddens<256>>("x"));
    r.output("word", argmax<vocab>(y * -1));
  });
  for (auto const* program : {&used, &rows, &input, &changed}) CHECK(!calls(*program, "argmax of product"));
}
