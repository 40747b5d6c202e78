// SPDX-License-Identifier: BSL-1.0
// Batches as structs: each field is a tensor, named like the input of the program that it fills.
//
//   struct batch_fields {
//     tensor<std::int32_t, batch<128>, steps<9>> source;
//     tensor<float, batch<128>, target_steps<9>> weight;
//     TENON_MEMBERS(batch_fields, source, weight)
//   };
#pragma once
#include <algorithm>
#include <string_view>

#include "../program/session.hpp"
#include "module.hpp"

namespace tenon {

namespace detail {
template <class Session, class T, class... A>
void fill_input(Session& s, std::string_view name, tensor<T, A...> const& field) {
  auto const input = s.template input<T, A...>(name);
  std::copy_n(field.data(), field.size, input.data());
}
}  // namespace detail

/// Copies each field of a Hana Struct of tensors to the input of its name. Throws tenon::error where the
/// program has no such input of this type and size.
template <class Session, class Batch>
void fill_inputs(Session& s, Batch const& fields) {
  hana::for_each(hana::accessors<Batch>(), [&](auto const& accessor) {
    detail::fill_input(s, hana::to<char const*>(hana::first(accessor)), hana::second(accessor)(fields));
  });
}

}  // namespace tenon
