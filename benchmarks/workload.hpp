// SPDX-License-Identifier: BSL-1.0
// What the benchmark measures, in a form that each configuration's translation unit fills in.
#pragma once
#include <cstddef>
#include <functional>
#include <memory>
#include <string>

namespace bench {

/// One piece of work, ready to be run again and again.
struct workload {
  std::function<void()> run;
  double flops = 0;  ///< nominal: what the plain model computes, whatever Tenon saves of it
  std::shared_ptr<void> keep_alive;
};

/// Makes the work `what` ("train_step", "forward", "translate_one") of a configuration; an empty `run` if
/// there is no such work.
workload make_small(std::string const& what, std::size_t threads);
workload make_book(std::string const& what, std::size_t threads);
workload make_large(std::string const& what, std::size_t threads);

}  // namespace bench
