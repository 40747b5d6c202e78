// SPDX-License-Identifier: BSL-1.0
// A misfit in a function template of the user's own, for one of its callers.
// EXPECT: tenon::axis_extent_mismatch<tenon::operation::add, tenon::hiddens<8>, tenon::hiddens<16>>
#include <tenon/ops/map/map.hpp>

using namespace tenon;

auto activated(auto const& x, auto const& b) {
  return tanh(x + b);
}

int main() {
  tensor<float, batch<4>, hiddens<8>> x;
#ifdef FIXED
  tensor<float, hiddens<8>> b;
#else
  tensor<float, hiddens<16>> b;
#endif
  auto y = keep(activated(x, b));
}
