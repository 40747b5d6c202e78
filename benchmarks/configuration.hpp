// SPDX-License-Identifier: BSL-1.0
// The work of one configuration: a training step, a forward pass, the translation of one sentence.
#pragma once
#include <tenon/tenon.hpp>

#include "workload.hpp"

namespace bench {

using namespace tenon;

/// Extents: B sentences of T source and S target words, E = H, L layers, V words in either vocabulary; rate:
/// dropout.
template <std::size_t B, std::size_t T, std::size_t S, std::size_t H, std::size_t L, std::size_t V>
struct configuration {
  static constexpr auto net = laid_out(encoder_decoder<V, V, H, H, L>{});

  static constexpr double forward_flops(double batch_size) {
    return bench::forward_flops(batch_size, T, S, H, L, V);
  }

  template <class Session>
  static void fill(Session& s) {
    std::uint32_t state = 12345;
    auto const draw = [&state](std::size_t low, std::size_t high) {
      state = state * 1664525U + 1013904223U;
      return static_cast<std::int32_t>(low + (state >> 8) % (high - low));
    };
    for (auto const& port : s.program().inputs) {
      if (port.name == "weight") {
        for (auto& w : s.template input_elements<float>(port.name)) w = draw(0, 4) != 0 ? 1.0F : 0.0F;
      } else {
        bool const valid = port.name == "source_valid", used = port.name == "used";
        for (auto& x : s.template input_elements<std::int32_t>(port.name))
          x = used ? static_cast<std::int32_t>(V) : valid ? draw(T / 2, T + 1) : draw(3, V);
      }
    }
  }

  struct model {
    dynamic_program program;
    parameter_block parameters{parameter_count(net)};
    std::unique_ptr<session<>> bound;

    template <class F>
    model(F const& record, std::size_t threads) : program{record_now(record)} {
      initialise(net, parameters.values(), 1);
      bound = std::make_unique<session<>>(program, parameters, threads);
      fill(*bound);
    }
  };

  template <mode Mode, class Recorder>
  static auto loss(Recorder& r, double rate) {
    auto const source = r.template input<std::int32_t, batch<B>, steps<T>>("source");
    auto const valid = r.template input<std::int32_t, batch<B>>("source_valid");
    auto const target = r.template input<std::int32_t, batch<B>, target_steps<S>>("target");
    auto const labels = r.template input<std::int32_t, batch<B>, target_steps<S>>("labels");
    auto const weight = r.template input<float, batch<B>, target_steps<S>>("weight");
    auto const result =
        mean_cross_entropy<vocab>(net.template logits<Mode>(source, valid, target, rate), labels, weight);
    r.output("loss", result);
    return result;
  }

  static void train_step(recorder& r, double rate) {
    minimise(r, loss<mode::training>(r, rate), parameter_count(net), adam{.learning_rate = 0.005F},
             clip_by_global_norm{1.0F});
  }

  static void translate_one(inference_recorder& r, element_type weights) {
    r.freeze_weights(weights);
    auto const source = r.input<std::int32_t, batch<1>, steps<T>>("source");
    auto const valid = r.input<std::int32_t, batch<1>>("source_valid");
    auto const first = r.input<std::int32_t, batch<1>>("first");
    auto const used = r.input<std::int32_t>("used");
    auto const result = decode_greedily<S>(
        net.decoder, net.encoder.template encode<mode::inference>(source, valid), valid, first, used);
    r.output("tokens", result.tokens);
  }

  static workload make(std::string const& what, std::size_t threads, double rate) {
    std::shared_ptr<model> m;
    double flops = 0;
    if (what == "train_step") {
      m = std::make_shared<model>([rate](recorder& r) { train_step(r, rate); }, threads);
      flops = 3 * forward_flops(B);
    } else if (what == "forward") {
      m = std::make_shared<model>([](inference_recorder& r) { loss<mode::inference>(r, 0); }, threads);
      flops = forward_flops(B);
    } else if (what == "translate_one" || what == "translate_one_int16" || what == "translate_one_bf16") {
      auto const type = what == "translate_one"         ? element_type::float32
                        : what == "translate_one_int16" ? element_type::int16
                                                        : element_type::bfloat16;
      m = std::make_shared<model>([type](inference_recorder& r) { translate_one(r, type); }, threads);
      flops = forward_flops(1);
    } else {
      return {};
    }
    return {[s = m->bound.get()] { s->run(); }, flops, m};
  }
};

}  // namespace bench
