// SPDX-License-Identifier: BSL-1.0
// The calls of a recording, in the order in which they are to run, and the places that each reads and writes.
#pragma once
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <vector>

#include "recorded_values.hpp"

namespace tenon {

class recorded_calls : public recorded_values {
 public:
  constexpr recorded_calls() {
    calls_.reserve(usual_calls);
    order_.reserve(usual_calls);
    operands_.reserve(8 * usual_calls);
    reaches_.reserve(8 * usual_calls);
  }

  TENON_WHEN_USED TENON_RECORDING constexpr void begin(call_spec const& spec) {
    call c;
    static_cast<call_spec&>(c) = spec;
    c.first_operand = operands_.size();
    calls_.push_back(c);
    order_.push_back({calls_.size() - 1, 0});
  }
  TENON_WHEN_USED TENON_RECORDING constexpr void result(location where, std::size_t bytes, bool add = false) {
    auto& c = calls_.back();
    if (where.exists()) {
      if (add) c.accumulate |= 1U << c.outputs;
      c.bytes += add ? 2 * bytes : bytes;
    }
    operands_.push_back(where);
    reaches_.push_back(c.touched(c.operands));
    ++c.outputs;
    ++c.operands;
  }
  TENON_WHEN_USED TENON_RECORDING constexpr void operand(location where, std::size_t bytes) {
    auto& c = calls_.back();
    if (where.exists()) c.bytes += bytes;
    operands_.push_back(where);
    reaches_.push_back(c.touched(c.operands));
    ++c.operands;
  }
  /// The call recorded last reads this too, beyond what its operands say (the further steps of a summed
  /// product).
  constexpr void also_reads(location where) { operand(where, 0); }
  /// The call recorded last reads and writes so many bytes, where that is less than its operands have.
  constexpr void moves(std::uint64_t bytes) { calls_.back().bytes = bytes; }
  /// Ends the call begun last: its outputs now depend on whatever its operands depend on.
  TENON_WHEN_USED TENON_RECORDING constexpr void end() {
    auto const& c = calls_.back();
    if (!c.pull.exists) return;
    bool active = false;
    for (std::size_t k = c.outputs; k < c.operands; ++k) active |= is_active(operands_[c.first_operand + k]);
    if (!active) return;
    for (std::size_t k = 0; k < c.outputs; ++k) {
      auto const where = operands_[c.first_operand + k];
      if (where.exists()) at(root(where).storage).active = true;
    }
  }
  /// Moves the call recorded last to just after call number `index` (weight gradients that were waiting), or
  /// further back if it adds to what a later call writes.
  TENON_WHEN_USED TENON_RECORDING constexpr void place_last_after(std::size_t index) {
    auto const last = calls_.size() - 1;
    auto const& c = calls_[last];
    std::size_t home = order_[index].call;
    if ((c.accumulate & 1U) != 0)
      for (std::size_t i = 0; i < last; ++i)
        for (std::size_t k = 0; k < calls_[i].outputs; ++k)
          if (operand_of(i, k).storage == operand_of(last, 0).storage) home = std::max(home, order_[i].call);
    order_[last] = {home, 1};
  }

  /// Says that the calls recorded last can be done together, if it is they that `together` is about.
  TENON_WHEN_USED constexpr void join_last(joint_calls const& together) {
    std::size_t const count = together.kernels.size();
    if (calls_.size() < count) return;
    auto* const first = calls_.data() + (calls_.size() - count);
    for (std::size_t i = 0; i < count; ++i)
      if (first[i].run != together.kernels[i]) return;
    first->joint = &together;
  }
  /// Says that the call recorded last can be done together with neighbours of which the same is said;
  /// `numbers` is what that asks of it besides its operands.
  TENON_WHEN_USED constexpr void join_alike(joint_calls const& together,
                                            std::array<std::int64_t, 4> const& numbers) {
    calls_.back().joint = &together;
    calls_.back().integers = numbers;
  }
  /// Lets another function carry back the gradient of a call, if it has one.
  constexpr void replace_pull(std::size_t index, pullback::function pull) {
    if (calls_[index].pull.exists) calls_[index].pull = pull;
  }

  /// Says how the largest element of each row of what the call recorded last computes can be found.
  constexpr void offer_largest(largest_element const& way) { calls_.back().largest = way; }

  /// Throws std::logic_error if nothing may be added to a value in its own memory: what a run does not
  /// compute anew would grow from run to run, and some derivatives read the result.
  TENON_WHEN_USED TENON_RECORDING constexpr void check_can_add_to(location value) const {
    auto const where = root(value);
    auto const kind = at(where.storage).kind;
    if (kind != storage::kind_t::temporary && kind != storage::kind_t::gradient)
      throw std::logic_error("add_linear: an input or a weight cannot be added to: keep(y * 1) makes a copy");
    for (std::size_t i = 0; i < calls_.size(); ++i)
      for (std::size_t k = 0; k < calls_[i].outputs; ++k)
        if (calls_[i].reads_result && operand_of(i, k).exists() &&
            root(operand_of(i, k)).storage == where.storage)
          throw std::logic_error(
              "add_linear: the derivative of this value's operation reads its result: keep(y * 1) makes a "
              "copy");
  }

  constexpr location operand_of(std::size_t index, std::size_t k) const {
    return operands_[calls_[index].first_operand + k];
  }
  /// Does a call that is recorded already read or write this value?
  TENON_WHEN_USED constexpr bool is_used(location value) const {
    for (auto const& o : operands_)
      if (o.exists() && root(o).storage == root(value).storage) return true;
    return false;
  }

  constexpr std::vector<call> const& calls() const { return calls_; }
  constexpr std::vector<location> const& operands() const { return operands_; }
  /// Of each operand, in the same order.
  constexpr std::vector<reach> const& reaches() const { return reaches_; }

  struct position {
    std::size_t call;
    int after;  ///< 1: just after that call
  };
  constexpr std::vector<position> const& order() const { return order_; }

 protected:
  std::vector<call> calls_;

 private:
  std::vector<position> order_;
  std::vector<location> operands_;
  std::vector<reach> reaches_;
};

}  // namespace tenon
