// SPDX-License-Identifier: BSL-1.0
// A recording: what a function over typed variables does, as a list of calls on places in memory. It works
// alike in a constant expression and at start-up. recorder.hpp has what functions write it through. Here
// stands what is more than values and calls: gradients, what weights alone determine, inputs and outputs.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "../precision.hpp"
#include "recorded_calls.hpp"
#include "region.hpp"
#include "variable.hpp"

namespace tenon {

/// A weight gradient that waits for the other time steps of the same weight, to become one product over all
/// of them.
struct deferred_gradient {
  void (*emit)(recording&, std::span<deferred_gradient const>) = nullptr;
  location operand, gradient, sink;
  std::size_t operand_bytes = 0, gradient_bytes = 0;
  std::size_t issued_at = 0;
};

/// The gradient of a weight that every chunk of some calls adds to: a part for each chunk, the same ones for
/// all time steps, to be summed when all steps are done.
struct partial_gradient {
  void (*sum)(recording&, partial_gradient const&) = nullptr;
  location value, parts;
};

class recording : public recorded_calls {
 public:
  constexpr recording() { written_.reserve(usual_calls); }

  // ---- what weights alone determine

  /// Declares that the weights stay what they are: a session computes what depends on weights alone when it
  /// first runs, and keeps it (`session::weights_changed`). Products then read weights in another order,
  /// and those with few rows as numbers of type `stored_as`: float32; int16, which halves the bytes and leaves
  /// each weight 16 bits of precision below the largest of 256 of its output's, and each factor 15 bits or 18;
  /// or bfloat16, which leaves each 8 bits. Call it before anything is recorded. Throws std::logic_error for
  /// another type, or where something is recorded already.
  TENON_WHEN_USED constexpr void freeze_weights(element_type stored_as = element_type::float32) {
    if (stored_as != element_type::float32 && stored_as != element_type::int16 &&
        stored_as != element_type::bfloat16)
      throw std::logic_error("freeze_weights: weights are stored as float32, int16 or bfloat16");
    if (!calls_.empty()) throw std::logic_error("freeze_weights: call it before anything is recorded");
    frozen_ = true;
    frozen_type_ = stored_as;
  }
  constexpr bool weights_are_frozen() const { return frozen_; }
  constexpr element_type frozen_type() const { return frozen_type_; }

  /// A value computed from weights alone, to be shared by all that ask for it. `how` tells apart what is
  /// computed from the same places. Its value is nowhere until the one who asks puts it there.
  struct shared_value {
    kernel how = nullptr;
    std::array<location, 3> from{};
    location value{};
    std::size_t asked = 0;  ///< how many times
  };
  TENON_WHEN_USED constexpr shared_value& shared(kernel how, std::array<location, 3> const& from) {
    for (auto& known : shared_)
      if (known.how == how && known.from == from) {
        ++known.asked;
        return known;
      }
    shared_.push_back({how, from, {}, 1});
    return shared_.back();
  }

  /// Says how precisely a GPU is to multiply matrices; float32 if nothing is said.
  constexpr void multiply_with(precision p) { products_ = p; }
  constexpr precision products() const { return products_; }

  // ---- gradients

  /// Where a kernel is to put the gradient of a view of a value, and whether to add to what is there.
  struct gradient_place {
    location where;
    bool add = false;
  };

  template <class S, class L>
  constexpr gradient_place gradient_sink(location value) {
    if (!is_active(value)) return {};
    auto const where = gradient_location(value);
    auto const covered = region_of(at(where.storage), where.offset, S::extents, L::values);
    return {where, !claim(where.storage, covered)};
  }

  /// Where the gradient of a view of a value stands; nowhere if no gradient reached it.
  template <class S, class L>
  constexpr location gradient_source(location value) {
    if (!is_active(value)) return {};
    auto const top = root(value);
    if (at(top.storage).gradient < 0) return {};
    auto const where = gradient_location(value);
    auto const wanted = region_of(at(where.storage), where.offset, S::extents, L::values);
    auto const common = written_volume(where.storage, wanted);
    if (at(where.storage).zero_first) return where;
    if (common == 0 && wanted.regular) return {};
    if (!wanted.regular || common < wanted.volume()) clear_first(where.storage);
    return where;
  }

  constexpr bool is_differentiated() const { return differentiated_; }

  TENON_WHEN_USED TENON_RECORDING constexpr void defer(deferred_gradient d) {
    d.issued_at = calls_.size() - 1;
    deferred_.push_back(d);
  }

  /// Where the chunks of a call put their parts of a weight's gradient, `bytes` in all; `sum` says which kind
  /// of parts they are, too.
  TENON_WHEN_USED TENON_RECORDING constexpr gradient_place partial(void (*sum)(recording&,
                                                                               partial_gradient const&),
                                                                   location value, std::size_t bytes,
                                                                   std::size_t element_bytes) {
    for (auto const& known : partial_)
      if (known.sum == sum && known.value == value) return {known.parts, true};
    storage s;
    s.name = "gradient parts";
    s.element_bytes = element_bytes;
    s.bytes = bytes;
    s.rank = 1;
    s.extents[0] = bytes / element_bytes;
    partial_.push_back({sum, value, {add_storage(s), 0}});
    return {partial_.back().parts, false};
  }

  /// Records the calls that carry the gradient of `loss`, a scalar, back to everything active. Once in a
  /// recording: of several losses, differentiate the sum.
  TENON_WHEN_USED constexpr void differentiate(location loss);

  /// The gradient block of parameters of `bytes` bytes in all: one storage, laid out as the parameter block
  /// is.
  TENON_WHEN_USED constexpr location parameter_gradients(std::size_t bytes);

  // ---- results

  template <class T, class S>
  constexpr void declare_input(char const* name, location where) {
    check_is_new(inputs_, name, "input: the program has one of this name already");
    inputs_.push_back({name, where.storage, element_type_of<T>, S::size, fingerprint<S>});
  }
  template <class T, class S>
  constexpr void declare_output(char const* name, location where) {
    check_is_new(outputs_, name, "output: the program has one of this name already");
    outputs_.push_back({name, where.storage, element_type_of<T>, S::size, fingerprint<S>});
  }

  /// Throws std::logic_error if nothing may be added to a value in its own memory.
  TENON_WHEN_USED TENON_RECORDING constexpr void check_can_add_to(location value) const {
    for (auto const& port : outputs_)
      if (root({port.storage, 0}).storage == root(value).storage)
        throw std::logic_error("add_linear: an output cannot be added to: keep(y * 1) makes a copy");
    recorded_calls::check_can_add_to(value);
  }

  constexpr std::uint64_t next_random_site() { return random_sites_++; }
  /// The program updates the parameter block, a step in so many runs; the optimiser's state, in bytes. All
  /// gradients of parameters used lie in one block.
  TENON_WHEN_USED constexpr void updates_parameters(std::size_t state_bytes, std::size_t runs_of_step) {
    if (frozen_) throw std::logic_error("frozen weights cannot be trained");
    updates_ = true;
    state_bytes_ = state_bytes;
    runs_of_step_ = runs_of_step;
  }
  /// Gives parameters that no gradient reached a gradient of zero; true if every byte of the block is covered
  /// by parameters in use.
  TENON_WHEN_USED TENON_RECORDING constexpr bool complete_parameter_gradients(std::size_t bytes) {
    std::size_t covered = 0;
    for (int p : parameters_) {
      bool const beyond = at(p).offset + at(p).bytes > bytes;  // of another model, which learns nothing
      if (beyond && at(p).gradient < 0) continue;
      auto const g = gradient_location({p, 0});
      region whole;
      whole.rank = at(p).rank;
      for (std::size_t d = 0; d < whole.rank; ++d) whole.end[d] = at(p).extents[d];
      if (!at(g.storage).zero_first && written_volume(g.storage, whole) < whole.volume())
        clear_first(g.storage);
      covered += at(p).bytes;
    }
    return covered == bytes;
  }

  constexpr std::vector<port> const& inputs() const { return inputs_; }
  constexpr std::vector<port> const& outputs() const { return outputs_; }
  /// The optimiser's state holds an average of the weights there.
  constexpr void averages_weights(std::size_t offset, std::size_t bytes) {
    average_offset_ = offset;
    average_bytes_ = bytes;
  }

  constexpr std::size_t state_bytes() const { return state_bytes_; }
  constexpr std::size_t average_offset() const { return average_offset_; }
  constexpr std::size_t average_bytes() const { return average_bytes_; }
  constexpr bool updates() const { return updates_; }
  constexpr std::size_t runs_of_step() const { return runs_of_step_; }

 private:
  TENON_WHEN_USED static constexpr void check_is_new(std::vector<port> const& ports, std::string_view name,
                                                     char const* otherwise) {
    for (auto const& p : ports)
      if (p.name == name) throw std::logic_error(otherwise);
  }

  TENON_WHEN_USED TENON_RECORDING constexpr location gradient_location(location value) {
    auto const top = root(value);
    if (at(top.storage).gradient < 0) {
      storage g = at(top.storage);
      g.kind = storage::kind_t::gradient;
      g.active = false;
      g.gradient = -1;
      g.host = -1;
      if (g.name[0] == '\0') g.name = "gradient";
      if (at(top.storage).kind == storage::kind_t::parameter) {
        if (gradient_block_ >= 0 && g.offset + g.bytes > at(gradient_block_).bytes)
          throw std::logic_error(
              "minimise: the loss depends on weights beyond those that it is told of: give the "
              "parameter_count of all models");
        g.host = gradient_block_;
        g.host_offset = at(top.storage).offset;
      }
      int const id = add_storage(g);
      at(top.storage).gradient = id;
    }
    return {at(top.storage).gradient, top.offset};
  }

  TENON_WHEN_USED TENON_RECORDING constexpr std::size_t written_volume(int s, region const& wanted) const {
    std::size_t common = 0;
    if (auto const i = static_cast<std::size_t>(s); i < written_.size())
      for (auto const& r : written_[i]) common += r.common_volume(wanted);
    return common;
  }

  /// Claims a part of a gradient for writing; true if nothing of it was written before.
  TENON_WHEN_USED TENON_RECORDING constexpr bool claim(int s, region const& part) {
    if (at(s).zero_first) return false;
    auto const common = written_volume(s, part);
    if (!part.regular || (common != 0 && common < part.volume())) {
      clear_first(s);
      return false;
    }
    if (common != 0) return false;
    if (written_.size() <= static_cast<std::size_t>(s)) written_.resize(storages_.size());
    written_[static_cast<std::size_t>(s)].push_back(part);
    return true;
  }

  /// From here on the gradient starts as zeros: calls that overwrote it must add.
  TENON_WHEN_USED TENON_RECORDING constexpr void clear_first(int s) {
    at(s).zero_first = true;
    for (auto& c : calls_)
      for (std::size_t k = 0; k < c.outputs; ++k)
        if (operands()[c.first_operand + k].storage == s) c.accumulate |= 1U << k;
  }

  std::vector<std::vector<region>>
      written_;  ///< per storage: the parts of a gradient that hold something, disjoint
  std::vector<port> inputs_, outputs_;
  std::vector<deferred_gradient> deferred_;
  std::vector<partial_gradient> partial_;
  std::vector<shared_value> shared_;
  std::uint64_t random_sites_ = 0;
  std::size_t state_bytes_ = 0, runs_of_step_ = 1, average_offset_ = 0, average_bytes_ = 0;
  int gradient_block_ = -1;
  bool updates_ = false, differentiated_ = false, frozen_ = false;
  element_type frozen_type_ = element_type::float32;
  precision products_ = precision::fp32;
};

}  // namespace tenon
