// SPDX-License-Identifier: BSL-1.0
#include "configuration.hpp"

bench::workload bench::make_book(std::string const& what, std::size_t threads) {
  return configuration<128, 9, 9, 256, 2, 214>::make(what, threads, 0.2);
}
