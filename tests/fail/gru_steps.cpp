// SPDX-License-Identifier: BSL-1.0
// A GRU over an axis that its input does not have.
// EXPECT: tenon::axis_missing<tenon::operation::gru, tenon::target_steps, tenon::shape<tenon::steps<9>, tenon::batch<4>, tenon::embedding<6>>>
#include <tenon/nn/gru.hpp>
#include <tenon/program/program.hpp>

using namespace tenon;

constexpr auto rnn = laid_out(gru<embedding<6>, 8, 2>{});

int main() {
  record_now([](recorder& r) {
    auto const x = r.input<float, steps<9>, batch<4>, embedding<6>>("x");
#ifdef FIXED
    r.output("outputs", rnn.run<steps, mode::inference>(x, 0).outputs);
#else
    r.output("outputs", rnn.run<target_steps, mode::inference>(x, 0).outputs);
#endif
  });
}
