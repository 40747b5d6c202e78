# SPDX-License-Identifier: BSL-1.0
"""An exported model, compiled in, translates as its file does, and takes nothing from the heap.

usage: static.py TRANSLATOR CORPUS SOURCES COMPILER
"""

import pathlib
import subprocess
import sys
import tempfile

from translator import ALONE, works

PAIRS = 256

PROJECT = """
cmake_minimum_required(VERSION 3.25)
project(static_translator LANGUAGES CXX)
set(TENON_TESTS OFF)
set(TENON_EXAMPLES OFF)
add_subdirectory("{sources}" tenon)
tenon_add_static_translator(translator RECIPE tenon/recipes/d2l_1_0.hpp MODEL "{model}")
target_compile_options(translator PRIVATE -O1)
target_sources(translator PRIVATE "{sources}/tests/cli/heap_watch.cpp")
"""

HEAP = """
#include <cstdlib>
int main() { return std::malloc(1) == nullptr; }
"""


def run(*command, **options):
    """What a command prints; ends the test where it fails."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, **options)
    if done.returncode != 0:
        sys.exit(f"{command[0]}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def main():
    """Trains for a few seconds, exports, compiles, compares."""
    translator, corpus, sources, compiler = sys.argv[1:]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        model, header = folder / "model.safetensors", folder / "model.hpp"
        works(translator, "train", "--epochs", 12, "--pairs", PAIRS, "--validation-pairs", 0, "--data", corpus, "--model", model, *ALONE)
        works(translator, "export", "--model", model, "--output", header)
        (folder / "CMakeLists.txt").write_text(PROJECT.format(sources=sources, model=header), encoding="utf-8")
        build = folder / "build"
        run("cmake", "-S", folder, "-B", build, "-G", "Ninja", f"-DCMAKE_CXX_COMPILER={compiler}", "-DCMAKE_BUILD_TYPE=Release")
        run("cmake", "--build", build)

        lines = [line.split("\t")[0] for line in pathlib.Path(corpus).read_text(encoding="utf-8").splitlines()[:PAIRS]]
        lines += ["", "go\x1b .", "HE'S  calm , isn't he ?", "a b c d e f g h i j k l", "\u0130\u03a3 \u202f!", "x" * 3000]
        sentences = folder / "sentences.txt"
        sentences.write_text("\n".join(lines) + "\n", encoding="utf-8")
        printed = works(translator, "translate", "--model", model, "--file", sentences)
        wanted = [line.split("  bleu ")[0] for line in printed.splitlines()]
        said = run(build / "translator", input="\ufeff" + "\r\n".join(lines)).splitlines()
        if said != wanted:
            differing = [f"{a} | {b}" for a, b in zip(said, wanted) if a != b]
            sys.exit(f"of {len(wanted)} lines the compiled model prints {len(said)}, otherwise: " + "\n".join(differing))
        if run(build / "translator", lines[0], lines[1]).splitlines() != wanted[:2]:
            sys.exit("arguments are translated otherwise than lines")
        bad = subprocess.run([build / "translator"], input=b"go .\n\xff\n", capture_output=True)
        if bad.returncode != 1 or b"UTF-8" not in bad.stderr:
            sys.exit("invalid UTF-8 is taken for a sentence")
        bad = subprocess.run([build / "translator"], input=b"go\0 .\n", capture_output=True)
        if bad.returncode != 1 or b"NUL" not in bad.stderr:
            sys.exit("a NUL byte is taken for the end of a line")

        # The watch itself must see what a program takes.
        (folder / "heap.cpp").write_text(HEAP, encoding="utf-8")
        run(compiler, folder / "heap.cpp", pathlib.Path(sources) / "tests/cli/heap_watch.cpp", "-o", folder / "heap")
        if subprocess.run([folder / "heap"], capture_output=True).returncode != 99:
            sys.exit("heap_watch does not see malloc")
        print(f"{len(lines)} translations are the same, none takes anything from the heap")


main()
