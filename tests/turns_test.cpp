// SPDX-License-Identifier: BSL-1.0
// Where threads meet. Between two meetings nothing orders one thread's calls against another's: here they run
// one thread after the other, in either order, which is as far apart as threads can drift. Whatever meeting
// is missing changes the result.
#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <numeric>
#include <tenon/cpu/meeting.hpp>
#include <tenon/tenon.hpp>
#include <thread>
#include <vector>

#include "small_translator.hpp"

using namespace tenon;

namespace {

/// Runs a program as `threads` threads would that drift as far apart as they may.
class drifting_threads {
 public:
  drifting_threads(program_view const& p, parameter_block& parameters, std::size_t threads, bool last_first)
      : program_{p},
        threads_{threads},
        last_first_{last_first},
        arena_{detail::allocate_zeros(p.totals.arena_bytes)} {
    std::byte* const bases[] = {arena_.get(), reinterpret_cast<std::byte*>(parameters.values().data()),
                                parameters.state(p.totals.state_bytes).data()};
    for (auto const& a : p.operands)
      pointers_.push_back(a.exists ? bases[static_cast<std::size_t>(a.where)] + a.offset : nullptr);
    turn_taking taking(threads);
    for (auto const& c : p.calls)
      turns_.push_back(taking.next(c, p.operands.subspan(c.first_operand, c.operands)));
    state_.seed = 7;
  }

  void run() {
    for (std::size_t begin = 0; begin < turns_.size();) {
      std::size_t end = begin + 1;
      while (end < turns_.size() && !turns_[end].meets) ++end;
      for (std::size_t i = 0; i < threads_; ++i) run_thread(last_first_ ? threads_ - 1 - i : i, begin, end);
      begin = end;
    }
    if (program_.totals.updates_parameters) ++state_.step;
  }

  template <class T>
  std::span<T> input_elements(std::string_view name) {
    return elements<T>(program_.inputs, name);
  }
  template <class T>
  std::span<T> output_elements(std::string_view name) {
    return elements<T>(program_.outputs, name);
  }
  std::size_t meetings() const {
    return static_cast<std::size_t>(
        std::count_if(turns_.begin(), turns_.end(), [](turn t) { return t.meets; }));
  }

 private:
  void run_thread(std::size_t thread, std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      auto const& c = program_.calls[i];
      call_arguments const a{pointers_.data() + c.first_operand, c.scalars.data(), c.integers.data(),
                             c.accumulate, &state_};
      auto const mine = turns_[i].shared ? chunks_of(c.chunks, thread, threads_)
                                         : chunk_range{0, thread == 0 ? c.chunks : 0};
      for (std::size_t chunk = mine.begin; chunk < mine.end; ++chunk) c.run(a, chunk);
    }
  }
  template <class T>
  std::span<T> elements(std::span<program_port const> ports, std::string_view name) {
    auto const p = std::find_if(ports.begin(), ports.end(), [&](auto const& x) { return x.name == name; });
    REQUIRE(p != ports.end());
    return {reinterpret_cast<T*>(arena_.get() + p->offset), p->elements};
  }

  program_view program_;
  std::size_t threads_;
  bool last_first_;
  detail::aligned_bytes arena_;
  std::vector<void*> pointers_;
  std::vector<turn> turns_;
  run_state state_;
};

/// Trains three steps and gives the weights that come out.
template <std::size_t T, std::size_t V, class Session>
std::vector<float> trained(Session&& s, parameter_block& parameters) {
  fill_translator_inputs(s, T, V);
  for (int i = 0; i < 3; ++i) s.run();
  auto const values = parameters.values();
  return {values.begin(), values.end()};
}

template <std::size_t B, std::size_t T, std::size_t H, std::size_t V>
void check_drift(std::initializer_list<std::size_t> team_sizes) {
  constexpr auto const& net = small_translator<H, V>;
  auto const program = training_step<B, T, T, H, V>();
  auto const fresh = [] {
    parameter_block block(parameter_count(net));
    initialise(net, block.values(), 7);
    return block;
  };
  auto alone = fresh();
  session<> one(program, alone, 1);
  one.seed(7);
  auto const expected = trained<T, V>(one, alone);
  for (auto const threads : team_sizes)
    for (bool const last_first : {false, true}) {
      CAPTURE(threads);
      CAPTURE(last_first);
      auto block = fresh();
      CHECK(trained<T, V>(drifting_threads(program.view(), block, threads, last_first), block) == expected);
    }
}

/// Numbers between -1 and 1, others for each seed.
void fill_between(std::span<float> to, std::size_t seed) {
  for (std::size_t i = 0; i < to.size(); ++i)
    to[i] = static_cast<float>((i * 7919 + seed * 104729) % 2003) / 1001.5F - 1;
}

address at(std::size_t offset, reach touched) {
  return {area::arena, true, offset & 0xffff, touched};
}
program_call cut(std::size_t chunks, std::uint64_t flops = 1'000'000) {
  program_call c;
  c.operands = 2;
  c.outputs = 1;
  c.chunks = static_cast<std::uint32_t>(chunks);
  c.flops = flops;
  return c;
}

}  // namespace

TEST_CASE("nobody leaves a meeting before all have come, awake or asleep") {
  constexpr std::size_t threads = 3, meetings = 2000;
  cpu::meeting meets;
  std::vector<std::size_t> come(threads);  // of each thread, written by it alone between two meetings
  std::vector<std::size_t> wrong(threads);
  auto const attend = [&](std::size_t thread) {
    for (std::size_t i = 1; i <= meetings; ++i) {
      if (i % 500 == thread) std::this_thread::sleep_for(std::chrono::milliseconds(3));  // the others sleep
      come[thread] = i;
      meets.wait(threads);
      for (std::size_t const c : come) wrong[thread] += c == i ? 0 : 1;
      meets.wait(threads);
    }
  };
  std::vector<std::thread> others;
  for (std::size_t t = 1; t < threads; ++t) others.emplace_back(attend, t);
  attend(0);
  for (auto& t : others) t.join();
  CHECK(wrong == std::vector<std::size_t>(threads));
}

TEST_CASE("a training step needs no meeting but those that are found") {
  check_drift<64, 5, 32, 40>({2, 4, 3});
  check_drift<32, 4, 48, 30>({2, 8});
  check_drift<7, 3, 20, 11>({2});  // nothing divides evenly
}

TEST_CASE("gradients whose rows are no whole packs") {
  auto const program = record_now([](recorder& r) {
    auto const a = r.input<float, batch<4>, hiddens<4002>>("a");
    auto const b = r.input<float, hiddens<4002>>("b");
    r.track(a);
    r.track(b);
    auto const x = keep(a + b);
    auto const y = keep(tanh(x));
    auto const loss = keep(sum(y));
    r.output("loss", loss);
    r.output("x", x);  // stays, as does y's gradient: memory used again would make threads meet
    r.differentiate(loss.at);
    r.output("y gradient", r.gradient(y));
    r.output("a gradient", r.gradient(a));
    r.output("b gradient", r.gradient(b));
  });
  auto const gradients = [](auto&& s) {
    fill_between(s.template input_elements<float>("a"), 1);
    fill_between(s.template input_elements<float>("b"), 2);
    for (int i = 0; i < 2; ++i) s.run();
    auto const a = s.template output_elements<float>("a gradient"),
               b = s.template output_elements<float>("b gradient");
    std::vector<float> both(a.begin(), a.end());
    both.insert(both.end(), b.begin(), b.end());
    return both;
  };
  parameter_block none(0);
  auto const expected = gradients(session<>(program, none, 1));
  for (auto const threads : {2U, 3U, 4U})
    for (bool const last_first : {false, true}) {
      CAPTURE(threads);
      CAPTURE(last_first);
      CHECK(gradients(drifting_threads(program.view(), none, threads, last_first)) == expected);
    }
}

TEST_CASE("threads meet seldom within a recurrence") {
  auto const program = training_step<64, 10, 10, 32, 201>();
  parameter_block block(program.parameter_count());
  drifting_threads const two(program.view(), block, 2, false);
  MESSAGE(two.meetings() << " meetings in " << program.call_count() << " calls");
  CHECK(two.meetings() * 4 < program.call_count());
}

TEST_CASE("calls that are cut alike need no meeting, others do") {
  reach const rows{256, 256, 0, 0};  // of 8 chunks
  auto const second = [&](address out, address in, std::size_t chunks = 8) {
    turn_taking turns(2);
    address const writes[] = {at(4096, rows), at(0, rows)};
    CHECK_FALSE(turns.next(cut(8), writes).meets);
    address const reads[] = {out, in};
    return turns.next(cut(chunks), reads);
  };
  CHECK_FALSE(second(at(8192, rows), at(4096, rows)).meets);
  CHECK_FALSE(second(at(8192, rows), at(4096, {512, 512, 0, 0}), 4).meets);  // the same halves
  CHECK_FALSE(second(at(8192, rows), at(4096, {256, 64, 0, 0})).meets);      // some columns
  CHECK(second(at(8192, rows), at(4096 + 256, rows)).meets);                 // the row after
  CHECK(second(at(8192, rows), at(4096, {128, 128, 0, 0})).meets);
  CHECK(second(at(8192, rows), at(4096, {0, 2048, 0, 0})).meets);     // all of it
  CHECK(second(at(8192, rows), at(4096, {})).meets);                  // nobody knows
  CHECK(second(at(8192, rows), at(4096, rows), 7).meets);             // not in equal shares
  CHECK(second(at(0, {0, 64, 0, 0}), at(8192, rows)).meets);          // writes what is still read
  CHECK_FALSE(second(at(8192, rows), at(0, {0, 2048, 0, 0})).meets);  // both read
}

TEST_CASE("rows that recur after a jump") {
  reach const steps_of_rows{64, 64, 1024, 3};  // 8 chunks of 64 bytes, in 4 steps of 1,024
  auto const meets = [&](address in, std::size_t chunks = 8) {
    turn_taking turns(2);
    address const writes[] = {at(4096, steps_of_rows), at(0, {64, 64, 0, 0})};
    turns.next(cut(8), writes);
    address const reads[] = {at(16384, {64, 64, 0, 0}), in};
    return turns.next(cut(chunks), reads).meets;
  };
  CHECK_FALSE(meets(at(4096, steps_of_rows)));
  CHECK_FALSE(meets(at(4096 + 2 * 1024, {64, 64, 0, 0})));  // one of the steps
  CHECK_FALSE(meets(at(4096 + 1024, {64, 32, 1024, 1})));   // two of them, some columns
  CHECK(meets(at(4096 + 64, steps_of_rows)));
  CHECK(meets(at(4096 + 1024 - 64, {64, 64, 0, 0})));
  CHECK(meets(at(4096, {64, 64, 2048, 1})));  // other jumps: not worth telling apart
  CHECK_FALSE(meets(at(4096 + 4 * 1024, {64, 64, 1024, 3})));
}

TEST_CASE("threads meet where a run may end, and before what they look at is written to again") {
  turn_taking turns(2);
  reach const one{0, 4, 0, 0};
  address const first[] = {at(4096, one), at(0, one)};
  CHECK_FALSE(turns.next(cut(1, 10), first).meets);
  program_call stop;
  stop.operands = 1;
  stop.stops = true;
  address const looks[] = {at(4096, one)};
  CHECK(turns.next(stop, looks).meets);
  address const elsewhere[] = {at(8192, one), at(0, one)};
  CHECK_FALSE(turns.next(cut(1, 10), elsewhere).meets);
  address const there[] = {at(4096, one), at(0, one)};
  CHECK(turns.next(cut(1, 10), there).meets);
}

TEST_CASE("what is short is not worth a meeting") {
  turn_taking turns(2);
  reach const rows{256, 256, 0, 0}, all{0, 2048, 0, 0};
  address const first[] = {at(4096, all), at(0, all)};
  CHECK_FALSE(turns.next(cut(1), first).meets);
  address const next[] = {at(8192, rows), at(4096, all)};
  auto const brief = turns.next(cut(8, 10), next);
  CHECK_FALSE(brief.meets);
  CHECK_FALSE(brief.shared);  // the first thread goes on by itself
  address const last[] = {at(12288, rows), at(8192, all)};
  auto const long_one = turns.next(cut(8), last);
  CHECK(long_one.meets);
  CHECK(long_one.shared);
}
