#!/usr/bin/env bash
# SPDX-License-Identifier: BSL-1.0
# Builds targets in build/release. What the tools say is shown if they fail and is in build/NAME.log.
#
# usage: scripts/build.sh NAME TARGET...
set -euo pipefail
cd "$(dirname "$0")/.."
log=build/$1.log
shift
mkdir -p "$(dirname "$log")"
# The parts are named, ON too: an earlier configuration of the folder may have switched them off.
{
  cmake --preset default -DTENON_TESTS=OFF -DTENON_EXAMPLES=ON -DTENON_BENCHMARKS=ON &&
    cmake --build --preset default --parallel "$(nproc)" --target "$@"
} >"$log" 2>&1 || {
  tail -n 40 "$log" >&2
  echo "$0: the build failed: all that the compiler said is in $log" >&2
  exit 1
}
