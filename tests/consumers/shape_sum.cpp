// SPDX-License-Identifier: BSL-1.0
#include <tenon/ops/map/map.hpp>

int main() {
  tenon::tensor<float, tenon::batch<4>> const x(1.5f);
  tenon::tensor<float, tenon::hiddens<8>> const b(0.5f);
  auto const y = tenon::keep(x + b);
  static_assert(std::is_same_v<decltype(y), tenon::tensor<float, tenon::batch<4>, tenon::hiddens<8>> const>);
  return y(3, 7) == 2.0f ? 0 : 1;
}
