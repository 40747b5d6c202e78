// SPDX-License-Identifier: BSL-1.0
// What a model is recorded for.
#pragma once
#include <cstdint>

namespace tenon {

/// Is a program recorded to learn, with dropout, or to be used?
enum class mode : std::uint8_t { training, inference };

}  // namespace tenon
