#!/usr/bin/env bash
# SPDX-License-Identifier: BSL-1.0
# Trains every recipe with five seeds on the text that it was published with and prints a table of what came out. Options go to
# benchmarks/quality.py: scripts/quality.sh --seeds 1-3
# The text is not part of this project: without ../shared/data/fra-eng/fra.txt (or --data FILE, seen from
# the project) nothing is trained.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh bench
mkdir -p build/quality
translators=(
  tenon-translate{,-plain,-lstm,-dot,-input-feeding,-mxnet,-tensorflow,-jax}
  tenon-translate-0.17{,-plain}
  tenon-translate-mxnet-lstm{,-plain}
)
{
  cmake --preset default -DTENON_TESTS=OFF -DTENON_EXAMPLES=ON && cmake --build --preset default --parallel "$(nproc)" --target "${translators[@]}"
} >build/quality/build.log 2>&1 || {
  tail -n 20 build/quality/build.log >&2
  exit 1
}
exec python3 benchmarks/quality.py "${translators[@]/#/build/release/examples/}" --table "$@"
