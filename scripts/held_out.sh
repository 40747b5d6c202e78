#!/usr/bin/env bash
# SPDX-License-Identifier: BSL-1.0
# Trains the translators of sub-words on real text, as people write it, and measures them on sentences that it has not seen. Options go
# to benchmarks/held_out.py: scripts/held_out.sh de-en --epochs 10
# The text is not part of this project: without ../shared/data (or --data FOLDER) nothing is trained.
set -euo pipefail
cd "$(dirname "$0")/.."
case " $* " in
  *" --data"*) ;;
  *) [ -d ../shared/data ] || {
    echo "held_out: skipped: there is no ../shared/data: name the folder of the texts with --data FOLDER (docs/reference/recipes.md says where they are from)"
    exit 77
  } ;;
esac
scripts/setup.sh bench
echo "building two translators (two minutes each)"
scripts/build.sh held_out/build tenon-translate-subword{,-short}
exec python3 benchmarks/held_out.py build/release/examples --work build/held_out "$@"
