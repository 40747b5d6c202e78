// SPDX-License-Identifier: BSL-1.0
// The shapes of an encoder and a decoder: (4, 7) words in, states (4, 16), outputs (4, 7, 16), logits
// (4, 7, 10).
#include <tenon/nn/seq2seq.hpp>

using namespace tenon;

template <class X, class... A>
inline constexpr bool has_shape_of = std::is_same_v<shape_of<X>, shape<A...>>;

using encoder = gru_encoder<10, 8, 16, 2>;
using decoder = attention_decoder<10, 8, 16, 2>;
extern encoder const an_encoder;
extern decoder const a_decoder;
extern variable<std::int32_t, shape<batch<4>, steps<7>>> const source;
extern variable<std::int32_t, shape<batch<4>, target_steps<7>>> const target;
extern variable<std::int32_t, shape<batch<4>>> const valid;

using encoded = decltype(an_encoder.encode<mode::training>(source, valid, 0.1));
static_assert(has_shape_of<decltype(encoded::outputs), steps<7>, batch<4>, hiddens<16>>);
static_assert(std::tuple_size_v<decltype(encoded::states)> == 2);
static_assert(has_shape_of<decltype(encoded::states)::value_type, batch<4>, hiddens<16>>);
extern encoded const an_encoding;
using logits = decltype(a_decoder.decode<mode::training>(an_encoding, valid, target, 0.1));
static_assert(has_shape_of<logits, target_steps<7>, batch<4>, vocab<10>>);
static_assert(
    std::is_same_v<logits, decltype(a_decoder.decode<mode::inference>(an_encoding, valid, target, 0))>,
    "dropout changes no shape");
using seen = decltype(a_decoder.attention.attend<mode::inference>(
    an_encoding.states[1], a_decoder.attention.keys(an_encoding.outputs), an_encoding.outputs, valid, 0));
static_assert(has_shape_of<decltype(seen::context), batch<4>, hiddens<16>>);
static_assert(
    has_shape_of<decltype(a_decoder.attention.keys(an_encoding.outputs)), steps<7>, batch<4>, hiddens<16>>);
