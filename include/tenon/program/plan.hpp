// SPDX-License-Identifier: BSL-1.0
// The memory plan: when each piece of memory is first and last needed, which may share, and where each lies
// in the arena. One walk over the calls (order.hpp) with a list of gaps, so that planning stays near linear
// and runs in constant expressions.
#pragma once
#include <algorithm>
#include <cstddef>
#include <limits>
#include <vector>

#include "../owned.hpp"
#include "order.hpp"

namespace tenon {

/// A recording with its calls in the order in which they run and its memory placed.
struct planned : ordered_calls {
  std::vector<storage> storages;
  std::vector<std::size_t> first, last;  ///< per storage: the calls between which it is needed
  std::vector<char> placed;              ///< per storage: has memory of its own in the arena
  std::size_t arena_bytes = 0;
  std::size_t live_bytes = 0;  ///< the largest sum of bytes needed at once: no plan can do with less
};

namespace detail {

/// The free parts of an unbounded block of memory, in order of address.
class gap_list {
 public:
  constexpr gap_list() { gaps_.push_back({0, std::numeric_limits<std::size_t>::max() / 2}); }

  /// The smallest gap that is large enough, from its start.
  TENON_WHEN_USED constexpr std::size_t take(std::size_t bytes) {
    std::size_t best = gaps_.size() - 1;
    for (std::size_t i = 0; i < gaps_.size(); ++i)
      if (gaps_[i].bytes >= bytes && gaps_[i].bytes < gaps_[best].bytes) best = i;
    std::size_t const at = gaps_[best].at;
    gaps_[best].at += bytes;
    gaps_[best].bytes -= bytes;
    if (gaps_[best].bytes == 0) gaps_.erase(gaps_.begin() + static_cast<std::ptrdiff_t>(best));
    return at;
  }
  TENON_WHEN_USED constexpr void give(std::size_t at, std::size_t bytes) {
    std::size_t i = 0;
    while (i < gaps_.size() && gaps_[i].at < at) ++i;
    bool const joins_before = i > 0 && gaps_[i - 1].at + gaps_[i - 1].bytes == at;
    bool const joins_after = i < gaps_.size() && at + bytes == gaps_[i].at;
    if (joins_before && joins_after) {
      gaps_[i - 1].bytes += bytes + gaps_[i].bytes;
      gaps_.erase(gaps_.begin() + static_cast<std::ptrdiff_t>(i));
    } else if (joins_before) {
      gaps_[i - 1].bytes += bytes;
    } else if (joins_after) {
      gaps_[i] = {at, gaps_[i].bytes + bytes};
    } else {
      gaps_.insert(gaps_.begin() + static_cast<std::ptrdiff_t>(i), {at, bytes});
    }
  }

 private:
  struct gap {
    std::size_t at, bytes;
  };
  std::vector<gap> gaps_;
};

constexpr bool is_temporary(storage const& s) {
  return s.kind == storage::kind_t::temporary || s.kind == storage::kind_t::gradient ||
         s.kind == storage::kind_t::input || s.kind == storage::kind_t::output;
}

/// Lets a call's output take the memory of an operand that dies there, where the kernel allows it.
TENON_WHEN_USED constexpr void share_in_place(planned& p) {
  std::vector<int> moved(p.storages.size(), -1);  // a storage that now lives in another
  auto const home = [&moved](location where) {
    while (moved[static_cast<std::size_t>(where.storage)] >= 0)
      where.storage = moved[static_cast<std::size_t>(where.storage)];
    return where;
  };
  for (std::size_t i = 0; i < p.calls.size(); ++i) {
    auto const& c = p.calls[i];
    if (c.in_place == 0 || c.outputs != 1 || c.accumulate != 0) continue;
    auto const out = home(p.operands[c.first_operand]);
    auto const o = static_cast<std::size_t>(out.storage);
    auto const& target = p.storages[o];
    if (target.kind != storage::kind_t::temporary && target.kind != storage::kind_t::gradient) continue;
    if (p.first[o] != i || out.offset != 0 || target.host >= 0) continue;
    for (std::size_t k = 1; k < c.operands; ++k) {
      if (((c.in_place >> (k - 1)) & 1U) == 0) continue;
      auto const where = p.operands[c.first_operand + k];
      if (!where.exists()) continue;
      auto const in = home(where);
      auto const s = static_cast<std::size_t>(in.storage);
      auto const& source = p.storages[s];
      bool const dies =
          (source.kind == storage::kind_t::temporary || source.kind == storage::kind_t::gradient) &&
          p.last[s] == i && in.offset == 0 && source.bytes == target.bytes && s != o;
      if (!dies) continue;
      bool elsewhere = false;  // also read in another way by this call
      for (std::size_t j = 1; j < c.operands; ++j) {
        auto const other = p.operands[c.first_operand + j];
        if (j != k && other.exists() && home(other).storage == in.storage)
          elsewhere |= ((c.in_place >> (j - 1)) & 1U) == 0 || home(other) != in;
      }
      if (elsewhere) continue;
      moved[o] = in.storage;
      p.last[s] = p.last[o];
      break;
    }
  }
  for (auto& where : p.operands)
    if (where.exists()) where = home(where);
  for (std::size_t s = 0; s < moved.size(); ++s)
    if (moved[s] >= 0) {
      p.storages[s].host = home({static_cast<int>(s), 0}).storage;
      p.storages[s].host_offset = 0;
    }
}

/// The calls between which each storage is needed; inputs from the start, outputs and what was computed from
/// frozen weights to the end. What joint calls use is needed by all of them: a GPU does different calls of
/// theirs on different rows at a time.
TENON_WHEN_USED constexpr void find_lifetimes(recording const& r, planned& p) {
  constexpr auto never = std::numeric_limits<std::size_t>::max();
  p.first.assign(p.storages.size(), never);
  p.last.assign(p.storages.size(), 0);
  for (std::size_t begin = 0, end = 0; begin < p.calls.size(); begin = end) {
    end = begin + joint_count(p.calls, begin);
    for (std::size_t i = begin; i < end; ++i)
      for (std::size_t k = 0; k < p.calls[i].operands; ++k) {
        auto const where = p.operands[p.calls[i].first_operand + k];
        if (!where.exists()) continue;
        auto const s = static_cast<std::size_t>(where.storage);
        p.first[s] = std::min(p.first[s], begin);
        p.last[s] = std::max(p.last[s], end - 1);
      }
  }
  for (std::size_t i = 0; i < p.frozen_calls; ++i)
    for (std::size_t k = 0; k < p.calls[i].outputs; ++k) {
      auto const where = p.operands[p.calls[i].first_operand + k];
      if (!where.exists()) continue;
      auto const s = static_cast<std::size_t>(where.storage);
      if (p.last[s] >= p.frozen_calls) p.last[s] = p.calls.size();
    }
  auto const end = p.calls.size();  // past the last call: that one may not take an output's memory either
  for (auto const& port : r.inputs()) {
    auto const s = static_cast<std::size_t>(port.storage);
    p.first[s] = 0;
    p.last[s] = end;
  }
  std::size_t stop = 0;  // a run may end there: outputs written later keep the values of the run before
  while (stop < p.calls.size() && !p.calls[stop].stops) ++stop;
  std::vector<char> written_behind(p.storages.size(), 0);
  for (std::size_t i = stop; i < p.calls.size(); ++i)
    for (std::size_t k = 0; k < p.calls[i].outputs; ++k)
      if (auto const where = p.operands[p.calls[i].first_operand + k]; where.exists())
        written_behind[static_cast<std::size_t>(where.storage)] = 1;
  for (auto const& port : r.outputs()) {
    auto const s = static_cast<std::size_t>(r.physical({port.storage, 0}).storage);
    p.first[s] = written_behind[s] != 0 ? 0 : std::min(p.first[s], end);
    p.last[s] = end;
  }
}

/// Walks the calls, forwards or backwards in time, and gives each block the smallest gap that it fits when it
/// is first met. Gives the bytes needed in all.
TENON_WHEN_USED constexpr std::size_t place_in_gaps(planned const& p,
                                                    std::vector<std::vector<std::size_t>> const& met,
                                                    std::vector<std::vector<std::size_t>> const& left,
                                                    bool backwards, std::vector<std::size_t>& offsets) {
  gap_list gaps;
  std::size_t total = 0;
  for (std::size_t i = 0; i < met.size(); ++i) {
    auto const now = backwards ? met.size() - 1 - i : i;
    for (auto s : met[now]) {
      auto const bytes = aligned(p.storages[s].bytes);
      offsets[s] = gaps.take(bytes);
      total = std::max(total, offsets[s] + bytes);
    }
    for (auto s : left[now]) gaps.give(offsets[s], aligned(p.storages[s].bytes));
  }
  return total;
}

TENON_WHEN_USED constexpr void place_storages(planned& p) {
  std::vector<std::vector<std::size_t>> starting(p.calls.size() + 1), ending(p.calls.size() + 1);
  p.placed.assign(p.storages.size(), 0);
  for (std::size_t s = 0; s < p.storages.size(); ++s) {
    if (!is_temporary(p.storages[s]) || p.storages[s].host >= 0 || p.storages[s].parent >= 0 ||
        p.first[s] > p.last[s])
      continue;
    p.placed[s] = 1;
    starting[p.first[s]].push_back(s);
    ending[p.last[s]].push_back(s);
  }
  std::size_t live = 0;
  for (std::size_t i = 0; i < starting.size(); ++i) {
    for (auto s : starting[i]) live += aligned(p.storages[s].bytes);
    p.live_bytes = std::max(p.live_bytes, live);
    for (auto s : ending[i]) live -= aligned(p.storages[s].bytes);
  }
  std::vector<std::size_t> offsets(p.storages.size(), 0);
  p.arena_bytes = place_in_gaps(p, starting, ending, false, offsets);
  // Values that outlive others leave gaps when they come first; in reverse they come last.
  if (p.arena_bytes > p.live_bytes + p.live_bytes / 64) {
    std::vector<std::size_t> other(p.storages.size(), 0);
    auto const bytes = place_in_gaps(p, ending, starting, true, other);
    if (bytes < p.arena_bytes) {
      p.arena_bytes = bytes;
      offsets = std::move(other);
    }
  }
  for (std::size_t s = 0; s < p.storages.size(); ++s)
    if (p.placed[s] != 0) p.storages[s].offset = offsets[s];
}

}  // namespace detail

/// Orders a recording's calls and places its memory.
TENON_WHEN_USED constexpr planned plan(recording const& r) {
  planned p;
  static_cast<ordered_calls&>(p) = order_calls(r);
  p.storages = r.storages();
  detail::find_lifetimes(r, p);
  detail::share_in_place(p);
  detail::place_storages(p);
  return p;
}

}  // namespace tenon
