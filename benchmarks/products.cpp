// SPDX-License-Identifier: BSL-1.0
// Tenon's own matrix product (cpu/product.hpp) beside OpenBLAS's on the shapes of recurrent networks, one
// thread each, in turn. The choice in ops/contract/cpu.hpp rests on this table.
#include <cblas.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <tenon/cpu/product.hpp>
#include <vector>

namespace {

struct product_shape {
  std::size_t m, n, k;
  bool left_transposed, right_transposed;
};

double seconds_of(auto const& f) {
  auto const start = std::chrono::steady_clock::now();
  f();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

int main() {
  openblas_set_num_threads(1);
  constexpr product_shape shapes[] = {
      {64, 96, 32, false, true},     {64, 32, 96, false, false},    {96, 32, 640, true, false},
      {128, 256, 256, false, true},  {128, 768, 256, false, true},  {128, 256, 768, false, false},
      {768, 256, 1152, true, false}, {64, 1536, 512, false, true},  {64, 512, 1536, false, false},
      {1152, 768, 256, false, true}, {1920, 1536, 512, false, true}};
  std::printf("%6s %6s %6s  %-5s %10s %10s %7s\n", "m", "n", "k", "form", "OpenBLAS", "Tenon", "ratio");
  for (auto const& s : shapes) {
    std::vector<float> a(s.m * s.k, 0.5F), b(s.k * s.n, 0.25F), c(s.m * s.n);
    auto const blas = [&] {
      cblas_sgemm(CblasRowMajor, s.left_transposed ? CblasTrans : CblasNoTrans,
                  s.right_transposed ? CblasTrans : CblasNoTrans, static_cast<int>(s.m),
                  static_cast<int>(s.n), static_cast<int>(s.k), 1.0F, a.data(),
                  static_cast<int>(s.left_transposed ? s.m : s.k), b.data(),
                  static_cast<int>(s.right_transposed ? s.k : s.n), 0.0F, c.data(), static_cast<int>(s.n));
    };
    auto const own = [&] {
      tenon::cpu::strided_matrix<float> const left{a.data(), s.left_transposed ? 1 : s.k,
                                                   s.left_transposed ? s.m : 1};
      tenon::cpu::strided_matrix<float> const right{b.data(), s.right_transposed ? 1 : s.n,
                                                    s.right_transposed ? s.k : 1};
      tenon::cpu::multiply(s.m, s.n, s.k, left, right, false, c.data(), s.n);
    };
    double const flops = 2.0 * static_cast<double>(s.m) * static_cast<double>(s.n) * static_cast<double>(s.k);
    int const repeats = 1 + static_cast<int>(1e8 / flops);
    double best[2] = {1e9, 1e9};
    for (int round = 0; round < 9; ++round) {
      best[0] = std::min(best[0], seconds_of([&] {
                                    for (int i = 0; i < repeats; ++i) blas();
                                  }) / repeats);
      best[1] = std::min(best[1], seconds_of([&] {
                                    for (int i = 0; i < repeats; ++i) own();
                                  }) / repeats);
    }
    std::printf("%6zu %6zu %6zu  %c%c    %7.1f GF %7.1f GF %6.2fx\n", s.m, s.n, s.k,
                s.left_transposed ? 'T' : 'N', s.right_transposed ? 'T' : 'N', flops / best[0] / 1e9,
                flops / best[1] / 1e9, best[0] / best[1]);
  }
}
