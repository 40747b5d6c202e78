// SPDX-License-Identifier: BSL-1.0
// Layers and the encoder-decoder: their numbers of parameters.
#include <tenon/nn/seq2seq.hpp>

using namespace tenon;

// ---- numbers of parameters
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

// ---- a parameter block
constexpr auto dense = laid_out(linear_layer<hiddens<8>, vocab<20>>{});
static_assert(dense.weight.offset == 0);
static_assert(dense.bias.offset == 8 * 20 * sizeof(float));
static_assert(dense.bias.init.kind == initialiser::kind_t::uniform);
