// SPDX-License-Identifier: BSL-1.0
// The one place that calls BLAS. Each call runs on the calling thread: Tenon cuts the work itself.
#pragma once
#include <cblas.h>

#include <cstddef>
#include <string_view>

namespace tenon::cpu {

/// C (m × n) = A (m × k) · B (k × n) + beta · C, all row-major; a transposed operand is stored as its
/// transpose. The leading dimension of an operand is the distance between its stored rows.
template <class T>
struct matrix_operand {
  T const* data;
  std::size_t leading;
  bool transposed;
};

/// Keeps the BLAS library from starting threads of its own. Asked at the first product and not sooner: a
/// program that never multiplies by BLAS then does not name it, and a linker that is told --as-needed leaves
/// it out, which saves a translator some milliseconds of its start.
inline void blas_single_threaded() {
#ifdef OPENBLAS_VERSION
  static bool const kept = [] {
    openblas_set_num_threads(1);
    return true;
  }();
  static_cast<void>(kept);
#endif
}

/// Whether the BLAS library computes with vectors of another age. OpenBLAS falls back to kernels for SSE3, a
/// fifth as fast, on an Intel processor that is younger than itself: so does Debian 12's on a Xeon of 2023.
/// Tenon's own products are better then.
inline bool blas_is_outdated() {
#if defined(OPENBLAS_VERSION) && defined(__FMA__)
  static bool const outdated = [] {
    std::string_view const kernels = openblas_get_corename();
    for (std::string_view const old : {"Prescott", "Core2", "Penryn", "Nehalem", "Sandybridge", "Barcelona"})
      if (kernels == old) return true;
    return false;
  }();
  return outdated;
#else
  return false;
#endif
}

inline void gemm(std::size_t m, std::size_t n, std::size_t k, matrix_operand<float> a,
                 matrix_operand<float> b, float beta, float* c, std::size_t leading) {
  blas_single_threaded();
  cblas_sgemm(CblasRowMajor, a.transposed ? CblasTrans : CblasNoTrans,
              b.transposed ? CblasTrans : CblasNoTrans, static_cast<int>(m), static_cast<int>(n),
              static_cast<int>(k), 1.0F, a.data, static_cast<int>(a.leading), b.data,
              static_cast<int>(b.leading), beta, c, static_cast<int>(leading));
}
inline void gemm(std::size_t m, std::size_t n, std::size_t k, matrix_operand<double> a,
                 matrix_operand<double> b, double beta, double* c, std::size_t leading) {
  blas_single_threaded();
  cblas_dgemm(CblasRowMajor, a.transposed ? CblasTrans : CblasNoTrans,
              b.transposed ? CblasTrans : CblasNoTrans, static_cast<int>(m), static_cast<int>(n),
              static_cast<int>(k), 1.0, a.data, static_cast<int>(a.leading), b.data,
              static_cast<int>(b.leading), beta, c, static_cast<int>(leading));
}

}  // namespace tenon::cpu
