#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Compiles each header as the only include of a translation unit.

usage: check.py HEADER... -- COMPILER OPTION...
"""
import subprocess
import sys


def main():
    if "--" not in sys.argv:
        sys.exit("usage: check.py HEADER... -- COMPILER OPTION...")
    split = sys.argv.index("--")
    failed = 0
    for header in sys.argv[1:split]:
        done = subprocess.run([*sys.argv[split + 1 :], "-x", "c++", "-"], input=f"#include <{header}>\n", text=True)
        if done.returncode != 0:
            print(f"{header}: does not compile alone", flush=True)
            failed += 1
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
