// SPDX-License-Identifier: BSL-1.0
// Shapes and the laws of their algebra.
#include <tenon/shape.hpp>
#include <type_traits>

using namespace tenon;
using op = operation::map;

template <std::size_t N>
struct rows : axis<N> {};
template <std::size_t N>
struct columns : axis<N> {};

template <class A, class B>
inline constexpr bool same = std::is_same_v<A, B>;

// ---- a shape's own facts
using s = shape<batch<4>, steps<9>, hiddens<8>>;
static_assert(s::rank == 3);
static_assert(s::size == 288);
static_assert(s::extents == std::array<std::size_t, 3>{4, 9, 8});
static_assert(shape<>::rank == 0);
static_assert(shape<>::size == 1);
static_assert(shape<>::extents.empty());
static_assert(shape<batch<1>>::size == 1);
static_assert(!same<shape<batch<4>, steps<9>>, shape<steps<9>, batch<4>>>, "order is part of a shape");
static_assert(shape<batch<4>, steps<9>>::size == shape<steps<9>, batch<4>>::size);
static_assert(shape<hiddens<8>, from<hiddens<8>>>::rank == 2, "a map's two sides have different names");
static_assert(shape<vocab<100'000>, steps<100'000>>::size == 10'000'000'000U);
static_assert(std::is_empty_v<s>);

// ---- well-formed or an error
static_assert(well_formed<s>);
static_assert(well_formed<shape<>>);
static_assert(!well_formed<axis_missing<op, batch, s>>);
static_assert(!well_formed<int>);
static_assert(shape_error<axis_missing<op, batch, s>>);
static_assert(!shape_error<s>);
static_assert(!shape_error<void>);

// ---- asking for axes
static_assert(has_axis<s, batch<4>>);
static_assert(has_axis<s, batch<5>>, "the extent does not matter");
static_assert(!has_axis<s, from<hiddens<8>>>);
static_assert(!has_axis<shape<>, batch<4>>);
static_assert(has_name<s, steps>);
static_assert(!has_name<s, target_steps>);
static_assert(!has_name<shape<from<hiddens<8>>>, hiddens>, "from<hiddens> is another name");
static_assert(same<axis_at<s, 0>, batch<4>>);
static_assert(same<axis_at<s, 2>, hiddens<8>>);
static_assert(same<axis_of<s, steps>, steps<9>>);
static_assert(extent_of<s, hiddens> == 8);
static_assert(detail::position<steps<1>>(s{}) == 1);
static_assert(detail::position<vocab<1>>(s{}) == s::rank);
static_assert(detail::position_of<hiddens>(s{}) == 2);
static_assert(detail::position_of<vocab>(s{}) == s::rank);

// ---- union
static_assert(same<unite_t<op>, shape<>>);
static_assert(same<unite_t<op, s>, s>);
static_assert(same<unite_t<op, shape<batch<4>>, shape<steps<9>>>, shape<batch<4>, steps<9>>>);
static_assert(same<unite_t<op, shape<steps<9>>, shape<batch<4>>>, shape<steps<9>, batch<4>>>);
static_assert(same<unite_t<op, shape<batch<4>, hiddens<8>>, s>, shape<batch<4>, hiddens<8>, steps<9>>>);
static_assert(same<unite_t<op, s, shape<hiddens<8>, batch<4>>>, s>);
static_assert(
    same<unite_t<op, shape<hiddens<8>>, shape<from<hiddens<8>>>>, shape<hiddens<8>, from<hiddens<8>>>>);
static_assert(
    same<unite_t<op, shape<batch<4>>, shape<batch<5>>>, axis_extent_mismatch<op, batch<4>, batch<5>>>);
static_assert(same<unite_t<op, shape<batch<4>>, shape<steps<9>, batch<5>>>,
                   axis_extent_mismatch<op, batch<4>, batch<5>>>);
static_assert(same<unite_t<op, shape<batch<4>>, shape<steps<9>>, shape<steps<8>, batch<5>>>,
                   axis_extent_mismatch<op, steps<9>, steps<8>>>,
              "the first mismatch is the one told");
static_assert(same<unite_t<operation::select, shape<batch<4>>, shape<batch<5>>>,
                   axis_extent_mismatch<operation::select, batch<4>, batch<5>>>);

// ---- without
static_assert(same<without_t<op, s, names<>>, s>);
static_assert(same<without_t<op, s, names<batch>>, shape<steps<9>, hiddens<8>>>);
static_assert(same<without_t<op, s, names<steps>>, shape<batch<4>, hiddens<8>>>);
static_assert(same<without_t<op, s, names<hiddens, batch>>, shape<steps<9>>>);
static_assert(same<without_t<op, s, names<steps, hiddens, batch>>, shape<>>);
static_assert(same<without_t<op, s, names<vocab>>, axis_missing<op, vocab, s>>);
static_assert(
    same<without_t<op, s, names<batch, batch>>, axis_missing<op, batch, shape<steps<9>, hiddens<8>>>>);
static_assert(
    same<without_t<op, shape<hiddens<8>, from<hiddens<8>>>, names<hiddens>>, shape<from<hiddens<8>>>>);

// ---- pieces
static_assert(same<detail::join<>::type, shape<>>);
static_assert(same<detail::join<shape<batch<4>>, shape<>, shape<steps<9>>>::type, shape<batch<4>, steps<9>>>);
static_assert(same<detail::first_of<void, void>::type, void>);
static_assert(same<detail::first_of<void, int, long>::type, int>);
static_assert(same<detail::first_of<>::type, void>);
static_assert(same<detail::element_error<op, int, int>, void>);
static_assert(same<detail::element_error<op, float, int>, element_type_mismatch<op, float, int>>);
static_assert(same<detail::error_in<s>, void>);
static_assert(same<detail::error_in<axis_missing<op, vocab, s>>, axis_missing<op, vocab, s>>);

// ---- laws, over all shapes of up to three of four axes

template <class... S>
struct shapes {};

template <class A, class Shapes>
struct grown;  // each of the shapes that lack A with A at its end
template <class A, class... S>
struct grown<A, shapes<S...>> {
  template <class X>
  using one = std::conditional_t<
      has_axis<X, A>, X,
      typename detail::join<X, std::conditional_t<has_axis<X, A>, shape<>, shape<A>>>::type>;
  using type = shapes<one<S>...>;
};
template <class... Shapes>
struct all_of;
template <class... S>
struct all_of<shapes<S...>> {
  using type = shapes<S...>;
};
template <class... S, class... T, class... More>
struct all_of<shapes<S...>, shapes<T...>, More...> : all_of<shapes<S..., T...>, More...> {};
template <class Shapes>
using longer =
    typename all_of<typename grown<rows<2>, Shapes>::type, typename grown<columns<3>, Shapes>::type,
                    typename grown<batch<5>, Shapes>::type,
                    typename grown<from<rows<7>>, Shapes>::type>::type;
using family = typename all_of<shapes<shape<>>, longer<shapes<shape<>>>,
                               longer<longer<shapes<shape<>>>>>::type;  // 21 shapes

template <class... S>
using u = unite_t<op, S...>;

template <class S, class... A>
consteval bool contains(shape<A...>) {  // all of A… stand in S with their extents
  return (... && (has_axis<S, A> && axis_at<S, detail::position<A>(S{}) % S::rank>::extent == A::extent));
}
template <class S, class... A>
consteval bool in_order_of(shape<A...>) {  // A… stand in S in the same order
  [[maybe_unused]] std::size_t last = 0;
  bool ordered = true;
  ((ordered &= detail::position<A>(S{}) + 1 > last, last = detail::position<A>(S{}) + 1), ...);
  return ordered;
}

template <class S>
struct laws_of_one {
  static_assert(same<u<S, S>, S>, "union is idempotent");
  static_assert(same<u<S, shape<>>, S> && same<u<shape<>, S>, S>, "shape<> is its identity");
  static_assert(same<typename detail::join<S, shape<>>::type, S>);
  static_assert(detail::position<vocab<1>>(S{}) == S::rank);
};

template <class S, class T>
struct laws_of_two {
  using st = u<S, T>;
  static_assert(same<u<S, st>, st> && same<u<st, T>, st> && same<u<st, S>, st>, "union absorbs its parts");
  static_assert(contains<st>(S{}) && contains<st>(T{}), "no axis is lost");
  static_assert(in_order_of<st>(S{}), "the first operand's order is kept");
  static_assert(st::rank == u<T, S>::rank && st::size == u<T, S>::size, "it commutes but for the order");
  static_assert(st::rank <= S::rank + T::rank && st::rank >= S::rank);
};

template <class S, class T, class R>
struct laws_of_three {
  static_assert(same<u<u<S, T>, R>, u<S, u<T, R>>>, "union is associative");
  static_assert(same<u<S, T, R>, u<u<S, T>, R>>);
};

template <class S>
struct laws_of_without {
  template <class A, template <std::size_t> class... Name>
  using out = without_t<op, A, names<Name...>>;
  using full = u<S, shape<rows<2>, columns<3>>>;
  using neither = out<full, rows, columns>;
  static_assert(same<neither, out<full, columns, rows>>, "the order of names does not matter");
  static_assert(same<neither, out<out<full, rows>, columns>>, "one by one or together");
  static_assert(neither::rank + 2 == full::rank && neither::size * 6 == full::size, "exactly the named go");
  static_assert(!has_name<neither, rows> && !has_name<neither, columns>);
  static_assert(in_order_of<full>(neither{}), "the order of the others is kept");
  static_assert(has_axis<full, batch<5>> == has_axis<neither, batch<5>>);
};

template <class... S>
consteval bool check(shapes<S...>) {
  (..., void(sizeof(laws_of_one<S>)));
  (..., void(sizeof(laws_of_without<S>)));
  [[maybe_unused]] auto const with = []<class T>(std::type_identity<T>) {
    (..., void(sizeof(laws_of_two<T, S>)));
  };
  (..., with(std::type_identity<S>{}));
  return true;
}
template <class... S>
consteval bool check_three(shapes<S...>) {
  auto const with = []<class T, class R>(std::type_identity<T>, std::type_identity<R>) {
    (..., void(sizeof(laws_of_three<T, R, S>)));
  };
  auto const with_one = [&]<class T>(std::type_identity<T> t) { (..., with(t, std::type_identity<S>{})); };
  (..., with_one(std::type_identity<S>{}));
  return true;
}
static_assert(check(family{}));
static_assert(check_three(longer<shapes<shape<>, shape<columns<3>, batch<5>>>>{}));  // 512 triples
