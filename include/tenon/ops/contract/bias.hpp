// SPDX-License-Identifier: BSL-1.0
// Which biases a GPU adds as it stores the product: those of one matrix, a number for each of its columns.
#pragma once
#include <cstddef>

#include "record.hpp"

namespace tenon::detail {

/// Says that the two calls recorded last, the bias written to all rows of O and the product X · Y added to
/// it, can be done as one, if so.
template <class X, class Y, class O, class Recorder, class Bias>
constexpr void join_bias([[maybe_unused]] Recorder& r, Bias const&) {
#if TENON_CUDA
  using product = contraction_of<X, Y, O>;
  using columns = axis_at<typename O::shape_type, O::shape_type::rank - 1>;
  if constexpr (cuda::lowering<typename product::kernel_type>::takes_bias && stored<Bias>)
    if constexpr (std::is_same_v<shape_of<Bias>, shape<columns>> &&
                  std::is_same_v<typename Bias::layout, row_major<shape_of<Bias>>> &&
                  product::plan.n.extent == columns::extent && product::plan.n.out == 1)
      r.join_last(cuda::biased<typename map_call<by_sum, O, Bias>::kernel_type,
                               typename product::kernel_type>::together);
#endif
}

}  // namespace tenon::detail
