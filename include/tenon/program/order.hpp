// SPDX-License-Identifier: BSL-1.0
// The order in which a recording's calls run.
#pragma once
#include <algorithm>
#include <cstddef>
#include <vector>

#include "differentiate.hpp"

namespace tenon {

/// Calls in the order in which they run. An operand says which storage of the recording it lies in once all
/// stacking is done, and the offset there.
struct ordered_calls {
  std::vector<call> calls;
  std::vector<location> operands;
  std::vector<reach> reaches;    ///< of each operand
  std::size_t frozen_calls = 0;  ///< the first calls, which depend on frozen weights alone
};

namespace detail {

/// The order in which calls run: as recorded, but those that were moved just after the call that they name.
TENON_WHEN_USED constexpr std::vector<std::size_t> final_order(recording const& r) {
  auto const& order = r.order();
  std::vector<int> next(order.size(), -1), tail(order.size(), -1);  // chains of calls moved behind a call
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (order[i].after == 0) continue;
    auto const home = order[i].call;
    if (tail[home] < 0)
      next[home] = static_cast<int>(i);
    else
      next[static_cast<std::size_t>(tail[home])] = static_cast<int>(i);
    tail[home] = static_cast<int>(i);
  }
  std::vector<std::size_t> result;
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (order[i].after != 0) continue;
    result.push_back(i);
    for (int j = next[i]; j >= 0; j = next[static_cast<std::size_t>(j)])
      result.push_back(static_cast<std::size_t>(j));
  }
  return result;
}

/// Which calls, by number, depend on frozen weights alone. One that writes where a call that does not depend on
/// them alone writes too is none of them: its result does not last.
TENON_WHEN_USED constexpr std::vector<char> frozen_calls(recording const& r) {
  std::vector<char> frozen(r.calls().size(), 1), lasting(r.storages().size(), 1);
  auto const top = [&r](location where) { return static_cast<std::size_t>(r.physical(where).storage); };
  std::vector<char> written(r.storages().size(), 0);
  for (std::size_t i = 0; i < frozen.size(); ++i)
    for (std::size_t k = 0; k < r.calls()[i].outputs; ++k)
      if (r.operand_of(i, k).exists()) written[top(r.operand_of(i, k))] = 1;
  for (std::size_t s = 0; s < lasting.size(); ++s)  // inputs are written by the user
    if (written[s] == 0 && r.storages()[s].kind != storage::kind_t::parameter) lasting[s] = 0;
  for (bool changed = true; changed;) {
    changed = false;
    for (std::size_t i = 0; i < frozen.size(); ++i) {
      if (frozen[i] == 0) continue;
      auto const& c = r.calls()[i];
      bool all = c.operands > c.outputs && !c.stops;
      for (std::size_t k = 0; k < c.operands; ++k)  // an operand that is missing may be a random mask
        all = all && r.operand_of(i, k).exists() && lasting[top(r.operand_of(i, k))] != 0;
      if (all) continue;
      frozen[i] = 0;
      changed = true;
      for (std::size_t k = 0; k < c.outputs; ++k)
        if (r.operand_of(i, k).exists()) lasting[top(r.operand_of(i, k))] = 0;
    }
  }
  return frozen;
}

/// Leaves out, of calls in the order in which they run, those whose results nobody reads.
TENON_WHEN_USED constexpr void drop_unread(recording const& r, std::vector<std::size_t>& order) {
  auto const top = [&r](location where) { return static_cast<std::size_t>(r.physical(where).storage); };
  std::vector<char> read(r.storages().size(), 0);
  for (std::size_t s = 0; s < read.size(); ++s) {
    auto const kind = r.storages()[s].kind;
    if (kind == storage::kind_t::parameter || kind == storage::kind_t::state) read[s] = 1;
  }
  for (auto const& port : r.outputs()) read[top({port.storage, 0})] = 1;
  for (std::size_t i = order.size(); i-- > 0;) {
    auto const& c = r.calls()[order[i]];
    bool wanted = c.stops;
    for (std::size_t k = 0; k < c.outputs && !wanted; ++k)
      wanted = r.operand_of(order[i], k).exists() && read[top(r.operand_of(order[i], k))] != 0;
    if (!wanted) {
      order[i] = r.calls().size();
      continue;
    }
    for (std::size_t k = 0; k < c.operands; ++k)
      if (r.operand_of(order[i], k).exists()) read[top(r.operand_of(order[i], k))] = 1;
  }
  std::erase(order, r.calls().size());
}

/// A call that mostly reads one operand, the weight of a product of few rows, if that is of a size that may
/// stay in a core's cache; else nowhere.
TENON_WHEN_USED constexpr location weight_read(recording const& r, std::size_t index) {
  constexpr std::size_t least = std::size_t{64} << 10, most = std::size_t{2} << 20;
  auto const& c = r.calls()[index];
  if (c.joint != nullptr || c.outputs != 1 || c.stops) return {};
  if (r.at(r.physical(r.operand_of(index, 0)).storage).kind != storage::kind_t::temporary) return {};
  for (std::size_t k = 1; k < c.operands; ++k) {
    auto const where = r.operand_of(index, k);
    if (!where.exists()) continue;
    auto const bytes = r.at(where.storage).bytes;
    if (bytes >= least && bytes <= most && 2 * bytes > c.bytes) return where;
  }
  return {};
}

/// Must two calls run in the order in which they were recorded?
TENON_WHEN_USED constexpr bool depend(recording const& r, std::size_t one, std::size_t other) {
  auto const writes_of = [&r](std::size_t writer, std::size_t reader) {
    for (std::size_t k = 0; k < r.calls()[writer].outputs; ++k) {
      if (!r.operand_of(writer, k).exists()) continue;
      int const written = r.physical(r.operand_of(writer, k)).storage;
      for (std::size_t j = 0; j < r.calls()[reader].operands; ++j)
        if (auto const where = r.operand_of(reader, j);
            where.exists() && r.physical(where).storage == written)
          return true;
    }
    return false;
  };
  return writes_of(one, other) || writes_of(other, one);
}

/// Lets products of few rows, whose time is that of reading their weights, read them twice in succession, the
/// second time from a near cache: of the steps of a recurrence every second one multiplies its state as soon
/// as that is known, just behind the product of the step before, which had waited for as long as it could.
/// Where a run stops, outputs recorded later keep their values, so they are not computed before that; what
/// nobody sees may be.
TENON_WHEN_USED constexpr void read_weights_twice(recording const& r, std::vector<std::size_t>& order) {
  std::vector<char> seen(r.storages().size(), 0);
  auto const top = [&r](location where) { return static_cast<std::size_t>(r.physical(where).storage); };
  for (auto const& port : r.outputs()) seen[top({port.storage, 0})] = 1;
  std::vector<location> weights;  // that calls read for the first time
  weights.reserve(order.size());
  for (auto const i : order) weights.push_back(weight_read(r, i));
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (!weights[i].exists()) continue;
    std::size_t behind = i;
    while (behind > 0 && weights[behind - 1] != weights[i]) --behind;
    if (behind == 0) continue;
    std::size_t place = i, between = 0;
    bool const waits = seen[top(r.operand_of(order[i], 0))] != 0;
    while (place > behind && !depend(r, order[place - 1], order[i]) &&
           !(waits && r.calls()[order[place - 1]].stops))
      --place;
    for (std::size_t j = behind; j < place; ++j) between += r.calls()[order[j]].bytes;
    if (between > r.at(weights[i].storage).bytes) continue;
    std::rotate(order.begin() + static_cast<std::ptrdiff_t>(place),
                order.begin() + static_cast<std::ptrdiff_t>(i),
                order.begin() + static_cast<std::ptrdiff_t>(i + 1));
    std::rotate(weights.begin() + static_cast<std::ptrdiff_t>(place),
                weights.begin() + static_cast<std::ptrdiff_t>(i),
                weights.begin() + static_cast<std::ptrdiff_t>(i + 1));
    weights[place] = {};
  }
}

}  // namespace detail

/// Puts a recording's calls in the order in which they run, those that depend on frozen weights alone before
/// all others, with calls that clear the gradients that need it before their first use.
TENON_WHEN_USED constexpr ordered_calls order_calls(recording const& r) {
  ordered_calls p;
  p.calls.reserve(2 * r.calls().size());
  p.operands.reserve(2 * r.operands().size());
  p.reaches.reserve(2 * r.operands().size());
  std::vector<char> cleared(r.storages().size(), 0);
  auto const clear_once = [&](int top) {
    auto const& s = r.at(top);
    if (!s.zero_first || cleared[static_cast<std::size_t>(top)]) return;
    cleared[static_cast<std::size_t>(top)] = 1;
    call clear;
    static_cast<call_spec&>(clear) = clear_spec(s.bytes);
    clear.first_operand = p.operands.size();
    clear.operands = clear.outputs = 1;
    clear.bytes = s.bytes;
    p.operands.push_back(r.physical({top, 0}));
    p.reaches.emplace_back();
    p.calls.push_back(clear);
  };
  auto order = detail::final_order(r);
  detail::drop_unread(r, order);
  if (r.weights_are_frozen()) {
    auto const frozen = detail::frozen_calls(r);
    std::vector<std::size_t> first, rest;
    for (auto const i : order) (frozen[i] != 0 ? first : rest).push_back(i);
    p.frozen_calls = first.size();
    detail::read_weights_twice(r, rest);
    order = first;
    order.insert(order.end(), rest.begin(), rest.end());
  }
  for (auto const i : order) {
    call c = r.calls()[i];
    auto const first = c.first_operand;
    for (std::size_t k = 0; k < c.operands; ++k) {
      auto const where = r.operands()[first + k];
      if (!where.exists()) continue;
      for (int s = where.storage; s >= 0; s = r.at(s).parent) {
        auto const host = r.at(s).host;  // the block that all parameters' gradients lie in
        if (host >= 0) clear_once(host);
        clear_once(s);
      }
    }
    c.first_operand = p.operands.size();
    for (std::size_t k = 0; k < c.operands; ++k) {
      auto const where = r.operands()[first + k];
      p.operands.push_back(where.exists() ? r.physical(where) : where);
      p.reaches.push_back(r.reaches()[first + k]);
    }
    p.calls.push_back(c);
  }
  return p;
}

}  // namespace tenon
