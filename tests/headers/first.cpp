// SPDX-License-Identifier: BSL-1.0
#include "all_headers.hpp"

std::size_t extent_in_second();

int main() {
  return extent_in_second() == tenon::batch<4>::extent ? 0 : 1;
}
