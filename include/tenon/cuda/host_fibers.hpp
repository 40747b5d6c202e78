// SPDX-License-Identifier: BSL-1.0
// Functions that take turns on one thread of the host. A block of a GPU's kernel waits for itself thousands
// of times: hundreds of threads that wake each other take ten times as long for it as hundreds of stacks that
// one thread goes through.
#pragma once
#include <ucontext.h>

#include <cstddef>
#include <memory>
#include <vector>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TENON_ADDRESS_SANITIZER 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define TENON_ADDRESS_SANITIZER 1
#endif
#if defined(TENON_ADDRESS_SANITIZER)
#include <sanitizer/common_interface_defs.h>
#endif

namespace tenon::cuda {

class host_fibers {
 public:
  /// Runs f(0), …, f(count − 1), each on a stack of its own, until all have ended. Not from within one.
  template <class F>
  static void run(std::size_t count, F const& f) {
    auto& all = instance();
    all.start(count, &call<F>, &f);
  }

  /// Called by one of them: all others go on, up to where they say the same, before this one does.
  static void let_others_run() {
    auto& all = instance();
    auto const self = all.current_;
    auto const other = all.next_after(self);
    if (other != self) all.go(all.fibers_[self], other);
  }

 private:
  static constexpr std::size_t stack_bytes = std::size_t{1} << 16;

  struct fiber {
    ucontext_t context{};
    std::unique_ptr<std::byte[]> stack;
    void* shadow = nullptr;  // what the address sanitizer keeps of it while others run
    bool done = true;
  };

  static host_fibers& instance() {
    static thread_local host_fibers all;
    return all;
  }

  template <class F>
  static void call(void const* f, std::size_t number) {
    (*static_cast<F const*>(f))(number);
  }

  void start(std::size_t count, void (*function)(void const*, std::size_t), void const* f) {
    function_ = function;
    argument_ = f;
    if (fibers_.size() < count) fibers_.resize(count);
    count_ = count;
    for (std::size_t i = 0; i < count; ++i) {
      auto& x = fibers_[i];
      if (!x.stack) x.stack.reset(new std::byte[stack_bytes]);  // NOLINT: make_unique would clear it
      getcontext(&x.context);
      x.context.uc_stack.ss_sp = x.stack.get();
      x.context.uc_stack.ss_size = stack_bytes;
      x.context.uc_link = nullptr;
      makecontext(&x.context, &entry, 0);
      x.done = false;
    }
    if (count != 0) go(caller_, 0);
  }

  static void entry() {
    auto& all = instance();
#if defined(TENON_ADDRESS_SANITIZER)
    void const* from = nullptr;
    std::size_t bytes = 0;
    __sanitizer_finish_switch_fiber(nullptr, &from, &bytes);
    if (all.caller_stack_ == nullptr) all.caller_stack_ = from, all.caller_bytes_ = bytes;
#endif
    auto const self = all.current_;
    all.function_(all.argument_, self);
    all.fibers_[self].done = true;
    auto const other = all.next_after(self);
    all.leave(other != self ? &all.fibers_[other] : &all.caller_, other);
  }

  /// The next one after `self` that has not ended; `self` if there is none.
  std::size_t next_after(std::size_t self) const {
    for (std::size_t i = self + 1; i < count_; ++i)
      if (!fibers_[i].done) return i;
    for (std::size_t i = 0; i < self; ++i)
      if (!fibers_[i].done) return i;
    return self;
  }

  void go(fiber& from, std::size_t to) {
    current_ = to;
    auto& target = fibers_[to];
#if defined(TENON_ADDRESS_SANITIZER)
    __sanitizer_start_switch_fiber(&from.shadow, target.stack.get(), stack_bytes);
#endif
    swapcontext(&from.context, &target.context);
#if defined(TENON_ADDRESS_SANITIZER)
    __sanitizer_finish_switch_fiber(from.shadow, nullptr, nullptr);
#endif
  }

  /// From one that has ended, never to come back.
  void leave(fiber const* to, std::size_t number) {
    current_ = number;
#if defined(TENON_ADDRESS_SANITIZER)
    bool const home = to == &caller_;
    __sanitizer_start_switch_fiber(nullptr, home ? caller_stack_ : to->stack.get(),
                                   home ? caller_bytes_ : stack_bytes);
#endif
    setcontext(&to->context);
  }

  std::vector<fiber> fibers_;
  fiber caller_;
  std::size_t count_ = 0, current_ = 0;
  void (*function_)(void const*, std::size_t) = nullptr;
  void const* argument_ = nullptr;
#if defined(TENON_ADDRESS_SANITIZER)
  void const* caller_stack_ = nullptr;
  std::size_t caller_bytes_ = 0;
#endif
};

}  // namespace tenon::cuda
