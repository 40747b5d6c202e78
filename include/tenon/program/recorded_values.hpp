// SPDX-License-Identifier: BSL-1.0
// The values of a recording: what room each takes, and which lie in one another.
#pragma once
#include <cstddef>
#include <stdexcept>
#include <vector>

#include "call.hpp"
#include "region.hpp"
#include "variable.hpp"

namespace tenon {

class recorded_values {
 public:
  constexpr recorded_values() { storages_.reserve(usual_calls); }

  /// Room for a value of element type T and shape S.
  template <class T, well_formed S>
  constexpr location add_value(storage::kind_t kind, char const* name) {
    static_assert(S::rank <= max_rank, "a value in a recording has at most eight axes: merge some");
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
    return static_cast<int>(storages_.size()) - 1;
  }

  template <class T, class... A>
  constexpr location place(basic_parameter<T, A...> const& p) {
    if (p.offset == unplaced)  // on one line, since compilers show that line
      throw std::logic_error("a weight without a place: laid_out(model), with all weights in TENON_MEMBERS");
    for (auto const& known : parameters_) {
      std::size_t const begin = at(known).offset, end = begin + at(known).bytes;
      std::size_t const bytes = shape<A...>::size * sizeof(T);
      if (begin == p.offset && holds<T, shape<A...>>(at(known))) return {known, 0};
      if (begin < p.offset + bytes && p.offset < end)
        throw std::logic_error(
            "two weights overlap in the parameter block: lay models out one behind the other, "
            "laid_out(second, parameter_count(first))");
    }
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
    if (static_cast<recorded_values const*>(v.owner) != this)
      throw std::logic_error("a value of another recording is used: each recording has values of its own");
    return v.at;
  }
  template <class X>
  constexpr location place(X const&) const {
    static_assert(sizeof(X) == 0,
                  "a tensor is no part of a program: give its values to an input, or make it a parameter");
    return {};
  }

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
  /// Do two views of one value share no element?
  template <class S, class L, class OtherS, class OtherL>
  constexpr bool disjoint(location a, location b) const {
    a = root(a);
    b = root(b);
    auto const x = region_of(at(a.storage), a.offset, S::extents, L::values);
    auto const y = region_of(at(b.storage), b.offset, OtherS::extents, OtherL::values);
    return x.regular && y.regular && x.common_volume(y) == 0;
  }

  constexpr std::vector<storage> const& storages() const { return storages_; }

 private:
  /// Are these the elements and the extents of a value of element type T and shape S?
  template <class T, class S>
  static constexpr bool holds(storage const& s) {
    bool same = s.bytes == S::size * sizeof(T) && s.element_bytes == sizeof(T) && s.rank == S::rank;
    for (std::size_t d = 0; same && d < S::rank; ++d) same = s.extents[d] == S::extents[d];
    return same;
  }

 protected:
  /// Room for usual programs: lists that grow by copying cost the compiler time.
  static constexpr std::size_t usual_calls = 1024;

  std::vector<storage> storages_;
  std::vector<int> parameters_;  ///< the storages of those in use
};

}  // namespace tenon
