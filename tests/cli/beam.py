# SPDX-License-Identifier: BSL-1.0
"""A translator that searches with beams: several translations of a sentence, their scores, their attention.

usage: beam.py SEARCHING GREEDY CORPUS

SEARCHING is compiled from everything.hpp beside this file, GREEDY from recipes/d2l_1_0.hpp.
"""

import pathlib
import re
import sys
import tempfile

from translator import ALONE, refuses, works

BEAMS, PAIRS = 4, 256


def main():
    """Trains, then looks at lists of translations."""
    searching, greedy, corpus = sys.argv[1:]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        of_model = ("--model", folder / "model.safetensors")
        said = works(searching, "train", "--data", corpus, "--report", folder / "report.html", *ALONE, *of_model)
        if "validation loss" not in said:
            sys.exit(f"no validation loss: {said}")
        exact = works(searching, "evaluate", "--data", corpus, "--pairs", f"1-{PAIRS}", *ALONE, *of_model)
        share = float(re.search(r"\(([0-9.]+) %\)", exact)[1])
        print(f"{share} % of what it learned from comes out exactly")
        if share < 40:
            sys.exit("it learned too little")
        sentences = [line.split("\t")[0] for line in pathlib.Path(corpus).read_text(encoding="utf-8").splitlines()[:20]]
        lists = [works(searching, "translate", sentence, "--n-best", BEAMS, *of_model).splitlines() for sentence in sentences]
        for sentence, found in zip(sentences, lists, strict=True):
            scores = [float(re.search(r"  score (-?[0-9.]+)", line)[1]) for line in found]
            distinct = {re.match(r".*? => (.*?)  score", line)[1] for line in found}
            if len(found) != BEAMS or scores != sorted(scores, reverse=True) or max(scores) > 0 or len(distinct) != BEAMS:
                sys.exit(f"'{sentence}': expected {BEAMS} different translations, the best first: {found}")
            best = works(searching, "translate", sentence, *of_model).splitlines()[0]
            if not found[0].startswith(best.split("  bleu")[0]) or "score" in best:
                sys.exit(f"'{sentence}': the best of the list is not what is printed alone: {best}")
        page = folder / "where.html"
        works(searching, "translate", sentences[0], "--n-best", 2, "--attention", page, *of_model)
        if page.read_text(encoding="utf-8").count("<svg") != 1:
            sys.exit("expected one picture, of the best translation")
        refuses(searching, f"{BEAMS} hypotheses", "translate", "go .", "--n-best", BEAMS + 1, *of_model)
        refuses(greedy, "greedily", "translate", "go .", "--n-best", 1, *of_model)


main()
