#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Measures what it costs to compile Tenon, and fails beyond the limits.

usage: compile_cost.py BUILD [--scaled]

BUILD is a configured build folder with compile_commands.json (presets default, ci). With --scaled, limits of times are for a
machine on which a program of the standard library compiles in REFERENCE_SECONDS: they are longer where that takes longer, and
HEADROOM times as long, for the machine may do other things too. Limits of sizes stay.
"""
import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
INCLUDE_SECONDS = 1.2
TRANSLATOR_SECONDS = 45.0
TRANSLATOR_BYTES = 2 * 10**9
BINARY_BYTES = 1.5 * 10**6
SYMBOL_BYTES = 4096
REFERENCE = "#include <iostream>\n#include <map>\n#include <random>\n#include <regex>\n"
REFERENCE_SECONDS = 0.8
HEADROOM = 1.5


def measure(command, cwd=None):
    """Seconds and the largest resident size, in bytes, of a process and its children."""
    start = time.monotonic()
    child = subprocess.Popen(command, cwd=cwd)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        sys.exit(f"compile_cost: this failed: {shlex.join(command)}")
    return time.monotonic() - start, usage.ru_maxrss * 1024


class ledger:
    def __init__(self):
        self.exceeded = False

    def line(self, what, value, limit, unit, headroom=1.0):
        bad = value > limit * headroom
        self.exceeded |= bad
        allowed = f"limit {limit:g} {unit}" + (f", × {headroom:.2f} here" if headroom != 1.0 else "")
        print(f"{what:<50} {value:9.2f} {unit:<4} ({allowed}){'  EXCEEDED' if bad else ''}", flush=True)


def seconds_to_compile(text, *flags):
    """The least of three times for g++ -O0."""
    with tempfile.NamedTemporaryFile("w", suffix=".cpp") as source:
        source.write(text)
        source.flush()
        command = ["g++", "-std=c++20", "-O0", *flags, "-c", "-o", os.devnull, source.name]
        return min(measure(command)[0] for _ in range(3))


def headroom_here():
    """By what limits are multiplied on this machine."""
    seconds = seconds_to_compile(REFERENCE)
    print(f"{'<iostream>, <map>, <random>, <regex>, g++ -O0':<50} {seconds:9.2f} s    (for comparison)", flush=True)
    return HEADROOM * max(1.0, seconds / REFERENCE_SECONDS)


def measure_include(costs, headroom):
    for flags in [], ["-march=native"]:
        seconds = seconds_to_compile("#include <tenon/tenon.hpp>\n", "-I", f"{ROOT}/include", *flags)
        name = " ".join(["#include <tenon/tenon.hpp>, g++ -O0", *flags])
        costs.line(name, seconds, INCLUDE_SECONDS, "s", headroom)


def measure_translator(costs, build, headroom):
    with open(f"{build}/compile_commands.json", encoding="utf-8") as file:
        entries = [e for e in json.load(file) if "tenon-translate.dir" in e["command"]]
    seconds, resident, longest = 0.0, 0, 0
    with tempfile.TemporaryDirectory() as folder:
        for entry in entries:
            words = shlex.split(entry["command"])
            words[words.index("-o") + 1] = f"{folder}/unit.o"
            for flag in ("-MF", "-MT"):  # the build's own dependency files stay as they are
                if flag in words:
                    words[words.index(flag) + 1] = f"{folder}/unit.d"
            unit_seconds, unit_resident = measure(words, entry["directory"])
            seconds, resident = seconds + unit_seconds, max(resident, unit_resident)
            symbols = subprocess.run(["nm", f"{folder}/unit.o"], capture_output=True, text=True, check=True).stdout
            longest = max([longest] + [len(line.split()[-1]) for line in symbols.splitlines() if line])
        subprocess.run(["cmake", "--build", build, "--target", "tenon-translate"], check=True, stdout=subprocess.DEVNULL)
        subprocess.run(["strip", "-o", f"{folder}/stripped", f"{build}/examples/tenon-translate"], check=True)
        size = os.path.getsize(f"{folder}/stripped")
    costs.line("the translator, g++ -O3, one core", seconds, TRANSLATOR_SECONDS, "s", headroom)
    costs.line("  peak memory of the compiler", resident / 1e6, TRANSLATOR_BYTES / 1e6, "MB")
    costs.line("  stripped binary", size / 1e6, BINARY_BYTES / 1e6, "MB")
    costs.line("  longest symbol", longest, SYMBOL_BYTES, "B")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build")
    parser.add_argument("--scaled", action="store_true", help="limits for the speed of this machine")
    options = parser.parse_args()
    costs = ledger()
    headroom = headroom_here() if options.scaled else 1.0
    if os.path.exists(f"{ROOT}/include/tenon/tenon.hpp"):
        measure_include(costs, headroom)
    if os.path.exists(f"{ROOT}/examples/translate/main.cpp"):
        measure_translator(costs, options.build, headroom)
    sys.exit(1 if costs.exceeded else 0)


if __name__ == "__main__":
    main()
