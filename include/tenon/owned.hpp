// SPDX-License-Identifier: BSL-1.0
// Memory that its owner frees. What std::unique_ptr does, without <memory>, which brings streams, locales and
// shared pointers along: a sixth of the time that it takes to include tenon.hpp.
#pragma once
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <new>
#include <utility>

namespace tenon::detail {

template <class T>
void delete_object(T* p) {
  delete p;
}

/// A pointer, or none, to what `Release` frees with its owner. Moves, but does not copy.
template <class T, void (*Release)(T*) = &delete_object<T>>
class owned {
 public:
  owned() = default;
  explicit owned(T* p) : p_{p} {}
  owned(owned&& other) noexcept : p_{std::exchange(other.p_, nullptr)} {}
  owned& operator=(owned&& other) noexcept {
    std::swap(p_, other.p_);
    return *this;
  }
  owned(owned const&) = delete;
  owned& operator=(owned const&) = delete;
  ~owned() {
    if (p_ != nullptr) Release(p_);
  }

  T* get() const { return p_; }

 private:
  T* p_ = nullptr;
};

/// Whole cache lines, and whole registers of any width.
inline constexpr std::size_t alignment = 64;
constexpr std::size_t aligned(std::size_t bytes) {
  return (bytes + alignment - 1) / alignment * alignment;
}

template <class T>
void free_aligned(T* p) {
  ::operator delete (p, std::align_val_t{alignment});
}
template <class T>
using aligned_memory = owned<T, &free_aligned<T>>;

/// Asks for pages of 2 MiB where so much memory is whole ones: its first use is then one fault instead of
/// 512, which is most of the time that a model of some megabytes takes to load.
inline void prefer_huge_pages(void* memory, std::size_t bytes) {
  constexpr std::uintptr_t page = std::uintptr_t{1} << 21;
  auto const begin = reinterpret_cast<std::uintptr_t>(memory);
  auto const first = (begin + page - 1) / page * page, last = (begin + bytes) / page * page;
  if (first < last)  // where the system knows none, nothing is lost
    static_cast<void>(madvise(static_cast<char*>(memory) + (first - begin),
                              static_cast<std::size_t>(last - first), MADV_HUGEPAGE));
}

/// Gives the whole pages of memory that nobody uses any more back to the system.
inline void release_pages(void* memory, std::size_t bytes) {
  static auto const page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  auto const begin = reinterpret_cast<std::uintptr_t>(memory);
  auto const first = (begin + page - 1) / page * page, last = (begin + bytes) / page * page;
  if (first < last)
    static_cast<void>(madvise(static_cast<char*>(memory) + (first - begin),
                              static_cast<std::size_t>(last - first), MADV_DONTNEED));
}

/// Memory for `count` elements, not initialised.
template <class T>
aligned_memory<T> allocate_aligned(std::size_t count) {
  void* const memory = ::operator new (count * sizeof(T), std::align_val_t{alignment});
  prefer_huge_pages(memory, count * sizeof(T));
  return aligned_memory<T>(static_cast<T*>(memory));
}

}  // namespace tenon::detail
