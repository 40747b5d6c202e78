// SPDX-License-Identifier: BSL-1.0
// Contractions in a recording: the kernel that a contraction becomes, packed weights, and the derivative.
//
// Derivative: two contractions. The gradient of a weight used at many time steps is put off until all are
// known and computed as one product over batch × steps (Appleyard, Kočiský, Blunsom: "Optimizing performance
// of recurrent neural networks on GPUs", 2016).
#pragma once
#include <array>
#include <cstddef>
#include <span>
#include <vector>

#include "../emit.hpp"
#include "../view/view.hpp"
#include "cpu.hpp"

#if TENON_CUDA
#include "cuda.cuh"  // IWYU pragma: export
#endif

namespace tenon {

namespace detail {

template <std::size_t N>
struct summed : axis<N> {};  // the inner axis of a linear map, under a name that no operand has

// ---- lowering

/// The axes of a contraction of values of shape X and Y (layouts LX, LY) into O (layout LO).
template <class X, class LX, class Y, class LY, class O, class LO>
constexpr auto contraction_axes() {
  using all = unite_t<operation::dot, X, Y>;
  std::array<contraction_axis, all::rank> axes{};
  constexpr auto x = strides_in<X, LX, all>::values;
  constexpr auto y = strides_in<Y, LY, all>::values;
  constexpr auto o = strides_in<O, LO, all>::values;
  for (std::size_t i = 0; i < all::rank; ++i) axes[i] = {all::extents[i], x[i], y[i], o[i]};
  return axes;
}

template <class T, class X, class LX, class Y, class LY, class O, class LO>
struct contraction {
  static constexpr contraction_plan plan = plan_contraction(contraction_axes<X, LX, Y, LY, O, LO>());

  template <std::size_t... I, std::size_t... S>
  static auto kernel(std::index_sequence<I...>, std::index_sequence<S...>) -> cpu::contract_kernel<
      T, plan.m.extent, plan.n.extent, plan.k.extent, strides<plan.m.left, plan.k.left>,
      strides<plan.k.right, plan.n.right>, strides<plan.m.out, plan.n.out>,
      cpu::product_loops<cpu::product_loop<plan.loops[I].extent, plan.loops[I].left, plan.loops[I].right,
                                           plan.loops[I].out>...>,
      cpu::product_loops<
          cpu::product_loop<plan.loops[plan.independent + S].extent, plan.loops[plan.independent + S].left,
                            plan.loops[plan.independent + S].right, 0>...>>;
  using kernel_type =
      decltype(kernel(std::make_index_sequence<plan.independent>{}, std::make_index_sequence<plan.sums>{}));

  /// Matrix products pay when there is something of a matrix; many tiny ones go as one element-wise loop.
  static constexpr bool as_products = [] {
    if (!plan.possible || !(std::is_same_v<T, float> || std::is_same_v<T, double>)) return false;
    std::size_t loops = 1;
    for (std::size_t i = 0; i < plan.independent + plan.sums; ++i) loops *= plan.loops[i].extent;
    auto const each = 2 * std::uint64_t{plan.m.extent} * plan.n.extent * plan.k.extent;
    bool const matrix = plan.m.extent > 1 && plan.n.extent > 1;
    return loops == 1 ? each >= (matrix ? 512U : 32768U) : matrix && each >= 4096;
  }();

  static constexpr call_spec spec(char const* name) {
    call_spec s;
    s.name = name;
    s.computed_by<kernel_type>();
    s.flops = plan.flops();
    return s;
  }

  template <class W>
  using pack_type = cpu::pack_kernel<W, plan.n.extent, plan.k.extent, strides<plan.k.right, plan.n.right>>;

  /// The right operand, a weight, packed: once for all products that want it so. A program that trains packs
  /// it in each run, which pays from the second product on, or for one of many rows; where weights are frozen
  /// it is packed once and for all.
  template <class W>
  static constexpr location packed(recording& r, location weight) {
    using pack = pack_type<W>;
    auto& shared = r.shared(&pack::run, {weight});
    if (shared.asked < 2 && !kernel_type::packs_often && !r.weights_are_frozen()) return {};
    if (!shared.value.exists()) {
      call_spec s;
      s.name = "pack weight";
      s.computed_by<pack>();
      storage memory;
      memory.name = s.name;
      memory.bytes = pack::bytes;
      memory.element_bytes = sizeof(W);
      memory.rank = 1;
      memory.extents[0] = pack::bytes / sizeof(W);
      auto const where = shared.value = {r.add_storage(memory), 0};
      r.begin(s);
      r.result(where, pack::bytes);
      r.operand(weight, plan.n.extent * plan.k.extent * sizeof(float));
      r.end();
    }
    return shared.value;
  }
};

/// A value of a contraction: its element type, shape and layout, however its axes are called there.
template <class T, class S, class L>
struct contracted {
  using element = T;
  using shape_type = S;
  using layout = L;
};

// ---- recording

template <class X, class Y, class O>
struct contract_pull;

template <class X, class Y, class O>
using contraction_of =
    contraction<typename O::element, typename X::shape_type, typename X::layout, typename Y::shape_type,
                typename Y::layout, typename O::shape_type, typename O::layout>;

template <class X>
constexpr std::size_t size_in_bytes() {
  return X::shape_type::size * sizeof(typename X::element);
}

struct nothing {
  constexpr void operator()() const {}
};

/// Records out (+)= x · y, and what `just_before` records as the call before it.
template <class X, class Y, class O, class Recorder, class Before = nothing>
TENON_RECORDING constexpr void record_contraction(Recorder& r, location out, bool add, location x, location y,
                                                  char const* name, std::array<std::int64_t, 3> repeat = {},
                                                  Before const& just_before = {}) {
  using C = contraction_of<X, Y, O>;
  auto spec = C::spec(name);
  set_pullback<contract_pull<X, Y, O>>(r, spec);
  std::size_t const times = repeat[0] > 1 ? static_cast<std::size_t>(repeat[0]) : 1;
  spec.flops *= times;
  for (std::size_t i = 0; i < 3; ++i) spec.integers[i] = repeat[i];
  if (C::plan.swapped) std::swap(spec.integers[1], spec.integers[2]);
  location const left = C::plan.swapped ? y : x, right = C::plan.swapped ? x : y;
  std::size_t const left_bytes = C::plan.swapped ? size_in_bytes<Y>() : size_in_bytes<X>();
  std::size_t right_bytes = C::plan.swapped ? size_in_bytes<X>() : size_in_bytes<Y>();
  location packed;
  if constexpr (C::kernel_type::packable) {
    constexpr bool few = C::kernel_type::few;
    // A gradient that has waited is moved to before what is recorded here, and a packing would not be.
    bool const weight = repeat[0] == 0 && r.at(r.root(right).storage).kind == storage::kind_t::parameter;
    auto const pack_as = [&]<class W>(std::type_identity<W>) {
      packed = C::template packed<W>(r, right);
      if (!packed.exists()) return;
      right_bytes = C::template pack_type<W>::bytes;
      spec.integers[3] = static_cast<std::int64_t>(cpu::packed_form<W>);
    };
    auto const type = few && r.weights_are_frozen() ? r.frozen_type() : element_type::float32;
    if constexpr (few) {
      if (weight && type == element_type::bfloat16) pack_as(std::type_identity<bf16>{});
      if (weight && type == element_type::int16) pack_as(std::type_identity<cpu::scaled16>{});
    }
    if (weight && type == element_type::float32 && (C::kernel_type::direct || r.weights_are_frozen()))
      pack_as(std::type_identity<float>{});
  }
  if (times > 1) spec.touched = &touches_anything;
  just_before();
  r.begin(spec);
  r.result(out, size_in_bytes<O>(), add);
  r.operand(left, times * left_bytes);
  r.operand(right, packed.exists() ? 0 : times * right_bytes);
  if (packed.exists()) r.operand(packed, right_bytes);
  r.end();
}

/// From step i to the next: how far apart operand and gradient lie; false if not forwards in one storage.
TENON_WHEN_USED TENON_RECORDING constexpr bool step_distance(recording const& r,
                                                             std::vector<deferred_gradient> const& steps,
                                                             std::size_t i, std::int64_t& x,
                                                             std::int64_t& g) {
  auto const x0 = r.physical(steps[i].operand), x1 = r.physical(steps[i + 1].operand);
  auto const g0 = r.physical(steps[i].gradient), g1 = r.physical(steps[i + 1].gradient);
  if (x0.storage != x1.storage || g0.storage != g1.storage || x1.offset < x0.offset || g1.offset <= g0.offset)
    return false;
  x = static_cast<std::int64_t>(x1.offset - x0.offset);
  g = static_cast<std::int64_t>(g1.offset - g0.offset);
  return true;
}

/// Places the steps' values behind each other where each of them is still free to go anywhere.
TENON_WHEN_USED TENON_RECORDING constexpr void place_together(recording& r,
                                                              std::vector<deferred_gradient> const& steps,
                                                              location deferred_gradient::*where,
                                                              std::size_t deferred_gradient::*bytes) {
  std::vector<int> members;
  for (auto const& s : steps) {
    auto const top = r.root(s.*where);
    if (!r.is_free(top, s.*bytes)) continue;
    bool known = false;
    for (int m : members) known |= m == top.storage;
    if (!known) members.push_back(top.storage);
  }
  if (members.size() < 2) return;
  storage host;
  host.name = "steps";
  host.element_bytes = r.at(members[0]).element_bytes;
  for (int m : members) host.bytes += r.at(m).bytes;
  host.rank = 1;
  host.extents[0] = host.bytes / host.element_bytes;
  int const id = r.add_storage(host);
  std::size_t offset = 0;
  for (int m : members) {
    r.at(m).host = id;
    r.at(m).host_offset = offset;
    offset += r.at(m).bytes;
  }
}

/// The gradient of a weight W from the operand X and result gradient G of each time step that used it.
template <class X, class G, class W>
struct weight_gradient {
  TENON_RECORDING static constexpr void emit(recording& r, std::span<deferred_gradient const> backwards) {
    std::vector<deferred_gradient> steps(backwards.rbegin(), backwards.rend());
    place_together(r, steps, &deferred_gradient::operand, &deferred_gradient::operand_bytes);
    place_together(r, steps, &deferred_gradient::gradient, &deferred_gradient::gradient_bytes);
    std::size_t last = 0;
    for (auto const& s : steps) last = std::max(last, s.issued_at);
    for (std::size_t begin = 0; begin < steps.size();) {
      std::int64_t x_step = 0, g_step = 0;
      std::size_t end = begin + 1;
      if (end < steps.size() && step_distance(r, steps, begin, x_step, g_step))
        for (std::int64_t xs = 0, gs = 0;
             end < steps.size() && step_distance(r, steps, end - 1, xs, gs) && xs == x_step && gs == g_step;)
          ++end;
      auto const sink = r.gradient_sink<typename W::shape_type, typename W::layout>(steps[begin].sink);
      record_contraction<X, G, W>(r, sink.where, sink.add, steps[begin].operand, steps[begin].gradient,
                                  "weight gradient",
                                  {static_cast<std::int64_t>(end - begin), x_step, g_step});
      for (std::size_t i = begin + 1; i < end; ++i) {
        r.also_reads(steps[i].operand);
        r.also_reads(steps[i].gradient);
      }
      r.place_last_after(last);
      begin = end;
    }
  }
};

template <class X, class Y, class O>
struct contract_pull {
  TENON_RECORDING static constexpr void pull(recording& r, std::size_t index) {
    constexpr bool swapped = contraction_of<X, Y, O>::plan.swapped;
    auto const out = r.operand_of(index, 0);
    auto const x = r.operand_of(index, swapped ? 2 : 1), y = r.operand_of(index, swapped ? 1 : 2);
    auto const g = r.gradient_source<typename O::shape_type, typename O::layout>(out);
    if (!g.exists()) return;
    to_one<X, Y, false>(r, x, y, g);
    to_one<Y, X, true>(r, y, x, g);
  }

 private:
  template <class Wanted, class Other, bool OtherFirst>
  static constexpr void to_one(recording& r, location wanted, location other, location g) {
    if (!r.is_active(wanted)) return;
    constexpr bool as_products = contraction_of<Other, O, Wanted>::as_products;
    if constexpr (as_products) {
      if (r.at(r.root(wanted).storage).kind == storage::kind_t::parameter) {
        r.defer({&weight_gradient<Other, O, Wanted>::emit, other, g, wanted, size_in_bytes<Other>(),
                 size_in_bytes<O>()});
        return;
      }
      auto const sink = r.gradient_sink<typename Wanted::shape_type, typename Wanted::layout>(wanted);
      record_contraction<Other, O, Wanted>(r, sink.where, sink.add, other, g, "contract gradient");
    } else {
      auto const sink = r.gradient_sink<typename Wanted::shape_type, typename Wanted::layout>(wanted);
      record_map<by_sum, Wanted>(
          r, sink.where, sink.add,
          standing_at<typename Other::element, typename Other::shape_type, typename Other::layout>(r, other) *
              standing_at<typename O::element, typename O::shape_type, typename O::layout>(r, g));
    }
  }
};

}  // namespace detail
}  // namespace tenon
