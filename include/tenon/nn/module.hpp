// SPDX-License-Identifier: BSL-1.0
// Models: structs whose members are weights and other such structs, reflected with Boost.Hana. A layer lists
// its members once,
//
//   template <std::size_t H> struct attention {
//     parameter<hiddens<H>, from<hiddens<H>>> w_q{xavier_uniform(H, H)}, w_k{xavier_uniform(H, H)};
//     TENON_MEMBERS(attention, w_q, w_k)
//   };
//
// and Tenon lays out, names, initialises, saves and loads its weights. `constexpr auto model =
// laid_out(attention<8>{})` is ready for use in recordings.
#pragma once
#include <boost/hana/accessors.hpp>
#include <boost/hana/at.hpp>
#include <boost/hana/concept/struct.hpp>
#include <boost/hana/for_each.hpp>
#include <boost/hana/front.hpp>
#include <boost/hana/pair.hpp>
#include <boost/hana/string.hpp>
#include <boost/hana/tuple.hpp>
#include <boost/hana/unpack.hpp>
#include <cstddef>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

#include "../config.hpp"
#include "../expr/expression.hpp"

namespace tenon {

namespace hana = boost::hana;

/// Makes SELF a Hana Struct with the members named, up to sixteen: more go into structs of their own. (Hana's
/// own macro cannot take member types that contain commas.)
#define TENON_MEMBERS(SELF, ...)                                              \
  struct hana_accessors_impl {                                                \
    static constexpr auto apply() {                                           \
      return ::boost::hana::make_tuple(TENON_EACH_MEMBER(SELF, __VA_ARGS__)); \
    }                                                                         \
  };
#define TENON_MEMBER(SELF, NAME)                                                         \
  ::boost::hana::make_pair(BOOST_HANA_STRING(#NAME), [](auto&& self) -> decltype(auto) { \
    return (static_cast<decltype(self)&&>(self).NAME);                                   \
  })
#define TENON_EACH_MEMBER(SELF, ...)                                                                      \
  TENON_PICK_MEMBERS(__VA_ARGS__, TENON_MORE, TENON_MORE, TENON_MORE, TENON_MORE, TENON_MORE, TENON_MORE, \
                     TENON_MORE, TENON_MORE, TENON_M16, TENON_M15, TENON_M14, TENON_M13, TENON_M12,       \
                     TENON_M11, TENON_M10, TENON_M9, TENON_M8, TENON_M7, TENON_M6, TENON_M5, TENON_M4,    \
                     TENON_M3, TENON_M2, TENON_M1)                                                        \
  (SELF, __VA_ARGS__)
#define TENON_PICK_MEMBERS(A, B, C, D, E, F, G, H, I, J, K, L, M, N, O, P, Q, R, S, T, U, V, W, X, PICKED, \
                           ...)                                                                            \
  PICKED
#define TENON_MORE(SELF, ...)                                                                 \
  [] {                                                                                        \
    static_assert(sizeof(SELF) == 0,                                                          \
                  "TENON_MEMBERS takes sixteen members: put some into structs of their own"); \
    return 0;                                                                                 \
  }()
#define TENON_M1(S, A) TENON_MEMBER(S, A)
#define TENON_M2(S, A, ...) TENON_MEMBER(S, A), TENON_M1(S, __VA_ARGS__)
#define TENON_M3(S, A, ...) TENON_MEMBER(S, A), TENON_M2(S, __VA_ARGS__)
#define TENON_M4(S, A, ...) TENON_MEMBER(S, A), TENON_M3(S, __VA_ARGS__)
#define TENON_M5(S, A, ...) TENON_MEMBER(S, A), TENON_M4(S, __VA_ARGS__)
#define TENON_M6(S, A, ...) TENON_MEMBER(S, A), TENON_M5(S, __VA_ARGS__)
#define TENON_M7(S, A, ...) TENON_MEMBER(S, A), TENON_M6(S, __VA_ARGS__)
#define TENON_M8(S, A, ...) TENON_MEMBER(S, A), TENON_M7(S, __VA_ARGS__)
#define TENON_M9(S, A, ...) TENON_MEMBER(S, A), TENON_M8(S, __VA_ARGS__)
#define TENON_M10(S, A, ...) TENON_MEMBER(S, A), TENON_M9(S, __VA_ARGS__)
#define TENON_M11(S, A, ...) TENON_MEMBER(S, A), TENON_M10(S, __VA_ARGS__)
#define TENON_M12(S, A, ...) TENON_MEMBER(S, A), TENON_M11(S, __VA_ARGS__)
#define TENON_M13(S, A, ...) TENON_MEMBER(S, A), TENON_M12(S, __VA_ARGS__)
#define TENON_M14(S, A, ...) TENON_MEMBER(S, A), TENON_M13(S, __VA_ARGS__)
#define TENON_M15(S, A, ...) TENON_MEMBER(S, A), TENON_M14(S, __VA_ARGS__)
#define TENON_M16(S, A, ...) TENON_MEMBER(S, A), TENON_M15(S, __VA_ARGS__)

/// The way to a weight through a model's members; `str()` joins it with dots. A layer of a stack writes its
/// number behind its weights' names, as PyTorch does: "encoder.rnn.weight_ih_l0". So does a member whose name
/// begins with an underscore: "encoder.rnn.weight_ih_l0_reverse".
struct member_path {
  member_path const* parent = nullptr;
  std::string_view name{};
  int layer = -1;

  std::string str() const {
    std::string result, suffix;
    append(result, suffix);
    return result + suffix;
  }

 private:
  void append(std::string& result, std::string& suffix) const {
    if (parent != nullptr) parent->append(result, suffix);
    if (layer >= 0) suffix += "_l" + std::to_string(layer);
    if (name.starts_with('_')) suffix += name;
    if (name.empty() || name.starts_with('_')) return;
    if (!result.empty()) result += '.';
    result += name;
  }
};

namespace detail {
template <class X>
inline constexpr bool is_layer_stack = false;
template <class... Layer>
inline constexpr bool is_layer_stack<hana::tuple<Layer...>> = true;
}  // namespace detail

/// Calls f(path, weight) for every weight of a model, in the order of its members.
template <class Model, class F>
TENON_COLD constexpr void for_each_parameter(Model& model, F&& f, member_path const* parent = nullptr) {
  using M = std::remove_cv_t<Model>;
  if constexpr (detail::is_layer_stack<M>) {
    int layer = 0;
    hana::for_each(model, [&](auto& m) {
      member_path const here{parent, {}, layer++};
      for_each_parameter(m, f, &here);
    });
  } else if constexpr (!hana::Struct<M>::value) {
    static_assert(
        hana::Struct<M>::value,
        "a model's member is a weight, a hana::tuple of layers, or a struct that lists its own members "
        "with TENON_MEMBERS(name, members...); what is none of these is static, or not listed");
  } else {
    hana::for_each(hana::accessors<M>(), [&](auto const& accessor) {
      auto& member = hana::second(accessor)(model);
      member_path const here{parent, hana::to<char const*>(hana::first(accessor)), -1};
      if constexpr (detail::is_parameter<std::remove_cvref_t<decltype(member)>>)
        f(here, member);
      else
        for_each_parameter(member, f, &here);
    });
  }
}

/// The model with its weights laid out one behind the other in a parameter block, from number `first` on.
template <class Model>
constexpr Model laid_out(Model model, std::size_t first = 0) {
  std::size_t offset = first * sizeof(float);
  for_each_parameter(model, [&offset]<class P>(member_path const&, P& p) {
    p.offset = offset;
    offset += P::shape_type::size * sizeof(typename P::element);
  });
  return model;
}

/// How many numbers a model has to learn: the size of its parameter block.
template <class Model>
constexpr std::size_t parameter_count(Model const& model) {
  std::size_t count = 0;
  for_each_parameter(model, [&count]<class P>(member_path const&, P&) { count += P::shape_type::size; });
  return count;
}

/// A weight's elements in a model's parameter block; std::logic_error if the block ends before them, or the
/// model was not laid out.
template <class T, class... A>
std::span<float> values_of(std::span<float> block, basic_parameter<T, A...> const& p) {
  if (p.offset == unplaced)
    throw std::logic_error("a weight has no place in a parameter block: lay its model out with laid_out");
  if (block.size() < p.offset / sizeof(float) + shape<A...>::size)
    throw std::logic_error(
        "the parameter block is smaller than the model: make it of parameter_count(model)");
  return block.subspan(p.offset / sizeof(float), shape<A...>::size);
}

}  // namespace tenon
