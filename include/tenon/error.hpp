// SPDX-License-Identifier: BSL-1.0
// The one exception type that Tenon throws for bad input at run time. Shape errors never get this far: the
// compiler reports those.
#pragma once
#include <stdexcept>
#include <string>

namespace tenon {

/// Thrown for anything wrong with data, files or options. The message is one line that says what is wrong
/// and what to do about it, fit to be printed as it is before exiting with a non-zero code.
struct error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace tenon
