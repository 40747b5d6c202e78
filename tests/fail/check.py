#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Checks that a wrong program is refused with the message that its author should see.

usage: check.py gcc|clang FILE -- COMPILER OPTION...

FILE holds a wrong program, and the right one under `#ifdef FIXED`. Comment lines say what the first line with
"error:" must contain:
    // EXPECT: text          for each compiler
    // EXPECT-GCC: text      for one of them
    // EXPECT-CLANG: text
Checked are: it does not compile; all expected texts stand in the first error line; that line, or one that says from
where it was required, names a line of FILE; the whole diagnostic has at most 25 lines; with -DFIXED it compiles.
"""
import os
import re
import subprocess
import sys

LINES = 25


def expected_texts(path, compiler):
    texts = []
    with open(path, encoding="utf-8") as source:
        for line in source:
            match = re.match(r"\s*// EXPECT(?:-(GCC|CLANG))?: (.*\S)", line)
            if match and match.group(1) in (None, compiler.upper()):
                texts.append(match.group(2))
    return texts


def compact(text):
    """Without what compilers spell differently: `> >`, and blanks after commas."""
    return re.sub(r",\s+", ",", re.sub(r">\s+(?=>)", ">", text))


def diagnose(command):
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"})
    return done.returncode, done.stderr.rstrip()


def complaints(path, compiler, command):
    expected = expected_texts(path, compiler)
    if not expected:
        yield f"no `// EXPECT: text` for {compiler}"
    if "#ifdef FIXED" not in open(path, encoding="utf-8").read():
        yield "no `#ifdef FIXED` with the right program"

    code, output = diagnose([*command, path])
    lines = output.splitlines()
    errors = [line for line in lines if "error:" in line]
    if code == 0 or not errors:
        yield "the wrong program compiled" if code == 0 else "the compiler failed without an error line"
    else:
        for text in expected:
            if compact(text) not in compact(errors[0]):
                yield f"the first error line lacks: {text}"
        if not any(re.search(re.escape(os.path.basename(path)) + r":\d+", line) for line in lines):
            yield "no line of the program is named"
        if len(lines) > LINES:
            yield f"the diagnostic has {len(lines)} lines, at most {LINES} are allowed"

    code, fixed_output = diagnose([*command, "-DFIXED", path])
    if code != 0:
        yield f"the right program (-DFIXED) does not compile:\n{fixed_output}"
    print(output)


def main():
    if len(sys.argv) < 5 or sys.argv[1] not in ("gcc", "clang") or sys.argv[3] != "--":
        sys.exit("usage: check.py gcc|clang FILE -- COMPILER OPTION...")
    compiler, path, command = sys.argv[1], sys.argv[2], sys.argv[4:]
    found = list(complaints(path, compiler, [*command, "-fdiagnostics-color=never"]))
    for complaint in found:
        print(f"{path}: {complaint}")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
