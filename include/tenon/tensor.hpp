// SPDX-License-Identifier: BSL-1.0
// Tensors: values with named axes that own memory or view it.
#pragma once
#include <algorithm>
#include <cstddef>
#include <initializer_list>
#include <span>
#include <utility>

#if __has_include(<mdspan>)
#include <mdspan>
#endif

#include "element.hpp"
#include "error.hpp"
#include "layout.hpp"
#include "owned.hpp"

namespace tenon {

namespace detail {

/// The element number of `index`, given in any order of S's axes.
template <class... A, std::size_t... St, class... I>
constexpr std::size_t element_number(shape<A...>, strides<St...>, I... index) {
  static_assert(sizeof...(I) == sizeof...(A), "one index for each axis, in the shape's order");
  return ((static_cast<std::size_t>(index) * St) + ... + std::size_t{0});
}

}  // namespace detail

namespace detail {
/// What `assign_to`, which comes with the expressions, gives for an X: void, or the error of a misfit.
template <class Tensor, class X>
using assigned = decltype(assign_to(std::declval<Tensor&>(), std::declval<X>()));
}  // namespace detail

/// A view of memory that something else owns. T may be const.
template <class T, well_formed S, class L = row_major<S>>
class tensor_view {
 public:
  using element = std::remove_const_t<T>;
  using shape_type = S;
  using layout = L;

  constexpr explicit tensor_view(T* data) : data_{data} {}
  /// Views a dense block of S::size elements; throws tenon::error if the span has another length.
  constexpr explicit tensor_view(std::span<T> data) : data_{data.data()} {
    if (data.size() != span_of<S, L>)
      throw error("a view of " + std::to_string(span_of<S, L>) + " elements was given " +
                  std::to_string(data.size()));
  }

  tensor_view(tensor_view const&) = default;
  /// Lets a view that has a name see something else. No elements are copied: a temporary view is assigned to
  /// by mistake.
  tensor_view& operator=(tensor_view const&) & = default;

  constexpr T* data() const { return data_; }
  template <class... I>
  constexpr T& operator()(I... index) const {
    return data_[detail::element_number(S{}, L{}, index...)];
  }
  constexpr std::span<T> elements() const requires is_dense<S, L> { return {data_, S::size}; }

 private:
  T* data_;
};

/// A tensor that owns its memory, 64-byte aligned, initialised with zeros unless told otherwise.
///
///   tensor<float, batch<4>, hiddens<8>> y = tanh(x + b);   // one loop, run here
template <supported_element T, axis_type... A>
class tensor {
 public:
  using element = T;
  using shape_type = shape<A...>;
  static_assert(sizeof(shape_type) != 0);  // names two axes of one name here rather than from deeper down
  using layout = row_major<shape_type>;
  static constexpr std::size_t size = shape_type::size;

  tensor() : data_{detail::allocate_aligned<T>(size)} { std::fill_n(data_.get(), size, T{}); }
  explicit tensor(T value) : data_{detail::allocate_aligned<T>(size)} {
    std::fill_n(data_.get(), size, value);
  }
  /// Row-major elements; throws tenon::error if their number is wrong.
  tensor(std::initializer_list<T> values) : data_{detail::allocate_aligned<T>(size)} {
    assign(std::span<T const>(values.begin(), values.size()));
  }
  explicit tensor(std::span<T const> values) : data_{detail::allocate_aligned<T>(size)} { assign(values); }

  tensor(tensor const& other) : data_{detail::allocate_aligned<T>(size)} {
    std::copy_n(other.data(), size, data());
  }
  tensor(tensor&&) noexcept = default;
  tensor& operator=(tensor const& other) {
    if (this == &other) return *this;
    if (data_.get() == nullptr) data_ = detail::allocate_aligned<T>(size);  // it was moved from
    std::copy_n(other.data(), size, data());
    return *this;
  }
  tensor& operator=(tensor&&) noexcept = default;
  ~tensor() = default;

  /// Evaluates an expression over these axes, in whatever order it has them, in one loop.
  template <class E>
  requires std::is_void_v<detail::assigned<tensor, E>> tensor(E&& e)
      : data_{detail::allocate_aligned<T>(
            size)} {  // NOLINT(google-explicit-constructor): `tensor y = x + b` is the point
    assign_to(*this, std::forward<E>(e));
  }
  template <class E>
  requires std::is_void_v<detail::assigned<tensor, E>> tensor& operator=(E&& e) {
    if (data_.get() == nullptr) data_ = detail::allocate_aligned<T>(size);
    assign_to(*this, std::forward<E>(e));
    return *this;
  }
  // What does not fit is refused by an error without a definition.
  template <class E, shape_error Error = detail::assigned<tensor, E>>
  tensor(E&& e, Error = {});  // NOLINT(google-explicit-constructor)
  template <class E, shape_error Error = detail::assigned<tensor, E>>
  Error operator=(E&& e);

  void assign(std::span<T const> values) {
    if (values.size() != size)
      throw error("a tensor of " + std::to_string(size) + " elements was given " +
                  std::to_string(values.size()));
    std::copy(values.begin(), values.end(), data());
  }

  T* data() { return data_.get(); }
  T const* data() const { return data_.get(); }
  std::span<T> elements() { return {data(), size}; }
  std::span<T const> elements() const { return {data(), size}; }

  template <class... I>
  T& operator()(I... index) {
    return data()[detail::element_number(shape_type{}, layout{}, index...)];
  }
  template <class... I>
  T const& operator()(I... index) const {
    return data()[detail::element_number(shape_type{}, layout{}, index...)];
  }

#ifdef __cpp_lib_mdspan
  /// The same elements without names.
  auto mdspan() {
    return std::mdspan<T, std::extents<std::size_t, A::extent...>>(data());
  }
  auto mdspan() const {
    return std::mdspan<T const, std::extents<std::size_t, A::extent...>>(data());
  }
#endif

  tensor_view<T, shape_type> view() {
    return tensor_view<T, shape_type>(data());
  }
  tensor_view<T const, shape_type> view() const {
    return tensor_view<T const, shape_type>(data());
  }

 private:
  detail::aligned_memory<T> data_;
};

namespace detail {
template <class T, class S>
struct tensor_over;
template <class T, class... A>
struct tensor_over<T, shape<A...>> {
  using type = tensor<T, A...>;
};
}  // namespace detail

/// The tensor type of a shape.
template <class T, class S>
using tensor_of = typename detail::tensor_over<T, S>::type;

}  // namespace tenon
