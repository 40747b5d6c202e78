// SPDX-License-Identifier: BSL-1.0
// A recording: what a function over typed variables does, as a list of calls on places in memory. It works
// alike in a constant expression and at start-up. recorder.hpp has what functions write it through.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "fill.hpp"
#include "precision.hpp"
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

class recording {
 public:
  constexpr recording() {  // room for usual programs: lists that grow by copying cost the compiler time
    storages_.reserve(usual_calls);
    written_.reserve(usual_calls);
    calls_.reserve(usual_calls);
    order_.reserve(usual_calls);
    operands_.reserve(8 * usual_calls);
    reaches_.reserve(8 * usual_calls);
  }

  // ---- values
  // ------------------------------------------------------------------------------------------------------

  /// Room for a value of element type T and shape S.
  template <class T, well_formed S>
  constexpr location add_value(storage::kind_t kind, char const* name) {
    static_assert(S::rank <= max_rank);
    storage s;
    s.kind = kind;
    s.name = name;
    s.bytes = S::size * sizeof(T);
    s.element_bytes = sizeof(T);
    s.rank = S::rank;
    for (std::size_t d = 0; d < S::rank; ++d) s.extents[d] = S::extents[d];
    return {add_storage(s), 0};
  }

  TENON_WHEN_USED TENON_RECORDING constexpr int add_storage(storage const& s) {
    storages_.push_back(s);
    written_.emplace_back();
    return static_cast<int>(storages_.size()) - 1;
  }

  template <class T, class... A>
  constexpr location place(basic_parameter<T, A...> const& p) {
    for (auto const& known : parameters_)
      if (at(known).offset == p.offset) return {known, 0};
    auto const where = add_value<T, shape<A...>>(storage::kind_t::parameter, "parameter");
    at(where.storage).offset = p.offset;
    at(where.storage).active = true;
    parameters_.push_back(where.storage);
    return where;
  }
  template <class P, class S, class L>
  constexpr location place(parameter_part<P, S, L> const& p) {
    auto where = place(p.whole);
    where.offset += p.offset;
    return where;
  }
  template <class T, class S, class L, class Owner>
  constexpr location place(variable<T, S, L, Owner> const& v) const {
    return v.at;
  }
  template <class X>
  constexpr location place(X const&) const {
    static_assert(sizeof(X) == 0,
                  "a tensor is no part of a program: give its values to an input, or make it a parameter");
    return {};
  }

  // ---- calls
  // -------------------------------------------------------------------------------------------------------

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

  // ---- what weights alone determine
  // -----------------------------------------------------------------------------------

  /// Declares that the weights stay what they are: a session computes what depends on weights alone when it
  /// first runs, and keeps it (`session::weights_changed`). Products then read weights in another order,
  /// and those with few rows as numbers of type `stored_as`: float32 or bfloat16, which halves the bytes and
  /// leaves each weight 8 bits of precision. Call it before anything is recorded. Throws std::logic_error for
  /// another type, or where something is recorded already.
  TENON_WHEN_USED constexpr void freeze_weights(element_type stored_as = element_type::float32) {
    if (stored_as != element_type::float32 && stored_as != element_type::bfloat16)
      throw std::logic_error("freeze_weights: weights are stored as float32 or bfloat16");
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

  // ---- structure
  // ---------------------------------------------------------------------------------------------------

  constexpr storage& at(int s) { return storages_[static_cast<std::size_t>(s)]; }
  constexpr storage const& at(int s) const { return storages_[static_cast<std::size_t>(s)]; }

  /// The storage that `where` lies in after stacking, and the offset there.
  constexpr location root(location where) const {
    while (at(where.storage).parent >= 0) {
      where.offset += at(where.storage).parent_offset;
      where.storage = at(where.storage).parent;
    }
    return where;
  }
  /// Like root, following also what was placed together for the sake of one product over all steps.
  TENON_WHEN_USED constexpr location physical(location where) const {
    for (;;) {
      where = root(where);
      auto const& s = at(where.storage);
      if (s.host < 0) return where;
      where = {s.host, where.offset + s.host_offset};
    }
  }
  /// Is `where` the whole of a temporary that nothing else contains yet?
  constexpr bool is_free(location where, std::size_t bytes) const {
    auto const& s = at(where.storage);
    return where.offset == 0 && s.bytes == bytes && s.parent < 0 && s.host < 0 &&
           (s.kind == storage::kind_t::temporary || s.kind == storage::kind_t::gradient);
  }
  constexpr bool is_active(location where) const { return where.exists() && at(root(where).storage).active; }
  /// Does a call that is recorded already read or write this value?
  TENON_WHEN_USED constexpr bool is_used(location value) const {
    for (auto const& o : operands_)
      if (o.exists() && root(o).storage == root(value).storage) return true;
    return false;
  }
  constexpr bool is_differentiated() const { return differentiated_; }

  /// Do two views of one value share no element?
  template <class S, class L, class OtherS, class OtherL>
  constexpr bool disjoint(location a, location b) const {
    a = root(a);
    b = root(b);
    auto const x = region_of(at(a.storage), a.offset, S::extents, L::values);
    auto const y = region_of(at(b.storage), b.offset, OtherS::extents, OtherL::values);
    return x.regular && y.regular && x.common_volume(y) == 0;
  }

  // ---- gradients
  // ---------------------------------------------------------------------------------------------------

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
  // -----------------------------------------------------------------------------------------------------

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

  constexpr std::uint64_t next_random_site() { return random_sites_++; }
  /// The parameter block that the program updates and the optimiser's state, in bytes. All gradients of
  /// parameters used lie in one block.
  TENON_WHEN_USED constexpr void updates_parameters(std::size_t state_bytes) {
    if (frozen_) throw std::logic_error("frozen weights cannot be trained");
    updates_ = true;
    state_bytes_ = state_bytes;
  }
  /// Gives parameters that no gradient reached a gradient of zero; true if every byte of the block is covered
  /// by parameters in use.
  TENON_WHEN_USED TENON_RECORDING constexpr bool complete_parameter_gradients(std::size_t bytes) {
    std::size_t covered = 0;
    for (int p : parameters_) {
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

  constexpr std::vector<storage> const& storages() const { return storages_; }
  constexpr std::vector<call> const& calls() const { return calls_; }
  constexpr std::vector<location> const& operands() const { return operands_; }
  /// Of each operand, in the same order.
  constexpr std::vector<reach> const& reaches() const { return reaches_; }
  constexpr std::vector<port> const& inputs() const { return inputs_; }
  constexpr std::vector<port> const& outputs() const { return outputs_; }
  constexpr std::size_t state_bytes() const { return state_bytes_; }
  constexpr bool updates() const { return updates_; }

  struct position {
    std::size_t call;
    int after;  ///< 1: just after that call
  };
  constexpr std::vector<position> const& order() const { return order_; }

 private:
  static constexpr std::size_t usual_calls = 512;

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
    for (auto const& r : written_[static_cast<std::size_t>(s)]) common += r.common_volume(wanted);
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
    written_[static_cast<std::size_t>(s)].push_back(part);
    return true;
  }

  /// From here on the gradient starts as zeros: calls that overwrote it must add.
  TENON_WHEN_USED TENON_RECORDING constexpr void clear_first(int s) {
    at(s).zero_first = true;
    for (auto& c : calls_)
      for (std::size_t k = 0; k < c.outputs; ++k)
        if (operands_[c.first_operand + k].storage == s) c.accumulate |= 1U << k;
  }

  std::vector<storage> storages_;
  std::vector<std::vector<region>>
      written_;  ///< per storage: the parts of a gradient that hold something, disjoint
  std::vector<call> calls_;
  std::vector<position> order_;
  std::vector<location> operands_;
  std::vector<reach> reaches_;
  std::vector<port> inputs_, outputs_;
  std::vector<int> parameters_;
  std::vector<deferred_gradient> deferred_;
  std::vector<partial_gradient> partial_;
  std::vector<shared_value> shared_;
  std::uint64_t random_sites_ = 0;
  std::size_t state_bytes_ = 0;
  int gradient_block_ = -1;
  bool updates_ = false, differentiated_ = false, frozen_ = false;
  element_type frozen_type_ = element_type::float32;
  precision products_ = precision::fp32;
};

}  // namespace tenon
