// SPDX-License-Identifier: BSL-1.0
// What recipes are written with.
#pragma once
#include <string_view>

namespace tenon::recipes {

/// A sentence and its translation.
struct sample_sentence {
  std::string_view source, target;
};

/// What a loss is a mean over: the words of the labels, or all steps, where pads count too and lower it.
enum class loss_terms { words, steps };

}  // namespace tenon::recipes
