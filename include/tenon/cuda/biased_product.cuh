// SPDX-License-Identifier: BSL-1.0
// A product of matrices with a bias that cublasLt adds as it stores the result: a kernel less, and the result
// is written once instead of written, read and written again.
#pragma once
#include <cublasLt.h>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>

#include "arguments.hpp"
#include "check.cuh"

namespace tenon::cuda {

/// How a matrix looks to cuBLAS, which stores by columns: transposed, or as it is.
struct stored_matrix {
  cublasOperation_t operation;
  int leading;

  /// Of rows × columns with these strides.
  static stored_matrix of(std::size_t row, std::size_t column, std::size_t rows, std::size_t columns) {
    bool const by_rows = column == 1 || columns == 1;
    return by_rows ? stored_matrix{CUBLAS_OP_N, static_cast<int>(std::max(row, columns))}
                   : stored_matrix{CUBLAS_OP_T, static_cast<int>(std::max(column, rows))};
  }
};

/// out = left · right + bias, one product of p, all in float; `purpose` is for messages.
class biased_product {
 public:
  biased_product(cublasLtHandle_t blas, matrix_product<float> const& p, float const* bias,
                 cublasComputeType_t compute, std::size_t workspace_bytes, std::string const& purpose)
      : blas_{blas}, p_{p} {
    auto const left = stored_matrix::of(p.left_row, p.left_column, p.m, p.k);
    auto const right = stored_matrix::of(p.right_row, p.right_column, p.k, p.n);
    check(cublasLtMatmulDescInit(&operation_, compute, CUDA_R_32F), "cublasLtMatmulDescInit", purpose);
    auto const ask = [&](cublasLtMatmulDescAttributes_t what, auto const& value) {
      check(cublasLtMatmulDescSetAttribute(&operation_, what, &value, sizeof value),
            "cublasLtMatmulDescSetAttribute", purpose);
    };
    // What cuBLAS sees are the transposes: out^T = right^T · left^T, a row of which has one bias.
    ask(CUBLASLT_MATMUL_DESC_TRANSA, right.operation);
    ask(CUBLASLT_MATMUL_DESC_TRANSB, left.operation);
    ask(CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_BIAS);
    ask(CUBLASLT_MATMUL_DESC_BIAS_POINTER, bias);
    describe(right_, right, p.n, p.k, purpose);
    describe(left_, left, p.k, p.m, purpose);
    describe(out_, {CUBLAS_OP_N, static_cast<int>(std::max(p.out_row, p.n))}, p.n, p.m, purpose);

    cublasLtMatmulPreferenceOpaque_t preference{};
    check(cublasLtMatmulPreferenceInit(&preference), "cublasLtMatmulPreferenceInit", purpose);
    auto const prefer = [&](cublasLtMatmulPreferenceAttributes_t what, auto const& value) {
      check(cublasLtMatmulPreferenceSetAttribute(&preference, what, &value, sizeof value),
            "cublasLtMatmulPreferenceSetAttribute", purpose);
    };
    prefer(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, workspace_bytes);
    prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, alignment(p.right));
    prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, alignment(p.left));
    prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, alignment(p.out));
    prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, alignment(p.out));
    int found = 0;
    auto const result = cublasLtMatmulAlgoGetHeuristic(blas, &operation_, &right_, &left_, &out_, &out_,
                                                       &preference, 1, &chosen_, &found);
    if (result != CUBLAS_STATUS_NOT_SUPPORTED) check(result, "cublasLtMatmulAlgoGetHeuristic", purpose);
    possible_ = result == CUBLAS_STATUS_SUCCESS && found > 0;
  }

  /// Has cublasLt a kernel for it?
  bool possible() const { return possible_; }

  void enqueue(std::byte* workspace, std::size_t workspace_bytes, cudaStream_t stream,
               std::string const& purpose) {
    float const one = 1, none = 0;
    check(cublasLtMatmul(blas_, &operation_, &one, p_.right, &right_, p_.left, &left_, &none, p_.out, &out_,
                         p_.out, &out_, &chosen_.algo, workspace, workspace_bytes, stream),
          "cublasLtMatmul", purpose);
  }

 private:
  static void describe(cublasLtMatrixLayoutOpaque_t& layout, stored_matrix const& m, std::size_t rows,
                       std::size_t columns, std::string const& purpose) {
    bool const as_it_is = m.operation == CUBLAS_OP_N;
    check(cublasLtMatrixLayoutInit(&layout, CUDA_R_32F, as_it_is ? rows : columns, as_it_is ? columns : rows,
                                   m.leading),
          "cublasLtMatrixLayoutInit", purpose);
  }
  static std::uint32_t alignment(void const* p) {
    return 1U << std::min(std::countr_zero(reinterpret_cast<std::uintptr_t>(p)), 8);
  }

  cublasLtHandle_t blas_;
  matrix_product<float> p_;
  cublasLtMatmulDescOpaque_t operation_{};
  cublasLtMatrixLayoutOpaque_t right_{}, left_{}, out_{};
  cublasLtMatmulHeuristicResult_t chosen_{};
  bool possible_ = false;
};

}  // namespace tenon::cuda
