// SPDX-License-Identifier: BSL-1.0
// All of Tenon that needs nothing but Boost.Hana and BLAS: shapes, tensors, expressions, operations,
// programs, layers, optimisers. Text, files and the training loop have headers of their own.
#pragma once
// First what errors are about, so that a compiler says "included from tenon.hpp" and not from five files
// between.
// clang-format off
#include "shape.hpp"               // IWYU pragma: export
#include "tensor.hpp"              // IWYU pragma: export
#include "program/recorder.hpp"    // IWYU pragma: export
#include "expr/expression.hpp"     // IWYU pragma: export
// clang-format on

#include "nn/beam.hpp"                          // IWYU pragma: export
#include "nn/ensemble.hpp"                      // IWYU pragma: export
#include "nn/fields.hpp"                        // IWYU pragma: export
#include "nn/greedy.hpp"                        // IWYU pragma: export
#include "ops/argmax/argmax.hpp"                // IWYU pragma: export
#include "ops/attend/attend.hpp"                // IWYU pragma: export
#include "ops/beam/beam.hpp"                    // IWYU pragma: export
#include "ops/contract/contract.hpp"            // IWYU pragma: export
#include "ops/cross_entropy/cross_entropy.hpp"  // IWYU pragma: export
#include "ops/dropout/dropout.hpp"              // IWYU pragma: export
#include "ops/gather/gather.hpp"                // IWYU pragma: export
#include "ops/map/map.hpp"                      // IWYU pragma: export
#include "ops/softmax/softmax.hpp"              // IWYU pragma: export
#include "ops/stack/stack.hpp"                  // IWYU pragma: export
#include "ops/stop/stop.hpp"                    // IWYU pragma: export
#include "ops/view/view.hpp"                    // IWYU pragma: export
#include "optim/average.hpp"                    // IWYU pragma: export
#include "optim/minimise.hpp"                   // IWYU pragma: export
#include "program/program.hpp"                  // IWYU pragma: export
#include "program/session.hpp"                  // IWYU pragma: export
#include "version.hpp"                          // IWYU pragma: export

#if TENON_CUDA
#include "cuda/session.hpp"  // IWYU pragma: export
#endif
