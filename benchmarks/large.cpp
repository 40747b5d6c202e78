// SPDX-License-Identifier: BSL-1.0
#include "configuration.hpp"

bench::workload bench::make_large(std::string const& what, std::size_t threads) {
  return configuration<64, 30, 30, 512, 2, 8192>::make(what, threads, 0.2);
}
