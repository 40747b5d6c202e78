#!/usr/bin/env bash
# SPDX-License-Identifier: BSL-1.0
# Runs the experiments of docs/experiments.md: a table each, and plots in build/experiments. Options go to benchmarks/experiments.py:
# scripts/experiments.sh reversal; scripts/experiments.sh --seeds 1-5 --plots docs/images
# Three of the four need text that is not part of this project (../shared/data/fra-eng/fra.txt, or --data FILE); without it they are skipped.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh bench
translators=(tenon-translate{,-plain,-lstm,-dot,-sequences,-sequences-plain})
echo "building ${#translators[@]} translators (a minute each)"
scripts/build.sh experiments/build "${translators[@]}"
python=build/experiments/python/bin/python
if ! "$python" -c 'import matplotlib' >/dev/null 2>&1; then
  echo "installing matplotlib into build/experiments/python (once)"
  python3 -m venv build/experiments/python
  build/experiments/python/bin/pip install --quiet matplotlib
fi
exec "$python" benchmarks/experiments.py build/release/examples "$@"
