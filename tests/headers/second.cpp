// SPDX-License-Identifier: BSL-1.0
#include "all_headers.hpp"

std::size_t extent_in_second();
std::size_t extent_in_second() {
  return tenon::batch<4>::extent;
}
