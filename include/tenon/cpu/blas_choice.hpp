// SPDX-License-Identifier: BSL-1.0
// OpenBLAS picks its kernels by the processor's model. A processor that came out after the library is taken
// for the nearest one that it knows, often one without AVX-512: half the speed.
#pragma once
#include <cblas.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <string_view>

namespace tenon::cpu {

/// Call this first in main, before threads and files: where the processor has AVX-512 and OpenBLAS has chosen
/// kernels that do not use it, the program is started anew with the choice made for it (the library reads it
/// only while it is loaded). A choice of the user's own, OPENBLAS_CORETYPE, is left alone. Does nothing where
/// there is nothing to gain.
inline void prefer_wide_blas([[maybe_unused]] char* const* arguments) {
#if defined(OPENBLAS_VERSION) && defined(__x86_64__) && defined(__linux__)
  constexpr char const* variable = "OPENBLAS_CORETYPE";
  if (std::getenv(variable) != nullptr) return;  // also what ends the second start here
  if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
      !__builtin_cpu_supports("avx512dq") || !__builtin_cpu_supports("avx512vl"))
    return;
  constexpr std::array<std::string_view, 3> wide{"SkylakeX", "Cooperlake", "SapphireRapids"};
  std::string_view const chosen = openblas_get_corename();
  for (auto const name : wide)
    if (chosen == name) return;
  if (::setenv(variable, "SkylakeX", 0) != 0) return;
  ::execv("/proc/self/exe", arguments);
  ::unsetenv(variable);  // no new start: slower, but right all the same
#endif
}

}  // namespace tenon::cpu
