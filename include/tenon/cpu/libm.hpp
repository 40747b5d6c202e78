// SPDX-License-Identifier: BSL-1.0
// The C library's functions of single numbers, as far as Tenon calls them. <cmath> has them too, but also
// overloads for every type and special functions, which take a twentieth of the time of
// `#include <tenon/tenon.hpp>`. A CUDA compiler has read it anyway, and knows which of its functions are for
// the device.
#pragma once
#include "../config.hpp"
#if defined(__CUDACC__)
#include <cmath>
#endif

namespace tenon::libm {

#if defined(__CUDACC__)
using std::cos;
using std::exp;
using std::log;
using std::pow;
using std::sqrt;
using std::tanh;
#else
inline double cos(double x) {
  return __builtin_cos(x);
}
inline double exp(double x) {
  return __builtin_exp(x);
}
inline double log(double x) {
  return __builtin_log(x);
}
inline double pow(double x, double y) {
  return __builtin_pow(x, y);
}
inline double sqrt(double x) {
  return __builtin_sqrt(x);
}
inline float sqrt(float x) {
  return __builtin_sqrtf(x);
}
inline double tanh(double x) {
  return __builtin_tanh(x);
}
#endif

}  // namespace tenon::libm
