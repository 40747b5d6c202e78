// SPDX-License-Identifier: BSL-1.0
// Layouts, views and loop nests: what is left of a shape once its names are gone.
#include <tenon/expr/nest.hpp>
#include <tenon/ops/view/view.hpp>
#include <type_traits>

using namespace tenon;

template <class A, class B>
inline constexpr bool same = std::is_same_v<A, B>;

// ---- dense layouts
using s = shape<batch<4>, steps<9>, hiddens<8>>;
static_assert(same<row_major<s>, strides<72, 8, 1>>);
static_assert(same<row_major<shape<>>, strides<>>);
static_assert(same<row_major<shape<batch<4>>>, strides<1>>);
static_assert(same<row_major<shape<batch<4>, steps<1>, hiddens<8>>>, strides<8, 8, 1>>);
static_assert(same<strides_of_extents<s>, strides<4, 9, 8>>);
static_assert(is_dense<s, strides<72, 8, 1>>);
static_assert(!is_dense<s, strides<1, 4, 36>>);
static_assert(!is_dense<shape<batch<4>, hiddens<4>>, strides<8, 1>>, "a part of each row leaves gaps");
static_assert(span_of<s, row_major<s>> == s::size);
static_assert(span_of<shape<batch<4>, hiddens<4>>, strides<8, 1>> == 28, "the last row ends early");
static_assert(span_of<shape<batch<4>>, strides<0>> == 1, "a broadcast value is one element");
static_assert(span_of<shape<>, strides<>> == 1);

// ---- walking a value in a loop over other axes
static_assert(same<strides_in<s, row_major<s>, s>, strides<72, 8, 1>>);
static_assert(same<strides_in<shape<hiddens<8>>, strides<1>, s>, strides<0, 0, 1>>);
static_assert(same<strides_in<shape<hiddens<8>, batch<4>>, strides<4, 1>, s>, strides<1, 0, 4>>);
static_assert(same<strides_in<s, row_major<s>, shape<steps<9>>>, strides<8>>);
static_assert(same<strides_in<shape<>, strides<>, s>, strides<0, 0, 0>>);
static_assert(same<strides_in<s, row_major<s>, shape<>>, strides<>>);
static_assert(same<strides_in<shape<from<hiddens<8>>>, strides<1>, shape<hiddens<8>, from<hiddens<8>>>>,
                   strides<0, 1>>);

// ---- views
using x = variable<float, s>;
template <class V, class S, class L>
inline constexpr bool is = same<shape_of<V>, S>&& same<typename V::layout, L>;
template <class V>
using sliced = decltype(slice<steps>(std::declval<V const&>(), 0));
template <class V, std::size_t Begin, std::size_t Count>
using part_of_hiddens = decltype(part<hiddens, Begin, Count>(std::declval<V const&>()));
template <class V, template <std::size_t> class Old, template <std::size_t> class New>
using renamed = decltype(rename<Old, New>(std::declval<V const&>()));
template <class V, template <std::size_t> class... Name>
using arranged_as = decltype(arrange<Name...>(std::declval<V const&>()));
template <class V, template <std::size_t> class Name, class Outer, class Inner>
using split_into = decltype(split<Name, Outer, Inner>(std::declval<V const&>()));
template <class V, template <std::size_t> class Outer, template <std::size_t> class Inner,
          template <std::size_t> class Whole>
using merged = decltype(merge<Outer, Inner, Whole>(std::declval<V const&>()));

static_assert(is<sliced<x>, shape<batch<4>, hiddens<8>>, strides<72, 1>>);
static_assert(is<part_of_hiddens<x, 2, 3>, shape<batch<4>, steps<9>, hiddens<3>>, strides<72, 8, 1>>);
static_assert(is<part_of_hiddens<x, 0, 8>, s, row_major<s>>, "the part that is everything");
static_assert(
    is<renamed<x, steps, target_steps>, shape<batch<4>, target_steps<9>, hiddens<8>>, row_major<s>>);
static_assert(same<renamed<renamed<x, steps, vocab>, vocab, steps>, x>, "renaming there and back");
static_assert(same<renamed<x, steps, steps>, x>);
static_assert(
    same<renamed<renamed<x, steps, vocab>, batch, gates>, renamed<renamed<x, batch, gates>, steps, vocab>>);
static_assert(
    is<arranged_as<x, steps, hiddens, batch>, shape<steps<9>, hiddens<8>, batch<4>>, strides<8, 1, 72>>);
static_assert(same<arranged_as<arranged_as<x, steps, hiddens, batch>, batch, steps, hiddens>, x>,
              "arranging there and back");
static_assert(same<arranged_as<x, batch, steps, hiddens>, x>);
static_assert(same<arranged_as<arranged_as<x, steps, hiddens, batch>, hiddens, batch, steps>,
                   arranged_as<x, hiddens, batch, steps>>,
              "the last order counts");
static_assert(is<split_into<x, hiddens, gates<2>, embedding<4>>,
                 shape<batch<4>, steps<9>, gates<2>, embedding<4>>, strides<72, 8, 4, 1>>);
static_assert(is<split_into<x, steps, gates<3>, target_steps<3>>,
                 shape<batch<4>, gates<3>, target_steps<3>, hiddens<8>>, strides<72, 24, 8, 1>>);
static_assert(same<merged<split_into<x, hiddens, gates<2>, embedding<4>>, gates, embedding, hiddens>, x>,
              "merge undoes split");
static_assert(same<split_into<merged<x, batch, steps, vocab>, vocab, batch<4>, steps<9>>, x>,
              "split undoes merge");
static_assert(is<merged<x, batch, steps, vocab>, shape<vocab<36>, hiddens<8>>, strides<8, 1>>);
static_assert(is<merged<x, steps, hiddens, vocab>, shape<batch<4>, vocab<72>>, strides<72, 1>>);
static_assert(
    is<merged<part_of_hiddens<x, 2, 3>, batch, steps, vocab>, shape<vocab<36>, hiddens<3>>, strides<8, 1>>,
    "neighbours merge even where the rows are parts");
static_assert(same<sliced<renamed<x, batch, vocab>>, renamed<sliced<x>, batch, vocab>>,
              "slice and rename commute");
static_assert(same<sliced<part_of_hiddens<x, 2, 3>>, part_of_hiddens<sliced<x>, 2, 3>>,
              "slice and part commute");
static_assert(same<part_of_hiddens<part_of_hiddens<x, 2, 6>, 1, 3>, part_of_hiddens<x, 3, 3>>,
              "parts of parts");
static_assert(is<decltype(slice<batch>(std::declval<sliced<x> const&>(), 1)), shape<hiddens<8>>, strides<1>>);

// A weight's part, and the same views of tensors.
static_assert(is<decltype(slice<gates>(std::declval<parameter<gates<3>, hiddens<8>> const&>(), 1)),
                 shape<hiddens<8>>, strides<1>>);
static_assert(is<decltype(slice<steps>(std::declval<tensor<float, batch<4>, steps<9>>&>(), 1)),
                 shape<batch<4>>, strides<9>>);

// ---- loop nests
// nest<kept outer loops, reduced outer loops, is the vector axis reduced, extents…>

template <class Loop, class Out, class... Operand>  // the output and operands dense, in their own orders
using loops = arranged<Loop, Out, 0, strides_in<Out, row_major<Out>, Loop>,
                       strides_in<Operand, row_major<Operand>, Loop>...>;

using add = loops<s, s, s, s>;
static_assert(same<add::nest_type, nest<0, 0, false, 288>>, "equal walks merge into one loop");
static_assert(same<add::leaf<0>, strides<1>>);

using add_bias = loops<s, s, s, shape<hiddens<8>>>;
static_assert(same<add_bias::nest_type, nest<1, 0, false, 36, 8>>,
              "rows merge, the bias starts anew on each");
static_assert(same<add_bias::leaf<1>, strides<8, 1>>);
static_assert(same<add_bias::leaf<2>, strides<0, 1>>);

using scale_rows = loops<s, s, s, shape<batch<4>>>;
static_assert(same<scale_rows::nest_type, nest<1, 0, false, 4, 72>>, "what the factor does not see merges");
static_assert(same<scale_rows::leaf<2>, strides<1, 0>>);

using total = loops<s, shape<>, s>;
static_assert(same<total::nest_type, nest<0, 0, true, 288>>, "a full sum is one reduced loop");

using sum_rows = loops<s, shape<batch<4>, steps<9>>, s>;
static_assert(same<sum_rows::nest_type, nest<1, 0, true, 36, 8>>);
static_assert(same<sum_rows::leaf<0>, strides<1, 0>>);
static_assert(same<sum_rows::leaf<1>, strides<8, 1>>);

using sum_columns = loops<s, shape<hiddens<8>>, s>;
static_assert(same<sum_columns::nest_type, nest<0, 1, false, 36, 8>>, "sums of columns run along the rows");
static_assert(same<sum_columns::leaf<0>, strides<0, 1>>);

using sum_steps = loops<s, shape<batch<4>, hiddens<8>>, s>;
static_assert(same<sum_steps::nest_type, nest<1, 1, false, 4, 9, 8>>);
static_assert(sum_steps::nest_type::rows == 4);
static_assert(sum_steps::nest_type::reduced_rows == 9);
static_assert(sum_steps::nest_type::vector_extent == 8);

using transpose =
    loops<shape<batch<16>, hiddens<8>>, shape<batch<16>, hiddens<8>>, shape<hiddens<8>, batch<16>>>;
static_assert(same<transpose::nest_type, nest<1, 0, false, 8, 16>>,
              "of two axes with stride one somewhere the longer is the vector axis");

using single = loops<shape<batch<1>, hiddens<1>>, shape<batch<1>, hiddens<1>>, shape<hiddens<1>>>;
static_assert(same<single::nest_type, nest<0, 0, false, 1>>, "extents of one are no loops");
using ones = loops<shape<batch<1>, steps<9>, gates<1>>, shape<batch<1>, steps<9>, gates<1>>>;
static_assert(same<ones::nest_type, nest<0, 0, false, 9>>);

// Equal arithmetic under different names shares one nest, and so one kernel.
using other_names = loops<shape<vocab<4>, gates<9>, embedding<8>>, shape<vocab<4>, gates<9>, embedding<8>>,
                          shape<vocab<4>, gates<9>, embedding<8>>, shape<embedding<8>>>;
static_assert(same<other_names::nest_type, add_bias::nest_type>);
static_assert(same<other_names::leaf<2>, add_bias::leaf<2>>);

// ---- views are assigned to by name alone
using view = tensor_view<float, shape<batch<4>>>;
static_assert(std::is_assignable_v<view&, view> && !std::is_assignable_v<view, view>);
