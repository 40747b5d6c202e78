# SPDX-License-Identifier: BSL-1.0
"""Trains translators with several seeds and prints what they have learnt: the medians, and each seed's figures.

usage: quality.py TRANSLATOR... [--data DATA] [--seeds 1-5] [--pytorch PYTHON] [--table] [-- options of `train`]

With --pytorch, the program of a Python that has PyTorch, the recipes that peers/pytorch_quality.py knows are trained there too, with
the same seeds; their random numbers are others. Each TRANSLATOR is a tenon-translate program, DATA a file of sentence pairs, by default the real text that the recipe was
published with, which is not part of this project. Without it nothing is measured and the exit code is 77 (skipped).
"""
import argparse
import math
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

FRA = Path(__file__).resolve().parents[1] / ".." / "shared" / "data" / "fra-eng" / "fra.txt"
FIGURES = {
    "train_loss": re.compile(r"^train loss ([0-9.]+)$", re.M),
    "best_validation": re.compile(r"^validation loss [0-9.]+ \(best ([0-9.]+)\)$", re.M),
    "bleu": re.compile(r"^bleu ([0-9.]+)$", re.M),
}


def seed_range(text):
    """`A-B` or `A` as a list of seeds."""
    match = re.fullmatch(r"(\d+)(?:-(\d+))?", text)
    if not match:
        raise argparse.ArgumentTypeError(f"'{text}' is neither a seed nor a range like 1-5")
    first, last = int(match[1]), int(match[2] or match[1])
    if last < first:
        raise argparse.ArgumentTypeError(f"'{text}' is an empty range")
    return list(range(first, last + 1))


PEER = Path(__file__).parent / "peers" / "pytorch_quality.py"


def known_to_peer(python):
    """The names of the recipes that PyTorch can train."""
    run = subprocess.run([python, PEER, "--list"], capture_output=True, text=True, check=False)
    if run.returncode != 0:
        sys.exit(f"quality.py: {python} cannot train with PyTorch: {run.stderr.strip()[-300:]}")
    return run.stdout.split()


def train(translator, data, seed, options):
    """The figures that one training ends with, by name. The translator: a command."""
    with tempfile.TemporaryDirectory() as folder:
        command = [*translator, "train", "--data", str(data), "--seed", str(seed), *options]
        run = subprocess.run([*command, "--model", f"{folder}/model"], capture_output=True, text=True, check=False)
    found = {name: pattern.search(run.stdout) for name, pattern in FIGURES.items()}
    missing = [name for name, match in found.items() if match is None and name != "best_validation"]
    if run.returncode != 0 or missing:
        sys.exit(f"quality.py: {Path(translator[-1]).name}, seed {seed}, ended with code {run.returncode}: {run.stderr.strip()[-500:]}")
    return {name: float(match[1]) if match else math.nan for name, match in found.items()}


def line(key, figures):
    """One line that scripts read."""
    return f"QUALITY {key} " + " ".join(f"{name}={value:.3f}" for name, value in figures.items())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("translators", nargs="+", metavar="TRANSLATOR")
    parser.add_argument("--data", type=Path, default=FRA)
    parser.add_argument("--seeds", type=seed_range, default=seed_range("1-5"), metavar="A-B")
    parser.add_argument("--pytorch", metavar="PYTHON", help="train with PyTorch too, where it has the recipe")
    parser.add_argument("--table", action="store_true", help="end with the medians as a Markdown table")
    own = sys.argv[1:]
    split = own.index("--") if "--" in own else len(own)
    arguments, options = parser.parse_intermixed_args(own[:split]), own[split + 1:]
    for translator in arguments.translators:
        if not Path(translator).is_file():
            sys.exit(f"quality.py: there is no {translator}: build the target {Path(translator).name} and name its file")
    if not arguments.data.is_file():
        if arguments.data != FRA:
            sys.exit(f"quality.py: there is no {arguments.data}: name a file of sentence pairs")
        print(f"quality.py: skipped: there is no {arguments.data}")
        sys.exit(77)
    by_peer = known_to_peer(arguments.pytorch) if arguments.pytorch else []
    commands = {}
    for translator in arguments.translators:
        name = Path(translator).name
        commands[name] = [translator]
        if name in by_peer:
            commands[f"{name} in PyTorch"] = [arguments.pytorch, str(PEER), name]
    rows = []
    for name, translator in commands.items():
        every = []
        for seed in arguments.seeds:
            every.append(train(translator, arguments.data, seed, options))
            print(line(f"{name} seed={seed}", every[-1]), flush=True)
        medians = {key: statistics.median(figures[key] for figures in every) for key in FIGURES}
        medians["mean_bleu"] = statistics.mean(figures["bleu"] for figures in every)
        print(line(f"{name} median_of={len(every)}", medians), flush=True)
        validation = "–" if math.isnan(medians["best_validation"]) else f"{medians['best_validation']:.3f}"
        rows.append(f"| `{name}` | {medians['train_loss']:.3f} | {validation} | "
                    f"{medians['bleu']:.3f} | {medians['mean_bleu']:.3f} |")
    if arguments.table:
        print("\n| translator | train loss | best validation loss | BLEU(2) | its mean |\n|---|---|---|---|---|")
        print("\n".join(rows))


if __name__ == "__main__":
    main()
