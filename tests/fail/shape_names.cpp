// SPDX-License-Identifier: BSL-1.0
// A shape with two axes of one name.
// EXPECT: tenon::axis_named_twice<tenon::operation::shape, tenon::hiddens<8>, tenon::hiddens<16>>
#include <tenon/shape.hpp>

using namespace tenon;

int main() {
#ifdef FIXED
  using weight = shape<hiddens<16>, from<hiddens<8>>>;
#else
  using weight = shape<hiddens<8>, hiddens<16>>;
#endif
  static_assert(weight::rank == 2);
}
