// SPDX-License-Identifier: BSL-1.0
// A model that does not list its members.
// EXPECT: TENON_MEMBERS
#include <tenon/nn/linear.hpp>

using namespace tenon;

struct model {
  linear_layer<hiddens<4>, vocab<3>> output;
#ifdef FIXED
  TENON_MEMBERS(model, output)
#endif
};

int main() {
  return parameter_count(model{}) == 15 ? 0 : 1;
}
