# SPDX-License-Identifier: BSL-1.0
"""The experiments that Dive into Deep Learning sets on its translators, and one that shows what attention is for.

usage: experiments.py FOLDER [EXPERIMENT...] [--data FILE] [--seeds 1-3] [--work FOLDER] [--plots FOLDER]

FOLDER holds the translators. Experiments: attention (additive against dot products), cells (GRU against LSTM), context (with against
without attention, by the length of the sentence) and reversal (sequences of letters, turned round, with and without attention). Each
prints a Markdown table and draws an SVG file. FILE is a file of sentence pairs, by default the text that the recipe was published
with, which is not part of this project: without it only `reversal` runs.
"""
import argparse
import json
import random
import re
import statistics
import subprocess
import sys
from pathlib import Path

import matplotlib

from held_out import loss_curve
from quality import FIGURES, FRA, seed_range

matplotlib.use("svg")
matplotlib.rcParams.update({"svg.hashsalt": "tenon", "svg.fonttype": "none", "font.family": "sans-serif", "axes.spines.top": False,
                            "axes.spines.right": False, "figure.figsize": (7.2, 3.8), "legend.frameon": False})
import matplotlib.pyplot as plt  # noqa: E402: after its settings

BATCH, PAIRS = 128, 512  # of the 1.0 recipe
LETTERS = "abcdefghijklmnop"
LENGTHS = range(2, 25, 2)


def say(command):
    """What a command prints; ends this program if it fails."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"experiments.py: {Path(command[0]).name} {command[1]} ended with code {done.returncode}: {done.stderr.strip()[-500:]}")
    return done.stdout


class Experiment:
    """Where the translators are, what they are trained on and with which seeds, and where results go."""

    def __init__(self, arguments):
        self.folder, self.data, self.seeds = arguments.folder, arguments.data, arguments.seeds
        self.work, self.plots = arguments.work, arguments.plots

    def train(self, name, seed, data=None, options=()):
        """A training's figures, epochs, seconds, model and report."""
        model, report = self.work / f"{name}-{seed}.safetensors", self.work / f"{name}-{seed}.html"
        said = say([self.folder / name, "train", "--data", data or self.data, "--seed", seed, "--model", model, "--report", report, *options])
        result = {key: float(found[1]) for key, pattern in FIGURES.items() if (found := pattern.search(said))}
        epochs = re.search(r"^epoch \d+/(\d+) ", said, re.M)  # not where all is done at once
        result["epochs"] = int(epochs[1]) if epochs else 1
        duration = re.search(r"^trained in ([^,]+),", said, re.M)[1]  # "9.5 s", "2 min 05 s", "1 h 10 min"
        result["seconds"] = sum(float(count) * {"h": 3600, "min": 60, "s": 1}[unit] for count, unit in re.findall(r"([0-9.]+) (h|min|s)", duration))
        result |= {"model": model, "report": report}
        return result

    def arena(self, name):
        """MiB of a training step's arena."""
        line = re.search(r"^.*training step.*$", say([self.folder / name, "inspect"]), re.M)[0]
        return float(re.search(r"([0-9.]+) MiB", line)[1])

    def evaluate(self, name, model, data):
        """Figures of a model on a file of pairs."""
        said = say([self.folder / name, "evaluate", "--model", model, "--data", data])
        return {"bleu": float(re.search(r"^bleu\(2\) ([0-9.]+)", said, re.M)[1]),
                "exact": float(re.search(r"\(([0-9.]+) %\)$", said, re.M)[1])}

    def draw(self, figure, name):
        figure.tight_layout()
        figure.savefig(self.plots / f"experiment-{name}.svg", metadata={"Date": None})
        plt.close(figure)


def print_table(head, rows):
    print("| " + " | ".join(head) + " |\n" + "|---" * len(head) + "|")
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print(flush=True)


def compare(experiment, name, forms):
    """Trains forms of the 1.0 recipe: {title: translator}. Losses by epoch are kept as drawn for the first seed."""
    rows, results = [], {}
    for title, translator in forms.items():
        runs = [experiment.train(translator, seed) for seed in experiment.seeds]
        results[title] = {key: statistics.median(run[key] for run in runs) for key in (*FIGURES, "seconds")}
        results[title]["mean_bleu"] = statistics.mean(run["bleu"] for run in runs)
        results[title]["arena_mib"] = experiment.arena(translator)
        results[title]["ms_per_step"] = results[title]["seconds"] * 1e3 / (runs[0]["epochs"] * -(-PAIRS // BATCH))
        curve = experiment.plots / f"experiment-{name}-{title.lower().replace(' ', '-')}.svg"
        curve.write_text(loss_curve(runs[0]["report"]), encoding="utf-8")
        r = results[title]
        rows.append([title, f"{r['train_loss']:.3f}", f"{r['best_validation']:.3f}", f"{r['mean_bleu']:.3f}", f"{r['ms_per_step']:.0f} ms",
                     f"{r['arena_mib']:.1f} MiB"])
    print_table(["", "train loss", "best validation loss", "BLEU(2), mean", "time per step", "memory of a step"], rows)
    return results


def by_length(experiment):
    """With against without attention: which part of the training pairs comes out exactly, by the words of the source."""
    files, counts = {}, {}
    for line in experiment.data.read_text(encoding="utf-8").splitlines()[:PAIRS]:
        length = min(len(re.findall(r"[,.!?]|[^\s,.!?]+", line.split("\t")[0])), 5)
        files.setdefault(length, []).append(line + "\n")
    for length, lines in files.items():
        counts[length] = len(lines)
        (experiment.work / f"length-{length}.tsv").write_text("".join(lines), encoding="utf-8")
    lengths, results, rows = sorted(files), {}, []
    figure, axes = plt.subplots()
    for title, translator in (("with attention", "tenon-translate"), ("without", "tenon-translate-plain")):
        runs = [experiment.train(translator, seed) for seed in experiment.seeds]
        by = {length: [experiment.evaluate(translator, run["model"], experiment.work / f"length-{length}.tsv") for run in runs]
              for length in lengths}
        results[title] = {length: {key: statistics.mean(each[key] for each in by[length]) for key in ("bleu", "exact")} for length in lengths}
        axes.plot(lengths, [results[title][length]["exact"] for length in lengths], marker="o", label=title)
        rows.append([title, *(f"{results[title][length]['exact']:.0f} %" for length in lengths)])
    axes.set(xlabel="words of the sentence", ylabel="translated exactly, %", ylim=(0, 100), xticks=lengths)
    axes.legend()
    experiment.draw(figure, "context")
    print_table(["words (pairs)", *(f"{n}{'+' if n == 5 else ''} ({counts[n]})" for n in lengths)], rows)
    return results


def sequences(rng, count, lengths):
    """Pairs of a sequence of letters and the same turned round."""
    lines = []
    for _ in range(count):
        letters = [rng.choice(LETTERS) for _ in range(rng.choice(lengths))]
        lines.append(" ".join(letters) + "\t" + " ".join(reversed(letters)) + "\n")
    return "".join(lines)


def reversal(experiment):
    """Sequences turned round, by length: with attention and through a fixed context."""
    rng = random.Random(1)
    data = experiment.work / "reversal.tsv"
    data.write_text(sequences(rng, 8192, range(2, 25)), encoding="utf-8")
    for length in LENGTHS:
        (experiment.work / f"reversal-{length}.tsv").write_text(sequences(rng, 200, [length]), encoding="utf-8")
    results, rows = {}, []
    figure, axes = plt.subplots()
    for title, translator in (("with attention", "tenon-translate-sequences"), ("without", "tenon-translate-sequences-plain")):
        run = experiment.train(translator, 1, data)
        results[title] = {length: experiment.evaluate(translator, run["model"], experiment.work / f"reversal-{length}.tsv")["exact"]
                          for length in LENGTHS}
        axes.plot(LENGTHS, results[title].values(), marker="o", label=title)
        rows.append([title, *(f"{share:.0f} %" for share in results[title].values())])
    axes.set(xlabel="letters", ylabel="turned round exactly, %", ylim=(0, 101), xticks=LENGTHS)
    axes.legend()
    experiment.draw(figure, "reversal")
    print_table(["letters", *map(str, LENGTHS)], rows)
    return results


EXPERIMENTS = {
    "attention": lambda e: compare(e, "attention", {"additive": "tenon-translate", "dot products": "tenon-translate-dot"}),
    "cells": lambda e: compare(e, "cells", {"GRU": "tenon-translate", "LSTM": "tenon-translate-lstm"}),
    "context": by_length,
    "reversal": reversal,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("experiments", nargs="*", metavar="EXPERIMENT", help=", ".join(EXPERIMENTS))
    parser.add_argument("--data", type=Path, default=FRA)
    parser.add_argument("--seeds", type=seed_range, default=seed_range("1-3"), metavar="A-B")
    parser.add_argument("--work", type=Path, default=Path("build/experiments"))
    parser.add_argument("--plots", type=Path, default=Path("build/experiments"))
    arguments = parser.parse_intermixed_args()
    for name in arguments.experiments:
        if name not in EXPERIMENTS:
            parser.error(f"there is no experiment '{name}': choose among {', '.join(EXPERIMENTS)}")
    if not arguments.data.is_file() and arguments.data != FRA:
        sys.exit(f"experiments.py: there is no {arguments.data}: name a file of sentence pairs")
    for folder in (arguments.work, arguments.plots):
        folder.mkdir(parents=True, exist_ok=True)
    experiment = Experiment(arguments)
    results = {}
    for name in arguments.experiments or EXPERIMENTS:
        if name != "reversal" and not arguments.data.is_file():
            print(f"experiments.py: {name} is skipped: there is no {arguments.data}\n")
            continue
        print(f"## {name}\n", flush=True)
        results[name] = EXPERIMENTS[name](experiment)
    (arguments.work / "results.json").write_text(json.dumps(results, indent=1, default=str) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
