// SPDX-License-Identifier: BSL-1.0
// A misfit in a program that is recorded in a constant expression.
// EXPECT: tenon::axis_extent_mismatch<tenon::operation::add, tenon::hiddens<8>, tenon::hiddens<6>>
#include <tenon/ops/map/map.hpp>
#include <tenon/program/program.hpp>

using namespace tenon;

constexpr auto program_of_sums = record([](recorder& r) {
  auto const x = r.input<float, batch<4>, hiddens<8>>("x");
#ifdef FIXED
  auto const y = r.input<float, hiddens<8>>("y");
#else
  auto const y = r.input<float, hiddens<6>>("y");
#endif
  r.output("sum", x + y);
});

int main() {}
