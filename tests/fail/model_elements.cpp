// SPDX-License-Identifier: BSL-1.0
// A weight of other numbers than its parameter block has.
// EXPECT: a weight is of floats, as its parameter block is: parameter<...>
#include <tenon/nn/module.hpp>

using namespace tenon;

struct shift {
#ifdef FIXED
  parameter<hiddens<4>> by;
#else
  basic_parameter<double, hiddens<4>> by;
#endif
  TENON_MEMBERS(shift, by)
};

int main() {
  return static_cast<int>(parameter_count(shift{}));
}
