// SPDX-License-Identifier: BSL-1.0
// Tenon's side of the benchmark. Speaks the protocol of peers/protocol.py: prints `ready {json}`, then
// answers `run N` with `ms X`, `memory` with `kib N`; `quit` or the end of the input end it.
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <iostream>
#include <sstream>
#include <string>
#include <tenon/cpu/blas.hpp>
#include <tenon/cpu/product.hpp>
#include <tenon/cpu/team.hpp>
#include <tenon/error.hpp>
#include <vector>

#include "workload.hpp"

namespace {

double seconds_of(auto const& f) {
  auto const start = std::chrono::steady_clock::now();
  f();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// The best rate of sgemm over a few shapes, on all threads together, each with a product of its own: that of
/// BLAS or, where BLAS does not know the processor, Tenon's.
double measured_sgemm_gflops(std::size_t threads) {
  struct shape {
    std::size_t m, n, k;
  };
  double best = 0;
  for (auto const s : {shape{1024, 1024, 1024}, shape{512, 768, 512}, shape{2048, 512, 512}}) {
    std::vector<std::vector<float>> a(threads), b(threads), c(threads);
    for (std::size_t t = 0; t < threads; ++t) {
      a[t].assign(s.m * s.k, 1.0F);
      b[t].assign(s.k * s.n, 1.0F);
      c[t].assign(s.m * s.n, 0.0F);
    }
    auto const once = [&] {
      tenon::cpu::run_team(threads, [&](std::size_t t, std::size_t, auto const&) {
        using namespace tenon::cpu;
        strided_matrix<float> const left{a[t].data(), s.k, 1}, right{b[t].data(), s.n, 1};
        if (blas_is_outdated())
          multiply(s.m, s.n, s.k, left, right, false, c[t].data(), s.n);
        else
          gemm(s.m, s.n, s.k, {left.data, s.k, false}, {right.data, s.n, false}, 0, c[t].data(), s.n);
      });
    };
    once();
    double const work = 2.0 * static_cast<double>(s.m * s.n * s.k * threads);
    for (int i = 0; i < 12; ++i) best = std::max(best, work / seconds_of(once) / 1e9);
  }
  return best;
}

long peak_kib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

}  // namespace

int main(int argc, char** argv) try {
  CLI::App app{"Measures Tenon: reads `run N`, `memory` and `quit` from standard input."};
  std::string config = "book", what = "train_step";
  std::size_t threads = 1;
  app.add_option("--config", config, "small, book or large")
      ->check(CLI::IsMember({"small", "book", "large"}));
  app.add_option("--what", what, "train_step, forward or translate_one")
      ->check(CLI::IsMember(
          {"train_step", "forward", "translate_one", "translate_one_int16", "translate_one_bf16"}));
  app.add_option("--threads", threads, "threads")->check(CLI::Range(1, 256));
  CLI11_PARSE(app, argc, argv);

  long const before = peak_kib();
  auto const work = config == "small"  ? bench::make_small(what, threads)
                    : config == "book" ? bench::make_book(what, threads)
                                       : bench::make_large(what, threads);
  if (!work.run) throw tenon::error("there is no " + what + " on this device: ask for train_step");
  work.run();
  work.run();
  long const after = peak_kib();  // before the sgemm measurement takes memory of its own
  double const gflops = work.sgemm_gflops ? work.sgemm_gflops() : measured_sgemm_gflops(threads);
  std::printf(
      "ready {\"version\": \"tenon\", \"flops\": %.0f, \"sgemm_gflops\": %.2f, \"imported_kib\": %ld, "
      "\"graph_nodes\": %zu}\n",
      work.flops, gflops, before, work.graph_nodes);
  std::fflush(stdout);
  for (std::string line; std::getline(std::cin, line) && line != "quit";) {
    std::istringstream words(line);
    std::string command;
    long count = 0;
    words >> command >> count;
    if (command == "run" && count > 0) {
      auto const by_the_clock = [&] {
        return 1e3 * seconds_of([&] {
                 for (long i = 0; i < count; ++i) work.run();
               });
      };
      double const milliseconds = work.milliseconds ? work.milliseconds(count) : by_the_clock();
      std::printf("ms %.6f\n", milliseconds / static_cast<double>(count));
    } else if (command == "memory") {
      std::printf("kib %ld\n", after);
    } else {
      std::printf("error unknown line: %s\n", line.c_str());
    }
    std::fflush(stdout);
  }
} catch (std::exception const& e) {
  std::fprintf(stderr, "tenon_bench: %s\n", e.what());
  return 1;
}
