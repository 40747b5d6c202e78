// SPDX-License-Identifier: BSL-1.0
// A model's weights and its optimiser's state: one block each, shared by all programs of the model.
#pragma once
#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <utility>

#include "../config.hpp"
#include "../error.hpp"
#include "../owned.hpp"

namespace tenon {

namespace detail {
using aligned_bytes = aligned_memory<std::byte>;
/// At least one cache line, however few bytes are asked for.
TENON_WHEN_USED inline aligned_bytes allocate_zeros(std::size_t bytes) {
  std::size_t const whole = std::max(alignment, aligned(bytes));
  auto memory = allocate_aligned<std::byte>(whole);
  std::fill_n(memory.get(), whole, std::byte{});
  return memory;
}
}  // namespace detail

/// A copy of a parameter block in another device's memory.
class parameter_mirror {
 public:
  virtual ~parameter_mirror() = default;
  /// The host is about to read the block, and perhaps to write to it: brings it the newest values.
  virtual void needed_on_host(bool written) = 0;
};

class parameter_block {
 public:
  /// A block of `count` floats, all zero until something initialises or loads them.
  explicit parameter_block(std::size_t count)
      : count_{count}, values_{detail::allocate_zeros(count * sizeof(float))} {}

  /// The weights, to read and write; the next run on any device sees what was written. Ask again after a run
  /// on a GPU, which has newer ones then.
  std::span<float> values() {
    needed_on_host(true);
    return {reinterpret_cast<float*>(values_.get()), count_};
  }
  std::span<float const> values() const {
    needed_on_host(false);
    return {reinterpret_cast<float const*>(values_.get()), count_};
  }
  std::size_t bytes() const { return count_ * sizeof(float); }

  /// The optimiser's state, at least `bytes` long; zeros at first. Throws tenon::error if there is a smaller
  /// one already, which a session may be using: a block is trained by one optimiser.
  std::span<std::byte> state(std::size_t bytes) {
    if (state_bytes_ < bytes) {
      if (state_bytes_ != 0)
        throw error("the parameter block has an optimiser's state of " + std::to_string(state_bytes_) +
                    " bytes and this program needs " + std::to_string(bytes) +
                    ": train a block with one optimiser");
      state_ = detail::allocate_zeros(bytes);
      state_bytes_ = bytes;
    }
    needed_on_host(true);
    return {state_.get(), state_bytes_};
  }

  /// Brings the host's copy up to date, where a GPU has a newer one.
  void needed_on_host(bool written) const {
    if (mirror_.get() != nullptr) mirror_.get()->needed_on_host(written);
  }
  parameter_mirror* mirror() const { return mirror_.get(); }
  /// Takes `m`, made by `new`.
  void mirror(detail::owned<parameter_mirror> m) { mirror_ = std::move(m); }

  /// Updates made so far.
  std::uint64_t steps = 0;

 private:
  std::size_t count_;
  detail::aligned_bytes values_;
  detail::aligned_bytes state_;
  std::size_t state_bytes_ = 0;
  detail::owned<parameter_mirror> mirror_;
};

}  // namespace tenon
