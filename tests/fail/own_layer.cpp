// SPDX-License-Identifier: BSL-1.0
// A misfit in a layer of the user's own, recorded in a program.
// EXPECT: tenon::axis_required<tenon::operation::linear, tenon::embedding<8>, tenon::shape<tenon::batch<4>, tenon::hiddens<8>>>
#include <tenon/ops/contract/contract.hpp>
#include <tenon/program/program.hpp>

using namespace tenon;

struct gate {
  parameter<from<embedding<8>>, gates<8>> w{};
  parameter<gates<8>> b{};
  constexpr auto operator()(auto const& x) const { return sigmoid(linear(x, w) + b); }
};

int main() {
#ifdef FIXED
  using input = variable<float, shape<batch<4>, embedding<8>>>;
#else
  using input = variable<float, shape<batch<4>, hiddens<8>>>;
#endif
  auto const program = record_now([](recorder& r) {
    input const x{r.make<float, input::shape_type>()};
    r.output("y", gate{}(x));
  });
}
