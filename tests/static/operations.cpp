// SPDX-License-Identifier: BSL-1.0
// The shapes and element types that operations give, on values of a recording and on tensors.
#include <tenon/ops/argmax/argmax.hpp>
#include <tenon/ops/cross_entropy/cross_entropy.hpp>
#include <tenon/ops/dropout/dropout.hpp>
#include <tenon/ops/gather/gather.hpp>
#include <tenon/ops/softmax/softmax.hpp>
#include <tenon/ops/stack/stack.hpp>
#include <type_traits>

using namespace tenon;

template <class... A>
using f32 = variable<float, shape<A...>>;
template <class... A>
using f64 = variable<double, shape<A...>>;
template <class... A>
using i32 = variable<std::int32_t, shape<A...>>;

template <class X, class... A>
inline constexpr bool has_shape_of = std::is_same_v<shape_of<X>, shape<A...>>;
template <class X, class T>
inline constexpr bool holds = std::is_same_v<element_of<X>, T>;

// The operands of this page; only their types are looked at.
extern f32<batch<4>, hiddens<8>> x;
extern f32<hiddens<8>> b;
extern f32<batch<4>, steps<9>, hiddens<8>> memory;
extern f32<batch<4>, steps<9>> scores;
extern f64<batch<4>, hiddens<8>> x64;
extern i32<batch<4>> ids, counts;
extern i32<batch<4>, steps<9>> words;
extern variable<bf16, shape<batch<4>, hiddens<8>>> x16;
extern f32<batch<4>, steps<9>, vocab<20>> logits;
extern parameter<from<hiddens<8>>, hiddens<8>> w;
extern parameter<gates<3>, embedding<5>, from<hiddens<8>>> w_gates;
extern parameter<gates<3>, embedding<5>> b_gates;
extern parameter<vocab<20>, embedding<6>> table;
extern tensor<float, batch<4>, hiddens<8>> tx;
extern tensor<float, hiddens<8>> tb;

#define SHAPE_IS(EXPRESSION, ...) static_assert(has_shape_of<decltype(EXPRESSION), __VA_ARGS__>)
#define IS_SCALAR(EXPRESSION) static_assert(std::is_same_v<shape_of<decltype(EXPRESSION)>, shape<>>)
#define HOLDS(EXPRESSION, ...) static_assert(holds<decltype(EXPRESSION), __VA_ARGS__>)

// ---- element-wise: the union of the axes in order of first appearance
SHAPE_IS(x + b, batch<4>, hiddens<8>);
SHAPE_IS(b + x, hiddens<8>, batch<4>);
SHAPE_IS(x - memory, batch<4>, hiddens<8>, steps<9>);
SHAPE_IS(memory* scores, batch<4>, steps<9>, hiddens<8>);
SHAPE_IS(scores / x, batch<4>, steps<9>, hiddens<8>);
SHAPE_IS(x + 1, batch<4>, hiddens<8>);
SHAPE_IS(2.0 * x, batch<4>, hiddens<8>);
SHAPE_IS(tanh(x + b) * scores, batch<4>, hiddens<8>, steps<9>);
SHAPE_IS(x < b, batch<4>, hiddens<8>);
SHAPE_IS(b > x, hiddens<8>, batch<4>);
SHAPE_IS(b >= x, hiddens<8>, batch<4>);
SHAPE_IS(b <= x, hiddens<8>, batch<4>);
SHAPE_IS(x == b, batch<4>, hiddens<8>);
SHAPE_IS(min(b, x), hiddens<8>, batch<4>);
SHAPE_IS(max(x, b), batch<4>, hiddens<8>);
SHAPE_IS(pow(x, 2), batch<4>, hiddens<8>);
SHAPE_IS(clamp(x, 0, 1), batch<4>, hiddens<8>);
SHAPE_IS(select(scores > 0, x, b), batch<4>, steps<9>, hiddens<8>);
SHAPE_IS(select(b > 0, x, 0.0F), hiddens<8>, batch<4>);
SHAPE_IS(-x, batch<4>, hiddens<8>);
SHAPE_IS(exp(x), batch<4>, hiddens<8>);
SHAPE_IS(log(x), batch<4>, hiddens<8>);
SHAPE_IS(sqrt(x), batch<4>, hiddens<8>);
SHAPE_IS(sigmoid(x), batch<4>, hiddens<8>);
SHAPE_IS(relu(x), batch<4>, hiddens<8>);
SHAPE_IS(abs(x), batch<4>, hiddens<8>);
SHAPE_IS(dropout(x, 0.1), batch<4>, hiddens<8>);
SHAPE_IS(x + w, batch<4>, hiddens<8>, from<hiddens<8>>);

HOLDS(x + b, float);
HOLDS(x + 1, float);
HOLDS(x + 1.5, float);
HOLDS(x64 + 1.5F, double);
HOLDS(x + x64, double);
HOLDS(words + 1, std::int32_t);
HOLDS(scores* words, float);
HOLDS(x16 + 1, float);
HOLDS(tanh(x16), float);
HOLDS(tanh(x64), double);
HOLDS(cast<double>(x), double);
HOLDS(cast<float>(words), float);
HOLDS(cast<std::int32_t>(x), std::int32_t);
HOLDS(select(words > 0, x64, 0), double);

// ---- reductions
SHAPE_IS(sum<steps>(memory), batch<4>, hiddens<8>);
SHAPE_IS((sum<hiddens, batch>(memory)), steps<9>);
IS_SCALAR(sum(memory));
IS_SCALAR((mean<batch, hiddens>(x)));
SHAPE_IS(max<hiddens>(memory), batch<4>, steps<9>);
SHAPE_IS(sum<hiddens>(b* tanh(x + memory)), batch<4>, steps<9>);
HOLDS(sum(x), float);
HOLDS(mean(x64), double);
HOLDS(max<batch>(ids), std::int32_t);
HOLDS(min<batch>(ids), std::int32_t);
SHAPE_IS((min<hiddens, batch>(memory)), steps<9>);
IS_SCALAR(min(memory));
SHAPE_IS(argmin<vocab>(logits), batch<4>, steps<9>);
SHAPE_IS(argmax<vocab>(logits), batch<4>, steps<9>);
HOLDS(argmax<vocab>(logits), std::int32_t);

// ---- storing
static_assert(std::is_same_v<decltype(keep(x + b)), f32<batch<4>, hiddens<8>>>);
static_assert(std::is_same_v<decltype(keep(x)), f32<batch<4>, hiddens<8>>>);
static_assert(std::is_same_v<decltype(keep(tx + tb)), tensor<float, batch<4>, hiddens<8>>>);
static_assert(std::is_same_v<decltype(keep(sum<batch>(tx))), tensor<float, hiddens<8>>>);
static_assert(is_recorded<decltype(x + b)> && !is_recorded<decltype(tx + tb)>);
static_assert(stored<f32<batch<4>>> && stored<parameter<batch<4>>> && stored<tensor<float, batch<4>>>);
static_assert(!stored<decltype(x + b)> && operand<decltype(x + b)>);
static_assert(!operand<int> && number<int> && number<float> && !number<tensor<float>>);

// ---- assignment
static_assert(std::is_constructible_v<tensor<float, batch<4>, hiddens<8>>, decltype(tx + tb)>);
static_assert(std::is_constructible_v<tensor<float, hiddens<8>, batch<4>>, decltype(tx + tb)>,
              "in another order");
static_assert(std::is_constructible_v<tensor<float, batch<4>, steps<9>, hiddens<8>>, decltype(tx + tb)>,
              "broadcast");
static_assert(assignable<shape<batch<4>, steps<9>>, shape<steps<9>>>);
static_assert(assignable<shape<batch<4>>, shape<>>);
static_assert(!assignable<shape<batch<4>>, shape<batch<5>>>);
static_assert(!assignable<shape<batch<4>>, shape<steps<4>>>);

// ---- contractions: x's axes and then y's, without the summed ones
SHAPE_IS(dot<hiddens>(x, b), batch<4>);
SHAPE_IS(dot<steps>(scores, memory), batch<4>, hiddens<8>);
SHAPE_IS(dot<hiddens>(x, memory), batch<4>, steps<9>);
SHAPE_IS(dot<batch>(x, scores), hiddens<8>, steps<9>);
SHAPE_IS((dot<batch, steps>(scores, memory)), hiddens<8>);
IS_SCALAR((dot<batch, hiddens>(x, x)));
SHAPE_IS(dot<hiddens>(tanh(x), exp(b)), batch<4>);
SHAPE_IS(linear(x, w), batch<4>, hiddens<8>);
SHAPE_IS(linear(memory, w), batch<4>, steps<9>, hiddens<8>);
SHAPE_IS(linear(b, w), hiddens<8>);
SHAPE_IS(linear(x, w_gates), batch<4>, gates<3>, embedding<5>);
SHAPE_IS(linear(memory, w_gates, b_gates), batch<4>, steps<9>, gates<3>, embedding<5>);
SHAPE_IS(outer(ids, b * 1), batch<4>, hiddens<8>);
SHAPE_IS(outer(scores, b), batch<4>, steps<9>, hiddens<8>);
HOLDS(dot<hiddens>(x64, x64), double);
static_assert(std::is_same_v<decltype(dot<hiddens>(tx, tb)), tensor<float, batch<4>>>);
static_assert(std::is_same_v<decltype(linear(x, w)), f32<batch<4>, hiddens<8>>>, "products are stored");

// ---- softmax, cross entropy
SHAPE_IS(softmax<steps>(scores), batch<4>, steps<9>);
SHAPE_IS(softmax<steps>(scores, counts), batch<4>, steps<9>);
SHAPE_IS(softmax<steps>(sum<hiddens>(memory), counts), batch<4>, steps<9>);
SHAPE_IS(log_softmax<vocab>(logits), batch<4>, steps<9>, vocab<20>);
SHAPE_IS(cross_entropy<vocab>(logits, words), batch<4>, steps<9>);
IS_SCALAR(mean_cross_entropy<vocab>(logits, words, scores));
HOLDS(cross_entropy<vocab>(logits, words), float);
HOLDS(softmax<hiddens>(x64), double);

// ---- lookups
SHAPE_IS(gather<vocab>(table, ids), batch<4>, embedding<6>);
SHAPE_IS(gather<vocab>(table, words), batch<4>, steps<9>, embedding<6>);
SHAPE_IS(keep(gather<vocab>(table, words)), batch<4>, steps<9>, embedding<6>);
static_assert(postponed<decltype(gather<vocab>(table, words))>);
static_assert(!postponed<decltype(keep(gather<vocab>(table, words)))>);
SHAPE_IS(scatter_add<vocab<20>>(memory, words), vocab<20>, hiddens<8>);
SHAPE_IS(scatter_add<vocab<20>>(scores, ids), vocab<20>, steps<9>);

// ---- slices and their inverses
SHAPE_IS(slice<steps>(memory, 0), batch<4>, hiddens<8>);
SHAPE_IS((part<steps, 2, 3>(memory)), batch<4>, steps<3>, hiddens<8>);
SHAPE_IS((concat<steps>(part<steps, 0, 2>(memory), part<steps, 2, 7>(memory))), batch<4>, steps<9>,
         hiddens<8>);
SHAPE_IS(concat<hiddens>(x, x), batch<4>, hiddens<16>);
SHAPE_IS((concat<hiddens>(x, arrange<hiddens, batch>(x))), batch<4>, hiddens<16>);
SHAPE_IS((concat<hiddens>(concat<hiddens>(x, x), x)), batch<4>, hiddens<24>);
SHAPE_IS((stack<steps>(std::array{x, x, x})), steps<3>, batch<4>, hiddens<8>);
SHAPE_IS((slice<steps>(stack<steps>(std::array{x, x, x}), 1)), batch<4>, hiddens<8>);
SHAPE_IS((rename<hiddens, embedding>(x)), batch<4>, embedding<8>);
SHAPE_IS((merge<batch, steps, vocab>(memory)), vocab<36>, hiddens<8>);
SHAPE_IS((split<hiddens, gates<2>, embedding<4>>(x)), batch<4>, gates<2>, embedding<4>);
SHAPE_IS((arrange<hiddens, batch>(x)), hiddens<8>, batch<4>);

// ---- the laws that shapes and operations share
template <class X, class Y>
inline constexpr bool same_axes =
    shape_of<X>::rank ==
    shape_of<Y>::rank&& assignable<shape_of<X>, shape_of<Y>>&& assignable<shape_of<Y>, shape_of<X>>;
static_assert(same_axes<decltype(x + memory), decltype(memory + x)>);
static_assert(same_axes<decltype(dot<hiddens>(x, memory)), decltype(dot<hiddens>(memory, x))>,
              "a contraction commutes but for the order");
static_assert(same_axes<decltype(dot<hiddens>(x, memory)), decltype(sum<hiddens>(x * memory))>,
              "it is a product and a sum");
static_assert(same_axes<decltype(outer(scores, b)), decltype(scores * b)>);
static_assert(same_axes<decltype(slice<steps>(memory, 0)), decltype(sum<steps>(memory))>);
