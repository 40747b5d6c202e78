#!/usr/bin/env bash
# SPDX-License-Identifier: BSL-1.0
# Trains the translators of sub-words on real text, as people write it, and measures them on sentences that it has not seen. Options go
# to benchmarks/held_out.py: scripts/held_out.sh de-en --epochs 10
# The text is not part of this project: without ../shared/data (or --data FOLDER) nothing is trained.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh bench
mkdir -p build/held_out
{
  cmake --preset default -DTENON_TESTS=OFF -DTENON_EXAMPLES=ON && cmake --build --preset default --parallel "$(nproc)" --target tenon-translate-subword{,-short}
} >build/held_out/build.log 2>&1 || {
  tail -n 20 build/held_out/build.log >&2
  exit 1
}
exec python3 benchmarks/held_out.py build/release/examples --work build/held_out "$@"
