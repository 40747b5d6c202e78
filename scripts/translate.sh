#!/usr/bin/env bash
# SPDX-License-Identifier: BSL-1.0
# Builds the translator, trains it on the embedded corpus and translates four sentences.
# Options go to `tenon-translate train`: scripts/translate.sh --epochs 50 --seed 2
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh

mkdir -p build
cmake --preset default -DTENON_TESTS=OFF >build/translate-configure.log 2>&1 || {
  cat build/translate-configure.log >&2
  exit 1
}
echo "building tenon-translate (once, about a minute)"
cmake --build --preset default --parallel "$(nproc)" --target tenon-translate >build/translate-build.log 2>&1 || {
  cat build/translate-build.log >&2
  exit 1
}

# The rest is what the translator itself prints.
translator=build/release/examples/tenon-translate
model=build/translator.safetensors
report=build/report.html
train_and_translate() {
  "$translator" train --data examples/data/eng-fra.tsv --model "$model" --report "$report" "$@"
  "$translator" translate --model "$model" "go ." "i lost ." "he's calm ." "i'm home ."
  echo "report: $report"
}
train_and_translate "$@"
