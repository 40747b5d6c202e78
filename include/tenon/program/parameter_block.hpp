// SPDX-License-Identifier: BSL-1.0
// A model's weights and its optimiser's state: one block each, shared by all programs of the model.
#pragma once
#include <algorithm>
#include <cstddef>
#include <memory>
#include <new>
#include <span>
#include <string>

#include "../error.hpp"

namespace tenon {

namespace detail {
struct aligned_release {
  void operator()(std::byte* p) const { ::operator delete (p, std::align_val_t{64}); }
};
using aligned_bytes = std::unique_ptr<std::byte[], aligned_release>;
inline aligned_bytes allocate_zeros(std::size_t bytes) {
  std::size_t const whole = std::max<std::size_t>(64, (bytes + 63) / 64 * 64);
  auto* const p = static_cast<std::byte*>(::operator new (whole, std::align_val_t{64}));
  std::fill_n(p, whole, std::byte{});
  return aligned_bytes(p);
}
}  // namespace detail

class parameter_block {
 public:
  /// A block of `count` floats, all zero until something initialises or loads them.
  explicit parameter_block(std::size_t count)
      : count_{count}, values_{detail::allocate_zeros(count * sizeof(float))} {}

  std::span<float> values() { return {reinterpret_cast<float*>(values_.get()), count_}; }
  std::span<float const> values() const { return {reinterpret_cast<float const*>(values_.get()), count_}; }
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
    return {state_.get(), state_bytes_};
  }

  /// Updates made so far.
  std::uint64_t steps = 0;

 private:
  std::size_t count_;
  detail::aligned_bytes values_;
  detail::aligned_bytes state_;
  std::size_t state_bytes_ = 0;
};

}  // namespace tenon
