// SPDX-License-Identifier: BSL-1.0
// In which order pairs are trained on, and how a batch's rows are collected.
#pragma once
#include <algorithm>
#include <array>
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

/// Cuts 0 … pairs−1 into batches; a batch has pairs of one bucket, the last of each bucket possibly fewer
/// than the others. The order is that of the data until shuffle() is called; after it, it depends on seed and
/// epoch alone, so that a resumed run continues with the same batches on every platform (std::shuffle and the
/// standard distributions do not promise that).
class batch_order {
 public:
  /// One bucket. Throws tenon::error if `pairs` or `batch_size` is 0.
  batch_order(std::size_t pairs, std::size_t batch_size, std::uint64_t seed)
      : batch_order(std::vector<std::size_t>(pairs), std::array{batch_size}, seed) {}

  /// The bucket of each pair, the pairs in a batch of each bucket. Throws tenon::error if there are no pairs,
  /// a pair's bucket does not exist, or a batch has no pairs.
  batch_order(std::vector<std::size_t> buckets, std::span<std::size_t const> batch_sizes, std::uint64_t seed)
      : seed_(seed), buckets_(std::move(buckets)) {
    if (buckets_.empty()) throw error("there are no sentence pairs to cut into batches: give at least one");
    std::vector<std::size_t> pairs(batch_sizes.size());
    for (std::size_t const b : buckets_) {
      if (b >= pairs.size()) throw error("a pair is in bucket " + std::to_string(b) + ", which is not there");
      ++pairs[b];
    }
    for (std::size_t b = 0, begin = 0; b < pairs.size(); begin += pairs[b++]) {
      if (batch_sizes[b] == 0) throw error("the batch size is 0: give at least 1");
      starts_.push_back(begin);
      for (std::size_t done = 0; done < pairs[b]; done += batch_sizes[b])
        batches_.push_back({b, begin + done, std::min(batch_sizes[b], pairs[b] - done)});
    }
    drawn_.resize(buckets_.size());
    order_.resize(buckets_.size());
    next_.resize(starts_.size());
    std::iota(drawn_.begin(), drawn_.end(), std::size_t{0});
    sort_by_bucket();
  }

  /// Draws the order of this epoch. Allocates nothing.
  void shuffle(std::uint64_t epoch) {
    std::iota(drawn_.begin(), drawn_.end(), std::size_t{0});
    std::sort(batches_.begin(), batches_.end(), [](cut const& a, cut const& b) { return a.begin < b.begin; });
    std::uint64_t state = mix(mix(seed_) + epoch);
    shuffle(drawn_, state);
    sort_by_bucket();
    if (starts_.size() > 1) shuffle(batches_, state);
  }

  /// The number of batches in an epoch.
  std::size_t batches() const { return batches_.size(); }

  /// The bucket of batch `index`.
  std::size_t bucket(std::size_t index) const { return cut_at(index).bucket; }

  /// The pairs in batch `index`; as many as the batch size, except in the last. Throws tenon::error if there
  /// is no such batch.
  std::span<std::size_t const> batch(std::size_t index) const {
    auto const& c = cut_at(index);
    return std::span(order_).subspan(c.begin, c.count);
  }

 private:
  struct cut {
    std::size_t bucket, begin, count;
  };

  cut const& cut_at(std::size_t index) const {
    if (index >= batches()) {
      throw error("batch " + std::to_string(index) + " was asked for, but an epoch has " +
                  std::to_string(batches()) + ": count from 0");
    }
    return batches_[index];
  }

  /// Fisher and Yates, from the end.
  template <class T>
  static void shuffle(std::vector<T>& list, std::uint64_t& state) {
    for (std::size_t left = list.size(); left > 1; --left)
      std::swap(list[left - 1], list[static_cast<std::size_t>(below(left, state))]);
  }

  /// Puts the pairs of each bucket behind each other, in the order in which they were drawn.
  void sort_by_bucket() {
    next_ = starts_;
    for (std::size_t const pair : drawn_) order_[next_[buckets_[pair]]++] = pair;
  }

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

  std::uint64_t seed_;
  std::vector<std::size_t> buckets_, starts_, next_;  // of each pair; of each bucket
  std::vector<std::size_t> drawn_, order_;
  std::vector<cut> batches_;
};

/// The values in a row of a table, and how many of them, the first, are wanted.
struct row_width {
  std::size_t whole, wanted;
  constexpr row_width(std::size_t all)  // NOLINT(google-explicit-constructor): the usual case
      : row_width(all, all) {}
  constexpr row_width(std::size_t all, std::size_t first) : whole(all), wanted(first) {}
};

/// Copies the given rows of `from` (row-major) to the start of `to` and fills the rest of it with `fill`: how
/// a short batch is padded to the batch size (ids with `<pad>`, weights with 0). Throws tenon::error if a row
/// does not exist or `to` is too small.
template <class T>
void copy_rows(std::vector<T> const& from, row_width width, std::span<std::size_t const> rows,
               std::type_identity_t<std::span<T>> to, std::type_identity_t<T> fill) {
  if (width.wanted == 0 || width.wanted > width.whole)
    throw error("rows of width 0 cannot be copied: give the number of values a row has");
  if (rows.size() > to.size() / width.wanted) {
    throw error("a batch of " + std::to_string(rows.size()) + " rows does not fit where " +
                std::to_string(to.size() / width.wanted) +
                " are expected: give the batch size of the program");
  }
  auto out = to.begin();
  for (std::size_t const row : rows) {
    if (row >= from.size() / width.whole) {
      throw error("row " + std::to_string(row) + " was asked for, but the data has " +
                  std::to_string(from.size() / width.whole) + ": make the batch order for this data");
    }
    auto const values = std::span(from).subspan(row * width.whole, width.wanted);
    out = std::copy(values.begin(), values.end(), out);
  }
  std::fill(out, to.end(), fill);
}

}  // namespace tenon::text
