// SPDX-License-Identifier: BSL-1.0
// Axes: names with extents.
#include <tenon/axis.hpp>
#include <tenon/shape.hpp>
#include <type_traits>

namespace mine {
template <std::size_t N>
struct colours : tenon::axis<N> {};
namespace deeper {
template <std::size_t N>
struct x : tenon::axis<N> {};
}  // namespace deeper
}  // namespace mine

using namespace tenon;

// ---- extents
static_assert(batch<4>::extent == 4);
static_assert(batch<1>::extent == 1);
static_assert(mine::colours<3>::extent == 3);
static_assert(from<batch<4>>::extent == 4);
static_assert(from<from<batch<4>>>::extent == 4);
static_assert(vocab<1'000'000>::extent == 1'000'000);

// ---- what is an axis
static_assert(axis_type<batch<4>>);
static_assert(axis_type<from<batch<4>>>);
static_assert(axis_type<mine::colours<3>>);
static_assert(!axis_type<int>);
static_assert(!axis_type<shape<batch<4>>>);
static_assert(std::is_empty_v<batch<4>> && std::is_empty_v<from<batch<4>>>);

// ---- same name
static_assert(same_name<batch<4>, batch<4>>);
static_assert(same_name<batch<4>, batch<5>>);
static_assert(!same_name<batch<4>, steps<4>>);
static_assert(!same_name<steps<4>, target_steps<4>>);
static_assert(same_name<mine::colours<3>, mine::colours<4>>);
static_assert(!same_name<mine::colours<3>, batch<3>>);
static_assert(same_name<from<hiddens<4>>, from<hiddens<8>>>);
static_assert(!same_name<from<hiddens<4>>, hiddens<4>>);
static_assert(!same_name<hiddens<4>, from<hiddens<4>>>);
static_assert(!same_name<from<hiddens<4>>, from<batch<4>>>);
static_assert(!same_name<from<hiddens<4>>, from<from<hiddens<4>>>>);
static_assert(same_name<from<from<hiddens<4>>>, from<from<hiddens<5>>>>);

// Having the same name is an equivalence.
template <class... A>
struct reflexive {
  static_assert((same_name<A, A> && ...));
};
template struct reflexive<batch<1>, steps<2>, from<steps<2>>, mine::colours<3>, from<from<vocab<9>>>>;
template <class A, class B>
inline constexpr bool symmetric = same_name<A, B> == same_name<B, A>;
static_assert(symmetric<batch<4>, batch<5>> && symmetric<batch<4>, steps<4>> &&
              symmetric<batch<4>, from<batch<4>>>);
template <class A, class B, class C>
inline constexpr bool transitive = !(same_name<A, B> && same_name<B, C>) || same_name<A, C>;
static_assert(transitive<batch<4>, batch<5>, batch<6>> && transitive<batch<4>, batch<5>, steps<5>>);

// ---- resized
static_assert(std::is_same_v<resized<batch<4>, 7>, batch<7>>);
static_assert(std::is_same_v<resized<batch<4>, 4>, batch<4>>);
static_assert(std::is_same_v<resized<from<hiddens<4>>, 7>, from<hiddens<7>>>);
static_assert(std::is_same_v<resized<from<from<hiddens<4>>>, 7>, from<from<hiddens<7>>>>);
static_assert(std::is_same_v<resized<resized<mine::colours<3>, 9>, 3>, mine::colours<3>>);
static_assert(same_name<resized<vocab<4>, 7>, vocab<4>>);
static_assert(resized<vocab<4>, 7>::extent == 7);

// ---- names as text
static_assert(axis_name<batch<4>>::value == "batch");
static_assert(axis_name<batch<128>>::value == "batch");
static_assert(axis_name<target_steps<9>>::value == "target_steps");
static_assert(axis_name<mine::colours<3>>::value == "colours");
static_assert(axis_name<mine::deeper::x<3>>::value == "x");
static_assert(axis_name<from<hiddens<4>>>::value == "hiddens");
static_assert(axis_name<from<hiddens<4>>>::incoming);
static_assert(!axis_name<hiddens<4>>::incoming);
static_assert(axis_name<from<hiddens<4>>>::value == axis_name<hiddens<5>>::value);
