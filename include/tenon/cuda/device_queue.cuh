// SPDX-License-Identifier: BSL-1.0
// A GPU's queue of work: kernels and cuBLAS products on one stream, which a session captures as a graph.
#pragma once
#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <type_traits>

#include "../precision.hpp"
#include "biased_product.cuh"
#include "check.cuh"
#include "device_block.cuh"
#include "split_products.hpp"

namespace tenon::cuda {

class queue {
 public:
  /// A queue on a stream that outlives it.
  queue(precision how, cudaStream_t stream) : how_{how}, stream_{stream} {
    cublasHandle_t blas = nullptr;
    check(cublasCreate(&blas), "cublasCreate", "a session");
    blas_.reset(blas);
    check(cublasSetStream(blas, stream), "cublasSetStream", "a session");
    for (auto& w : workspaces_) w = allocate_on_device(workspace_bytes, "cuBLAS's workspace");
    use_workspace(0);
  }

  /// Products that may run at the same time need workspaces of their own.
  static constexpr std::size_t workspaces = 4;
  void use_workspace(std::size_t number) {
    workspace_ = workspaces_[number].get();
    check(cublasSetWorkspace(blas_.get(), workspace_, workspace_bytes), "cublasSetWorkspace", "a session");
  }
  /// What has been asked for since `begin_call`: products, scratch memory.
  bool multiplies() const { return multiplies_; }
  bool uses_scratch() const { return uses_scratch_; }

  /// What is enqueued from here on belongs to this call of the program; for messages.
  void begin_call(char const* name, std::size_t number) {
    name_ = name;
    number_ = number;
    multiplies_ = uses_scratch_ = false;
  }

  template <class Body, class Arguments>
  void run(grid const& g, Arguments const& a) {
    if (measuring_) return;
    kernel<Body><<<g.blocks, g.threads, g.shared_bytes, stream_>>>(a);
    check(cudaGetLastError(), "a kernel's launch", purpose());
  }

  void clear(std::byte* where, std::size_t bytes) {
    if (measuring_) return;
    check(cudaMemsetAsync(where, 0, bytes, stream_), "cudaMemsetAsync", purpose());
  }

  template <class T>
  void multiply(matrix_product<T> const& p) {
    if constexpr (std::is_same_v<T, float>)
      if (how_ == precision::tf32x3) return multiply_in_three(*this, p);
    multiply(p, how_);
  }
  /// One product in this arithmetic.
  template <class T>
  void multiply(matrix_product<T> const& p, precision how) {
    multiplies_ = true;
    if (measuring_) return;
    // cuBLAS stores by columns: what it sees are the transposes, and out^T = right^T · left^T.
    auto const left = stored_matrix::of(p.left_row, p.left_column, p.m, p.k);
    auto const right = stored_matrix::of(p.right_row, p.right_column, p.k, p.n);
    T const one = 1, accumulate = p.add ? T(1) : T(0);
    constexpr auto type = std::is_same_v<T, double> ? CUDA_R_64F : CUDA_R_32F;
    auto const compute = std::is_same_v<T, double> ? CUBLAS_COMPUTE_64F : computed_in(how);
    check(cublasGemmStridedBatchedEx(
              blas_.get(), right.operation, left.operation, static_cast<int>(p.n), static_cast<int>(p.m),
              static_cast<int>(p.k), &one, p.right, type, right.leading, static_cast<long long>(p.right_step),
              p.left, type, left.leading, static_cast<long long>(p.left_step), &accumulate, p.out, type,
              static_cast<int>(std::max(p.out_row, p.n)), static_cast<long long>(p.out_step),
              static_cast<int>(p.count), compute, CUBLAS_GEMM_DEFAULT),
          "cublasGemmStridedBatchedEx", purpose());
  }

  /// One product and a bias that is added to each of its rows, as one kernel. Where cuBLAS has none for that,
  /// nothing is enqueued and the answer is false.
  bool multiply_with_bias(matrix_product<float> const& p, float const* bias) {
    if (how_ == precision::tf32x3 || !bias_fits(bias)) return false;
    // A handle of cuBLAS is one of cublasLt, too, says its documentation.
    biased_product product(reinterpret_cast<cublasLtHandle_t>(blas_.get()), p, bias, computed_in(how_),
                           workspace_bytes, purpose());
    if (!product.possible()) return false;
    multiplies_ = true;
    if (!measuring_) product.enqueue(workspace_, workspace_bytes, stream_, purpose());
    return true;
  }

  /// Memory for the call that is being enqueued alone.
  std::byte* scratch(std::size_t bytes) {
    uses_scratch_ = true;
    if (measuring_) scratch_bytes_ = std::max(scratch_bytes_, bytes);
    return scratch_.get();
  }

  /// While measuring, calls say what scratch memory they will want, and nothing is enqueued; then it is
  /// there.
  void start_measuring() { measuring_ = true; }
  void finish_measuring() {
    measuring_ = false;
    scratch_ = allocate_on_device(scratch_bytes_, "kernels' scratch memory");
  }

  cudaStream_t stream() const { return stream_; }

 private:
  static constexpr std::size_t workspace_bytes = std::size_t{32} << 20;  // what cuBLAS asks for on Hopper

  static cublasComputeType_t computed_in(precision how) {
    return how == precision::tf32   ? CUBLAS_COMPUTE_32F_FAST_TF32
           : how == precision::bf16 ? CUBLAS_COMPUTE_32F_FAST_16BF
                                    : CUBLAS_COMPUTE_32F;
  }
  std::string purpose() const { return "call " + std::to_string(number_) + ", \"" + name_ + '"'; }

  precision how_;
  cudaStream_t stream_;
  owned_blas blas_;
  std::array<device_memory, workspaces> workspaces_;
  std::byte* workspace_ = nullptr;  ///< the one in use
  device_memory scratch_;
  std::size_t scratch_bytes_ = 0;
  bool measuring_ = false, multiplies_ = false, uses_scratch_ = false;
  char const* name_ = "";
  std::size_t number_ = 0;
};

}  // namespace tenon::cuda
