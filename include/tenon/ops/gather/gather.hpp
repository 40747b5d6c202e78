// SPDX-License-Identifier: BSL-1.0
// Lookups: rows of a table by number, as in an embedding.
//
//   gather<vocab>(table, ids)           out = table at position ids of axis vocab: the axes of ids, then the
//                                       table's others
//   scatter_add<vocab<V>>(rows, ids)    out[v] = Σ of the rows whose id is v: gather's transpose, and its
//                                       derivative
//
// A gather is postponed: linear(gather(table, ids), w) with fewer rows in the table than ids becomes
// gather(linear(table, w), ids), which multiplies each distinct row once.
#pragma once
#include <cstddef>
#include <cstdint>

#include "../contract/contract.hpp"
#include "../emit.hpp"
#include "../view/view.hpp"
#include "cpu.hpp"
#include "mapped_rows.hpp"

#if TENON_CUDA
#include "cuda.cuh"  // IWYU pragma: export
#endif

namespace tenon {

namespace detail {

template <class Op, class Table, template <std::size_t> class Name, class Ids>
struct gather_shape {
  using type = axis_missing<Op, Name, Table>;
};
template <class Op, class Table, template <std::size_t> class Name, class Ids>
requires has_name<Table, Name>
struct gather_shape<Op, Table, Name, Ids> {
  using rest = typename drop<Table, Name>::type;
  template <class... A>
  static auto common(shape<A...>) ->
      typename join<std::conditional_t<has_axis<rest, A>, shape<A>, shape<>>...>::type;
  template <class C>
  struct of {
    using type = axis_named_twice<Op, axis_at<C, 0>, axis_at<rest, position<axis_at<C, 0>>(rest{})>>;
  };
  template <class C>
  requires std::is_same_v<C, shape<>>
  struct of<C> {
    using type = typename join<Ids, rest>::type;
  };
  using type = typename of<decltype(common(Ids{}))>::type;
};

template <class T, class Table, class Ids, class IdsLayout, std::size_t Rows, std::size_t Width>
struct gather_pull;

template <class T, std::size_t Rows, std::size_t Width, class Walk>
constexpr call_spec gather_spec() {
  using kernel_type = cpu::gather_kernel<T, Rows, Width, Walk>;
  call_spec spec;
  spec.name = "gather";
  spec.computed_by<kernel_type>();
  return spec;
}

template <class T, class Table, class Ids, class IdsLayout, std::size_t Rows, std::size_t Width>
struct gather_pull {
  using walk = cpu::row_walk<strides_of_extents<Ids>, IdsLayout>;
  TENON_RECORDING static constexpr void pull(recording& r, std::size_t index) {
    using out_shape = shape<parts<Ids::size * Width>>;  // dense: any shape of this size covers it
    auto const g = r.gradient_source<out_shape, row_major<out_shape>>(r.operand_of(index, 0));
    if (!g.exists()) return;
    auto const table = r.operand_of(index, 1), ids = r.operand_of(index, 2);
    auto const sink = r.gradient_sink<Table, row_major<Table>>(table);
    if (!sink.where.exists()) return;
    using kernel_type = cpu::scatter_add_kernel<T, Rows, Width, walk>;
    call_spec spec;
    spec.name = "scatter add";
    spec.computed_by<kernel_type>();
    spec.flops = Ids::size * Width;
    record_call<T, Table>(r, spec, sink.where, sink.add, standing_at<T, out_shape>(r, g),
                          standing_at<std::int32_t, Ids, IdsLayout>(r, ids));
  }
};

}  // namespace detail

/// A lookup whose value has not been needed yet.
template <template <std::size_t> class Name, class Table, class Ids>
struct gathered {
  using is_postponed = void;
  static constexpr bool is_recorded = tenon::is_recorded<Table> || tenon::is_recorded<Ids>;
  using element = typename Table::element;
  using table_shape = typename Table::shape_type;
  using ids_shape = typename Ids::shape_type;
  using shape_type = typename detail::gather_shape<operation::gather, table_shape, Name, ids_shape>::type;

  Table table;
  Ids ids;

  using owner_type = typename detail::owner_among<Table, Ids>::type;
  constexpr auto* owner() const { return &recorder_of(table, ids); }

  /// The table, bound to the ids' recording: operations on it alone would not know where to be recorded.
  constexpr auto bound_table() const {
    if constexpr (is_recorded)
      return standing_at<element, table_shape, typename Table::layout>(*owner(), owner()->place(table));
    else
      return tensor_view<element const, table_shape, typename Table::layout>(table.data());
  }

  /// The rows, stored.
  constexpr auto evaluate() const {
    static_assert(
        detail::is_named<axis_at<table_shape, 0>, Name> && is_dense<table_shape, typename Table::layout>,
        "gather: the table's rows must be dense; keep(arrange<…>(table) * 1) with the looked-up axis first");
    constexpr std::size_t rows = axis_at<table_shape, 0>::extent, width = table_shape::size / rows;
    using walk = cpu::row_walk<strides_of_extents<ids_shape>, typename Ids::layout>;
    using derivative =
        detail::gather_pull<element, table_shape, ids_shape, typename Ids::layout, rows, width>;
    auto const out =
        emit<element, shape_type, derivative>(detail::gather_spec<element, rows, width, walk>(), table, ids);
    if constexpr (is_recorded)  // of the table the rows alone
      owner()->moves(2 * detail::bytes_in<std::remove_cvref_t<decltype(out)>> + detail::bytes_in<Ids>);
    return out;
  }
};

namespace detail {
template <class Table, class Ids, template <std::size_t> class Name>
using gather_t = typename first_of<
    mixture_error<operation::gather, Table, Ids>, width_error<operation::gather, element_of<Table>>,
    element_error<operation::gather, element_of<Ids>, std::int32_t>,
    typename gather_shape<operation::gather, shape_of<Table>, Name, shape_of<Ids>>::type>::type;
}  // namespace detail

/// The rows of `table` numbered by `ids` along axis Name. Numbers past the end read the last row.
template <template <std::size_t> class Name, operand Table, operand Ids>
requires well_formed<detail::gather_t<Table, Ids, Name>>
constexpr auto gather(Table&& table, Ids&& ids) {
  auto t = keep(std::forward<Table>(table));
  auto i = keep(std::forward<Ids>(ids));
  return gathered<Name, decltype(t), decltype(i)>{std::move(t), std::move(i)};
}
template <template <std::size_t> class Name, operand Table, operand Ids,
          shape_error Error = detail::gather_t<Table, Ids, Name>>
Error gather(Table&& table, Ids&& ids);

namespace detail {

template <class...>
void table_mapped_by(call_arguments const&, std::size_t) {}  // its address names what is shared

/// Can a table be mapped as a whole? Its own axis may be one that the weight has too. Where the ids have it, it
/// may be the axis that is mapped, or one of the bias, and is the ids' own there.
template <template <std::size_t> class Name, class Table, class W, class... B>
inline constexpr bool table_can_be_mapped = false;
template <template <std::size_t> class Name, class Table, class W, class... B>
requires well_formed<linear_t<Table, W>>
inline constexpr bool table_can_be_mapped<Name, Table, W, B...> =
    !is_named<typename incoming_axis<shape_of<W>>::type, Name> &&
    (... && (assignable<linear_t<Table, W>, shape_of<B>> && !has_name<shape_of<B>, Name>));

/// linear(x, w, b…) of looked-up rows x: maps the table instead where it has fewer rows than are looked up,
/// or where weights are frozen, so that it is mapped once and for all, or its first rows.
template <template <std::size_t> class Name, class Table, class Ids, class W, class... B>
constexpr auto linear_of_rows(gathered<Name, Table, Ids> const& x, W const& w, B const&... b) {
  constexpr std::size_t rows = extent_of<shape_of<Table>, Name>;
  constexpr bool mappable = table_can_be_mapped<Name, Table, W, B...>;
  if constexpr (mappable && rows < shape_of<Ids>::size) {
    return gather<Name>(linear(x.bound_table(), w, b...), x.ids).evaluate();
  } else if constexpr (mappable && is_recorded<Ids> && stored<Table> && (stored<W> && ... && stored<B>)) {
    using plain = decltype(linear(x.evaluate(), w, b...));
    auto& r = *x.owner();
    auto const given = [&r](auto const& v) {  // anew for each run
      return r.at(r.root(r.place(v)).storage).kind == storage::kind_t::input;
    };
    if (!r.weights_are_frozen() || given(x.table) || given(w) || (... || given(b)))
      return plain(linear(x.evaluate(), w, b...));
    // What `rows_of_table` maps to, recorded once.
    auto const mapped = [&](auto const& rows_of_table) {
      auto const share = [&]() -> location& {
        return r.shared(&table_mapped_by<Table, W, B...>, {r.place(x.table), r.place(w), r.place(b)...})
            .value;
      };
      using result = decltype(linear(rows_of_table, w, b...));
      if (!share().exists()) {
        auto const value = linear(rows_of_table, w, b...);
        share() = value.at;
      }
      return result{&r, share()};
    };
    if constexpr (rows <= most_frozen_rows) {
      return gather<Name>(mapped(x.bound_table()), x.ids).evaluate();
    } else {
#if !TENON_CUDA
      auto const first = [&x] { return part<Name, 0, most_frozen_rows>(x.bound_table()); };
      using by_row = mapped_rows<Table, decltype(first()), shape_of<plain>, W, B...>;
      if constexpr (by_row::possible)
        return plain(by_row::record(r, mapped(first()).at, x.table, x.ids, w, b...));
      else
#endif
        return plain(linear(x.evaluate(), w, b...));
    }
  } else {
    return linear(x.evaluate(), w, b...);
  }
}
}  // namespace detail

template <template <std::size_t> class Name, class Table, class Ids, operand W>
requires well_formed<linear_t<gathered<Name, Table, Ids>, W>>
constexpr auto linear(gathered<Name, Table, Ids> const& x, W&& w) {
  return detail::linear_of_rows(x, keep(std::forward<W>(w)));
}

template <template <std::size_t> class Name, class Table, class Ids, operand W, operand B>
requires(well_formed<linear_t<gathered<Name, Table, Ids>, W>>&&
             assignable<linear_t<gathered<Name, Table, Ids>, W>,
                        shape_of<B>>) constexpr auto linear(gathered<Name, Table, Ids> const& x, W&& w,
                                                            B&& b) {
  return detail::linear_of_rows(x, keep(std::forward<W>(w)), keep(std::forward<B>(b)));
}

namespace detail {

template <class T, class Rows, class Ids, class IdsLayout, std::size_t Count, std::size_t Width>
struct scatter_pull {
  TENON_RECORDING static constexpr void pull(recording& r, std::size_t index) {
    using table_shape = shape<parts<Count * Width>>;
    auto const g = r.gradient_source<table_shape, row_major<table_shape>>(r.operand_of(index, 0));
    if (!g.exists()) return;
    auto const rows = r.operand_of(index, 1), ids = r.operand_of(index, 2);
    auto const sink = r.gradient_sink<Rows, row_major<Rows>>(rows);
    if (!sink.where.exists()) return;
    using walk = cpu::row_walk<strides_of_extents<Ids>, IdsLayout>;
    record_call<T, Rows>(r, gather_spec<T, Count, Width, walk>(), sink.where, sink.add,
                         standing_at<T, table_shape>(r, g),
                         standing_at<std::int32_t, Ids, IdsLayout>(r, ids));
  }
};

template <class Axis, class Rows, class Ids>
struct scatter_shape {
  using unnamed = without_t<operation::scatter_add, Rows, names<>>;
  template <class A>
  struct required {
    using type = axis_required<operation::scatter_add, A, Rows>;
  };
  /// The first axis of ids that the rows lack or have with another extent.
  template <class S>
  struct missing {
    using type = void;
  };
  template <class A, class... Rest>
  struct missing<shape<A, Rest...>> {
    using clash_type = typename clash<operation::scatter_add, A, Rows>::type;
    using type = typename std::conditional_t<
        !has_axis<Rows, A>, required<A>,
        std::conditional_t<!std::is_void_v<clash_type>, std::type_identity<clash_type>,
                           missing<shape<Rest...>>>>::type;
  };
  template <class... A>
  static auto rest(shape<A...>) ->
      typename join<std::conditional_t<has_axis<Ids, A>, shape<>, shape<A>>...>::type;
  using error = typename first_of<typename missing<Ids>::type,
                                  twin_error<operation::scatter_add, Axis, decltype(rest(Rows{}))>>::type;
  template <class E>
  struct whole {
    using type = E;
  };
  template <class E>
  requires std::is_void_v<E>
  struct whole<E> : join<shape<Axis>, decltype(rest(Rows{}))> {
  };
  using type = typename whole<error>::type;
};
template <class S>
struct scatter_rest;  // what every row has: the result's axes but for the first
template <class Axis, class... A>
struct scatter_rest<shape<Axis, A...>> {
  using type = shape<A...>;
};
template <class Axis, class Rows, class Ids>
using scatter_t = typename first_of<mixture_error<operation::scatter_add, Rows, Ids>,
                                    width_error<operation::scatter_add, element_of<Rows>>,
                                    element_error<operation::scatter_add, element_of<Ids>, std::int32_t>,
                                    typename scatter_shape<Axis, shape_of<Rows>, shape_of<Ids>>::type>::type;

}  // namespace detail

/// out[v] = Σ of the rows whose id is v. `rows` has the axes of `ids` and those that every row has.
template <axis_type Axis, operand Rows, operand Ids>
requires well_formed<detail::scatter_t<Axis, Rows, Ids>>
constexpr auto scatter_add(Rows&& rows, Ids&& ids) {
  using S = detail::scatter_t<Axis, Rows, Ids>;
  using T = element_of<Rows>;
  auto const x = keep(std::forward<Rows>(rows));
  auto const i = keep(std::forward<Ids>(ids));
  using X = std::remove_cvref_t<decltype(x)>;
  using I = std::remove_cvref_t<decltype(i)>;
  using in_order = typename detail::join<shape_of<I>, typename detail::scatter_rest<S>::type>::type;
  if constexpr (!std::is_same_v<shape_of<X>, in_order> || !is_dense<shape_of<X>, typename X::layout>) {
    using strides = strides_in<shape_of<X>, typename X::layout, in_order>;
    return scatter_add<Axis>(keep(detail::review<in_order, strides>(x, 0) * 1), i);
  } else {
    constexpr std::size_t width = S::size / Axis::extent;
    using walk = cpu::row_walk<strides_of_extents<shape_of<I>>, typename I::layout>;
    using kernel_type = cpu::scatter_add_kernel<T, Axis::extent, width, walk>;
    call_spec spec;
    spec.name = "scatter add";
    spec.computed_by<kernel_type>();
    spec.flops = shape_of<X>::size;
    using derivative =
        detail::scatter_pull<T, shape_of<X>, shape_of<I>, typename I::layout, Axis::extent, width>;
    return emit<T, S, derivative>(spec, x, i);
  }
}
template <axis_type Axis, operand Rows, operand Ids, shape_error Error = detail::scatter_t<Axis, Rows, Ids>>
Error scatter_add(Rows&& rows, Ids&& ids);

}  // namespace tenon
