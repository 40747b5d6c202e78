// SPDX-License-Identifier: BSL-1.0
// Where threads must meet. All run the same list of calls, each its own chunks; a thread may go on to the
// next call at once unless that touches what another thread may not be done with. In a recurrence, where
// every call is cut along the batch, threads run on for many steps before they wait for each other.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "program.hpp"

namespace tenon {

/// The chunks of a call that thread number `thread` of `threads` runs: neighbours, so that what it touches is
/// one part of each operand, and of a single chunk the first thread's.
struct chunk_range {
  std::size_t begin, end;
};
constexpr chunk_range chunks_of(std::size_t chunks, std::size_t thread, std::size_t threads) {
  return {(chunks * thread + threads - 1) / threads, (chunks * (thread + 1) + threads - 1) / threads};
}

/// How threads come to a call.
struct turn {
  bool meets;   ///< all must be done with the calls before it when it begins
  bool shared;  ///< its chunks are shared out; else the first thread runs them all
};

/// Settles the turns of a program's calls, one after the other.
class turn_taking {
 public:
  explicit turn_taking(std::size_t threads) : threads_{static_cast<std::int64_t>(threads)} {}

  TENON_WHEN_USED turn next(program_call const& c, std::span<address const> operands) {
    if (c.stops) {  // every thread looks, once what it looks at is there
      since_.clear();
      since_.push_back(touched(c, operands[0], false, true));
      return {true, true};
    }
    bool shared = c.chunks > 1;
    bool meets = clashes(c, operands, shared);
    if (shared && meets && microseconds(c) < worth_meeting && !clashes(c, operands, false))
      shared = meets = false;
    if (meets) since_.clear();
    for (std::size_t k = 0; k < c.operands; ++k)
      if (operands[k].exists) since_.push_back(touched(c, operands[k], k < c.outputs, shared));
    return {meets, shared};
  }

 private:
  /// What thread t touches of an operand: `bytes` bytes from begin + t · step on, and again after each jump.
  struct access {
    area where;
    bool written, known, alone;  ///< alone: by the first thread
    std::int64_t begin, step, bytes, jump, jumps;
  };

  TENON_WHEN_USED access touched(program_call const& c, address const& a, bool written, bool shared) const {
    auto const chunks = static_cast<std::int64_t>(c.chunks);
    std::int64_t const step = a.touched.step, bytes = a.touched.bytes;
    access x{a.where,
             written,
             bytes > 0,
             !shared,
             static_cast<std::int64_t>(a.offset),
             0,
             (chunks - 1) * step + bytes,
             a.touched.jump,
             a.touched.jumps};
    if (shared && step > 0 && chunks % threads_ == 0) {
      std::int64_t const own = chunks / threads_;
      x.step = own * step;
      x.bytes = (own - 1) * step + bytes;
    }
    return x;
  }

  /// Does the call touch what a thread may still be busy with?
  TENON_WHEN_USED bool clashes(program_call const& c, std::span<address const> operands, bool shared) const {
    if (since_.size() > most) return true;
    for (std::size_t k = 0; k < c.operands; ++k) {
      if (!operands[k].exists) continue;
      auto const x = touched(c, operands[k], k < c.outputs, shared);
      for (auto const& earlier : since_)
        if (conflict(x, earlier)) return true;
    }
    return false;
  }

  /// Roughly how long a call takes one thread.
  static double microseconds(program_call const& c) {
    return static_cast<double>(c.flops) / 20e3 + static_cast<double>(c.bytes) / 40e3;
  }

  TENON_WHEN_USED bool conflict(access const& a, access const& b) const {
    if (!(a.written || b.written) || a.where != b.where || (a.alone && b.alone)) return false;
    if (!a.known || !b.known) return true;
    auto const end = [this](access const& x) {
      return x.begin + (threads_ - 1) * x.step + x.jumps * x.jump + x.bytes;
    };
    if (end(a) <= b.begin || end(b) <= a.begin) return false;
    if (a.step == 0 || a.step != b.step || (a.jump != 0 && b.jump != 0 && a.jump != b.jump)) return true;
    // Both are cut alike. Between different threads' parts lies at least a step, between the same parts after
    // a jump at least what the jump leaves.
    auto const jump = a.jump != 0 ? a.jump : b.jump;
    auto distance = b.begin - a.begin;
    if (jump != 0) {
      distance %= jump;
      if (distance > jump / 2) distance -= jump;
      if (distance < -jump / 2) distance += jump;
    }
    bool const apart = distance + a.step >= a.bytes && distance - a.step + b.bytes <= 0;
    auto const widest = (threads_ - 1) * a.step;
    bool const apart_after_jumps =
        jump == 0 || (distance - widest + jump >= a.bytes && distance + widest + b.bytes <= jump);
    return !(apart && apart_after_jumps);
  }

  static constexpr std::size_t most = 1024;   // accesses to compare with: meeting is always right
  static constexpr double worth_meeting = 1;  // microseconds: what two meetings cost
  std::int64_t threads_;
  std::vector<access> since_;  // since threads met last
};

}  // namespace tenon
