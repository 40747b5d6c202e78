// SPDX-License-Identifier: BSL-1.0
// A program on a GPU; without one, the one line that says so.
#include <cstdio>
#include <string_view>
#include <tenon/tenon.hpp>

int main() {
  using namespace tenon;
  auto const p = record_now([](recorder& r) {
    auto const x = r.input<float, batch<4>, hiddens<8>>("x");
    r.output("sum", keep(sum<hiddens>(x * 2)));
  });
  parameter_block none(0);
  try {
    session<cuda_device> s(p, none);
    for (auto& x : s.input_elements<float>("x")) x = 0.5F;
    s.run();
    return s.output_elements<float>("sum")[3] == 8.0F ? 0 : 1;
  } catch (error const& e) {
    std::puts(e.what());
    return std::string_view(e.what()).starts_with("no NVIDIA GPU was found") ? 0 : 1;
  }
}
