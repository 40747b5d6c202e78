// SPDX-License-Identifier: BSL-1.0
// best_continuations<K>(logits, held, eos, α)        a step of beam search: of all words behind all
//                                                    hypotheses of a row the K best, the best first
// best_continuations<K>(logits, held, eos, α, used)  among the first `used` words (one int32 at run time)
//
// A hypothesis is worth the sum of its words' log-probabilities divided by ((5 + words) / 6)^α (Wu et al.,
// 2016); α = 0 divides by nothing. One whose last word is eos is continued by nothing: it keeps its worth and
// its place among the others. No derivative.
#pragma once
#include <cstddef>
#include <cstdint>

#include "../../fit.hpp"
#include "../emit.hpp"
#include "../view/view.hpp"
#include "cpu.hpp"

#if TENON_CUDA
#include "cuda.cuh"  // IWYU pragma: export
#endif

namespace tenon {

/// Hypotheses of each row, all (batch, beams).
template <class Totals, class Counts>
struct hypotheses {
  Totals totals;      ///< Σ of the words' log-probabilities
  Counts last_words;  ///< int32
  Counts lengths;     ///< int32: words, eos among them; 0: there is none yet, so that none can be the last
};

/// The next hypotheses, and which ones they continue.
template <class Totals, class Counts>
struct continuations : hypotheses<Totals, Counts> {
  Counts parents;  ///< int32: row · beams + beam among those that were held
};

namespace detail {

template <class X, class Totals, class Counts, class... Numbers>
using continuations_error = typename first_of<
    name_error<operation::best_continuations, shape_of<X>, batch>,
    name_error<operation::best_continuations, shape_of<X>, beams>,
    name_error<operation::best_continuations, shape_of<X>, vocab>,
    name_error<operation::best_continuations, shape_of<Totals>, beams>,
    extent_error<operation::best_continuations, shape_of<X>, shape_of<Totals>, shape_of<Counts>>,
    fraction_error<operation::best_continuations, element_of<X>>,
    element_error<operation::best_continuations, element_of<Totals>, element_of<X>>,
    element_error<operation::best_continuations, element_of<Counts>, std::int32_t>,
    element_error<operation::best_continuations, element_of<Numbers>, std::int32_t>...,
    typename misfit<shape<>, shape_of<Numbers>, operation::best_continuations>::type...>::type;

template <class X, class... Is>
inline constexpr bool stand_as = (is_dense<shape_of<X>, typename X::layout> && ... &&
                                  std::is_same_v<shape_of<X>, Is>);

}  // namespace detail

/// logits (batch, beams, vocab), held (batch, beams), eos one int32 → the Kept best of each row of the batch.
template <std::size_t Kept, operand X, class Totals, class Counts, operand End, operand... Used>
requires std::is_void_v<detail::continuations_error<X, Totals, Counts, End, Used...>>
constexpr auto best_continuations(X const& logits, hypotheses<Totals, Counts> const& held, End const& eos,
                                  double alpha, Used const&... used) {
  static_assert(sizeof...(Used) <= 1, "best_continuations: one number of words in use");
  using S = shape_of<X>;
  using T = element_of<X>;
  constexpr std::size_t rows = extent_of<S, batch>, from = extent_of<S, beams>, words = extent_of<S, vocab>;
  auto const x = keep(logits);
  static_assert(
      detail::stand_as<std::remove_cvref_t<decltype(x)>, shape<batch<rows>, beams<from>, vocab<words>>>,
      "best_continuations: logits stand as (batch, beams, vocab); keep(arrange<…>(logits)) first");
  static_assert(detail::stand_as<Totals, shape<batch<rows>, beams<from>>> &&
                    detail::stand_as<Counts, shape<batch<rows>, beams<from>>>,
                "best_continuations: what is held stands as (batch, beams)");
  using K = cpu::best_continuations_kernel<T, rows, from, words, Kept, sizeof...(Used) == 1>;
  call_spec spec;
  spec.name = "best continuations";
  spec.computed_by<K>();
  spec.flops = S::size * 4;
  spec.scalars[0] = alpha;
  using made = shape<batch<rows>, beams<Kept>>;
  if constexpr (is_recorded<X>) {
    auto& r = recorder_of(x);
    auto const totals = r.template make<T, made>();
    auto const last_words = r.template make<std::int32_t, made>(),
               parents = r.template make<std::int32_t, made>(),
               lengths = r.template make<std::int32_t, made>();
    auto const end = keep(eos);
    auto const record = [&](auto const&... in_use) {
      r.begin(spec);
      auto const result = [&](auto const& v) {
        r.result(v.at, detail::bytes_in<std::remove_cvref_t<decltype(v)>>);
      };
      result(totals), result(last_words), result(parents), result(lengths);
      auto const reads = [&](auto const& v) {
        r.operand(r.place(v), detail::bytes_in<std::remove_cvref_t<decltype(v)>>);
      };
      reads(x), reads(held.totals), reads(held.last_words), reads(held.lengths), reads(end);
      (reads(in_use), ...);
      r.end();
    };
    record(keep(used)...);
    return continuations<std::remove_cvref_t<decltype(totals)>, std::remove_cvref_t<decltype(parents)>>{
        {totals, last_words, lengths}, parents};
  } else {
    continuations<tensor_of<T, made>, tensor_of<std::int32_t, made>> result;
    void* const operands[] = {result.totals.data(),
                              result.last_words.data(),
                              result.parents.data(),
                              result.lengths.data(),
                              detail::address_of(x),
                              detail::address_of(held.totals),
                              detail::address_of(held.last_words),
                              detail::address_of(held.lengths),
                              detail::address_of(eos),
                              detail::address_of(used)...};
    run_now(spec, operands);
    return result;
  }
}
template <std::size_t Kept, operand X, class Totals, class Counts, operand End, operand... Used,
          shape_error Error = detail::continuations_error<X, Totals, Counts, End, Used...>>
Error best_continuations(X const& logits, hypotheses<Totals, Counts> const& held, End const& eos,
                         double alpha, Used const&... used);

}  // namespace tenon
