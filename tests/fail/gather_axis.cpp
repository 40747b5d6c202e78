// SPDX-License-Identifier: BSL-1.0
// A lookup in a table without the axis that is looked up.
// EXPECT: tenon::axis_missing<tenon::operation::gather, tenon::vocab, tenon::shape<tenon::steps<20>, tenon::embedding<8>>>
#include <tenon/ops/gather/gather.hpp>

using namespace tenon;

int main() {
#ifdef FIXED
  tensor<float, vocab<20>, embedding<8>> table;
#else
  tensor<float, steps<20>, embedding<8>> table;
#endif
  tensor<std::int32_t, batch<4>> ids;
  auto rows = keep(gather<vocab>(table, ids));
}
