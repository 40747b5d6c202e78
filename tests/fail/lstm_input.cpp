// SPDX-License-Identifier: BSL-1.0
// An LSTM over an input that is not of its kind.
// EXPECT: tenon::axis_required<tenon::operation::lstm, tenon::embedding<6>, tenon::shape<tenon::steps<9>, tenon::batch<4>, tenon::hiddens<6>>>
#include <tenon/nn/lstm.hpp>
#include <tenon/program/program.hpp>

using namespace tenon;

constexpr auto rnn = laid_out(lstm<embedding<6>, 8, 2>{});

int main() {
  record_now([](recorder& r) {
#ifdef FIXED
    auto const x = r.input<float, steps<9>, batch<4>, embedding<6>>("x");
#else
    auto const x = r.input<float, steps<9>, batch<4>, hiddens<6>>("x");
#endif
    r.output("outputs", rnn.run<steps, mode::inference>(x, 0).outputs);
  });
}
