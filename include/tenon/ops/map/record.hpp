// SPDX-License-Identifier: BSL-1.0
// Maps and reductions as calls: the loop that an expression becomes, recorded or run at once.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>

#include "../emit.hpp"
#include "cpu.hpp"

#if TENON_CUDA
#include "cuda.cuh"  // IWYU pragma: export
#endif

namespace tenon::detail {

/// Operands of one expression: its gradient call has as many outputs, and a call has 32 bits to say which of
/// them to add to.
inline constexpr std::size_t max_leaves = 31;

template <class X>
inline constexpr bool fits_one_loop = count_leaves<X>.leaves <= max_leaves&& count_leaves<X>.scalars <=
                                          call_spec{}.scalars.size() &&
                                      count_leaves<X>.integers <= call_spec{}.integers.size();

/// One element-wise loop with its reduction: where Out (element type, shape, layout) gets expression X.
template <class Kind, class Out, class X>
struct map_call {
  using out_shape = typename Out::shape_type;
  using loop = unite_t<operation::map, out_shape, typename X::shape_type>;
  using strides_list = typename join_lists<list<strides_in<out_shape, typename Out::layout, loop>>,
                                           typename leaf_strides<X, loop>::type>::type;
  using arrangement = typename arrange_list<loop, out_shape, 0, strides_list>::type;
  using nest_type = typename arrangement::nest_type;
  using out = element_at<0, typename Out::element, typename arrangement::template leaf<0>>;
  using tree = typename lower<X, arrangement, 1, 0, 0>::type;
  static constexpr bool reduces = loop::size != out_shape::size;
  using kernel_type =
      typename std::conditional_t<reduces, std::type_identity<cpu::reduce_kernel<Kind, nest_type, out, tree>>,
                                  std::type_identity<cpu::map_kernel<nest_type, out, tree>>>::type;
  static constexpr std::size_t flops = loop::size * (flops_of<tree> + (reduces ? 1 : 0));
};

template <class Kind, class Out, class X>
struct map_pull;

/// Does the derivative read what the call wrote?
template <class Kind>
inline constexpr bool reads_result = std::is_same_v<Kind, by_max> || std::is_same_v<Kind, by_result>;

template <class Kind, class Out, class X>
constexpr call_spec map_spec(X const& x) {
  static_assert(fits_one_loop<X>,
                "an expression has too many operands or numbers for one loop: keep() a part of it");
  call_spec spec;
  using c = map_call<Kind, Out, X>;
  spec.name = c::reduces ? "reduce" : "map";
  spec.computed_by<typename c::kernel_type>();
  spec.reads_result = reads_result<Kind>;
  spec.flops = c::flops;
  if constexpr (!c::reduces) {
    std::size_t k = 0;  // an operand that is walked exactly like the output may give its memory to it
    [&]<class... Info>(list<Info...>) {
      ((spec.in_place |= std::uint32_t{std::is_same_v<typename Info::shape_type, typename Out::shape_type> &&
                                       std::is_same_v<typename Info::layout, typename Out::layout> &&
                                       sizeof(typename Info::element) == sizeof(typename Out::element)}
                         << k++),
       ...);
    }(typename leaf_infos<X>::type{});
  }
  std::size_t scalars = 0, integers = 0;
  collect_numbers(x, spec, scalars, integers);
  return spec;
}

template <class X>
inline constexpr std::size_t bytes_of = X::shape_type::size * sizeof(typename X::element);

/// Records out = x (or out += x); Out says the type of what stands at `where`.
template <class Kind, class Out, class Recorder, class X>
TENON_RECORDING constexpr void record_map(Recorder& r, location where, bool add, X const& x) {
  auto spec = map_spec<Kind, Out, X>(x);
  set_pullback<map_pull<Kind, Out, X>>(r, spec);
  r.begin(spec);
  r.result(where, bytes_of<Out>, add);
  each_leaf(x, [&]<class Leaf>(Leaf const& leaf) {
    if constexpr (is_mask<Leaf>)
      r.operand({}, 0);
    else
      r.operand(r.place(leaf), bytes_of<Leaf>);
  });
  r.end();
}

/// Runs out = x (or out += x) at once.
template <class Kind, class Out, class X>
void run_map(typename Out::element* out, X const& x, bool add = false) {
  auto const spec = map_spec<Kind, Out, X>(x);
  void* operands[32] = {out};
  std::size_t count = 1;
  each_leaf(x, [&]<class Leaf>(Leaf const& leaf) {
    if constexpr (is_mask<Leaf>)
      operands[count++] = nullptr;
    else
      operands[count++] = const_cast<void*>(static_cast<void const*>(leaf.data()));
  });
  run_now(spec, operands, add ? 1U : 0U);
}

}  // namespace tenon::detail
