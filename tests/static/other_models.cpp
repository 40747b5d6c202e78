// SPDX-License-Identifier: BSL-1.0
// Translators of other cells, attentions, decoders and outputs: their logits have the shape that
// model_shapes.cpp asks of the first.
#include <tenon/nn/seq2seq.hpp>

using namespace tenon;

template <class X, class... A>
inline constexpr bool has_shape_of = std::is_same_v<shape_of<X>, shape<A...>>;

extern variable<std::int32_t, shape<batch<4>, steps<7>>> const source;
extern variable<std::int32_t, shape<batch<4>, target_steps<7>>> const target;
extern variable<std::int32_t, shape<batch<4>>> const valid;
using logits = variable<float, shape<target_steps<7>, batch<4>, vocab<10>>>;

constexpr std::size_t gru_parameters(std::size_t in, std::size_t h) {
  return 3 * h * (in + h + 2);
}

template <class Model>
using logits_of =
    decltype(std::declval<Model const&>().template logits<mode::training>(source, valid, target, 0.1));
static_assert(std::is_same_v<logits_of<encoder_decoder<10, 10, 8, 16, 2, lstm_cells>>, logits>);
static_assert(
    std::is_same_v<logits_of<encoder_decoder<10, 10, 8, 16, 2, gru_cells, dot_product_attention>>, logits>);
static_assert(std::is_same_v<logits_of<plain_encoder_decoder<10, 10, 8, 16, 2>>, logits>);
static_assert(std::is_same_v<logits_of<plain_encoder_decoder<10, 10, 8, 16, 2, lstm_cells, false>>, logits>);
static_assert(std::is_same_v<logits_of<luong_encoder_decoder<10, 10, 8, 16, 2, lstm_cells>>, logits>);
static_assert(
    std::is_same_v<
        logits_of<luong_encoder_decoder<10, 10, 8, 16, 2, gru_cells, dot_product_attention, false>>, logits>);
static_assert(
    std::is_same_v<logits_of<translator_of<bidirectional_encoder<10, 8, 16, 2, normalised_lstm_cells>,
                                           luong_decoder<10, 8, 16, 2, normalised_lstm_cells,
                                                         additive_attention, true, projected_tied_output>>>,
                   logits>);
extern rnn_encoder<10, 8, 16, 2, lstm_cells> const an_lstm_encoder;
using of_lstm = decltype(an_lstm_encoder.encode<mode::training>(source, valid, 0.1));
static_assert(has_shape_of<decltype(of_lstm::states[0].output), batch<4>, hiddens<16>>);
static_assert(has_shape_of<decltype(of_lstm::states[0].cell), batch<4>, hiddens<16>>);

// ---- layers in both directions, normalised cells, tied embeddings
extern bidirectional_encoder<10, 8, 16, 2, lstm_cells> const a_bidirectional_encoder;
using both_ways = decltype(a_bidirectional_encoder.encode<mode::training>(source, valid, 0.1));
static_assert(has_shape_of<decltype(both_ways::outputs), steps<7>, batch<4>, hiddens<16>>);
static_assert(has_shape_of<decltype(both_ways::states[0].cell), batch<4>, hiddens<16>>);
static_assert(
    std::is_same_v<logits_of<translator_of<bidirectional_encoder<10, 8, 16, 2>,
                                           attention_decoder<10, 8, 16, 2, gru_cells, additive_attention,
                                                             projected_tied_output>>>,
                   logits>);
// Half of the hiddens each way: the bottom layer's two cells read embeddings, the top layer's both outputs.
static_assert(parameter_count(bidirectional_encoder<10, 8, 16, 2>{}) ==
              10 * 8 + 2 * gru_parameters(8, 8) + 2 * gru_parameters(16, 8));
static_assert(
    parameter_count(attention_decoder<10, 16, 16, 2, gru_cells, dot_product_attention, tied_output>{}) ==
    parameter_count(attention_decoder<10, 16, 16, 2, gru_cells, dot_product_attention>{}) - 10 * 16);
static_assert(parameter_count(layer_norm<gates<3>, hiddens<8>>{}) == 48);
