// SPDX-License-Identifier: BSL-1.0
// Attention over an axis that the memory does not have.
// EXPECT: tenon::axis_missing<tenon::operation::attention, tenon::steps, tenon::shape<tenon::batch<4>, tenon::target_steps<9>, tenon::hiddens<8>>>
#include <tenon/nn/seq2seq.hpp>
#include <tenon/program/program.hpp>

using namespace tenon;

constexpr auto attention = laid_out(additive_attention<8>{});

int main() {
  record_now([](recorder& r) {
    auto const query = r.input<float, batch<4>, hiddens<8>>("query");
    auto const valid = r.input<std::int32_t, batch<4>>("valid");
#ifdef FIXED
    auto const memory = r.input<float, batch<4>, steps<9>, hiddens<8>>("memory");
#else
    auto const memory = r.input<float, batch<4>, target_steps<9>, hiddens<8>>("memory");
#endif
    auto const keys = attention.keys(memory);
    auto const seen = attention.attend<mode::inference>(query, keys, memory, valid, 0);
    r.output("context", seen.context);
  });
}
