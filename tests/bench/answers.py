#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Asks the benchmark for each of its measurements once, at its smallest size: every one is answered, and what cannot be measured is refused.

usage: answers.py TENON_BENCH BENCHMARKS

BENCHMARKS is the folder with side.py, which drives the program as scripts/bench.sh does. What is measured on a busy machine is worth
nothing as a figure: only that there is one is looked at.
"""
import subprocess
import sys
from pathlib import Path

program, folder = Path(sys.argv[1]), sys.argv[2]
sys.path.insert(0, folder)
from side import Side  # noqa: E402


def complaints():
    flops = {}
    for what in ("train_step", "forward", "translate_one", "translate_one_int16", "translate_one_bf16"):
        side = Side("tenon", [str(program), "--config", "small", "--what", what, "--threads", "2"], 2)
        try:
            flops[what] = side.facts["flops"]
            if not (side.run(3) > 0 and side.facts["sgemm_gflops"] > 0 and side.ask("memory", "kib") > 1000):
                yield f"{what}: no time, no rate or no memory"
        finally:
            side.close()
    of_a_sentence = {flops["translate_one"], flops["translate_one_int16"], flops["translate_one_bf16"]}
    if flops["train_step"] != 3 * flops["forward"] or len(of_a_sentence) != 1 or not 0 < flops["translate_one"] < flops["forward"]:
        yield f"the work counted is {flops}"
    wrong = subprocess.run([program, "--what", "nothing"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    if wrong.returncode == 0 or "nothing" not in wrong.stderr:
        yield f"--what nothing: code {wrong.returncode}, {wrong.stderr!r}"


found = list(complaints())
print("\n".join(found) if found else "all measurements answer")
sys.exit(1 if found else 0)
