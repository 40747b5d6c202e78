# SPDX-License-Identifier: BSL-1.0
"""A model translates alike whether its weights are kept as float32 or as int16.

usage: weights.py TRANSLATOR CORPUS
"""

import pathlib
import re
import sys
import tempfile

from translator import ALONE, works

PAIRS = 256


def figure(name, text):
    """The number behind a name at the start of a line."""
    return float(re.search(rf"^{re.escape(name)} ([0-9.]+)", text, re.MULTILINE)[1])


def main():
    """Trains for a few seconds, then compares translations and figures."""
    translator, corpus = sys.argv[1], pathlib.Path(sys.argv[2])
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        model, sentences = folder / "model.safetensors", folder / "sentences.txt"
        works(translator, "train", "--epochs", 40, "--pairs", PAIRS, "--validation-pairs", 0, "--data", corpus, "--model", model, *ALONE)
        lines = corpus.read_text(encoding="utf-8").splitlines()[:PAIRS]
        sentences.write_text("".join(line.split("\t")[0] + "\n" for line in lines), encoding="utf-8")
        said, bleu = {}, {}
        for weights in ("float32", "int16"):
            chosen = ("--model", model, "--weights", weights)
            said[weights] = works(translator, "translate", *chosen, "--file", sentences).splitlines()
            bleu[weights] = figure("bleu(2)", works(translator, "evaluate", *chosen, "--data", corpus, "--pairs", f"1-{PAIRS}"))
        if len(said["float32"]) != PAIRS or bleu["float32"] < 0.5:
            sys.exit("the model learned too little to compare anything")
        alike = sum(a == b for a, b in zip(said["float32"], said["int16"], strict=True))
        print(f"{alike} of {PAIRS} translations are the same; bleu(2) {bleu['float32']} and {bleu['int16']}")
        if alike < 0.996 * PAIRS or abs(bleu["float32"] - bleu["int16"]) > 0.005:
            sys.exit("int16 changes too many translations")
        if works(translator, "translate", "--model", model, "--file", sentences).splitlines() != said["int16"]:
            sys.exit("without --weights something else is said than with int16")


main()
