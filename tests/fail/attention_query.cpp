// SPDX-License-Identifier: BSL-1.0
// A query that has the axis over which it attends.
// EXPECT: tenon::axis_without_place<tenon::operation::attention, tenon::steps<9>, tenon::shape<tenon::batch<4>, tenon::hiddens<8>>>
#include <tenon/nn/seq2seq.hpp>
#include <tenon/program/program.hpp>

using namespace tenon;

constexpr auto attention = laid_out(additive_attention<8>{});

int main() {
  record_now([](recorder& r) {
#ifdef FIXED
    auto const query = r.input<float, batch<4>, hiddens<8>>("query");
#else
    auto const query = r.input<float, batch<4>, steps<9>, hiddens<8>>("query");
#endif
    auto const valid = r.input<std::int32_t, batch<4>>("valid");
    auto const memory = r.input<float, batch<4>, steps<9>, hiddens<8>>("memory");
    auto const keys = attention.keys(memory);
    auto const seen = attention.attend<mode::inference>(query, keys, memory, valid, 0);
    r.output("context", seen.context);
  });
}
