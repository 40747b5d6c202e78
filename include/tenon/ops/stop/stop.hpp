// SPDX-License-Identifier: BSL-1.0
// stop_unless(going_on): in a recording, a run ends here if going_on, one int32 or float, is 0. What is
// recorded after it is not computed then and keeps the values of the run before. For recurrences that may
// have nothing left to do; a GPU does all of it.
#pragma once
#include <cstdint>
#include <type_traits>

#include "../emit.hpp"
#include "../view/view.hpp"
#include "cpu.hpp"

#if TENON_CUDA
#include "cuda.cuh"  // IWYU pragma: export
#endif

namespace tenon {

template <operand X>
requires(is_recorded<X>&& std::is_same_v<shape_of<X>, shape<>>) constexpr void stop_unless(
    X const& going_on) {
  auto const value = keep(going_on);
  using V = std::remove_cvref_t<decltype(value)>;
  static_assert(std::is_same_v<element_of<V>, std::int32_t> || std::is_same_v<element_of<V>, float>,
                "stop_unless: what says whether to go on is one int32 or one float");
  auto& r = recorder_of(value);
  call_spec spec;
  spec.name = "stop";
  spec.computed_by<cpu::stop_kernel>();
  spec.stops = true;
  spec.integers[0] = std::is_same_v<element_of<V>, float> ? 1 : 0;
  r.begin(spec);
  r.operand(r.place(value), sizeof(element_of<V>));
  r.end();
}
/// What still has axes says it of several: reduce it first.
template <operand X>
requires(!std::is_same_v<shape_of<X>, shape<>>) axis_without_place < operation::stop_unless,
    axis_at < shape_of<X>,
0 >, shape < >> stop_unless(X const&);

}  // namespace tenon
