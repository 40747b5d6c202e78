#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""The measuring commands that pages and scripts name take their options: each is given text or programs that are not there, and
must complain of that, not of its command line. Nothing is built or trained.

usage: commands.py PROJECT
"""
import importlib.util
import re
import subprocess
import sys
import tempfile
from pathlib import Path

NAMED = re.compile(r"scripts/(held_out|quality|experiments|bench)\.sh((?: +[-\w,./]+)*)(?=[`;]|$)")
MISSING = "/there/is/nothing"


def command(script, options, folder):
    """How the script runs its Python, with nothing to work on."""
    split = options.index("--") if "--" in options else len(options)
    own, further = options[:split], options[split:]
    nothing = ["--data", MISSING]
    if script == "held_out":
        return ["held_out.py", MISSING, "--work", folder, *own, *nothing, *further]
    if script == "quality":
        return ["quality.py", MISSING, "--table", *own, *nothing, *further]
    if script == "experiments":
        return ["experiments.py", MISSING, *own, *nothing, *further]
    if own[:1] == ["text"]:
        return ["text.py", MISSING, *own[1:], *further]
    return ["run.py", "--tenon", MISSING, "--peers", "pytorch", *own, *further]


def main():
    project = Path(sys.argv[1])
    pages = [project / "README.md", *project.glob("docs/**/*.md"), *project.glob("scripts/*.sh")]
    found, wrong = set(), []
    for page in pages:
        for line in page.read_text(encoding="utf-8").splitlines():
            found |= {(m[1], tuple(m[2].split())) for m in NAMED.finditer(line)}
    for script, options in sorted(found):
        if script == "experiments" and importlib.util.find_spec("matplotlib") is None:
            continue  # the script brings it
        with tempfile.TemporaryDirectory() as folder:
            words = command(script, list(options), folder)
            done = subprocess.run([sys.executable, project / "benchmarks" / words[0], *words[1:]], capture_output=True, text=True)
        said = done.stderr.strip().splitlines()
        if done.returncode == 0 or not said or MISSING not in said[-1]:
            wrong.append(f"scripts/{script}.sh {' '.join(options)}: exit code {done.returncode}: {said[-1] if said else 'nothing said'}")
    print("\n".join(wrong) or f"{len(found)} commands take their options")
    sys.exit(1 if wrong or len(found) < 5 else 0)


if __name__ == "__main__":
    main()
