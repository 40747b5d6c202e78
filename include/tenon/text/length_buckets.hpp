// SPDX-License-Identifier: BSL-1.0
// Buckets of lengths chosen from data: sentence pairs of like length are trained on together, padded to the
// lengths of their bucket, and the less of a batch is padding the less time it takes.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include "tenon/config.hpp"
#include "tenon/error.hpp"

namespace tenon::text {

/// The tokens of a sentence pair, with <eos> where the model reads or makes it.
struct pair_length {
  std::size_t source = 0, target = 0;
};

/// Room for sentences of so many tokens, and how many pairs of the data it takes: those that no smaller
/// bucket has room for.
struct length_bucket {
  std::size_t source_steps = 0, target_steps = 0, pairs = 0;
};

/// The at most `count` buckets, from the smallest to the largest, that leave the fewest steps to the
/// `covered` part of the pairs, the shortest by their longer side; the others would be cut. Exact for buckets
/// that are cut by the longer side, by dynamic programming over the lengths. Throws tenon::error without
/// pairs or buckets.
TENON_COLD inline std::vector<length_bucket> choose_buckets(std::span<pair_length const> lengths,
                                                            std::size_t count, double covered = 1) {
  if (lengths.empty() || count == 0) throw error("buckets of lengths need at least one pair and one bucket");
  std::vector<pair_length> sorted(lengths.begin(), lengths.end());
  auto const longer = [](pair_length const& p) { return std::max(p.source, p.target); };
  std::ranges::sort(sorted, {}, longer);
  auto const kept = static_cast<std::size_t>(std::ceil(covered * static_cast<double>(sorted.size())));
  sorted.resize(std::clamp<std::size_t>(kept, 1, sorted.size()));

  // ends[i]: pairs up to the i-th length; room[i]: what they need. A bucket is a range of lengths.
  std::vector<std::size_t> ends{0};
  std::vector<pair_length> room{{}};
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    if (i == 0 || longer(sorted[i]) != longer(sorted[i - 1])) {
      ends.push_back(i);
      room.push_back(room.back());
    }
    ends.back() = i + 1;
    room.back() = {std::max(room.back().source, sorted[i].source),
                   std::max(room.back().target, sorted[i].target)};
  }
  std::size_t const last = ends.size() - 1;
  constexpr auto impossible = std::numeric_limits<std::size_t>::max();
  std::vector<std::vector<std::size_t>> steps(count + 1, std::vector<std::size_t>(last + 1, impossible));
  std::vector<std::vector<std::size_t>> before(count + 1, std::vector<std::size_t>(last + 1, 0));
  steps[0][0] = 0;
  for (std::size_t used = 1; used <= count; ++used)
    for (std::size_t end = 1; end <= last; ++end)
      for (std::size_t begin = 0; begin < end; ++begin) {
        if (steps[used - 1][begin] == impossible) continue;
        auto const sum =
            steps[used - 1][begin] + (ends[end] - ends[begin]) * (room[end].source + room[end].target);
        if (sum < steps[used][end]) steps[used][end] = sum, before[used][end] = begin;
      }
  std::size_t used = 1;
  for (std::size_t n = 2; n <= count; ++n)
    if (steps[n][last] < steps[used][last]) used = n;
  std::vector<length_bucket> result;
  for (std::size_t end = last; end > 0; end = before[used--][end])
    result.push_back({room[end].source, room[end].target, ends[end] - ends[before[used][end]]});
  std::ranges::reverse(result);
  return result;
}

/// Which part of the steps of these buckets are tokens of the pairs; the rest is padding.
inline double filled(std::span<length_bucket const> buckets, std::span<pair_length const> lengths) {
  std::size_t tokens = 0, steps = 0;
  for (auto const& p : lengths) {
    auto const fits = std::ranges::find_if(buckets, [&](length_bucket const& b) {
      return p.source <= b.source_steps && p.target <= b.target_steps;
    });
    auto const& b = fits == buckets.end() ? buckets.back() : *fits;
    tokens += std::min(p.source, b.source_steps) + std::min(p.target, b.target_steps);
    steps += b.source_steps + b.target_steps;
  }
  return steps == 0 ? 0 : static_cast<double>(tokens) / static_cast<double>(steps);
}

}  // namespace tenon::text
