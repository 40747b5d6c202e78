// SPDX-License-Identifier: BSL-1.0
// What differs between compilers, in one place.
#pragma once

/// Marks a function that device code may call too. Empty unless a CUDA compiler reads the header.
#if defined(__CUDACC__)
#define TENON_HOST_DEVICE __host__ __device__
#else
#define TENON_HOST_DEVICE
#endif

/// Is there device code in this translation unit? Either a CUDA compiler reads it, or TENON_CUDA_ON_HOST asks
/// for the same kernels as host code, to test them where there is no GPU (cuda/host_block.hpp).
#if defined(__CUDACC__) || defined(TENON_CUDA_ON_HOST)
#define TENON_CUDA 1
#else
#define TENON_CUDA 0  // NOLINT(modernize-macro-to-enum): the preprocessor asks for it
#endif

/// Marks a function of device code alone.
#if defined(__CUDACC__)
#define TENON_DEVICE __device__ __forceinline__
#else
#define TENON_DEVICE inline
#endif

/// Before a function template for host and device whose arguments may be of the host alone, or of the device.
#if defined(__CUDACC__)
#define TENON_EITHER_SIDE _Pragma("nv_exec_check_disable")
#else
#define TENON_EITHER_SIDE
#endif

/// For the few-instruction functions from which vector loops are built: a call would pass whole vectors
/// through memory, so this must not be left to the optimiser's guess. Includes `inline`. Without an optimiser
/// their copies would only be more to compile and to step through.
#if defined(__CUDA_ARCH__)
#define TENON_ALWAYS_INLINE __forceinline__
#elif defined(__GNUC__) && defined(__OPTIMIZE__)
#define TENON_ALWAYS_INLINE inline __attribute__((always_inline))
#else
#define TENON_ALWAYS_INLINE inline
#endif

/// For functions that many kernels share: one copy, not one per caller with its constants folded in.
#if defined(__clang__) || !defined(__GNUC__)
#define TENON_SHARED_FUNCTION __attribute__((noinline))
#else
#define TENON_SHARED_FUNCTION __attribute__((noinline, noclone))
#endif

/// For what runs once, beside work that takes seconds: it shall be small and quick to compile, not quick.
#define TENON_COLD __attribute__((cold))

/// For what records programs. It runs once, and there is a copy for each type of operand.
#define TENON_RECORDING TENON_COLD __attribute__((noinline))

/// Makes a template of a function, so that a compiler goes through it, and through all templates that it
/// uses, where it is called, and not wherever its header is included: that takes a quarter off the time of
/// `#include <tenon/tenon.hpp>`.
#define TENON_WHEN_USED template <class WhenUsed = void>
