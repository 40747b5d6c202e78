# SPDX-License-Identifier: BSL-1.0
"""A translator of another recipe: LSTM, no attention, nothing to validate on, a loss that is a sum over sentence pairs.

usage: recipes.py OTHER TRANSLATOR CORPUS

OTHER is compiled from recipes/mxnet_lstm_plain.hpp, TRANSLATOR from recipes/d2l_1_0.hpp.
"""

import pathlib
import re
import sys
import tempfile

from translator import ALONE, refuses, works

TARGET_STEPS = 9


def main():
    """Trains, evaluates and translates, and asks for what the recipe does not have."""
    other, translator, corpus = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        model = pathlib.Path(folder) / "model.safetensors"
        of_model = ("--model", model)
        said = works(other, "train", "--data", corpus, "--pairs", 256, "--epochs", 150, *ALONE, *of_model)
        if "validation loss" in said:
            sys.exit(f"there was nothing to validate on, but it says: {said}")
        train_loss = float(re.search(r"^train loss ([0-9.]+)$", said, re.MULTILINE)[1])
        evaluated = works(other, "evaluate", "--data", corpus, "--pairs", "1-256", *ALONE, *of_model)
        loss = float(re.search(r"^loss ([0-9.]+)$", evaluated, re.MULTILINE)[1])
        # `train` prints the loss of a word divided by the steps, and does so before it learns from a batch.
        print(f"train loss {train_loss}, {train_loss * TARGET_STEPS:.3f} a word; after it {loss}")
        if not 0.5 * loss <= train_loss * TARGET_STEPS <= 3 * loss or loss > 1:
            sys.exit("the losses of training and of evaluation do not fit, or nothing was learned")
        if "=> " not in works(other, "translate", "Go .", *of_model):
            sys.exit("it did not translate")
        refuses(other, "no attention", "translate", "Go .", "--attention", f"{folder}/a.html", *of_model)
        refuses(other, "--loss", "train", "--loss", "steps", "--data", corpus, *of_model)
        refuses(translator, "mxnet-lstm-plain", "translate", "Go .", *of_model)


main()
