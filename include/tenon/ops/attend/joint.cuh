// SPDX-License-Identifier: BSL-1.0
// Which calls of an attention a GPU does as one kernel: forwards the scores' sum, the softmax, dropout if
// there is any, and the mixing of the values; backwards their derivatives.
#pragma once
#include <array>
#include <cstddef>
#include <type_traits>
#include <utility>

#include "../dropout/dropout.hpp"
#include "../softmax/softmax.hpp"
#include "cuda.cuh"

namespace tenon::detail {

template <class S, class Dropped>
struct minus;
template <class... A, class Dropped>
struct minus<shape<A...>, Dropped> {
  using type = typename join<std::conditional_t<has_axis<Dropped, A>, shape<>, shape<A>>...>::type;
};

/// Strides of each leaf over a loop that stays as it is.
template <class Strides>
struct unmerged;
template <class... L>
struct unmerged<list<L...>> {
  template <std::size_t I>
  using leaf = typename list_at<I, list<L...>>::type;
};

template <class S>
struct loop_over;
template <class... A>
struct loop_over<shape<A...>> {
  using type = cuda::row_loop<A::extent...>;
};

/// One call of an attention, of the expression X over Loop, as a stage of a kernel.
template <class Out, class X, class Loop>
struct joint_stage {
  template <class L>
  using over_loop = strides_in<typename L::shape_type, typename L::layout, Loop>;
  using run = typename map_call<by_sum, Out, X>::kernel_type;
  using order =
      unmerged<typename join_lists<list<over_loop<Out>>, typename leaf_strides<X, Loop>::type>::type>;
  using on_gpu = cuda::row_stage<typename loop_over<Loop>::type, typename Out::element, over_loop<Out>,
                                 typename lower<X, order, 1, 0, 0>::type>;

  using derivative = map_pull<by_sum, Out, X>;
  using leaves = typename derivative::wanted;
  using with = typename derivative::template with<leaves>;
  template <class Numbers>
  struct gradient;
  template <std::size_t... K>
  struct gradient<std::index_sequence<K...>> {
    using order = unmerged<typename join_lists<
        list<over_loop<typename with::template info<K>>..., over_loop<Out>, over_loop<Out>>,
        typename leaf_strides<X, Loop>::type>::type>;
    using type = cuda::row_gradient<typename loop_over<Loop>::type, with::chunks,
                                    element_at<sizeof...(K), typename Out::element, over_loop<Out>>,
                                    typename lower<X, order, sizeof...(K) + 2, 0, 0>::type,
                                    list<element_at<K, typename with::template info<K>::element,
                                                    over_loop<typename with::template info<K>>>...>>;
    /// Do those sinks that lack the rows, and none other, have parts in the call too?
    static constexpr bool parts_agree = ((with::template in_parts<K> == type::template lacks<K>(0)) && ...);
  };
  using pull = gradient<std::make_index_sequence<list_size<leaves>>>;
  using pull_on_gpu = typename pull::type;
};

/// One attention of a recording, from `scores` of which nothing is known: nothing of it is joint.
template <class Scores, class Valid, class Values, template <std::size_t> class Name, bool Thinned>
struct joint_attention {
  constexpr explicit joint_attention(Scores const&) {}
  constexpr void recorded() const {}
};

/// From a sum that is not stored yet, of X, to a shape of one row axis (batch) and the axis attended over.
template <class S, class X, class Valid, class Values, template <std::size_t> class Name, bool Thinned>
requires(is_recorded<X>&& drop<S, Name>::type::rank ==
         1) struct joint_attention<reduced<by_sum, S, X>, Valid, Values, Name, Thinned> {
  constexpr explicit joint_attention(reduced<by_sum, S, X> const& scores)
      : recorder_{&recorder_of(scores)}, first_{recorder_->calls().size()} {}

  /// To be said when everything is recorded.
  constexpr void recorded() const {
    if constexpr (fits) {
      recorder_->join_last(together::forward);
      if constexpr (keeps_derivatives<recorder_type> && gradients_fit())
        if (recorder_->calls()[first_].joint != nullptr) recorder_->replace_pull(first_, &pull);
    }
  }

 private:
  using recorder_type = typename owner_in<X>::type;
  recorder_type* recorder_;
  std::size_t first_;

  using T = typename X::element;
  using weights = variable<T, S>;
  using thin = std::remove_cvref_t<decltype(dropout(std::declval<weights const&>(), 0.0))>;
  using mixed = std::remove_cvref_t<decltype(sum<Name>(std::declval<weights const&>() *
                                                       std::declval<Values const&>()))>;
  using mix = std::remove_cvref_t<decltype(split_reduction<mixed>::tree(std::declval<mixed const&>()))>;
  using context = variable<T, shape_of<mixed>>;
  using counts = std::remove_cvref_t<decltype(keep(std::declval<Valid const&>()))>;
  using form = softmax_form<T, S, row_major<S>, Name, counts, false>;
  using softmax_kernel = typename form::template kernel<cpu::softmax_kernel>;
  using softmax_gradient = typename form::template kernel<cpu::softmax_gradient_kernel>;

  // Loops as the kernels walk them: the row, the axis attended over, what is inside that.
  using rows = typename drop<S, Name>::type;
  using flat = typename join<rows, shape<axis_of<S, Name>>>::type;
  using inside_scores = typename minus<typename X::shape_type, S>::type;
  using inside_values = typename minus<shape_of<Values>, S>::type;
  static constexpr bool fits = inside_scores::rank == 1 && inside_values::rank == 1;
  using score_loop = typename join<flat, inside_scores>::type;
  using mix_loop = typename join<flat, inside_values>::type;

  using score_stage = joint_stage<weights, X, score_loop>;
  using thin_stage = joint_stage<weights, thin, flat>;
  using mix_stage = joint_stage<context, mix, mix_loop>;

  static constexpr bool gradients_fit() {
    if constexpr (std::is_same_v<typename score_stage::leaves, list<>>)
      return false;
    else
      // What lacks the rows is summed in parts; the kernel sums over the steps for the scores' leaves and
      // over what is inside for the weights.
      return score_stage::pull_on_gpu::parts <= score_stage::pull_on_gpu::rows &&
             score_stage::pull::parts_agree && !score_stage::pull_on_gpu::any_lacks(2) &&
             mix_stage::pull::parts_agree && !mix_stage::pull_on_gpu::has_parts &&
             !mix_stage::pull_on_gpu::any_lacks(1);
  }

  struct together {
    using body =
        cuda::attend_body<typename score_stage::on_gpu, typename cuda::lowering<softmax_kernel>::body,
                          std::conditional_t<Thinned, typename thin_stage::on_gpu, cuda::no_stage>,
                          typename mix_stage::on_gpu>;
    static constexpr std::array<kernel, Thinned ? 4 : 3> kernels = [] {
      if constexpr (Thinned)
        return std::array<kernel, 4>{&score_stage::run::run, &softmax_kernel::run, &thin_stage::run::run,
                                     &mix_stage::run::run};
      else
        return std::array<kernel, 3>{&score_stage::run::run, &softmax_kernel::run, &mix_stage::run::run};
    }();
    static constexpr joint_calls forward{kernels, &body::enqueue};
  };
  struct together_backwards {
    using body = cuda::attend_gradient_body<
        typename score_stage::pull_on_gpu, typename cuda::lowering<softmax_gradient>::body,
        std::conditional_t<Thinned, typename thin_stage::pull_on_gpu, cuda::no_stage>,
        typename mix_stage::pull_on_gpu>;
    template <class Stage>
    static constexpr kernel pull_kernel = &Stage::with::final::kernel_type::run;
    static constexpr std::array<kernel, Thinned ? 4 : 3> kernels = [] {
      if constexpr (Thinned)
        return std::array<kernel, 4>{pull_kernel<mix_stage>, pull_kernel<thin_stage>, &softmax_gradient::run,
                                     pull_kernel<score_stage>};
      else
        return std::array<kernel, 3>{pull_kernel<mix_stage>, &softmax_gradient::run,
                                     pull_kernel<score_stage>};
    }();
    static constexpr joint_calls all{kernels, &body::enqueue};
  };

  /// Do the scores read the values' memory otherwise than by the same rows? Then their gradients are of other
  /// rows' too, and rows would wait for each other.
  static constexpr bool crosses_rows(recording const& r, std::size_t index) {
    auto const values = r.root(r.operand_of(index + (Thinned ? 3 : 2), 2));
    bool crosses = false;
    std::size_t leaf = 1;
    [&]<class... Info>(list<Info...>) {
      ((crosses = crosses || reads_otherwise<Info>(r, r.operand_of(index, leaf++), values)), ...);
    }(typename leaf_infos<X>::type{});
    return crosses;
  }
  template <class Info>
  static constexpr bool reads_otherwise(recording const& r, location where, location values) {
    if (!where.exists() || r.root(where).storage != values.storage) return false;
    return r.root(where) != values || !std::is_same_v<typename Info::shape_type, shape_of<Values>> ||
           !std::is_same_v<typename Info::layout, typename Values::layout>;
  }

  /// The scores' pullback is the last one of an attention.
  static constexpr void pull(recording& r, std::size_t index) {
    score_stage::derivative::pull(r, index);
    if (!crosses_rows(r, index)) r.join_last(together_backwards::all);
  }
};

}  // namespace tenon::detail
