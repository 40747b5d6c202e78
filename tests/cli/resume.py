# SPDX-License-Identifier: BSL-1.0
"""A training that is killed at random moments and goes on from its checkpoint ends with the same model, bit for bit.

usage: resume.py TRANSLATOR CORPUS
"""

import pathlib
import random
import subprocess
import sys
import tempfile
import time

from translator import ALONE, refuses, works

KILLS, EPOCHS, PAIRS = 10, 12, 256


def main():
    """Trains once without interruption, once with ten kills, and compares the files."""
    translator, corpus = sys.argv[1:]
    chance = random.Random(1)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        whole, killed, checkpoint = folder / "whole", folder / "killed", folder / "checkpoint"
        asked = ("train", "--data", corpus, "--epochs", EPOCHS, "--pairs", PAIRS, "--validation-pairs", 64, *ALONE)
        start = time.monotonic()
        works(translator, *asked, "--model", whole)
        seconds = time.monotonic() - start
        resuming = (*asked, "--model", killed, "--checkpoint", checkpoint)
        kills = resumed = 0
        while kills < KILLS:
            child = subprocess.Popen([translator, *map(str, resuming)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            time.sleep(chance.uniform(0, 0.6 * seconds))
            child.kill()
            said, error = child.communicate()
            if child.returncode == 0:  # it was done before: begin anew
                checkpoint.unlink()
                continue
            if child.returncode != -9:
                sys.exit(f"it ended with {child.returncode}: {error.decode()}")
            kills += 1
            resumed += "going on after epoch" in said.decode()
            if killed.exists() and killed.read_bytes() != whole.read_bytes():
                sys.exit("a killed training left a model file that is not the whole one's")
        works(translator, *resuming)
        print(f"{KILLS} kills, {resumed} trainings went on from a checkpoint; an uninterrupted one takes {seconds:.1f} s")
        if not resumed:
            sys.exit("no training went on from a checkpoint: there is nothing to compare")
        if killed.read_bytes() != whole.read_bytes():
            sys.exit("the models differ")
        left = [path.name for path in folder.iterdir() if path not in (whole, killed, checkpoint)]
        if len(left) > KILLS:
            sys.exit(f"more left behind than each kill may leave: {left}")
        longer = ("train", "--data", corpus, "--epochs", EPOCHS + 1, "--pairs", PAIRS, "--validation-pairs", 64, *ALONE)
        if "going on after epoch 12" not in works(translator, *longer, "--model", killed, "--checkpoint", checkpoint):
            sys.exit("a finished training does not go on for another epoch")
        refuses(translator, "seed", *resuming, "--seed", 2)
        refuses(translator, "sentence pairs", "train", "--data", reversed_corpus(folder, corpus), *resuming[3:])
        whole_state = checkpoint.read_bytes()
        for size in (0, 7, len(whole_state) // 2, len(whole_state) - 1):
            checkpoint.write_bytes(whole_state[:size])
            refuses(translator, "checkpoint", *resuming)
        refuses(translator, "no checkpoint", *asked, "--model", killed, "--checkpoint", whole)


def reversed_corpus(folder, corpus):
    """The same pairs in another order."""
    path = folder / "reversed.tsv"
    lines = pathlib.Path(corpus).read_text(encoding="utf-8").splitlines()[:PAIRS + 64]
    path.write_text("\n".join(reversed(lines)) + "\n", encoding="utf-8")
    return path


main()
