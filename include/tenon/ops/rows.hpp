// SPDX-License-Identifier: BSL-1.0
// What operations on rows share: rows of tables by number, rows of logits of which some are in use.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "map/loops.hpp"

namespace tenon::cpu {

/// A row number that lies in the table whatever stands in memory.
TENON_HOST_DEVICE inline std::size_t clamped_row(std::int32_t id, std::size_t rows) {
  return std::min(static_cast<std::size_t>(std::max(id, 0)), rows - 1);
}

/// How many of a row's Count logits are in use; the rest of the vocabulary's capacity does not take part.
template <std::size_t Count, bool Limited>
TENON_HOST_DEVICE TENON_ALWAYS_INLINE std::size_t used_logits(std::int32_t const* limit) {
  if constexpr (Limited)
    return static_cast<std::size_t>(std::clamp(*limit, 1, static_cast<std::int32_t>(Count)));
  else
    return Count;
}

/// Σ x[0] … x[count − 1].
template <class T>
T sum_of(T const* x, std::size_t count) {
  pack<T> total{};
  std::size_t i = 0;
  for (; i + lanes <= count; i += lanes) total += load(x + i);
  if (i < count) total += load_partial(x + i, count - i);
  return sum(total);
}

/// log Σ e^x[i] over the first count > 0 elements.
template <class T>
T log_sum_exp(T const* x, std::size_t count) {
  auto top = broadcast<T>(std::numeric_limits<T>::lowest());
  std::size_t i = 0;
  for (; i + lanes <= count; i += lanes) top = max(top, load(x + i));
  auto const used = iota<std::int32_t>() < static_cast<std::int32_t>(count - i);
  if (i < count) top = select(used, max(top, load_partial(x + i, count - i)), top);
  T const highest = max_of(top);
  auto const shift = broadcast<T>(highest);
  pack<T> total{};
  for (i = 0; i + lanes <= count; i += lanes) total += math::exp(load(x + i) - shift);
  if (i < count) total += select(used, math::exp(load_partial(x + i, count - i) - shift), pack<T>{});
  return highest + math::log(sum(total));
}

}  // namespace tenon::cpu
