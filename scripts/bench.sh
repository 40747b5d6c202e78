#!/usr/bin/env bash
# SPDX-License-Identifier: BSL-1.0
# Measures Tenon side by side with current PyTorch and JAX on this machine's CPU: one BENCH line per measurement, and the same as JSON
# in build/bench/results.json. Options go to benchmarks/run.py: scripts/bench.sh --configs small,book --threads 1 --rounds 9
# BENCH_PEERS=none leaves the peers out (they are gigabytes to install).
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh bench
if [ -n "${OPENBLAS_CORETYPE:-}" ]; then
  echo "OPENBLAS_CORETYPE pins OpenBLAS to the kernels of $OPENBLAS_CORETYPE: measuring without it" >&2
  unset OPENBLAS_CORETYPE
fi

mkdir -p build/bench
cmake --preset default -DTENON_TESTS=OFF -DTENON_BENCHMARKS=ON >build/bench/configure.log 2>&1 || {
  cat build/bench/configure.log >&2
  exit 1
}
echo "building tenon_bench (a minute or two)"
cmake --build --preset default --parallel "$(nproc)" --target tenon_bench >build/bench/build.log 2>&1 || {
  cat build/bench/build.log >&2
  exit 1
}

peers=${BENCH_PEERS:-pytorch,jax}
python=build/peers/bin/python
if [ "$peers" = none ]; then
  python=python3
elif ! "$python" -c 'import torch, jax' >/dev/null 2>&1; then
  echo "installing PyTorch and JAX into build/peers (several gigabytes, once)"
  python3 -m venv build/peers
  build/peers/bin/pip install --quiet torch jax numpy || {
    echo "the peers could not be installed; measuring Tenon alone" >&2
    peers=none
    python=python3
  }
fi
[ "$peers" != none ] || peers=""
python3 benchmarks/run.py --tenon build/release/benchmarks/tenon_bench --peers "$peers" --python "$python" \
  --out build/bench/results.json "$@"
