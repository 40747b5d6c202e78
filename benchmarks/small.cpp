// SPDX-License-Identifier: BSL-1.0
#include "configuration.hpp"

bench::workload bench::make_small(std::string const& what, std::size_t threads) {
  return configuration<64, 10, 10, 32, 2, 201>::make(what, threads, 0.1);
}
