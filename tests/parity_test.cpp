// SPDX-License-Identifier: BSL-1.0
// The whole model against PyTorch: tests/reference says how the files were made.
#include "parity.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace {

using namespace parity;

constexpr std::size_t E = 12, H = 16, L = 2;
constexpr auto net = laid_out(encoder_decoder<source_words, target_words, E, H, L>{});
// The same model with room for more words than the vocabularies have, as translators are compiled.
constexpr auto roomy = laid_out(encoder_decoder<24, 32, E, H, L>{});

template <class Model>
void load(Model const& model, parameter_block& block, std::string_view file, std::string const& prefix = "") {
  auto const data = read(file);
  for (auto const& w : weights_of(model, block.values(), prefix))
    data.copy_to(data.at(w.name, w.shape), w.values);
}

constexpr auto record_loss(recorder& r, auto const& model) {
  auto const logits = record_logits(r, model);
  auto const labels = r.input<std::int32_t, batch<B>, target_steps<S>>("labels");
  auto const weight = r.input<float, batch<B>, target_steps<S>>("weight");
  auto const used = r.input<std::int32_t>("used");
  auto const loss = mean_cross_entropy<vocab>(logits, labels, weight, used);
  r.output("loss", loss);
  return loss;
}

void put_batch(session<cpu_device>& s, bool with_labels = true) {
  auto const file = read("batch");
  put(s, "source", integers(file, "source"));
  put(s, "source_valid", integers(file, "source_valid"));
  put(s, "target_input", integers(file, "target_input"));
  if (!with_labels) return;
  auto const labels = integers(file, "labels");
  put(s, "labels", labels);
  int const pad = std::stoi(file.metadata().at("pad"));
  std::ranges::transform(labels, s.input_elements<float>("weight").begin(),
                         [pad](int id) { return id == pad ? 0.0F : 1.0F; });
  s.input_elements<std::int32_t>("used")[0] = target_words;
}

/// Gradients are read off a step of plain descent from the weights; elements that are small beside the
/// largest are compared with a floor, because float32 rounds what they are sums of.
template <class Model>
void check_gradients(Model const& model, std::size_t threads) {
  constexpr float rate = 4096;  // far: what is lost of the weight that it moves is nothing beside the way
  auto const program = record_now([&](recorder& r) {
    auto const loss = record_loss(r, model);
    minimise(r, loss, parameter_count(model), sgd{.learning_rate = rate});
  });
  parameter_block block(parameter_count(model));
  load(model, block, "weights");
  std::vector<float> const before(block.values().begin(), block.values().end());
  session<cpu_device> s(program, block, threads);
  put_batch(s);
  s.run();
  CHECK(s.output<float>("loss")() ==
        doctest::Approx(read("forward").floats(read("forward").at("loss"))[0]).epsilon(1e-5));
  std::vector<float> moved(before.size());
  for (std::size_t i = 0; i < moved.size(); ++i) moved[i] = (before[i] - block.values()[i]) / rate;
  auto const file = read("gradients");
  for (auto const& g : weights_of(model, moved, "grad.")) {
    CAPTURE(g.name);
    auto const want = file.floats(file.at(g.name, g.shape));
    double largest = 0;
    for (float const x : want) largest = std::max(largest, std::abs(static_cast<double>(x)));
    std::vector<float> difference(want.size());
    double worst = 0;
    for (std::size_t i = 0; i < want.size(); ++i) {
      difference[i] = g.values[i] - want[i];
      auto const floor = std::max(std::abs(static_cast<double>(want[i])), 0.02 * largest);
      worst = std::max(worst, std::abs(static_cast<double>(difference[i])) / floor);
    }
    CHECK(norm(difference) <= 1e-4 * norm(want));
    CHECK(worst <= 1e-4);
    for (float const x : g.reserve) REQUIRE(x == 0);  // words beyond the vocabulary learn nothing
  }
}

}  // namespace

TEST_CASE("a weight without axes is stored as a number") {
  struct line_type {
    parameter<hiddens<3>> slope{};
    parameter<> intercept{};
    TENON_MEMBERS(line_type, slope, intercept)
  };
  std::vector<float> block{1, 2, 3, 4};
  auto const stored =
      train::stored_weights(laid_out(line_type{}), block, [](std::string_view) { return std::size_t{0}; });
  CHECK(stored.at(1).name == "intercept");
  CHECK(stored.at(1).shape.empty());
  CHECK(stored.at(1).values[0] == 4);
}

TEST_CASE("weights of one axis have the shape that PyTorch gives them") {
  struct vectors_type {
    layer_norm<hiddens<6>> norm;
    parameter<gates<3>> scale;
    additive_attention<6>::score_vector w_v;
    struct words_type {
      parameter<vocab<10>> weight{normal(1)};
      TENON_MEMBERS(words_type, weight)
    } words;
    TENON_MEMBERS(vectors_type, norm, scale, w_v, words)
  };
  static constexpr auto model = laid_out(vectors_type{});
  std::vector<float> block(parameter_count(model));
  using extents = std::vector<std::size_t>;
  std::vector<extents> shapes;
  for (auto const& w : train::stored_weights(model, block, [](std::string_view) { return std::size_t{7}; }))
    shapes.push_back(w.shape);
  CHECK(shapes == std::vector<extents>{{6}, {6}, {3}, {1, 6}, {7}});
}

TEST_CASE("parity: logits as PyTorch's") {
  auto const program = record_now([](recorder& r) { r.output("logits", record_logits(r, net)); });
  parameter_block block(parameter_count(net));
  load(net, block, "weights");
  session<cpu_device> s(program, block);
  put_batch(s, false);
  s.run();
  auto const file = read("forward");
  auto const logits = batch_first(s.output_elements<float>("logits"), S, B);
  CHECK(largest_difference(
            logits, file.floats(file.at("logits", std::vector<std::size_t>{B, S, target_words}))) <= 1e-5);
}

TEST_CASE("parity: gradients as PyTorch's") {
  SUBCASE("vocabularies at capacity") {
    check_gradients(net, 1);
  }
  SUBCASE("vocabularies below capacity, two threads") {
    check_gradients(roomy, 2);
  }
}

TEST_CASE("parity: ten steps of Adam with clipping") {
  auto const program = record_now([](recorder& r) {
    auto const loss = record_loss(r, roomy);
    minimise(r, loss, parameter_count(roomy), adam{.learning_rate = 0.005F}, clip_by_global_norm{1});
  });
  parameter_block block(parameter_count(roomy));
  load(roomy, block, "weights");
  session<cpu_device> s(program, block, 2);
  put_batch(s);
  auto const file = read("adam");
  for (float const want : file.floats(file.at("adam.losses"))) {
    s.run();
    CHECK(std::abs(static_cast<double>(s.output<float>("loss")() - want)) <= 1e-4);
  }
  for (auto const& w : weights_of(roomy, block.values(), "adam.")) {
    CAPTURE(w.name);
    CHECK(largest_difference(w.values, file.floats(file.at(w.name, w.shape))) <= 1e-3);
  }
}

TEST_CASE("parity: greedy decoding chooses the same words") {
  auto const program = record_now([](recorder& r) {
    auto const source = r.input<std::int32_t, batch<3>, steps<T>>("source");
    auto const valid = r.input<std::int32_t, batch<3>>("source_valid");
    auto const first = r.input<std::int32_t, batch<3>>("first");
    auto const used = r.input<std::int32_t>("used");
    auto const result = decode_greedily<S>(
        roomy.decoder, roomy.encoder.encode<mode::inference>(source, valid), valid, first, used);
    r.output("tokens", result.tokens);
    r.output("weights", result.weights);
  });
  auto const file = read("greedy");
  for (auto const& [weights, prefix, expected] :
       {std::tuple{"weights", "", "tokens_initial"}, std::tuple{"adam", "adam.", "tokens"}}) {
    CAPTURE(expected);
    parameter_block block(parameter_count(roomy));
    load(roomy, block, weights, prefix);
    // What lies beyond the vocabulary must not be chosen, however large its logits.
    for (auto const& w : weights_of(roomy, block.values()))
      if (w.name == "decoder.dense.bias") std::ranges::fill(w.reserve, 1000.0F);
    session<cpu_device> s(program, block);
    put(s, "source", integers(file, "source"));
    put(s, "source_valid", integers(file, "source_valid"));
    put(s, "first", std::vector<std::int32_t>(3, std::stoi(read("batch").metadata().at("bos"))));
    s.input_elements<std::int32_t>("used")[0] = target_words;
    s.run();
    auto const tokens = s.output_elements<std::int32_t>("tokens");
    std::vector<std::int32_t> rows;
    for (std::size_t b = 0; b < 3; ++b)
      for (std::size_t t = 0; t < S; ++t) rows.push_back(tokens[t * 3 + b]);
    CHECK(rows == integers(file, expected));
    auto const attention = s.output_elements<float>("weights");
    for (std::size_t row = 0; row < attention.size() / T; ++row) {
      double sum = 0;
      for (float const w : attention.subspan(row * T, T)) sum += static_cast<double>(w);
      CHECK(sum == doctest::Approx(1).epsilon(1e-5));
    }
  }
}

TEST_CASE("parity: the documents' shape check") {
  static constexpr auto small = laid_out(encoder_decoder<10, 10, 8, 16, 2>{});
  auto const program = record_now([](recorder& r) {
    auto const source = r.input<std::int32_t, batch<4>, steps<7>>("source");
    auto const valid = r.input<std::int32_t, batch<4>>("source_valid");
    auto const target = r.input<std::int32_t, batch<4>, target_steps<7>>("target_input");
    auto const encoded = small.encoder.encode<mode::inference>(source, valid);
    r.output("outputs", encoded.outputs);
    r.output("state 0", encoded.states[0]);
    r.output("state 1", encoded.states[1]);
    r.output("logits", small.decoder.decode<mode::inference>(encoded, valid, target, 0));
  });
  auto const file = read("shape_check");
  parameter_block block(parameter_count(small));
  for (auto const& w :
       train::stored_weights(small, block.values(), [](std::string_view) { return std::size_t{10}; }))
    file.copy_to(file.at("weight." + w.name, w.shape), w.values);
  CHECK_THROWS_AS(
      train::stored_weights(small, block.values(), [](std::string_view) { return std::size_t{11}; }),
      std::logic_error);  // there is room for ten
  session<cpu_device> s(program, block);
  for (auto const* name : {"source", "source_valid", "target_input"}) put(s, name, integers(file, name));
  s.run();
  auto const expect = [&](std::string_view name, std::vector<std::size_t> const& shape) {
    return file.floats(file.at(name, shape));
  };
  CHECK(largest_difference(batch_first(s.output_elements<float>("logits"), 7, 4),
                           expect("logits", {4, 7, 10})) <= 1e-5);
  CHECK(largest_difference(batch_first(s.output_elements<float>("outputs"), 7, 4),
                           expect("encoder_outputs", {4, 7, 16})) <= 1e-5);
  auto const states = expect("encoder_state", {2, 4, 16});
  CHECK(largest_difference(s.output_elements<float>("state 0"), std::span(states).first(64)) <= 1e-5);
  CHECK(largest_difference(s.output_elements<float>("state 1"), std::span(states).last(64)) <= 1e-5);
}
