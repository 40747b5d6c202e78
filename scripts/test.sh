#!/usr/bin/env bash
# SPDX-License-Identifier: BSL-1.0
# Installs what is missing, builds all tests in build/test and runs them. Options go to ctest: scripts/test.sh -R unit
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh test

jobs=$(nproc)
mkdir -p build
cmake --preset ci >build/test-configure.log 2>&1 || {
  cat build/test-configure.log >&2
  exit 1
}
cmake --build --preset ci --parallel "$jobs" -- -k 0 # all errors, not the first alone
ctest --preset ci --parallel "$jobs" "$@"
