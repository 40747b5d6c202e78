// SPDX-License-Identifier: BSL-1.0
// Errors of CUDA and cuBLAS as exceptions, and what the libraries hand out as owners that give it back.
#pragma once
#include <cublas_v2.h>
#include <cuda_runtime.h>

#include <cstddef>
#include <memory>
#include <string>

#include "../error.hpp"

namespace tenon::cuda {

/// Throws tenon::error, naming the library's call and what it was made for, unless it succeeded.
inline void check(cudaError_t result, char const* call, std::string const& purpose) {
  if (result != cudaSuccess)
    throw error(std::string("CUDA: ") + call + " failed for " + purpose + ": " + cudaGetErrorString(result));
}
inline void check(cublasStatus_t result, char const* call, std::string const& purpose) {
  if (result != CUBLAS_STATUS_SUCCESS)
    throw error(std::string("cuBLAS: ") + call + " failed for " + purpose + ": " +
                cublasGetStatusString(result));
}

/// Throws tenon::error unless there is a GPU to run on.
inline void require_gpu() {
  int count = 0;
  auto const result = cudaGetDeviceCount(&count);
  if (result == cudaErrorNoDevice || result == cudaErrorInsufficientDriver ||
      (result == cudaSuccess && count == 0))
    throw error(
        "no NVIDIA GPU was found: run on a machine that has one and its driver, or build for the CPU");
  check(result, "cudaGetDeviceCount", "finding a GPU");
}

template <auto Release>
struct releases {
  template <class T>
  void operator()(T* p) const {
    static_cast<void>(Release(p));
  }
};
using device_memory = std::unique_ptr<std::byte, releases<&cudaFree>>;
using pinned_memory = std::unique_ptr<std::byte, releases<&cudaFreeHost>>;
template <class Handle, auto Release>
using owned = std::unique_ptr<std::remove_pointer_t<Handle>, releases<Release>>;
using owned_stream = owned<cudaStream_t, &cudaStreamDestroy>;
using owned_event = owned<cudaEvent_t, &cudaEventDestroy>;
using owned_graph = owned<cudaGraph_t, &cudaGraphDestroy>;
using owned_graph_run = owned<cudaGraphExec_t, &cudaGraphExecDestroy>;
using owned_blas = owned<cublasHandle_t, &cublasDestroy>;

/// Memory of the GPU, all zeros.
inline device_memory allocate_on_device(std::size_t bytes, std::string const& purpose) {
  void* p = nullptr;
  std::size_t const least = bytes == 0 ? 1 : bytes;
  auto const result = cudaMalloc(&p, least);
  if (result == cudaErrorMemoryAllocation)
    throw error("CUDA: the GPU has no " + std::to_string(bytes >> 20) + " MiB free for " + purpose);
  check(result, "cudaMalloc", purpose);
  device_memory memory(static_cast<std::byte*>(p));
  check(cudaMemset(p, 0, least), "cudaMemset", purpose);
  // Other streams do not wait for it.
  check(cudaStreamSynchronize(nullptr), "cudaStreamSynchronize", purpose);
  return memory;
}

/// Memory of the host that the GPU reads and writes directly.
inline pinned_memory allocate_pinned(std::size_t bytes, std::string const& purpose) {
  void* p = nullptr;
  check(cudaMallocHost(&p, bytes == 0 ? 1 : bytes), "cudaMallocHost", purpose);
  return pinned_memory(static_cast<std::byte*>(p));
}

}  // namespace tenon::cuda
