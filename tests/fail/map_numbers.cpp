// SPDX-License-Identifier: BSL-1.0
// More numbers in one expression than one loop takes.
// EXPECT: an expression has too many operands or numbers for one loop: keep() a part of it
#include <tenon/ops/map/map.hpp>

using namespace tenon;

int main() {
  tensor<float, batch<4>> x;
#ifdef FIXED
  tensor<float, batch<4>> low = ((x * 2 + 3) * x + 4) * x + 5;
  tensor<float, batch<4>> y = (((low * x + 6) * x + 7) * x + 8) * x + 9;
#else
  tensor<float, batch<4>> y = (((((((x * 2 + 3) * x + 4) * x + 5) * x + 6) * x + 7) * x + 8) * x + 9) * 10;
#endif
}
