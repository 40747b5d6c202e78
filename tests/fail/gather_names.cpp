// SPDX-License-Identifier: BSL-1.0
// A lookup whose ids and rows share a name.
// EXPECT: tenon::axis_named_twice<tenon::operation::gather, tenon::embedding<4>, tenon::embedding<8>>
#include <tenon/ops/gather/gather.hpp>

using namespace tenon;

int main() {
  tensor<float, vocab<20>, embedding<8>> table;
#ifdef FIXED
  tensor<std::int32_t, batch<4>> ids;
#else
  tensor<std::int32_t, embedding<4>> ids;
#endif
  auto rows = keep(gather<vocab>(table, ids));
}
