// SPDX-License-Identifier: BSL-1.0
// In which order pairs are trained on, and how a batch's rows are collected.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "tenon/error.hpp"

namespace tenon::text {

/// Cuts 0 … pairs−1 into batches, the last one possibly short. The order is that of the data until shuffle()
/// is called; after it, it depends on seed and epoch alone, so that a resumed run continues with the same
/// batches on every platform (std::shuffle and the standard distributions do not promise that).
class batch_order {
 public:
  /// Throws tenon::error if `pairs` or `batch_size` is 0.
  batch_order(std::size_t pairs, std::size_t batch_size, std::uint64_t seed)
      : size_(batch_size), seed_(seed) {
    if (pairs == 0) throw error("there are no sentence pairs to cut into batches: give at least one");
    if (batch_size == 0) throw error("the batch size is 0: give at least 1");
    order_.resize(pairs);
    std::iota(order_.begin(), order_.end(), std::size_t{0});
  }

  /// Draws the order of this epoch. Allocates nothing.
  void shuffle(std::uint64_t epoch) {
    std::iota(order_.begin(), order_.end(), std::size_t{0});
    std::uint64_t state = mix(mix(seed_) + epoch);
    // Fisher and Yates, from the end.
    for (std::size_t left = order_.size(); left > 1; --left) {
      std::swap(order_[left - 1], order_[static_cast<std::size_t>(below(left, state))]);
    }
  }

  /// The number of batches in an epoch.
  std::size_t batches() const { return (order_.size() - 1) / size_ + 1; }

  /// The pairs in batch `index`; as many as the batch size, except in the last. Throws tenon::error if there
  /// is no such batch.
  std::span<std::size_t const> batch(std::size_t index) const {
    if (index >= batches()) {
      throw error("batch " + std::to_string(index) + " was asked for, but an epoch has " +
                  std::to_string(batches()) + ": count from 0");
    }
    std::size_t const begin = index * size_;
    return std::span(order_).subspan(begin, std::min(size_, order_.size() - begin));
  }

 private:
  /// The output function of SplitMix64 (Steele, Lea, Flood 2014): a bijection that scatters neighbouring
  /// inputs.
  static std::uint64_t mix(std::uint64_t x) {
    x += 0x9E3779B97F4A7C15ULL;
    x = (x ^ (x >> 30U)) * 0xBF58476D1CE4E5B9ULL;
    x = (x ^ (x >> 27U)) * 0x94D049BB133111EBULL;
    return x ^ (x >> 31U);
  }

  /// A number below `bound`; draws below 2^64 mod bound are repeated, so that all are equally likely.
  static std::uint64_t below(std::uint64_t bound, std::uint64_t& state) {
    std::uint64_t const reject = (0 - bound) % bound;
    std::uint64_t draw = 0;
    do {
      draw = mix(state);
      state += 0x9E3779B97F4A7C15ULL;
    } while (draw < reject);
    return draw % bound;
  }

  std::size_t size_;
  std::uint64_t seed_;
  std::vector<std::size_t> order_;
};

/// Copies the given rows of `from` (row-major, `width` values a row) to the start of `to` and fills the rest
/// of it with `fill`: how a short batch is padded to the batch size (ids with `<pad>`, weights with 0).
/// Throws tenon::error if a row does not exist or `to` is too small.
template <class T>
void copy_rows(std::vector<T> const& from, std::size_t width, std::span<std::size_t const> rows,
               std::type_identity_t<std::span<T>> to, std::type_identity_t<T> fill) {
  if (width == 0) throw error("rows of width 0 cannot be copied: give the number of values a row has");
  if (rows.size() > to.size() / width) {
    throw error("a batch of " + std::to_string(rows.size()) + " rows does not fit where " +
                std::to_string(to.size() / width) + " are expected: give the batch size of the program");
  }
  auto out = to.begin();
  for (std::size_t const row : rows) {
    if (row >= from.size() / width) {
      throw error("row " + std::to_string(row) + " was asked for, but the data has " +
                  std::to_string(from.size() / width) + ": make the batch order for this data");
    }
    auto const values = std::span(from).subspan(row * width, width);
    out = std::copy(values.begin(), values.end(), out);
  }
  std::fill(out, to.end(), fill);
}

}  // namespace tenon::text
