// SPDX-License-Identifier: BSL-1.0
// What a program is made of: calls of kernels on places in memory. Plain data, so that every pass over a
// program (derivatives, rewrites, lifetimes, costs) is an ordinary constexpr function over arrays.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "../config.hpp"

namespace tenon {

class recording;

/// What changes from run to run and kernels may need: it keys the random numbers and the optimiser's bias
/// correction.
struct run_state {
  std::uint64_t seed = 0;
  std::uint64_t step = 0;         ///< runs so far of programs that update parameters
  float learning_rate_scale = 1;  ///< multiplies the recorded learning rate (schedules)
};

/// What a kernel sees: its operands, outputs first, and its constants.
struct call_arguments {
  void* const* operands;
  double const* scalars;
  std::int64_t const* integers;
  std::uint32_t accumulate;  ///< bit k: add to output k instead of overwriting it
  run_state const* state;

  template <class T>
  T* out(std::size_t k) const {
    return static_cast<T*>(operands[k]);
  }
  template <class T>
  T const* in(std::size_t k) const {
    return static_cast<T const*>(operands[k]);
  }
  bool adds_to(std::size_t k) const { return ((accumulate >> k) & 1U) != 0; }
};

namespace detail {
/// Whether a call that may end the run does.
inline bool says_stop(call_arguments const& a) {
  std::uint32_t bits = 0;
  std::memcpy(&bits, a.operands[0], sizeof bits);
  bool const is_float = a.integers[0] != 0;
  return (is_float ? bits << 1 : bits) == 0;  // a float's zero may have a sign
}
}  // namespace detail

/// A kernel does one of the equal parts (chunks) into which its call is cut. How many there are is a property
/// of the call, never of the machine: that is why results do not depend on the number of threads. A kernel
/// that joins chunks takes their number for a chunk, too, and does all of them at once.
using kernel = void (*)(call_arguments const&, std::size_t chunk);

/// Runs chunks [begin, end) of a call, anything with `run`, `chunks` and `joins`: all of them at once where its
/// kernel joins them.
template <class Call>
void run_chunks(Call const& c, call_arguments const& a, std::size_t begin, std::size_t end) {
  if (c.joins && begin < end && end - begin == c.chunks) return c.run(a, c.chunks);
  for (; begin < end; ++begin) c.run(a, begin);
}

namespace cuda {
class queue;

/// How a GPU does what the kernel of this type does on the CPU: `static void enqueue(queue&, call_arguments
/// const&)`. Each operation specialises it for its kernels, in its cuda.cuh.
template <class Kernel>
struct lowering;
}  // namespace cuda

/// Puts what a call does into a GPU's queue.
using enqueue = void (*)(cuda::queue&, call_arguments const&);

/// Neighbouring calls that a GPU can do as one kernel.
struct joint_calls {
  /// What they run on a CPU: by that, and their order, they are known. Empty: any number of neighbours of
  /// each of which this is said.
  std::span<kernel const> kernels;
  void (*enqueue_all)(cuda::queue&, std::span<call_arguments const> of_each) = nullptr;
};

/// A place in a recording: a storage and an offset in bytes. No storage: an operand that is not there.
struct location {
  int storage = -1;
  std::size_t offset = 0;
  constexpr bool exists() const { return storage >= 0; }
  friend constexpr bool operator==(location const&, location const&) = default;
};

/// Records the calls that carry the gradient of call number `index` back to its operands.
/// Whether there is one stands beside it: with its sanitisers on, g++ 12 cannot compare a function's address
/// with null in a constant expression.
struct pullback {
  using function = void (*)(recording&, std::size_t index);
  function run = nullptr;
  bool exists = false;

  constexpr pullback() = default;
  constexpr pullback(function f)
      : run{f}, exists{true} {}  // NOLINT(google-explicit-constructor): `spec.pull = &f`
};

/// A faster way to the position of the largest element in each row of what call number `index` computes, of so
/// many rows and columns, than looking at all of them: records it with the result `out`, among the first
/// `used` columns if that exists. False: not here.
struct largest_element {
  using function = bool (*)(recording&, std::size_t index, location out, location used);
  function run = nullptr;
  bool exists = false;
  std::size_t rows = 0, columns = 0;
};

/// What the chunks of a call touch of an operand, in bytes from its place on: chunk c touches `bytes` bytes
/// from c · step on, and the same again after each of `jumps` jumps. Step 0: any chunk may touch all of it.
/// No bytes: unknown.
struct reach {
  std::uint32_t step = 0, bytes = 0, jump = 0, jumps = 0;
};

/// The reach of a loop nest that walks an operand with these strides (in elements of `element_bytes`) and
/// whose loop number `cut` is cut evenly into `chunks`.
template <std::size_t Rank>
constexpr reach reach_of(std::array<std::size_t, Rank> const& extents,
                         std::array<std::size_t, Rank> const& strides, std::size_t cut, std::size_t chunks,
                         std::size_t element_bytes) {
  std::size_t const extent = extents[cut] / chunks;
  bool const even = chunks > 1 && strides[cut] != 0 && extent * chunks == extents[cut];
  std::size_t span = 1, jump = 0, jumps = 0;
  for (std::size_t d = 0; d < Rank; ++d) {
    if (strides[d] == 0) continue;
    if (d == cut && even)
      span += (extent - 1) * strides[d];
    else if (even && jump == 0 && extents[d] > 1 && strides[d] >= extents[cut] * strides[cut])
      jump = strides[d], jumps = extents[d] - 1;
    else
      span += (extents[d] - 1) * strides[d];
  }
  auto const bytes = [&](std::size_t elements) {
    return static_cast<std::uint32_t>(elements * element_bytes);
  };
  std::size_t const step = even ? extent * strides[cut] : 0;
  if ((span + chunks * step + jump * (jumps + 1)) * element_bytes >= (std::uint64_t{1} << 32)) return {};
  return {bytes(step), bytes(span), bytes(jump), static_cast<std::uint32_t>(jumps)};
}

/// Says nothing of what is touched: threads meet before such a call and after it.
constexpr reach touches_anything(std::size_t) {
  return {};
}

/// The part of a call that an operation states: everything but its operands.
struct call_spec {
  char const* name = "";
  kernel run = nullptr;
  enqueue on_gpu = nullptr;  ///< null where no CUDA compiler read the operation, or it has no lowering
  pullback pull{};
  std::size_t chunks = 1;
  bool joins = false;  ///< the kernel joins them
  /// What chunks touch of operand number k, outputs first.
  reach (*touched)(std::size_t k) = &touches_anything;
  std::uint64_t flops = 0;
  std::array<double, 8> scalars{};
  std::array<std::int64_t, 4> integers{};
  /// Bit k: the output may take the memory of operand k (after the outputs) if that is dead after this call,
  /// because what the kernel reads from there it reads before it writes there.
  std::uint32_t in_place = 0;
  bool reads_result = false;  ///< the derivative reads the result: nothing may be added to it later
  /// A CPU's run may end here: if the first operand is 0, an int32, or a float where integers[0] is not 0.
  bool stops = false;

  /// The call is done by kernel K, a struct with `run`, and with `chunks`, `joins` and `touched` where it
  /// knows them.
  template <class K>
  constexpr void computed_by() {
    run = &K::run;
    if constexpr (requires { K::chunks; }) chunks = K::chunks;
    if constexpr (requires { K::joins; }) joins = K::joins;
    if constexpr (requires { K::touched(0); }) touched = &K::touched;
#if TENON_CUDA
    if constexpr (requires { &cuda::lowering<K>::enqueue; }) on_gpu = &cuda::lowering<K>::enqueue;
#endif
  }
};

/// A call in a recording; its operands stand in the recording's operand list, outputs first.
struct call : call_spec {
  std::size_t first_operand = 0;
  std::size_t operands = 0;
  std::size_t outputs = 0;
  std::uint32_t accumulate = 0;
  std::uint64_t bytes = 0;             ///< read and written, counting each operand once
  joint_calls const* joint = nullptr;  ///< what this call and the ones after it can be done as
  largest_element largest{};
};

inline constexpr std::size_t most_joint_calls = 64;

/// How many of these calls, from number `first` on, are done by one kernel: 1, or those that were recorded as
/// joint and still are neighbours.
template <class Calls>
constexpr std::size_t joint_count(Calls const& calls, std::size_t first) {
  auto const* const joint = calls[first].joint;
  if (joint == nullptr) return 1;
  std::size_t const rest = calls.size() - first;
  if (joint->kernels.empty()) {
    std::size_t count = 1;
    while (count < most_joint_calls && count < rest && calls[first + count].joint == joint) ++count;
    return count;
  }
  std::size_t const count = joint->kernels.size();
  if (count > rest || count > most_joint_calls) return 1;
  for (std::size_t i = 0; i < count; ++i)
    if (calls[first + i].run != joint->kernels[i]) return 1;
  return count;
}

/// The blocks of memory that a session has.
enum class area : std::uint8_t { arena, parameters, state };

inline constexpr std::size_t max_rank = 8;

/// One piece of memory of a recording.
struct storage {
  enum class kind_t : std::uint8_t { temporary, input, output, parameter, gradient, state };
  kind_t kind = kind_t::temporary;
  char const* name = "";
  std::size_t bytes = 0;
  std::size_t element_bytes = 4;
  std::size_t rank = 0;
  std::array<std::size_t, max_rank> extents{};  ///< dense, for the bookkeeping of which parts hold a gradient
  bool active = false;                          ///< depends on something that a gradient is wanted for
  int parent = -1;                              ///< a slice of this storage (after `stack`), at parent_offset
  std::size_t parent_offset = 0;
  int host = -1;  ///< placed inside this storage, at host_offset; only the planner cares
  std::size_t host_offset = 0;
  int gradient = -1;
  bool zero_first =
      false;  ///< a gradient that some parts write and others only read: cleared before its first use
  std::size_t offset =
      0;  ///< in its area; for parameters and state fixed from the start, else set by the plan
};

}  // namespace tenon
