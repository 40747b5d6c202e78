// SPDX-License-Identifier: BSL-1.0
// Programs recorded in constant expressions: what they do and cost is known to the compiler.
#include <tenon/ops/contract/contract.hpp>
#include <tenon/ops/softmax/softmax.hpp>
#include <tenon/ops/stack/stack.hpp>
#include <tenon/optim/minimise.hpp>
#include <tenon/program/program.hpp>

using namespace tenon;

constexpr bool tight(auto const& program) {
  auto const arena = program.arena_bytes(), live = program.live_bytes();
  return live <= arena && 100 * arena <= 115 * live;
}
constexpr std::size_t calls_named(auto const& program, std::string_view name) {
  std::size_t count = 0;
  for (auto const& c : program.calls) count += c.name == name ? 1 : 0;
  return count;
}
constexpr bool blocks_lie_in_arena(auto const& program) {
  for (auto const& b : program.blocks)
    if (b.offset % 64 != 0 || b.offset + b.bytes > program.arena_bytes()) return false;
  return true;
}
/// Do no two blocks that are in use at the same time overlap?
constexpr bool blocks_are_apart(auto const& program) {
  auto const& blocks = program.blocks;
  for (std::size_t i = 0; i < blocks.size(); ++i)
    for (std::size_t j = 0; j < i; ++j) {
      bool const at_once = blocks[i].first <= blocks[j].last && blocks[j].first <= blocks[i].last;
      bool const overlap = blocks[i].offset < blocks[j].offset + blocks[j].bytes &&
                           blocks[j].offset < blocks[i].offset + blocks[i].bytes;
      if (at_once && overlap) return false;
    }
  return true;
}

// ---- a linear layer
constexpr std::size_t B = 64, I = 512, O = 256;
constexpr parameter<vocab<O>, from<hiddens<I>>> w{.offset = 0};
constexpr parameter<vocab<O>> bias{{}, I* O * sizeof(float)};

constexpr auto linear_map_program = record([](recorder& r) {
  auto const x = r.input<float, batch<B>, hiddens<I>>("x");
  r.output("y", linear(x, w));
});
static_assert(linear_map_program.flops() == 2 * B * I * O);
static_assert(linear_map_program.call_count() == 1);
static_assert(linear_map_program.calls[0].name == std::string_view{"linear"});
static_assert(linear_map_program.parameter_count() == I * O);
static_assert(linear_map_program.parameter_bytes() == 4 * I * O);
static_assert(linear_map_program.bytes_moved() == 4 * (B * I + I * O + B * O));
static_assert(linear_map_program.arena_bytes() == 4 * (B * I + B * O));
static_assert(linear_map_program.live_bytes() == linear_map_program.arena_bytes());
static_assert(linear_map_program.inputs.size() == 1 && linear_map_program.inputs[0].name == "x");
static_assert(linear_map_program.inputs[0].elements == B * I &&
              linear_map_program.inputs[0].type == element_type::float32);
static_assert(linear_map_program.outputs.size() == 1 && linear_map_program.outputs[0].name == "y");
static_assert(linear_map_program.outputs[0].elements == B * O);
static_assert(!linear_map_program.totals.updates_parameters && linear_map_program.totals.state_bytes == 0);
static_assert(linear_map_program.arena_bytes() < 1_MiB && 1_MiB == 1024_KiB);

constexpr auto linear_layer_program = record([](recorder& r) {
  auto const x = r.input<float, batch<B>, hiddens<I>>("x");
  r.output("y", linear(x, w, bias));
});
static_assert(linear_layer_program.parameter_count() == I * O + O);
static_assert(calls_named(linear_layer_program, "linear") == 1);
static_assert(linear_layer_program.flops() >= 2 * B * I * O &&
              linear_layer_program.flops() <= 2 * B * I * O + B * O);
static_assert(linear_layer_program.arena_bytes() == linear_map_program.arena_bytes(),
              "the bias goes where the result will be");

// The same program for another batch: other costs, the same parameters.
constexpr auto one_row_program = record([](recorder& r) {
  auto const x = r.input<float, batch<1>, hiddens<I>>("x");
  r.output("y", linear(x, w));
});
static_assert(one_row_program.flops() * B == linear_map_program.flops());
static_assert(one_row_program.parameter_bytes() == linear_map_program.parameter_bytes());

// ---- expressions
constexpr auto expression_program = record([](recorder& r) {
  auto const x = r.input<float, batch<4>, hiddens<8>>("x");
  auto const y = r.input<float, hiddens<8>>("y");
  r.output("z", tanh(x * y + 1) * x);
});
static_assert(expression_program.call_count() == 1, "an expression is one call, whatever it holds");
static_assert(expression_program.calls[0].name == std::string_view{"map"});
static_assert(expression_program.bytes_moved() == 4 * (32 + 32 + 8 + 32),
              "x twice: it is read at both places");
static_assert(expression_program.parameter_count() == 0);
static_assert(expression_program.flops() % 32 == 0 && expression_program.flops() >= 4 * 32);

constexpr auto fused_sum_program = record([](recorder& r) {
  auto const q = r.input<float, batch<4>, hiddens<8>>("q");
  auto const k = r.input<float, batch<4>, steps<1000>, hiddens<8>>("k");
  auto const v = r.input<float, hiddens<8>>("v");
  r.output("scores", sum<hiddens>(v * tanh(q + k)));
});
static_assert(fused_sum_program.call_count() == 1 &&
              fused_sum_program.calls[0].name == std::string_view{"reduce"});
static_assert(fused_sum_program.outputs[0].elements == 4000);
static_assert(fused_sum_program.arena_bytes() < 4 * (32 + 32000 + 8 + 4000) + 4 * 64,
              "features are stored nowhere");

constexpr auto kept_program = record([](recorder& r) {
  auto const x = r.input<float, hiddens<64>>("x");
  auto const y = keep(exp(x));
  r.output("z", y * y);
});
static_assert(kept_program.call_count() == 2);
static_assert(kept_program.arena_bytes() == 2 * 256,
              "the result takes the place of what it was computed from");

constexpr auto views_program = record([](recorder& r) {
  auto const x = r.input<float, steps<3>, hiddens<64>>("x");
  std::array<variable<float, shape<hiddens<64>>>, 3> y{};
  for (std::size_t t = 0; t < 3; ++t) y[t] = keep(tanh(slice<steps>(x, t)));
  r.output("y", stack<steps>(y));
});
static_assert(views_program.call_count() == 3, "slices and stacks are no calls");
static_assert(views_program.arena_bytes() == 2 * 3 * 256, "what is stacked is computed in place");
static_assert(views_program.outputs[0].elements == 192);

constexpr auto softmax_program = record([](recorder& r) {
  auto const x = r.input<float, batch<16>, steps<16>>("x");
  auto const valid = r.input<std::int32_t, batch<16>>("valid");
  r.output("p", softmax<steps>(x * 2, valid));
});
static_assert(softmax_program.call_count() == 2 &&
              softmax_program.calls[1].name == std::string_view{"softmax"});
static_assert(softmax_program.inputs[1].type == element_type::int32);
static_assert(softmax_program.arena_bytes() == 2 * 1024 + 64, "softmax overwrites its scores");

// ---- memory over time
template <int Steps>
constexpr auto chain = record([](recorder& r) {
  auto const x = r.input<float, batch<16>, hiddens<16>>("x");
  auto h = keep(x * 1);
  for (int t = 0; t < Steps; ++t)
    h = keep(sigmoid(linear(h, parameter<hiddens<16>, from<hiddens<16>>>{.offset = 0}) + x));
  r.output("h", h);
});
static_assert(chain<2>.arena_bytes() == chain<20>.arena_bytes(), "a longer recurrence needs no more memory");
static_assert(chain<20>.call_count() == 1 + 2 * 20 + 1, "two calls a step, and one packs the weight for all");
static_assert(chain<20>.flops() - chain<19>.flops() == chain<2>.flops() - chain<1>.flops());
static_assert(chain<20>.parameter_count() == 256, "each step reads the same weight");
static_assert(tight(chain<20>) && blocks_lie_in_arena(chain<20>) && blocks_are_apart(chain<20>));

// ---- derivatives and training
constexpr auto gradient_program = record([](recorder& r) {
  auto const x = r.input<float, hiddens<64>>("x");
  r.track(x);
  auto const loss = keep(sum(x * x));
  r.differentiate(loss.at);
  r.output("loss", loss);
  r.output("gradient", r.gradient(x));
});
static_assert(gradient_program.outputs.size() == 2 && gradient_program.outputs[1].elements == 64);
static_assert(calls_named(gradient_program, "reduce") == 1 &&
              calls_named(gradient_program, "map gradient") == 1);

template <std::size_t Batch>
constexpr auto training = record([](recorder& r) {
  auto const x = r.input<float, batch<Batch>, hiddens<I>>("x");
  auto const wanted = r.input<float, batch<Batch>, vocab<O>>("wanted");
  auto const error = keep(linear(x, w, bias) - wanted);
  auto const loss = keep(mean(error * error));
  r.output("loss", loss);
  minimise(r, loss, I * O + O, adam{}, clip_by_global_norm{1.0F});
});
constexpr auto& step = training<B>;
static_assert(step.totals.updates_parameters);
static_assert(step.totals.state_bytes == 2 * step.parameter_bytes(), "Adam: two moments a parameter");
static_assert(step.parameter_count() == I * O + O);
static_assert(calls_named(step, "linear") == 1 && calls_named(step, "weight gradient") == 1 &&
              calls_named(step, "adam") == 1);
static_assert(step.flops() > 2 * 2 * B * I * O && step.flops() < 5 * B * I * O,
              "forwards, and the weight's gradient");
static_assert(tight(step) && blocks_lie_in_arena(step) && blocks_are_apart(step));
static_assert(training<2 * B>.parameter_bytes() == step.parameter_bytes());
static_assert(training<2 * B>.flops() > step.flops() && training<2 * B>.flops() < 2 * step.flops(),
              "Adam costs the same");

// A program is a literal that fits anywhere a constant does.
static_assert(step.view().calls.size() == step.call_count());
static_assert(step.view().totals.flops == step.flops());
template <std::size_t Bytes>
struct static_arena {
  unsigned char bytes[Bytes];
};
static_assert(sizeof(static_arena<linear_map_program.arena_bytes()>) == linear_map_program.arena_bytes());
