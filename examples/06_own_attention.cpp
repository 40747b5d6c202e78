// SPDX-License-Identifier: BSL-1.0
// 6. An attention of one's own: scaled dot products of projections (Vaswani et al., NeurIPS 2017), written
// with what the library's own layers are written with, and differentiated without a line about derivatives.
#include <cmath>
#include <concepts>
#include <cstdio>
#include <tenon/tenon.hpp>

using namespace tenon;

template <std::size_t H>
struct projected_attention {
  linear_map<hiddens<H>, hiddens<H>> to_query, to_key;
  TENON_MEMBERS(projected_attention, to_query, to_key)

  /// query (batch, hiddens), memory (steps, batch, hiddens), valid (batch) → context (batch, hiddens) and
  /// weights (steps, batch)
  constexpr auto operator()(auto const& query, auto const& memory, auto const& valid) const {
    auto const scores = sum<hiddens>(to_key(memory) * to_query(query) * (1 / square_root(H)));
    return attend<steps>(scores, valid, memory);
  }
};
constexpr auto attention = laid_out(projected_attention<16>{});
static_assert(parameter_count(attention) == 2 * 16 * 16);

// How much each word of a memory matters: the gradient of a number made from the context.
constexpr auto look_and_trace = record([](recorder& r) {
  auto const query = r.input<float, batch<2>, hiddens<16>>("query");
  auto const memory = r.input<float, steps<5>, batch<2>, hiddens<16>>("memory");
  auto const valid = r.input<std::int32_t, batch<2>>("valid");
  r.track(memory);
  auto const seen = attention(query, memory, valid);
  static_assert(std::same_as<shape_of<decltype(seen.context)>, shape<batch<2>, hiddens<16>>>);
  static_assert(std::same_as<shape_of<decltype(seen.weights)>, shape<steps<5>, batch<2>>>);
  auto const loss = keep(sum(seen.context * seen.context));
  r.output("weights", seen.weights);
  r.differentiate(loss);
  r.output("gradient", r.gradient(memory));
});
static_assert(look_and_trace.arena_bytes() <= 5_KiB);

int main() {
  parameter_block parameters(parameter_count(attention));
  initialise(attention, parameters.values(), 1);
  session s(look_and_trace, parameters);
  float next = 0;
  for (float& v : s.input_elements<float>("query")) v = std::sin(next += 1);
  for (float& v : s.input_elements<float>("memory")) v = std::sin(next += 1);
  auto const valid = s.input<std::int32_t, batch<2>>("valid");
  valid(0) = 5;
  valid(1) = 3;  // the second text has three words, the rest is padding
  s.run();

  auto const weights = s.output<float, steps<5>, batch<2>>("weights");
  auto const gradient = s.output<float, steps<5>, batch<2>, hiddens<16>>("gradient");
  tensor<float, steps<5>, batch<2>> const matters = max<hiddens>(abs(gradient));
  bool good = true;
  for (std::size_t b = 0; b < 2; ++b)
    for (std::size_t t = 0; t < 5; ++t) {
      std::printf("text %zu word %zu: weight %.3f, largest gradient %.3f\n", b, t, double{weights(t, b)},
                  double{matters(t, b)});
      bool const is_word = static_cast<int>(t) < valid(b);
      good = good && is_word == (weights(t, b) > 0) && is_word == (matters(t, b) > 0);
    }
  return good ? 0 : 1;
}
