#!/usr/bin/env bash
# SPDX-License-Identifier: BSL-1.0
# All checks that need an NVIDIA GPU: builds for the one in this machine, runs every test on it, the benchmarks, then
# compute-sanitizer, and writes benchmarks/results/gpu.md, gpu.json and gpu.log. Needs the CUDA toolkit 13, CMake, g++ and Python;
# header libraries come from build/gpu-dependencies if scripts/gpu_dependencies.sh has filled it, else from the system. PyTorch and
# JAX are measured side by side where PEERS_PYTHON (python3) has them.
#
# usage: scripts/gpu.sh [RESULTS]   (benchmarks/results)
set -uo pipefail
cd "$(dirname "$0")/.."
results=${1:-benchmarks/results}
mkdir -p "$results" build
rm -f build/gpu-results.json # figures of another run
log=$results/gpu.log
exec > >(tee "$log") 2>&1
failed=()

command -v nvcc >/dev/null || PATH=$PATH:/usr/local/cuda/bin
nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader ||
  {
    echo "gpu: no NVIDIA GPU was found here" >&2
    exit 1
  }
nvcc --version | tail -n 2 | head -n 1
echo "commit $(git rev-parse --short HEAD 2>/dev/null || echo unknown), $(date -u +%Y-%m-%d)"

options=()
dependencies=$PWD/build/gpu-dependencies
if [ -d "$dependencies" ]; then
  options+=("-DCMAKE_PREFIX_PATH=$dependencies" "-DCMAKE_BUILD_RPATH=$dependencies/lib")
  export LD_LIBRARY_PATH=$dependencies/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
fi
step() {
  local name=$1 start=$SECONDS
  shift
  echo "==== $name"
  if "$@"; then echo "==== $name: ok, $((SECONDS - start)) s"; else
    echo "==== $name: FAILED, $((SECONDS - start)) s"
    failed+=("$name")
  fi
}

configure() {
  cmake -S . -B build/gpu -DCMAKE_BUILD_TYPE=Release -DTENON_CUDA=ON -DTENON_TESTS=ON -DTENON_EXAMPLES=ON -DTENON_BENCHMARKS=ON \
    -DTENON_NATIVE=OFF -DCMAKE_CUDA_ARCHITECTURES=native "${options[@]}" >build/gpu-configure.log 2>&1 || {
    tail -n 20 build/gpu-configure.log
    return 1
  }
}
build() {
  cmake --build build/gpu --clean-first --parallel "$(nproc)" >build/gpu-build.log 2>&1 || {
    grep -E 'error|Error' build/gpu-build.log | head -n 20
    return 1
  }
}
report() { python3 scripts/kernel_report.py build/gpu-build.log; }
tests() { ctest --test-dir build/gpu --output-on-failure -L 'gpu|example'; }
sanitised() {
  local test
  for test in cuda cuda_models; do
    compute-sanitizer --tool "$1" --error-exitcode 9 "build/gpu/tests/${test}_gpu_test" || return 1
  done
}
memcheck() { sanitised memcheck; }
racecheck() { sanitised racecheck; }
machine="$(nvidia-smi --query-gpu=name,driver_version --format=csv,noheader | head -n 1), nvcc $(nvcc --version | grep -o 'V[0-9.]*' | head -n 1),\
 commit $(git rev-parse --short HEAD 2>/dev/null || echo unknown), $(date -u +%Y-%m-%d)"
bench() {
  python3 benchmarks/run.py --device cuda --tenon build/gpu/benchmarks/tenon_gpu_bench --python "${PEERS_PYTHON:-python3}" \
    --rounds 7 --machine "$machine" --out build/gpu-results.json
}
recipe() {
  build/gpu/examples/tenon-translate train --epochs 50 --model build/gpu-model.safetensors --report build/gpu-report.html </dev/null | tail -n 6
}

step configure configure
step build build
step kernels report
step tests tests
step bench bench
step recipe recipe
if command -v compute-sanitizer >/dev/null; then
  step memcheck memcheck
  step racecheck racecheck
else
  echo "gpu: no compute-sanitizer here: memory and races are not checked"
fi

{
  echo "# On a GPU"
  echo
  echo "$machine. ratio: time of the fastest peer / time of Tenon."
  echo
  [ ! -f build/gpu-results.json ] || python3 benchmarks/table.py build/gpu-results.json
} >"$results/gpu.md"
[ ! -f build/gpu-results.json ] || cp build/gpu-results.json "$results/gpu.json"
[ ${#failed[@]} -eq 0 ] || {
  echo "gpu: failed: ${failed[*]}"
  exit 1
}
