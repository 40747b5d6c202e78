#!/usr/bin/env bash
# SPDX-License-Identifier: BSL-1.0
# Installs what is missing, with Debian's packages; says nothing when nothing is.
#
# usage: scripts/setup.sh [test] [lint] [gpu] [bench]
#   always: what the library and the translator are built with; test, lint, gpu, bench: what those add
set -euo pipefail

# What must be there -> the package that brings it. `<...>` is a header, `-l...` a library, `/...` a file, `py:...` a
# Python module, anything else a command.
need=(
  "g++ g++"
  "cmake cmake"
  "ninja ninja-build"
  "-lopenblas libopenblas-dev" # not by its header: other BLAS have cblas.h, too
  "<boost/hana.hpp> libboost-dev"
  "<nlohmann/json.hpp> nlohmann-json3-dev"
  "<utf8proc.h> libutf8proc-dev"
  "<sentencepiece_processor.h> libsentencepiece-dev"
  "<CLI/CLI.hpp> libcli11-dev"
  "<httplib.h> libcpp-httplib-dev"
)
for group in "$@"; do
  case "$group" in
    test) need+=(
      "<doctest/doctest.h> doctest-dev"
      "python3 python3"
      "clang++-19 clang-19"
      "/usr/lib/llvm-19/lib/libomp.so libomp-19-dev"
      "/usr/lib/llvm-19/lib/clang/19/lib/linux libclang-rt-19-dev"
      "chromium chromium"
    ) ;;
    lint) need+=("clang-format-14 clang-format-14" "clang-tidy-19 clang-tidy-19") ;;
    gpu) need+=("/usr/lib/x86_64-linux-gnu/blas/libblas.so.3 libblas3" "/usr/include/x86_64-linux-gnu/cblas-netlib.h libblas-dev") ;;
    bench) need+=("python3 python3" "py:ensurepip python3-venv") ;;
    *)
      echo "setup: there is no group '$group': choose among test, lint, gpu, bench" >&2
      exit 1
      ;;
  esac
done

is_there() {
  case "$1" in
    "<"*) command -v g++ >/dev/null && echo "#include $1" | g++ -std=c++20 -E -x c++ - >/dev/null 2>&1 ;;
    -l*) command -v g++ >/dev/null && echo "int main() {}" | g++ -x c++ - "$1" -o /dev/null >/dev/null 2>&1 ;;
    /*) [ -e "$1" ] ;;
    py:*) command -v python3 >/dev/null && python3 -c "import ${1#py:}" 2>/dev/null ;;
    *) command -v "$1" >/dev/null ;;
  esac
}

missing() {
  local entry
  for entry in "${need[@]}"; do
    is_there "${entry% *}" || echo "${entry#* }"
  done
}

fail() {
  echo "setup: $*" >&2
  exit 1
}

packages=$(missing | sort -u | tr '\n' ' ')
[ -n "$packages" ] || exit 0

command -v apt-get >/dev/null || fail "no apt-get here: install what these Debian packages bring by other means: $packages"
as_root=()
if [ "$(id -u)" != 0 ]; then
  command -v sudo >/dev/null || fail "neither root nor sudo: have an administrator run: apt-get install $packages"
  as_root=(sudo)
fi

echo "setup: installing $packages"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
get() { "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 "$@" </dev/null >>"$log" 2>&1; }
get update || true # a list that is a day old is good enough; what it lacks the next line says
# shellcheck disable=SC2086 # one word a package
get install -y --no-install-recommends $packages ||
  fail "apt-get could not install $packages: $(grep -m1 '^E:' "$log" || tail -n1 "$log")"
still=$(missing | sort -u | tr '\n' ' ')
[ -z "$still" ] || fail "installed, but still not found: $still"
