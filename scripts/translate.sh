#!/usr/bin/env bash
# SPDX-License-Identifier: BSL-1.0
# Builds the translator, trains it on the corpus in examples/data and translates four sentences.
# Options go to `tenon-translate train`: scripts/translate.sh --epochs 50 --seed 2 --report french.html
set -euo pipefail
caller=$PWD
cd "$(dirname "$0")/.."
root=$PWD/
[ "$caller/" != "$root" ] || root=  # names of files are the caller's
scripts/setup.sh

translator=${root:-./}build/release/examples/tenon-translate
[ -x "$translator" ] || echo "building tenon-translate (once, about a minute)"
scripts/build.sh translate tenon-translate

# given DEFAULT LONG SHORT ARGUMENT…: what the arguments say for an option, or the default.
given() {
  local value=$1 long=$2 short=$3
  shift 3
  while [ $# -gt 0 ]; do
    case "$1" in
      "$long" | "$short") value=${2-} ;;
      "$long"=*) value=${1#*=} ;;
      "$short"?*) value=${1#"$short"} ;;
    esac
    shift
  done
  printf '%s' "$value"
}

model=$(given "" --model -m "$@")
report=$(given "" --report --report "$@")
defaults=()
[ -n "$model" ] || defaults+=(--model "${model:=${root}build/translator.safetensors}")
[ -n "$report" ] || defaults+=(--report "${report:=${root}build/report.html}")

cd "$caller"
"$translator" train "${defaults[@]}" "$@"
for word in "$@"; do
  case "$word" in -h | --help) exit 0 ;; esac
done
"$translator" translate --model "$model" "go ." "i lost ." "he's calm ." "i'm home ."
echo "report: $report"
