// SPDX-License-Identifier: BSL-1.0
// Programs at work on batches: sentence pairs in, their loss out.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <numeric>
#include <optional>
#include <span>
#include <type_traits>
#include <vector>

#include "model.hpp"
#include "tenon/recipes/terms.hpp"
#include "tenon/tenon.hpp"
#include "tenon/text/batches.hpp"
#include "tenon/train/training_loop.hpp"

namespace tenon::translate {

/// What the translator runs on: tenon_add_translator(… DEVICE cuda) says cuda_device.
#if !defined(TENON_TRANSLATOR_DEVICE)
#define TENON_TRANSLATOR_DEVICE cpu_device
#endif
using device = TENON_TRANSLATOR_DEVICE;

/// The bucket of each of `count` pairs from number `first` on: the first that has room for both sentences;
/// those that no bucket has room for are cut to the last one's.
template <class Recipe>
std::vector<std::size_t> bucket_of_pairs(text::encoded_pairs const& pairs, std::size_t first,
                                         std::size_t count) {
  constexpr auto& buckets = recipes::buckets_of<Recipe>;
  std::vector<std::size_t> result(count, buckets.size() - 1);
  for (std::size_t i = 0; i < count; ++i) {
    auto const source = static_cast<std::size_t>(pairs.source_valid[first + i]);
    auto const weights =
        std::span(pairs.label_weights).subspan((first + i) * pairs.target_steps, pairs.target_steps);
    auto const target = static_cast<std::size_t>(std::ranges::count(weights, 1.0F));
    auto const fits = std::ranges::find_if(buckets, [&](recipes::bucket const& b) {
      return source <= b.source_steps && target <= b.target_steps;
    });
    if (fits != buckets.end()) result[i] = static_cast<std::size_t>(fits - buckets.begin());
  }
  return result;
}

/// Sessions of programs with the inputs of record_loss, one for each bucket; or of one for all lengths.
template <class Recipe>
class loss_session {
 public:
  /// The model and the weights to use, its own or others like them, must outlive the session.
  loss_session(std::span<program_view const> programs, translator<Recipe> const& model,
               parameter_block& weights, std::size_t threads, recipes::loss_terms terms)
      : terms_(terms), pad_source_(model.source.words.pad()), pad_target_(model.target.words.pad()) {
    for (auto const& program : programs) {
      auto& s = sessions_.emplace_back(program, weights, threads);
      s.raw.template input_elements<std::int32_t>("used")[0] =
          static_cast<std::int32_t>(model.target.words.size());
    }
  }

  /// Of dropout.
  void seed(std::uint64_t seed) {
    for (auto& s : sessions_) s.raw.seed(seed);
  }
  void learning_rate_scale(float scale) {
    for (auto& s : sessions_) s.raw.learning_rate_scale(scale);
  }

  /// Runs the program of `bucket` on those pairs, at most a batch; the rows that are missing count nothing.
  train::step_outcome operator()(text::encoded_pairs const& pairs, std::size_t bucket,
                                 std::span<std::size_t const> rows) {
    auto& s = sessions_[bucket];
    auto const words = begin(s, pairs, rows);
    return {s.loss(), words};
  }
  /// The same, but a device that works by itself is not waited for: what it gives is the outcome of the run
  /// before, nothing if there is none. Then `rest` gives the last one.
  std::optional<train::step_outcome> pipelined(text::encoded_pairs const& pairs, std::size_t bucket,
                                               std::span<std::size_t const> rows) {
    if constexpr (works_by_itself) {
      auto& s = sessions_[bucket];
      auto const words = begin(s, pairs, rows);
      std::optional<train::step_outcome> before;
      if (at_work_)
        before = {&s == at_work_->where ? s.loss_before() : at_work_->where->loss(), at_work_->words};
      at_work_ = {&s, words};
      return before;
    } else {
      return (*this)(pairs, bucket, rows);
    }
  }
  /// The outcome of the last run of `pipelined`.
  train::step_outcome rest() {
    auto const last = at_work_.value();
    at_work_.reset();
    return {last.where->loss(), last.words};
  }
  /// Of each row of the last run of `bucket`, the sum over its labels; of a program that measures.
  std::span<float const> pair_losses(std::size_t bucket) {
    return sessions_[bucket].raw.template output_elements<float>("pair_losses");
  }
  std::size_t batch_size(std::size_t bucket) const { return sessions_[bucket].source_valid.size(); }
  static constexpr bool works_by_itself = !std::is_same_v<device, cpu_device>;

 private:
  struct bucket_session {
    bucket_session(program_view const& program, parameter_block& weights, std::size_t threads)
        : raw(program, weights, threads) {}
    double loss() { return static_cast<double>(raw.template output_elements<float>("loss")[0]); }
    double loss_before() requires works_by_itself {
      return static_cast<double>(raw.template output_elements_before<float>("loss")[0]);
    }

    session<device> raw;
    std::span<std::int32_t> source = raw.input_elements<std::int32_t>("source"),
                            source_valid = raw.input_elements<std::int32_t>("source_valid"),
                            target_in = raw.input_elements<std::int32_t>("target_in"),
                            labels = raw.input_elements<std::int32_t>("labels");
    std::span<float> weight = raw.input_elements<float>("weight");
  };
  struct run_at_work {
    bucket_session* where;
    std::size_t words;
  };

  /// Starts a run; the words that it learns from.
  std::size_t begin(bucket_session& s, text::encoded_pairs const& pairs, std::span<std::size_t const> rows) {
    std::size_t const batch_size = s.source_valid.size(), steps = s.labels.size() / batch_size;
    text::row_width const sources{pairs.source_steps, s.source.size() / batch_size},
        targets{pairs.target_steps, steps};
    text::copy_rows(pairs.source, sources, rows, s.source, pad_source_);
    text::copy_rows(pairs.source_valid, 1, rows, s.source_valid, 1);
    text::copy_rows(pairs.target_input, targets, rows, s.target_in, pad_target_);
    text::copy_rows(pairs.labels, targets, rows, s.labels, pad_target_);
    text::copy_rows(pairs.label_weights, targets, rows, s.weight, 0.0F);
    auto const words = static_cast<std::size_t>(std::count(s.weight.begin(), s.weight.end(), 1.0F));
    if (terms_ == recipes::loss_terms::steps) std::ranges::fill(s.weight.first(rows.size() * steps), 1.0F);
    s.raw.run();
    return words;
  }

  recipes::loss_terms terms_;
  std::int32_t pad_source_, pad_target_;
  std::deque<bucket_session> sessions_;
  std::optional<run_at_work> at_work_;
};

/// The losses of pairs `first` … `first + count − 1`, batch by batch, by a session of one program for all
/// lengths: f(loss and words of the batch, the number of its first pair). False: a signal came in between.
template <class Recipe, class F>
bool for_each_batch(loss_session<Recipe>& session, text::encoded_pairs const& pairs, std::size_t first,
                    std::size_t count, F const& f) {
  std::vector<std::size_t> rows;
  for (std::size_t done = 0; done < count; done += rows.size()) {
    if (train::interrupt_guard::requested()) return false;
    rows.resize(std::min(count - done, session.batch_size(0)));
    std::iota(rows.begin(), rows.end(), first + done);
    f(session(pairs, 0, rows), first + done);
  }
  return true;
}

}  // namespace tenon::translate
