#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Compiles the C++ of a Markdown page, and runs what is marked.

usage: check.py PAGE -- COMPILER OPTION...

Counted are blocks fenced as ```cpp alone; ```cpp no-compile and other languages are text. Comments before a block say more:
    <!-- continue -->   the block goes on where the one before it ended
    <!-- run -->        the program is linked and run, too, and must give 0
A program without an #include gets tenon/tenon.hpp and `using namespace tenon`. Unless there is a main, includes and
declarations of types and functions go to namespace scope, statements into a function, each in their order.
"""
import os
import re
import subprocess
import sys
import tempfile

LIBRARIES = ["-lopenblas", "-lutf8proc"]
DECLARATION = re.compile(
    r"(template\b|struct\b|class\b|enum\b|union\b|namespace\b|concept\b|using\b|inline\b|consteval\b|constinit\b)"
)
FUNCTION = re.compile(r"(constexpr\s+|static\s+)*[\w:<>,&*\s]+\s[\w:]+\([^=]*\)(\s*(const|noexcept|->[^{]*))*\s*\{")
CONTROL = re.compile(r"(for|while|if|else|do|switch|try|return)\b")


def programs(page):
    """Lists of (line number, text) of the page's programs, and whether each is run."""
    found = []
    lines = open(page, encoding="utf-8").read().splitlines()
    marks, i = set(), 0
    while i < len(lines):
        line = lines[i].strip()
        fence = re.match(r"(`{3,})\s*(.*)$", line)
        if fence:
            begin = i + 1
            end = begin
            while end < len(lines) and not lines[end].strip().startswith(fence.group(1)):
                end += 1
            if fence.group(2) == "cpp":
                block = [(n + 1, lines[n]) for n in range(begin, end)]
                if "continue" in marks and found:
                    found[-1][0].extend(block)
                    found[-1][1] = found[-1][1] or "run" in marks
                else:
                    found.append([block, "run" in marks])
            marks = set()
            i = end
        elif line:
            comment = re.fullmatch(r"<!--\s*(continue|run)\s*-->", line)
            marks = marks | {comment.group(1)} if comment else set()
        i += 1
    return found


def without_comments(text):
    text = re.sub(r'"(\\.|[^"\\])*"', '""', text)
    text = re.sub(r"'(\\.|[^'\\])'", "' '", text)
    return re.sub(r"//.*", "", text)


def chunks(block):
    """Splits at namespace scope: preprocessor lines, and what ends with `;` or `}` outside of brackets."""
    chunk, depth = [], 0
    for number, line in block:
        code = without_comments(line)
        if not chunk and code.strip() == "":
            continue
        chunk.append((number, line))
        if depth == 0 and code.lstrip().startswith("#"):
            yield chunk
            chunk = []
            continue
        depth += sum(code.count(c) for c in "({[") - sum(code.count(c) for c in ")}]")
        if depth <= 0 and re.search(r"[;}]\s*$", code):
            yield chunk
            chunk, depth = [], 0
    if chunk:
        yield chunk


def is_declaration(chunk):
    text = without_comments(chunk[0][1]).strip()
    whole = " ".join(without_comments(line).strip() for _, line in chunk)
    if text.startswith("#") or DECLARATION.match(text):
        return True
    return not CONTROL.match(text) and FUNCTION.match(whole) is not None and not whole.split("{")[0].count("=")


def place(chunk, page):
    return "".join(f'#line {number} "{page}"\n{line}\n' for number, line in chunk)


def program_text(block, page):
    """The whole translation unit of one program."""
    code = "\n".join(line for _, line in block)
    head = "" if re.search(r"^\s*#\s*include", code, re.M) else "#include <tenon/tenon.hpp>\nusing namespace tenon;\n"
    if re.search(r"\bint\s+main\s*\(", code):
        return head + place(block, page)
    outside, inside = "", ""
    for chunk in chunks(block):
        if is_declaration(chunk):
            outside += place(chunk, page)
        else:
            inside += place(chunk, page)
    return f"{head}{outside}int main() {{\n{inside}}}\n"


def check(page, block, runs, command):
    with tempfile.TemporaryDirectory() as folder:
        source, binary = os.path.join(folder, "snippet.cpp"), os.path.join(folder, "snippet")
        with open(source, "w", encoding="utf-8") as out:
            out.write(program_text(block, page))
        extra = ["-o", binary, source, *LIBRARIES] if runs else ["-fsyntax-only", source]
        if subprocess.run([*command, *extra]).returncode != 0:
            return f"{page}:{block[0][0]}: this block does not compile"
        if runs:
            code = subprocess.run([binary], cwd=folder, stdin=subprocess.DEVNULL).returncode
            if code != 0:
                return f"{page}:{block[0][0]}: this program ended with {code}"
    return None


def main():
    if len(sys.argv) < 4 or sys.argv[2] != "--":
        sys.exit("usage: check.py PAGE -- COMPILER OPTION...")
    page = sys.argv[1]
    found = [(block, runs) for block, runs in programs(page) if block]
    complaints = [c for block, runs in found if (c := check(page, block, runs, sys.argv[3:]))]
    print(f"{page}: {len(found)} programs, {sum(runs for _, runs in found)} of them run")
    print("\n".join(complaints))
    sys.exit(1 if complaints else 0)


if __name__ == "__main__":
    main()
