#!/usr/bin/env bash
# SPDX-License-Identifier: BSL-1.0
# Trains every recipe of Dive into Deep Learning with five seeds on the text that it was published with and prints a table of what came
# out. Options go to benchmarks/quality.py: scripts/quality.sh --seeds 1-3
# The text is not part of this project: without ../shared/data/fra-eng/fra.txt (or --data FILE, seen from
# the project) nothing is trained.
set -euo pipefail
cd "$(dirname "$0")/.."
case " $* " in
  *" --data"*) ;;
  *) [ -f ../shared/data/fra-eng/fra.txt ] || {
    echo "quality: skipped: there is no ../shared/data/fra-eng/fra.txt: name the text with --data FILE (docs/reference/recipes.md says where it is from)"
    exit 77
  } ;;
esac
scripts/setup.sh bench
translators=(
  tenon-translate{,-plain,-lstm,-dot,-input-feeding,-mxnet,-tensorflow,-jax}
  tenon-translate-0.17{,-plain}
  tenon-translate-mxnet-lstm{,-plain}
)
echo "building ${#translators[@]} translators (a minute each)"
scripts/build.sh quality/build "${translators[@]}"
exec python3 benchmarks/quality.py "${translators[@]/#/build/release/examples/}" --table "$@"
