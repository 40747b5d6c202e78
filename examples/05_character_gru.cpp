// SPDX-License-Identifier: BSL-1.0
// 5. A language model on characters: an embedding, a GRU and a linear layer learn a few lines, then go on by
// themselves.
#include <algorithm>
#include <cstdio>
#include <string_view>
#include <tenon/tenon.hpp>

using namespace tenon;

constexpr std::string_view verse =
    "the joiner cut a tenon, and the tenon met the groove. the tenon would not turn, and the groove would "
    "not move. ";
constexpr std::string_view alphabet = "abcdefghijklmnopqrstuvwxyz., ";
constexpr std::size_t V = alphabet.size(), E = 16, H = 64;
constexpr std::size_t window = 24, windows = 32;  // characters in a window of the verse, windows in a batch

struct language_model {
  embedding_table<V, E> table;
  gru<embedding<E>, H, 1> rnn;
  linear_layer<hiddens<H>, vocab<V>> dense;
  TENON_MEMBERS(language_model, table, rnn, dense)
};
constexpr auto model = laid_out(language_model{});

constexpr auto train_step = record([](recorder& r) {
  auto const now = r.input<std::int32_t, steps<window>, batch<windows>>("now");
  auto const next = r.input<std::int32_t, steps<window>, batch<windows>>("next");
  auto const states = model.rnn.run<steps, mode::training>(model.table(now), 0).outputs;
  auto const loss = keep(mean(cross_entropy<vocab>(model.dense(states), next)));
  r.output("loss", loss);
  minimise(r, loss, parameter_count(model), adam{.learning_rate = 0.01F}, clip_by_global_norm{1.0F});
});

// Another program over the same weights: one step of one verse, whose state goes out and comes in again.
constexpr auto write_step = record([](inference_recorder& r) {
  auto const now = r.input<std::int32_t, batch<1>>("now");
  auto const& cell = hana::front(model.rnn.layers);
  auto const state = cell(cell.input_gates(model.table(now)), r.input<float, batch<1>, hiddens<H>>("state"));
  r.output("state", state);
  r.output("next", argmax<vocab>(model.dense(state)));
});

int main() {
  parameter_block parameters(parameter_count(model));
  initialise(model, parameters.values(), 1);
  session trainer(train_step, parameters), writer(write_step, parameters);

  auto const letter = [](std::size_t i) { return static_cast<int>(alphabet.find(verse[i % verse.size()])); };
  float loss = 0;
  for (std::size_t step = 0; step <= 200; ++step) {
    for (std::size_t i = 0; i < window * windows; ++i) {
      std::size_t const at = step + i / windows + 7 * (i % windows);  // (steps, batch): the batch runs faster
      trainer.input_elements<std::int32_t>("now")[i] = letter(at);
      trainer.input_elements<std::int32_t>("next")[i] = letter(at + 1);
    }
    trainer.run();
    loss = trainer.output<float>("loss")();
    if (step % 50 == 0) std::printf("step %3zu  loss %.3f\n", step, double{loss});
  }

  std::int32_t last = letter(0);
  for (int i = 0; i < 100; ++i) {
    std::putchar(alphabet[static_cast<std::size_t>(last)]);
    writer.input_elements<std::int32_t>("now")[0] = last;
    writer.run();
    std::ranges::copy(writer.output_elements<float>("state"), writer.input_elements<float>("state").begin());
    last = writer.output_elements<std::int32_t>("next")[0];
  }
  std::putchar('\n');
  return loss < 0.5F ? 0 : 1;
}
