#!/usr/bin/env bash
# SPDX-License-Identifier: BSL-1.0
# Gathers what scripts/gpu.sh needs besides the CUDA toolkit, CMake and a C++ compiler, from Debian's packages, for a machine
# that has neither them nor a network. The BLAS is the reference one: small, and on such a machine only compared with.
#
# usage: scripts/gpu_dependencies.sh [FOLDER]   (build/gpu-dependencies)
set -euo pipefail
cd "$(dirname "$0")/.."
to=${1:-build/gpu-dependencies}
scripts/setup.sh test gpu

rm -rf "$to"
mkdir -p "$to/include/boost" "$to/lib/cmake"
cp -r /usr/lib/cmake/doctest "$to/lib/cmake"
cp -r /usr/include/doctest /usr/include/nlohmann /usr/include/CLI /usr/include/utf8proc.h "$to/include"
cp -r /usr/include/boost/hana /usr/include/boost/hana.hpp "$to/include/boost"
libraries=/usr/lib/$(gcc -print-multiarch)
headers=/usr/include/$(gcc -print-multiarch)
cp "$headers/cblas-netlib.h" "$to/include/cblas.h"
cp -L "$libraries/blas/libblas.so.3" "$libraries/libgfortran.so.5" "$libraries/libquadmath.so.0" "$libraries/libutf8proc.so.2" "$to/lib"
ln -s libblas.so.3 "$to/lib/libopenblas.so"
ln -s libutf8proc.so.2 "$to/lib/libutf8proc.so"
du -sh "$to"
