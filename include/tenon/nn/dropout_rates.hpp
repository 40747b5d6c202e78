// SPDX-License-Identifier: BSL-1.0
// What training drops of a translator. One number is the rate of layers and attention, as in Dive into Deep
// Learning; `dropout_rates` are the rates of every place where little text asks for more.
#pragma once
#include <concepts>

#include "../ops/dropout/dropout.hpp"
#include "mode.hpp"

namespace tenon {

/// The probabilities with which elements are dropped.
struct dropout_rates {
  double embeddings = 0;  ///< of embedded words, on either side
  double layers = 0;      ///< of what recurrent layers give to layers above
  double memory = 0;      ///< of the encoder's outputs
  double attention = 0;   ///< of attention's weights
  double outputs = 0;     ///< of the decoder's outputs, before logits are made of them
};

/// One number, or dropout_rates.
template <class R>
concept dropout_spec = std::convertible_to<R, double> || std::same_as<R, dropout_rates>;

namespace detail {

/// The rate of one place; `otherwise` if one number says all.
template <dropout_spec Rates>
constexpr double rate_of(Rates const& rates, double dropout_rates::*place, bool otherwise) {
  if constexpr (std::same_as<Rates, dropout_rates>)
    return rates.*place;
  else
    return otherwise ? static_cast<double>(rates) : 0;
}
template <dropout_spec Rates>
constexpr double layer_rate(Rates const& rates) {
  return rate_of(rates, &dropout_rates::layers, true);
}
template <dropout_spec Rates>
constexpr double attention_rate(Rates const& rates) {
  return rate_of(rates, &dropout_rates::attention, true);
}

/// x, where a single number drops nothing: with dropout_rates in training, at the rate of `place`.
template <mode Mode, operand X, dropout_spec Rates>
constexpr auto dropped_at(X const& x, Rates const& rates, double dropout_rates::*place) {
  if constexpr (Mode == mode::training && std::same_as<Rates, dropout_rates>)
    return keep(dropout(x, rates.*place));
  else
    return x;
}

}  // namespace detail
}  // namespace tenon
