// SPDX-License-Identifier: BSL-1.0
// Contractions on a GPU: cuBLAS products, independent ones of them as one batch; a bias is added as the
// product is stored.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

#include "../../cuda/queue.hpp"
#include "cpu.hpp"

namespace tenon::cuda {

template <class T, std::size_t M, std::size_t N, std::size_t K, std::size_t LM, std::size_t LK,
          std::size_t RK, std::size_t RN, std::size_t OM, std::size_t ON, class... Independent, class... Sums>
struct lowering<cpu::contract_kernel<T, M, N, K, strides<LM, LK>, strides<RK, RN>, strides<OM, ON>,
                                     cpu::product_loops<Independent...>, cpu::product_loops<Sums...>>> {
  static void enqueue(queue& q, call_arguments const& a) {
    auto const repeats = static_cast<std::size_t>(std::max<std::int64_t>(1, a.integers[0]));
    auto const left_step = static_cast<std::size_t>(a.integers[1]) / sizeof(T),
               right_step = static_cast<std::size_t>(a.integers[2]) / sizeof(T);
    constexpr bool one_sum = sizeof...(Sums) == 0;
    bool const joined = one_sum && repeats > 1 && left_step == K * LK && right_step == K * RK;
    bool add = a.adds_to(0);
    for (std::size_t repeat = 0; repeat < (joined ? 1 : repeats); ++repeat)
      for (std::size_t term = 0; term < terms; ++term) {
        std::size_t l = repeat * left_step, r = repeat * right_step;
        [[maybe_unused]] std::size_t rest = term, o = 0;
        (Sums::step(rest, l, r, o), ...);
        products(q, a.in<T>(1) + l, a.in<T>(2) + r, a.out<T>(0), joined ? K * repeats : K, add);
        add = true;
      }
  }

  /// Is it one product of float, to which a bias of its columns may be added?
  static constexpr bool takes_bias =
      std::is_same_v<T, float> && sizeof...(Independent) == 0 && sizeof...(Sums) == 0 && M > 1 && N > 1;
  /// The product plus a bias of N elements, as one kernel; false, and nothing is enqueued, if there is none.
  static bool enqueue_with_bias(queue& q, call_arguments const& a, T const* bias) requires takes_bias {
    return q.multiply_with_bias(
        matrix_product<T>{M, N, K, a.in<T>(1), LM, LK, a.in<T>(2), RK, RN, a.out<T>(0), OM}, bias);
  }

 private:
  static constexpr std::size_t terms = (std::size_t{1} * ... * Sums::axis.extent);
  static constexpr std::size_t count = (std::size_t{1} * ... * Independent::axis.extent);
  /// The longest of the independent loops becomes the batch; the others are loops of batches.
  static constexpr contraction_axis batch = [] {
    contraction_axis longest{};
    ((longest = Independent::axis.extent > longest.extent ? Independent::axis : longest), ...);
    return longest;
  }();
  template <class Loop>
  static constexpr bool is_batch = Loop::axis.extent == batch.extent&& Loop::axis.left ==
                                   batch.left&& Loop::axis.right == batch.right&& Loop::axis.out == batch.out;

  static void products(queue& q, T const* left, T const* right, T* out, std::size_t k, bool add) {
    for (std::size_t i = 0; i < count / batch.extent; ++i) {
      [[maybe_unused]] std::size_t rest = i;
      std::size_t l = 0, r = 0, o = 0;
      (other<Independent>(rest, l, r, o), ...);
      q.multiply(matrix_product<T>{M, N, k, left + l, LM, LK, right + r, RK, N == 1 ? 1 : RN, out + o, OM,
                                   add, batch.extent, batch.left, batch.right, batch.out});
    }
  }
  template <class Loop>
  static void other(std::size_t& rest, std::size_t& l, std::size_t& r, std::size_t& o) {
    if constexpr (!is_batch<Loop>) Loop::step(rest, l, r, o);
  }
};

/// The calls of `linear(x, w, b)`: a Fill that writes b to each row, and the product that is added to it.
template <class Fill, class Product>
struct biased {
  static constexpr std::array<tenon::kernel, 2> kernels{&Fill::run, &Product::run};
  static void enqueue(queue& q, std::span<call_arguments const> of_each) {
    if (lowering<Product>::enqueue_with_bias(q, of_each[1], of_each[0].template in<float>(1))) return;
    lowering<Fill>::enqueue(q, of_each[0]);
    lowering<Product>::enqueue(q, of_each[1]);
  }
  static constexpr joint_calls together{kernels, &enqueue};
};

/// cuBLAS takes operands as they are.
template <class W, std::size_t N, std::size_t K, class RightStrides>
struct lowering<cpu::pack_kernel<W, N, K, RightStrides>> {
  static void enqueue(queue&, call_arguments const&) {}
};

}  // namespace tenon::cuda
