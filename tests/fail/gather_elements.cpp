// SPDX-License-Identifier: BSL-1.0
// A lookup by numbers that are no integers.
// EXPECT: tenon::element_type_mismatch<tenon::operation::gather, float, int>
#include <tenon/ops/gather/gather.hpp>

using namespace tenon;

int main() {
  tensor<float, vocab<20>, embedding<8>> table;
#ifdef FIXED
  tensor<std::int32_t, batch<4>> ids;
#else
  tensor<float, batch<4>> ids;
#endif
  auto rows = keep(gather<vocab>(table, ids));
}
