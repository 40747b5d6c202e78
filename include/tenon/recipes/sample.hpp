// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <string_view>

namespace tenon::recipes {

/// A sentence and its translation.
struct sample_sentence {
  std::string_view source, target;
};

}  // namespace tenon::recipes
