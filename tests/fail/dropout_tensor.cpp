// SPDX-License-Identifier: BSL-1.0
// Dropout of a tensor, where no recording says which random numbers to take.
// EXPECT: tenon::recording_required<tenon::operation::dropout>
#include <tenon/ops/dropout/dropout.hpp>

using namespace tenon;

int main() {
  tensor<float, batch<4>, hiddens<8>> x;
#ifdef FIXED
  tensor<float, batch<4>, hiddens<8>> y = dropout(x, 0.5, 1);
#else
  auto y = dropout(x, 0.5);
#endif
}
