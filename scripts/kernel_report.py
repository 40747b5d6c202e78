#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Reads what ptxas said of each kernel in a build's log, prints it, and fails where a kernel keeps something outside
registers, or its symbol is too long or names an axis.

usage: kernel_report.py LOG [--all]

LOG is the output of `cmake --build --preset cuda`, built anew. Without --all only the kernels with most registers are shown.
"""
import argparse
import collections
import re
import sys

SYMBOL_BYTES = 2048
SHOWN = 12
# Axes of the library, its tests and its examples: in a kernel's symbol they would appear as <length><name>.
AXES = ("batch steps target_steps vocab hiddens embedding gates decoder_inputs rows columns layers heads sides from features "
        "words letters").split()
ENTRY = re.compile(r"Compiling entry function '(\w+)' for '(\w+)'")
MEMORY = re.compile(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads")
USED = re.compile(r"Used (\d+) registers")
SHARED = re.compile(r"(\d+) bytes smem")

kernel = collections.namedtuple("kernel", "symbol architecture registers shared stack spilled")


def kernels_in(lines):
    symbol = architecture = None
    stack = spilled = 0
    for line in lines:
        if entry := ENTRY.search(line):
            symbol, architecture = entry.groups()
        elif memory := MEMORY.search(line):
            stack, spilled = int(memory[1]), int(memory[2]) + int(memory[3])
        elif symbol and (used := USED.search(line)):
            shared = SHARED.search(line)
            yield kernel(symbol, architecture, int(used[1]), int(shared[1]) if shared else 0, stack, spilled)
            symbol = None


def body_of(symbol):
    """The kernel's body: map_body, reduce_body, …"""
    found = re.search(r"\d+([a-z_]+_body)", symbol)
    return found[1] if found else symbol


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("log")
    parser.add_argument("--all", action="store_true", help="show all kernels")
    chosen = parser.parse_args()
    try:
        with open(chosen.log, encoding="utf-8", errors="replace") as log:
            found = sorted(set(kernels_in(log)), key=lambda k: -k.registers)
    except OSError as problem:
        sys.exit(f"kernel_report: {chosen.log}: {problem.strerror}")
    if not found:
        sys.exit(f"kernel_report: {chosen.log} tells of no kernel: build anew, with cmake --build --preset cuda --clean-first")
    print(f"{'kernel':<30} {'for':<7} {'registers':>9} {'shared':>7} {'stack':>6} {'spilled':>8} {'symbol':>7}")
    for k in found if chosen.all else found[:SHOWN]:
        print(f"{body_of(k.symbol):<30} {k.architecture:<7} {k.registers:>9} {k.shared:>7} {k.stack:>6} {k.spilled:>8} "
              f"{len(k.symbol):>7}")
    by_architecture = collections.Counter(k.architecture for k in found)
    print("kernels: " + ", ".join(f"{n} for {a}" for a, n in sorted(by_architecture.items())) +
          f"; longest symbol {max(len(k.symbol) for k in found)} bytes, most registers {found[0].registers}")
    wrong = []
    for k in found:
        if k.stack or k.spilled:
            wrong.append(f"{body_of(k.symbol)} ({k.architecture}): {k.stack} bytes of stack, {k.spilled} spilled: {k.symbol}")
        if len(k.symbol) > SYMBOL_BYTES:
            wrong.append(f"{body_of(k.symbol)}: a symbol of {len(k.symbol)} bytes, the limit is {SYMBOL_BYTES}")
        for axis in AXES:
            if re.search(rf"(?<!\d){len(axis)}{axis}(?![a-z_])", k.symbol):
                wrong.append(f"{body_of(k.symbol)} names the axis {axis}: {k.symbol}")
    for line in sorted(set(wrong)):
        print("kernel_report: " + line, file=sys.stderr)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
