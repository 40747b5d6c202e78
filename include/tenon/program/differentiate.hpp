// SPDX-License-Identifier: BSL-1.0
// Reverse-mode differentiation of a recording: walk the calls backwards, let each record the calls that carry
// its result's gradient to its operands, then emit the weight gradients that waited for all time steps.
#pragma once
#include <cstddef>
#include <stdexcept>
#include <vector>

#include "fill.hpp"
#include "recording.hpp"

namespace tenon {

template <class WhenUsed>
constexpr location recording::parameter_gradients(std::size_t bytes) {
  if (gradient_block_ < 0) {
    storage s;
    s.kind = storage::kind_t::gradient;
    s.name = "parameter gradients";
    s.bytes = bytes;
    s.rank = 1;
    s.extents[0] = bytes / s.element_bytes;
    gradient_block_ = add_storage(s);
  }
  return {gradient_block_, 0};
}

template <class WhenUsed>
constexpr void recording::differentiate(location loss) {
  if (differentiated_)
    throw std::logic_error("differentiate: a program has one loss: add up what is to be learnt from");
  if (frozen_) throw std::logic_error("differentiate: frozen weights have no gradient");
  differentiated_ = true;
  auto const forward_calls = calls_.size();
  auto const top = root(loss);
  bool const wide = at(top.storage).element_bytes == sizeof(double);
  auto const seed = gradient_sink<shape<>, strides<>>(loss);
  if (!seed.where.exists()) return;
  call_spec spec;
  spec.name = "one";
  if (wide)
    spec.computed_by<one_kernel<double>>();
  else
    spec.computed_by<one_kernel<float>>();
  begin(spec);
  result(seed.where, at(top.storage).element_bytes);
  end();
  for (std::size_t i = forward_calls; i-- > 0;)
    if (calls_[i].pull.exists) calls_[i].pull.run(*this, i);
  // Group what was deferred by weight; the order within a group is that of the steps, last one first.
  std::vector<char> done(deferred_.size(), 0);
  for (std::size_t i = 0; i < deferred_.size(); ++i) {
    if (done[i]) continue;
    std::vector<deferred_gradient> group;
    for (std::size_t j = i; j < deferred_.size(); ++j) {
      if (done[j] || deferred_[j].emit != deferred_[i].emit || deferred_[j].sink != deferred_[i].sink)
        continue;
      group.push_back(deferred_[j]);
      done[j] = 1;
    }
    group.front().emit(*this, group);
  }
  deferred_.clear();
  for (auto const& p : partial_) p.sum(*this, p);
  partial_.clear();
}

}  // namespace tenon
