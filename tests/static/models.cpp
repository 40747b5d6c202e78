// SPDX-License-Identifier: BSL-1.0
// Layers and the encoder-decoder: their shapes and numbers of parameters.
#include <tenon/nn/seq2seq.hpp>

using namespace tenon;

template <class X, class... A>
inline constexpr bool has_shape_of = std::is_same_v<shape_of<X>, shape<A...>>;

// ---- numbers of parameters
// -----------------------------------------------------------------------------------------
constexpr std::size_t gru_parameters(std::size_t in, std::size_t h) {
  return 3 * h * (in + h + 2);
}
static_assert(parameter_count(linear_layer<hiddens<8>, vocab<20>>{}) == 8 * 20 + 20);
static_assert(parameter_count(linear_map<hiddens<8>, vocab<20>>{}) == 8 * 20);
static_assert(parameter_count(embedding_table<20, 6>{}) == 20 * 6);
static_assert(parameter_count(gru_cell<embedding<6>, 8>{}) == gru_parameters(6, 8));
static_assert(parameter_count(gru<embedding<6>, 8, 1>{}) == gru_parameters(6, 8));
static_assert(parameter_count(gru<embedding<6>, 8, 2>{}) == gru_parameters(6, 8) + gru_parameters(8, 8));
static_assert(parameter_count(gru<embedding<6>, 8, 3>{}) == gru_parameters(6, 8) + 2 * gru_parameters(8, 8));
static_assert(parameter_count(lstm<embedding<6>, 8, 2>{}) == 4 * 8 * (6 + 8 + 2) + 4 * 8 * (8 + 8 + 2));
static_assert(parameter_count(additive_attention<8>{}) == 2 * 64 + 8);
static_assert(parameter_count(dot_product_attention<8>{}) == 0);
static_assert(parameter_count(gru_encoder<20, 6, 8, 2>{}) ==
              120 + gru_parameters(6, 8) + gru_parameters(8, 8));
static_assert(parameter_count(encoder_decoder<194, 214, 256, 256, 2>{}) == 2'066'390, "the 1.0 recipe");
static_assert(parameter_count(plain_encoder_decoder<194, 214, 256, 256, 2>{}) == 1'935'062,
              "the 1.0 recipe without attention");
static_assert(
    parameter_count(luong_encoder_decoder<194, 214, 256, 256, 2, gru_cells, dot_product_attention>{}) ==
        2'066'134,
    "the 1.0 recipe with input feeding");
static_assert(parameter_count(luong_decoder<10, 8, 16, 2>{}) ==
                  parameter_count(attention_decoder<10, 8, 16, 2>{}) + 2 * 16 * 16,
              "W_c");
static_assert(parameter_count(luong_decoder<10, 8, 16, 2>{}) -
                      parameter_count(luong_decoder<10, 8, 16, 2, gru_cells, additive_attention, false>{}) ==
                  3 * 16 * 16,
              "what is fed back has weights");
// Half of the hiddens each way: the bottom layer's two cells read embeddings, the top layer's both outputs.
static_assert(parameter_count(bidirectional_encoder<10, 8, 16, 2>{}) ==
              10 * 8 + 2 * gru_parameters(8, 8) + 2 * gru_parameters(16, 8));
static_assert(
    parameter_count(attention_decoder<10, 16, 16, 2, gru_cells, dot_product_attention, tied_output>{}) ==
    parameter_count(attention_decoder<10, 16, 16, 2, gru_cells, dot_product_attention>{}) - 10 * 16);
static_assert(parameter_count(layer_norm<gates<3>, hiddens<8>>{}) == 48);

// ---- a parameter block
// ---------------------------------------------------------------------------------------------
constexpr auto dense = laid_out(linear_layer<hiddens<8>, vocab<20>>{});
static_assert(dense.weight.offset == 0);
static_assert(dense.bias.offset == 8 * 20 * sizeof(float));
static_assert(dense.bias.init.kind == initialiser::kind_t::uniform);

// ---- the shapes of an encoder and a decoder: (4, 7) words in, states (4, 16), outputs (4, 7, 16), logits
// (4, 7, 10) ------------
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

template <class Model>
using logits_of =
    decltype(std::declval<Model const&>().template logits<mode::training>(source, valid, target, 0.1));
static_assert(
    std::is_same_v<logits_of<encoder_decoder<10, 10, 8, 16, 2, gru_cells, dot_product_attention>>, logits>);
