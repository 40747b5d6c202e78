// SPDX-License-Identifier: BSL-1.0
// Axes: a name with an extent. Everything that Tenon checks starts here: two axes may meet only if they have
// the same name, and then only if they have the same extent.
//
//   template <std::size_t N> struct hiddens : tenon::axis<N> {};
#pragma once
#include <concepts>
#include <cstddef>
#include <string_view>

namespace tenon {

/// Base of every axis. A name is a class template over its extent that derives from `axis`.
template <std::size_t N>
struct axis {
  static constexpr std::size_t extent = N;
};

/// The input side of a map between axes that share a name: a hiddens → hiddens weight has the axes
/// `hiddens<H>, from<hiddens<H>>`, which are different names.
template <class A>
struct from {
  static constexpr std::size_t extent = A::extent;
};

template <class A>
concept axis_type = requires {
  { A::extent } -> std::convertible_to<std::size_t>;
};

namespace detail {

template <class A, class B>
inline constexpr bool same_name = false;
template <template <std::size_t> class A, std::size_t N, std::size_t M>
inline constexpr bool same_name<A<N>, A<M>> = true;
template <class A, class B>
inline constexpr bool same_name<from<A>, from<B>> = same_name<A, B>;

template <class A, std::size_t N>
struct resized;
template <template <std::size_t> class A, std::size_t Old, std::size_t N>
struct resized<A<Old>, N> {
  using type = A<N>;
};
template <class A, std::size_t N>
struct resized<from<A>, N> {
  using type = from<typename resized<A, N>::type>;
};

template <class A>
consteval std::string_view spelled() {
  return __PRETTY_FUNCTION__;
}

}  // namespace detail

/// Do A and B have the same name, whatever their extents?
template <class A, class B>
inline constexpr bool same_name = detail::same_name<A, B>;

/// The axis named as A with the extent N.
template <class A, std::size_t N>
using resized = typename detail::resized<A, N>::type;

/// The name of an axis as its author wrote it, without namespaces and extent: "hiddens", "from<hiddens>".
template <class A>
struct axis_name;
template <template <std::size_t> class A, std::size_t N>
struct axis_name<A<N>> {
  static constexpr std::string_view value = [] {
    // "… [with A = my::hiddens<8>; …]" on g++, "… [A = my::hiddens<8>]" on clang: take what stands between
    // '=' and the last '<', and drop the namespaces.
    std::string_view text = detail::spelled<A<N>>();
    text = text.substr(text.find("A = ") + 4);
    text = text.substr(0, text.find('<'));
    auto const colon = text.rfind(':');
    return colon == std::string_view::npos ? text : text.substr(colon + 1);
  }();
  static constexpr bool incoming = false;
};
template <class A>
struct axis_name<from<A>> {
  static constexpr std::string_view value = axis_name<A>::value;
  static constexpr bool incoming = true;
};

/// The names that Tenon's own layers use. Any other name works as well.
template <std::size_t N>
struct batch : axis<N> {};
template <std::size_t N>
struct steps : axis<N> {};
template <std::size_t N>
struct target_steps : axis<N> {};
template <std::size_t N>
struct embedding : axis<N> {};
template <std::size_t N>
struct hiddens : axis<N> {};
template <std::size_t N>
struct vocab : axis<N> {};
template <std::size_t N>
struct gates : axis<N> {};
template <std::size_t N>
struct beams : axis<N> {};

}  // namespace tenon
