// SPDX-License-Identifier: BSL-1.0
// Dot-product attention whose query has fewer hiddens than its memory.
// EXPECT: tenon::axis_extent_mismatch<tenon::operation::attention, tenon::hiddens<6>, tenon::hiddens<8>>
#include <tenon/nn/seq2seq.hpp>
#include <tenon/program/program.hpp>

using namespace tenon;

constexpr dot_product_attention<8> attention{};

int main() {
  record_now([](recorder& r) {
#ifdef FIXED
    auto const query = r.input<float, batch<4>, hiddens<8>>("query");
#else
    auto const query = r.input<float, batch<4>, hiddens<6>>("query");
#endif
    auto const valid = r.input<std::int32_t, batch<4>>("valid");
    auto const memory = r.input<float, batch<4>, steps<9>, hiddens<8>>("memory");
    auto const seen = attention.attend<mode::inference>(query, attention.keys(memory), memory, valid, 0);
    r.output("context", seen.context);
  });
}
