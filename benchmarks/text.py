# SPDX-License-Identifier: BSL-1.0
"""Measures the translator of sub-words on real text beside the same model in PyTorch: learning and translating.

usage: text.py TRANSLATOR [--python PYTHON] [--model FILE] [--data FOLDER] [--threads LIST] [--rounds N] [--out FILE]

TRANSLATOR is tenon-translate-subword, PYTHON has torch, sentencepiece and safetensors. Both learn from Multi30k (German to English),
from random weights and with the same sub-words, and translate its test set by the same model: the most probable word at each step or
five beams, one sentence after another or several at a time: Tenon as many as its recipe says, PyTorch 24. They take turns; the medians over the rounds are compared. Tenon's times
are those of the whole program, from its start to its end; PyTorch's begin when everything is loaded and warm.
MODEL is what scripts/held_out.sh de-en trained; without it one is trained first, for one epoch. The text is not part of this project:
without FOLDER nothing is measured and the exit code is 77 (skipped).
"""

import argparse
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SHARED = Path(__file__).resolve().parents[1] / ".." / "shared" / "data"
PEER = Path(__file__).resolve().parent / "peers" / "pytorch_text_peer.py"
SECONDS = 20  # of learning, each time
BEAMS = 5  # of the recipe
TOGETHER = 24  # sentences that PyTorch takes at a time; more make its greedy decoding faster still
RATE = re.compile(r"([0-9,]+) tokens/s")


def progress(text):
    """Tells the user what goes on."""
    print(text, file=sys.stderr, flush=True)


def run(command, cores, **more):
    """What a command prints, run on the first so many cores; ends this program if it fails."""
    chosen = sorted(os.sched_getaffinity(0))[:cores]
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, text=True, check=False,
                          preexec_fn=lambda: os.sched_setaffinity(0, chosen), **more)
    if done.returncode != 0:
        sys.exit(f"text.py: this ended with code {done.returncode}: {' '.join(map(str, command))}")
    return done.stdout


class Sides:
    """Tenon and PyTorch at the same work."""

    def __init__(self, arguments, work):
        self.arguments, self.work = arguments, work
        folder = arguments.data / "multi30k"
        self.train_files = [folder / "train.de", folder / "train.en"]
        self.test_file = folder / "test_2016_flickr.de"

    def peer(self, what, threads, *more):
        """What the peer says of its work."""
        return json.loads(run([self.arguments.python, PEER, self.arguments.model, what, "--threads", threads, *more], threads))

    def tenon_learns(self, threads):
        """Words of the target a second, told by its progress until it is asked to stop."""
        command = [self.arguments.translator, "train", "--data", *self.train_files, "--validation-pairs", 0, "--epochs", 50,
                   "--model", self.work / "learning.safetensors", "--threads", threads]
        chosen = sorted(os.sched_getaffinity(0))[:threads]
        with subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              preexec_fn=lambda: os.sched_setaffinity(0, chosen)) as process:
            begin, rate = None, None
            for line in process.stdout:
                if found := RATE.findall(line):
                    begin, rate = begin or time.monotonic(), float(found[-1].replace(",", ""))
                    if time.monotonic() - begin > SECONDS:
                        break
            process.send_signal(signal.SIGTERM)  # SIGINT is ignored by what a shell runs in the background
            process.stdout.read()
        if rate is None:
            sys.exit(f"text.py: {self.arguments.translator} did not say how fast it learns")
        return rate

    def peer_learns(self, threads):
        """The same of the peer."""
        return self.peer("train", threads, "--data", *self.train_files, "--seconds", SECONDS)["words_per_second"]

    def tenon_translates(self, threads, beams, together):
        """Sentences a second, and the translations."""
        command = [self.arguments.translator, "translate", "--model", self.arguments.model, "--threads", threads]
        command += ["--greedy"] if beams == 1 else []
        begin = time.monotonic()
        if together > 1:
            said = run([*command, "--file", self.test_file], threads)
        else:  # line by line, as they come
            with open(self.test_file, encoding="utf-8") as lines:
                said = run(command, threads, stdin=lines)
        seconds = time.monotonic() - begin
        made = [line.split(" => ", 1)[1].split("  bleu ")[0] for line in said.splitlines()]
        return len(made) / seconds, made

    def peer_translates(self, threads, beams, together):
        """The same of the peer."""
        out = self.work / "translations.txt"
        said = self.peer("translate", threads, "--data", self.test_file, "--out", out, "--beams", beams, "--batch", together)
        return said["sentences"] / said["seconds"], out.read_text(encoding="utf-8").splitlines()


def compared(what, threads, ours, theirs, unit):
    """The record of a measurement."""
    tenon, peer = statistics.median(ours), statistics.median(theirs)
    return {"config": "subword", "what": what, "threads": threads, "unit": unit, "tenon": tenon, "peer": "pytorch", "peer_value": peer,
            "ratio": tenon / peer, "tenon_rounds": ours, "peer_rounds": theirs}


def bench_line(record):
    """A record as a line that scripts read."""
    same = f" same_translations={record['same']:.3f}" if "same" in record else ""
    return (f"BENCH config=subword what={record['what']} threads={record['threads']} tenon_{record['unit']}={record['tenon']:.1f} "
            f"peer={record['peer']} peer_{record['unit']}={record['peer_value']:.1f} ratio={record['ratio']:.2f}{same}")


def measure(sides, threads, rounds):
    """The records of so many threads."""
    ours, theirs = [], []
    for number in range(rounds):
        ours.append(sides.tenon_learns(threads))
        theirs.append(sides.peer_learns(threads))
        progress(f"  learning, round {number + 1} of {rounds}: tenon {ours[-1]:.0f}, pytorch {theirs[-1]:.0f} words/s")
    yield compared("train", threads, ours, theirs, "words_per_s")
    for beams, how in ((1, "greedy"), (BEAMS, "beam")):
        for together, where in ((1, "one"), (TOGETHER, "batched")):
            ours, theirs = [], []
            for number in range(rounds):
                rate, made = sides.tenon_translates(threads, beams, together)
                ours.append(rate)
                rate, expected = sides.peer_translates(threads, beams, together)
                theirs.append(rate)
                progress(f"  {how}, {where}, round {number + 1} of {rounds}: tenon {ours[-1]:.1f}, "
                         f"pytorch {theirs[-1]:.1f} sentences/s")
            if len(made) != len(expected):
                sys.exit(f"text.py: {len(made)} translations of Tenon, {len(expected)} of PyTorch")
            same = sum(a == b for a, b in zip(made, expected)) / len(made)
            # Sums in another order may turn a choice between two words that are as likely as each other.
            if same < 0.9:
                sys.exit(f"text.py: only {same:.0%} of the translations are the same: this is not the same model")
            yield compared(f"translate_{how}_{where}", threads, ours, theirs, "sentences_per_s") | {"same": same}


def parse_options():
    """The checked command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("translator", type=Path)
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--model", type=Path, default=Path("build/held_out/de-en.safetensors"))
    parser.add_argument("--data", type=Path, default=SHARED)
    parser.add_argument("--threads", default="1")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    if not arguments.translator.is_file():
        parser.error(f"there is no {arguments.translator}: scripts/bench.sh builds it")
    cores = len(os.sched_getaffinity(0))
    if not all(word.isdecimal() and 1 <= int(word) <= cores for word in arguments.threads.split(",")):
        parser.error(f"--threads {arguments.threads}: a list of numbers from 1 to {cores} is expected")
    if arguments.rounds < 1:
        parser.error("--rounds is at least 1")
    arguments.threads = [int(word) for word in arguments.threads.split(",")]
    return arguments


def main():
    """Measures what the command line asks for."""
    arguments = parse_options()
    if not (arguments.data / "multi30k").is_dir():
        print(f"text.py: skipped: there is no {arguments.data / 'multi30k'}")
        sys.exit(77)
    records = []
    with tempfile.TemporaryDirectory() as name:
        sides = Sides(arguments, Path(name))
        if not arguments.model.is_file():
            progress(f"there is no {arguments.model}: training for an epoch (minutes)")
            arguments.model = sides.work / "model.safetensors"
            subprocess.run([arguments.translator, "train", "--data", *sides.train_files, "--epochs", "1", "--validation-pairs", "0",
                            "--model", arguments.model], stdout=sys.stderr, check=True)
        for threads in arguments.threads:
            progress(f"subword, {threads} thread{'s' if threads > 1 else ''}")
            for record in measure(sides, threads, arguments.rounds):
                print(bench_line(record), flush=True)
                records.append(record)
                if arguments.out:
                    arguments.out.write_text(json.dumps({"measurements": records}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("text.py: interrupted")
