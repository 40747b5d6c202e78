#!/usr/bin/env bash
# SPDX-License-Identifier: BSL-1.0
# Runs the experiments of docs/experiments.md: a table each, and plots in build/experiments. Options go to benchmarks/experiments.py:
# scripts/experiments.sh reversal; scripts/experiments.sh --seeds 1-5 --plots docs/images
# Three of the four need text that is not part of this project (../shared/data/fra-eng/fra.txt, or --data FILE); without it they are skipped.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh bench
mkdir -p build/experiments
translators=(tenon-translate{,-plain,-lstm,-dot,-sequences,-sequences-plain})
{
  cmake --preset default -DTENON_TESTS=OFF -DTENON_EXAMPLES=ON && cmake --build --preset default --parallel "$(nproc)" --target "${translators[@]}"
} >build/experiments/build.log 2>&1 || {
  tail -n 20 build/experiments/build.log >&2
  exit 1
}
python=build/experiments/python/bin/python
if ! "$python" -c 'import matplotlib' >/dev/null 2>&1; then
  echo "installing matplotlib into build/experiments/python (once)"
  python3 -m venv build/experiments/python
  build/experiments/python/bin/pip install --quiet matplotlib
fi
exec "$python" benchmarks/experiments.py build/release/examples "$@"
