#!/usr/bin/env bash
# SPDX-License-Identifier: BSL-1.0
# Measures Tenon side by side with current PyTorch and JAX on this machine's CPU: one BENCH line per measurement, and the same as JSON
# in build/bench/results.json. Options go to benchmarks/run.py: scripts/bench.sh --configs small,book --threads 1 --rounds 9
# Then a translator of sub-words beside the same model in PyTorch, on real text, where ../shared/data has it (build/bench/text.json):
# not if there are other options than --threads and --rounds; and alone, with options of benchmarks/text.py, by scripts/bench.sh text
# BENCH_PEERS=none leaves the peers out (they are gigabytes to install).
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh bench
if [ -n "${OPENBLAS_CORETYPE:-}" ]; then
  echo "OPENBLAS_CORETYPE pins OpenBLAS to the kernels of $OPENBLAS_CORETYPE: measuring without it" >&2
  unset OPENBLAS_CORETYPE
fi

only=""
if [ "${1:-}" = text ]; then
  only=text
  shift
fi
with_text=yes
for option; do
  case $option in
    --threads | --threads=* | --rounds | --rounds=* | [0-9]*) ;;
    *) with_text=$only ;;
  esac
done
targets=(tenon_bench)
[ -z "$with_text" ] || targets=(tenon_bench tenon-translate-subword)
[ -z "$only" ] || targets=(tenon-translate-subword)
echo "building ${targets[*]} (a minute or two each)"
scripts/build.sh bench/build "${targets[@]}"

peers=${BENCH_PEERS:-pytorch,jax}
python=build/peers/bin/python
if [ "$peers" = none ]; then
  python=python3
elif ! "$python" -c 'import torch, jax, sentencepiece, safetensors' >/dev/null 2>&1; then
  echo "installing PyTorch and JAX into build/peers (several gigabytes, once)"
  python3 -m venv build/peers
  build/peers/bin/pip install --quiet torch jax numpy sentencepiece safetensors || {
    echo "the peers could not be installed; measuring Tenon alone" >&2
    peers=none
    python=python3
  }
fi
[ "$peers" != none ] || peers=""
if [ -z "$only" ]; then
  python3 benchmarks/run.py --tenon build/release/benchmarks/tenon_bench --peers "$peers" --python "$python" \
    --out build/bench/results.json "$@"
fi
if [ -n "$with_text" ]; then
  case ,$peers, in
    *,pytorch,*) ;;
    *)
      echo "PyTorch is not among the peers: nothing to compare the translator of sub-words with" >&2
      exit 0
      ;;
  esac
  python3 benchmarks/text.py build/release/examples/tenon-translate-subword --python "$python" --out build/bench/text.json "$@" || {
    code=$?
    [ "$code" = 77 ] || exit "$code"
  }
fi
