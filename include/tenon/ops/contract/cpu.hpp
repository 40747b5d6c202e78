// SPDX-License-Identifier: BSL-1.0
// Contractions on the CPU: loops of BLAS products, cut into chunks along the output's longer side.
#pragma once
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "../../cpu/blas.hpp"
#include "../../cpu/product.hpp"
#include "../../layout.hpp"
#include "../../program/call.hpp"
#include "plan.hpp"

namespace tenon::cpu {

constexpr std::size_t round_up(std::size_t x, std::size_t unit) {
  return (x + unit - 1) / unit * unit;
}

/// Multiplications below which BLAS is not called. OpenBLAS takes memory from the heap in each product of up
/// to 100³ of them where it knows AVX-512 (its "small matrix" kernels), and a run allocates nothing.
inline constexpr std::size_t least_blas = std::size_t{1} << 20;

/// Operands: out, left, right, and, if integers[3] says so, right packed (`pack_kernel`). integers[0]
/// products in all (0 means 1), whose operands lie integers[1] and integers[2] bytes apart, are summed into
/// one output: that is how the weight gradients of all time steps become one product.
template <class T, std::size_t M, std::size_t N, std::size_t K, class LeftStrides, class RightStrides,
          class OutStrides, class Independent, class Sums>
struct contract_kernel;

/// What integers[3] of a product says of its packed right operand.
enum class packed_as : std::int64_t { nothing, floats, bf16s, scaled16s };
template <class W>
inline constexpr packed_as packed_form = std::is_same_v<W, float>  ? packed_as::floats
                                         : std::is_same_v<W, bf16> ? packed_as::bf16s
                                                                   : packed_as::scaled16s;

/// A loop around the product: its extent and its operands' strides.
template <std::size_t Extent, std::size_t Left, std::size_t Right, std::size_t Out>
struct product_loop {
  static constexpr contraction_axis axis{Extent, Left, Right, Out};

  /// Takes this loop's part of the number `rest`, and moves the operands' offsets to where it is.
  static void step(std::size_t& rest, std::size_t& left, std::size_t& right, std::size_t& out) {
    std::size_t const i = rest % Extent;
    rest /= Extent;
    left += i * Left;
    right += i * Right;
    out += i * Out;
  }
};
template <class...>
struct product_loops {};

template <class T, std::size_t M, std::size_t N, std::size_t K, std::size_t LM, std::size_t LK,
          std::size_t RK, std::size_t RN, std::size_t OM, std::size_t ON, class... Independent, class... Sums>
struct contract_kernel<T, M, N, K, strides<LM, LK>, strides<RK, RN>, strides<OM, ON>,
                       product_loops<Independent...>, product_loops<Sums...>> {
  static constexpr std::size_t products = (std::size_t{1} * ... * Independent::axis.extent);
  static constexpr std::size_t terms = (std::size_t{1} * ... * Sums::axis.extent);
  static constexpr std::uint64_t flops = 2 * std::uint64_t{M} * N * K * products * terms;
  /// A handful of rows: the time is that of reading the right operand, not that of the multiplications.
  static constexpr bool few =
      std::is_same_v<T, float> && M < few_rows && (LK == 1 || K == 1) && (RK == 1 || RN == 1);
  /// A step of a recurrence: its rows are the batch, along which everything else in the step is cut too, so
  /// that threads need not wait for each other. Pieces may be short, for the right operand is packed once in
  /// a run.
  static constexpr bool by_batch = !few && products == 1 && LM != 1 && M >= 64 && M <= 512;
  static constexpr bool by_rows = by_batch || M >= N;
  // Each piece worth a thread's while, and not so narrow that packing the right operand, which each piece of
  // rows does, takes long beside the product.
  static constexpr std::size_t wanted = [] {
    std::uint64_t const work = few ? std::uint64_t{128} * N * K * products * terms : flops;
    std::uint64_t const least_work = few ? 4'000'000 : 1U << 17;
    std::size_t const least_side = by_batch ? 32 : 96;
    std::size_t c = 1;
    while (c < 16 && work / (2 * c) >= least_work &&
           (products > 1 || (by_rows ? M : N) / (2 * c) >= (c == 1 ? least_side / 2 : least_side)))
      c *= 2;
    return c;
  }();
  static constexpr bool by_product = products >= wanted;
  static constexpr std::size_t side = by_rows ? M : N;
  static constexpr std::size_t piece =
      round_up((side + wanted - 1) / wanted, by_rows ? 4 : std::max<std::size_t>(16, detail::panel_columns));
  static constexpr std::size_t chunks = by_product ? wanted : (side + piece - 1) / piece;

  /// What a handful of rows costs before the first column and after the last one is paid once where one thread
  /// does all columns.
  static constexpr bool joins = few && !by_product && !by_rows && chunks > 1;

  /// Middling products run faster without BLAS's packing of both operands.
  static constexpr bool direct =
      !few && std::is_same_v<T, float> && (by_rows ? piece : M) >= 8 && N >= lanes &&
      (by_product || by_rows ? N : piece) * (by_rows ? piece : M) * K <= (std::size_t{1} << 27);
  /// The right operand can be packed beforehand: once for all calls that multiply with it in a run, which
  /// pays for direct products, or once and for all. Panels are filled up with zeros: few columns would waste
  /// them.
  static constexpr bool packable =
      (few || N >= lanes) && std::is_same_v<T, float> && products == 1 && terms == 1 && (RK == 1 || RN == 1);

  /// Whether packing beforehand pays for a single product: each of many chunks would pack all of the right
  /// operand.
  static constexpr bool packs_often =
      packable && direct && by_rows && chunks >= 4 && chunks * packed_size<float>(N, K) >= (1U << 17);

  /// Of one product, or of independent ones in one loop; operand k as in `run`.
  static constexpr reach touched(std::size_t k) {
    constexpr std::size_t loops = sizeof...(Independent);
    if (k == 3) return {0, static_cast<std::uint32_t>(packed_size<float>(N, K) * sizeof(float)), 0, 0};
    if constexpr (loops <= 1 && terms == 1) {
      constexpr std::array<product_axis, 4> axes{
          {{M, {OM, LM, 0}}, {N, {ON, 0, RN}}, {K, {0, LK, RK}}, loop_axis()}};
      std::array<std::size_t, 4> extents{}, steps{};
      for (std::size_t d = 0; d < 4; ++d) {
        extents[d] = axes[d].extent;
        steps[d] = axes[d].strides[k];
      }
      std::size_t const cut = by_product ? 3 : by_rows ? 0 : 1;
      bool const even = by_product ? loops == 1 : side % piece == 0;
      return reach_of(extents, steps, cut, even ? chunks : 1, sizeof(T));
    } else {
      return {};
    }
  }

  static void run(call_arguments const& a, std::size_t chunk) {
    std::size_t first = 0, last = products, row = 0, rows = M, column = 0, columns = N;
    if constexpr (by_product) {
      first = products * chunk / chunks;
      last = products * (chunk + 1) / chunks;
    } else if constexpr (by_rows) {
      row = chunk * piece;
      rows = std::min(piece, M - row);
    } else if (!joins || chunk < chunks) {
      column = chunk * piece;
      columns = std::min(piece, N - column);
    }
    T* const out = a.out<T>(0) + row * OM + column * ON;
    T const* const left = a.in<T>(1) + row * LM;
    T const* const right = a.in<T>(2) + column * RN;
    for (std::size_t p = first; p < last; ++p) {
      [[maybe_unused]] std::size_t rest = p;
      [[maybe_unused]] std::size_t l = 0, r = 0, o = 0;
      (Independent::step(rest, l, r, o), ...);
      sums(a, left + l, right + r, out + o, rows, columns, column);
    }
  }

 private:
  struct product_axis {
    std::size_t extent;
    std::array<std::size_t, 3> strides;  ///< of out, left and right
  };
  static constexpr product_axis loop_axis() {
    product_axis result{1, {}};
    ((result = {Independent::axis.extent,
                {Independent::axis.out, Independent::axis.left, Independent::axis.right}}),
     ...);
    return result;
  }

  static void sums(call_arguments const& a, T const* left, T const* right, T* out, std::size_t rows,
                   std::size_t columns, std::size_t column) {
    auto const repeats = static_cast<std::size_t>(std::max<std::int64_t>(1, a.integers[0]));
    auto const left_step = static_cast<std::size_t>(a.integers[1]),
               right_step = static_cast<std::size_t>(a.integers[2]);
    bool add = a.adds_to(0);
    if constexpr (packable) {
      auto const with_panels_of = [&]<class W>(std::type_identity<W>) {
        packed_panels<W> const panels{a.in<W>(3), column / detail::panel_columns, panel_count(N)};
        static_assert(!few || !by_rows || chunks == 1);
        if constexpr (few)
          multiply_known_rows<M>(columns, K, {left, LM, LK}, panels, add, out, OM);
        else
          multiply(rows, columns, K, {left, LM, LK}, panels, add, out, OM);
      };
      auto const form = static_cast<packed_as>(a.integers[3]);
      if (form == packed_as::floats) return with_panels_of(std::type_identity<float>{});
      if constexpr (few) {  // a smaller form is for what reads the weights each time
        if (form == packed_as::bf16s) return with_panels_of(std::type_identity<bf16>{});
        if (form == packed_as::scaled16s) return with_panels_of(std::type_identity<scaled16>{});
      }
    }
    if (repeats > 1 && terms == 1 && (!few || LK == 1) && left_step == K * LK * sizeof(T) &&
        right_step == K * RK * sizeof(T)) {
      product(left, right, out, rows, columns, K * repeats, add);
      return;
    }
    for (std::size_t i = 0; i < repeats; ++i) {
      auto const* const x = reinterpret_cast<T const*>(reinterpret_cast<char const*>(left) + i * left_step);
      auto const* const y = reinterpret_cast<T const*>(reinterpret_cast<char const*>(right) + i * right_step);
      for (std::size_t t = 0; t < terms; ++t) {
        [[maybe_unused]] std::size_t rest = t, l = 0, r = 0, o = 0;
        (Sums::step(rest, l, r, o), ...);
        product(x + l, y + r, out, rows, columns, K, add);
        add = true;
      }
    }
  }

  static void product(T const* left, T const* right, T* out, std::size_t rows, std::size_t columns,
                      std::size_t k, bool add) {
    if constexpr (few) {
      multiply_few(rows, columns, k, {left, LM, LK}, {right, RK, RN}, add, out, OM);
    } else if constexpr (direct) {
      multiply<T>(rows, columns, k, {left, LM, LK}, strided_matrix<T>{right, RK, RN}, add, out, OM);
    } else {
      if (rows * columns * k < least_blas || blas_is_outdated())
        return multiply<T>(rows, columns, k, {left, LM, LK}, strided_matrix<T>{right, RK, N == 1 ? 1 : RN},
                           add, out, OM);
      constexpr bool left_transposed = LK != 1 && K != 1;
      constexpr bool right_transposed = RN != 1 && N != 1;
      // A leading dimension must be at least the stored row's length, also where there is one row and it is
      // never used.
      auto const leading = [](std::size_t stride, std::size_t length) { return std::max(stride, length); };
      matrix_operand<T> const l{left, left_transposed ? leading(LK, rows) : leading(LM, k), left_transposed};
      matrix_operand<T> const r{right, right_transposed ? leading(RN, k) : leading(RK, columns),
                                right_transposed};
      gemm(rows, columns, k, l, r, add ? T(1) : T(0), out, leading(OM, columns));
    }
  }
};

/// Packs a right operand (K × N) as elements of type W. Operands: packed, right.
template <class W, std::size_t N, std::size_t K, class RightStrides>
struct pack_kernel;
template <class W, std::size_t N, std::size_t K, std::size_t RK, std::size_t RN>
struct pack_kernel<W, N, K, strides<RK, RN>> {
  static constexpr std::size_t panels = panel_count(N);
  static constexpr std::size_t bytes = packed_size<W>(N, K) * sizeof(W);
  static constexpr std::size_t chunks =
      std::bit_floor(std::clamp<std::size_t>(bytes >> 18, 1, std::min<std::size_t>(panels, 8)));

  static constexpr reach touched(std::size_t k) {
    return k == 0 ? reach{0, static_cast<std::uint32_t>(bytes), 0, 0}
                  : reach_of<2>({K, N}, {RK, RN}, 0, 1, sizeof(float));
  }
  static void run(call_arguments const& a, std::size_t chunk) {
    pack_panels(N, K, {a.in<float>(1), RK, RN}, panels * chunk / chunks, panels * (chunk + 1) / chunks,
                a.out<W>(0));
  }
};

}  // namespace tenon::cpu
