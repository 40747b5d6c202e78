#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Checks that headers include only what stands above them ("The layers of the house" in docs/architecture.md).

usage: layers.py INCLUDE_FOLDER
"""
import pathlib
import re
import sys

# Each layer may include itself and those before it. "" are the headers of include/tenon itself.
LAYERS = [
    [""],
    ["cpu"],
    ["cuda"],
    ["program", "cuda/session"],
    ["expr"],
    ["ops"],
    ["nn", "optim"],
    ["text", "io"],
    ["train"],
    ["recipes"],
]
# Each may be included from everywhere: what kernels are given is plain data, and tenon.hpp and session.hpp lead to others.
PLAIN = {"program/call.hpp"}
DOORS = {"tenon.hpp", "cuda/session.hpp"}
# Layers that know nothing of those before them but the first.
APART = {"text", "io"}


def layer_of(header):
    folder = str(pathlib.PurePath(header).parent)
    folder = "" if folder == "." else folder
    for number, names in enumerate(LAYERS):
        for name in names:
            if folder == name and name in ("", "cuda/session"):
                return number, name
    for number, names in enumerate(LAYERS):
        for name in names:
            if name and folder.split("/")[0] == name:
                return number, name
    raise SystemExit(f"{header}: its folder is in no layer: name it in {__file__} and in docs/architecture.md")


def included(root, header):
    for line in (root / header).read_text(encoding="utf-8").splitlines():
        match = re.match(r'\s*#include "([^"]+)"', line)
        if match:
            path = match.group(1)
            target = root.parent / path if path.startswith("tenon/") else (root / header).parent / path
            yield str(target.resolve().relative_to(root.resolve()))


def main():
    root = pathlib.Path(sys.argv[1]) / "tenon"
    headers = sorted(str(p.relative_to(root)) for p in root.rglob("*") if p.suffix in (".hpp", ".cuh"))
    wrong = checked = 0
    for header in headers:
        if header in DOORS:
            continue
        number, name = layer_of(header)
        for target in included(root, header):
            checked += 1
            if target in PLAIN:
                continue
            other, other_name = layer_of(target)
            apart = name in APART and other_name not in ("", name)
            if other > number or apart or target in DOORS:
                print(f"{header} ({name or 'tenon'}) includes {target}, which stands below it")
                wrong += 1
    print(f"{len(headers)} headers, {checked} inclusions, {wrong} against the order")
    return 1 if wrong or checked < 300 else 0


if __name__ == "__main__":
    sys.exit(main())
