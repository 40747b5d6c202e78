// SPDX-License-Identifier: BSL-1.0
// What is recorded when a program starts is what the compiler records as a constant, whatever the optimiser makes
// of the functions that do it. With -O2 and a tuning for Zen, by which this test is built, g++ 12 lost the offset of
// a slice of a slice.
#include <doctest/doctest.h>

#include <string_view>
#include <tenon/tenon.hpp>

namespace {
using namespace tenon;

/// How many of the calls and operands of two programs differ.
int differences(auto const& one, auto const& other) {
  if (one.calls.size() != other.calls.size() || one.operands.size() != other.operands.size()) return 1;
  int differ = 0;
  for (std::size_t i = 0; i < one.operands.size(); ++i) {
    auto const &a = one.operands[i], &b = other.operands[i];
    differ += a.where != b.where || a.offset != b.offset;
  }
  for (std::size_t i = 0; i < one.calls.size(); ++i) {
    auto const &a = one.calls[i], &b = other.calls[i];
    differ += a.run != b.run || a.first_operand != b.first_operand || a.chunks != b.chunks ||
              std::string_view(a.name) != b.name;
  }
  return differ;
}

template <class Cells>
struct layers {
  static constexpr auto model = laid_out(recurrent_layers<Cells, embedding<4>, 8, 2>{});
  static constexpr auto forward = [](inference_recorder& r) {
    auto const x = r.input<float, batch<3>, steps<3>, embedding<4>>("x");
    r.output("outputs", model.template run<steps, mode::inference>(x, 0).outputs);
  };
  static constexpr auto learn = [](recorder& r) {
    auto const x = r.input<float, batch<3>, steps<3>, embedding<4>>("x");
    auto const out = model.template run<steps, mode::training>(x, 0.1).outputs;
    minimise(r, keep(mean(out * out)), parameter_count(model), adam{});
  };
};

template <class Model>
struct translators {
  static constexpr auto model = laid_out(Model{});
  static constexpr auto translate = [](inference_recorder& r) {
    auto const source = r.input<std::int32_t, batch<2>, steps<3>>("source");
    auto const valid = r.input<std::int32_t, batch<2>>("valid"),
               first = r.input<std::int32_t, batch<2>>("first");
    auto const used = r.input<std::int32_t>("used"), eos = r.input<std::int32_t>("eos");
    auto const encoded = model.encoder.template encode<mode::inference>(source, valid);
    r.output("greedy", decode_greedily<3>(model.decoder, encoded, valid, first, used, eos).tokens);
    r.output("beams", decode_with_beams<3, 2>(model.decoder, encoded, valid, first, used, eos, 1.0).words);
  };
  static constexpr auto learn = [](recorder& r) {
    auto const source = r.input<std::int32_t, batch<2>, steps<3>>("source");
    auto const valid = r.input<std::int32_t, batch<2>>("valid");
    auto const target = r.input<std::int32_t, batch<2>, target_steps<3>>("target");
    auto const labels = r.input<std::int32_t, batch<2>, target_steps<3>>("labels");
    auto const logits = model.template logits<mode::training>(source, valid, target, 0.1);
    minimise(r, keep(mean(cross_entropy<vocab>(logits, labels))), parameter_count(model), adam{});
  };
};
}  // namespace

TEST_CASE_TEMPLATE("recurrent layers, by the compiler and at start-up", Cells, gru_cells, lstm_cells,
                   normalised_gru_cells, normalised_lstm_cells) {
  using stack = layers<Cells>;
  static constexpr auto forward = record(stack::forward);
  static constexpr auto learn = record(stack::learn);
  CHECK(differences(forward, record_now(stack::forward)) == 0);
  CHECK(differences(learn, record_now(stack::learn)) == 0);
}

TEST_CASE_TEMPLATE(
    "translators, by the compiler and at start-up", Model, encoder_decoder<12, 12, 4, 8, 1>,
    encoder_decoder<12, 12, 4, 8, 1, lstm_cells, dot_product_attention>,
    plain_encoder_decoder<12, 12, 4, 8, 1>, luong_encoder_decoder<12, 12, 4, 8, 1, lstm_cells>,
    translator_of<bidirectional_encoder<12, 4, 8, 1>,
                  attention_decoder<12, 4, 8, 1, gru_cells, additive_attention, projected_tied_output>>) {
  using translator = translators<Model>;
  static constexpr auto translate = record(translator::translate);
  static constexpr auto learn = record(translator::learn);
  CHECK(differences(translate, record_now(translator::translate)) == 0);
  CHECK(differences(learn, record_now(translator::learn)) == 0);
}

TEST_CASE("views of views, by the compiler and at start-up") {
  static constexpr auto record_views = [](recorder& r) {
    auto const x = r.input<float, batch<3>, steps<5>, hiddens<8>>("x");
    r.track(x);
    auto const inner = part<hiddens, 2, 4>(slice<steps>(keep(x * 2), 3));
    auto const outer = slice<hiddens>(part<steps, 1, 3>(x), 5);
    auto const loss = keep(sum(inner * inner) + sum(slice<batch>(outer, 2)));
    r.differentiate(loss);
    r.output("gradient", r.gradient(x));
  };
  static constexpr auto views = record(record_views);
  CHECK(differences(views, record_now(record_views)) == 0);
}
