// SPDX-License-Identifier: BSL-1.0
// Rows of a table of bf16, which is for storage alone.
// EXPECT: tenon::element_type_mismatch<tenon::operation::gather, tenon::bf16, float>
#include <tenon/ops/gather/gather.hpp>

using namespace tenon;

int main() {
  tensor<bf16, vocab<8>, embedding<4>> table;
  tensor<std::int32_t, batch<3>> ids;
#ifdef FIXED
  auto rows = keep(gather<vocab>(cast<float>(table), ids));
#else
  auto rows = gather<vocab>(table, ids);
#endif
}
