// SPDX-License-Identifier: BSL-1.0
// Replaces the program's allocation functions by ones that count. For one source file of a test.
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>

// Counts allocations, malloc's too where nothing else has replaced it.
namespace {
std::atomic<std::size_t> allocations{0};
}
#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__clang__)
extern "C" void* __libc_malloc(std::size_t);
extern "C" void* malloc(std::size_t bytes) {  // operator new calls it
  ++allocations;
  return __libc_malloc(bytes);
}
#else
void* operator new(std::size_t bytes) {
  ++allocations;
  if (void* p = std::malloc(bytes)) return p;
  throw std::bad_alloc();
}
void operator delete(void* p) noexcept {
  std::free(p);
}
void operator delete(void* p, std::size_t) noexcept {
  std::free(p);
}
#endif
