# SPDX-License-Identifier: BSL-1.0
"""Trains a translator on real text and measures it on sentences that it has not seen, cased and detokenised.

usage: held_out.py TRANSLATORS [TASK...] [--data FOLDER] [--work FOLDER] [--epochs N] [--evaluate] [-- options of `train`]

TRANSLATORS is the folder where tenon-translate-subword and tenon-translate-subword-short are. Tasks: de-en and en-fr (Multi30k,
test_2016_flickr) and tatoeba (English to French; 2 % of the English sentences are held out, with all their translations). The text is
not part of this project: without FOLDER nothing is trained and the exit code is 77 (skipped).
With --evaluate the models of an earlier run, which are in WORK, are measured again.
What comes out is printed as a table and kept in WORK: TASK.log (of each epoch the last line), TASK.json with the losses of each epoch,
TASK.svg with their curve, TASK.html.
"""
import argparse
import hashlib
import io
import json
import re
import subprocess
import sys
import time
from pathlib import Path

SHARED = Path(__file__).resolve().parents[1] / ".." / "shared" / "data"
TASKS = {"de-en": "subword", "en-fr": "subword", "tatoeba": "subword-short"}  # and their translators
EPOCH = re.compile(r"^epoch (\d+)/(\d+) .*?loss ([0-9.]+) .*?validation ([0-9.]+)", re.M)
SCORE = re.compile(r"^corpus (bleu|chrf2) ([0-9.]+) \((nrefs:.*)\)$", re.M)
MEASURED = re.compile(r"^pairs \d.*", re.M | re.S)  # what `evaluate` prints
PARTS = {"train": range(30, 1000), "validation": range(20, 30), "test": range(20)}  # of a thousand hashes


def multi30k(folder, source, target):
    """The data of `train`, of its validation, and of `evaluate`."""
    files = {part: [folder / f"multi30k/{name}.{language}" for language in (source, target)]
             for part, name in (("train", "train"), ("validation", "val"), ("test", "test_2016_flickr"))}
    return files


def tatoeba(folder, work):
    """The same of Tatoeba's pairs, split by English sentence: else the test's translations were seen in training."""
    files = {part: [work / f"tatoeba.{part}.tsv"] for part in PARTS}
    lines = {part: [] for part in PARTS}
    if not (folder / "fra-eng/fra.txt").is_file():
        sys.exit(f"held_out.py: there is no {folder / 'fra-eng/fra.txt'}: name the folder that has it with --data")
    for line in (folder / "fra-eng/fra.txt").read_text(encoding="utf-8").splitlines():
        english, french = line.split("\t")[:2]
        place = int(hashlib.sha256(english.encode()).hexdigest(), 16) % 1000
        for part, places in PARTS.items():
            if place in places:
                lines[part].append(f"{english}\t{french}\n")
    for part, (path,) in files.items():
        path.write_text("".join(lines[part]), encoding="utf-8")
    return files


def compact(lines):
    """Without progress but for the last line of each epoch."""
    def epoch(line):
        found = re.match(r"(epoch \d+)/", line)
        return found and found[1]
    return [line for line, after in zip(lines, [*lines[1:], ""]) if not epoch(line) or epoch(line) != epoch(after)]


def translator_of(task, arguments):
    """The program that a task is for."""
    translator = arguments.translators / f"tenon-translate-{TASKS[task]}"
    if not translator.is_file():
        sys.exit(f"held_out.py: there is no {translator}: scripts/held_out.sh builds it")
    return translator


def loss_curve(report):
    """The first picture of a training's report: its losses by epoch."""
    return re.search(r"<svg.*?</svg>", report.read_text(encoding="utf-8"), re.S)[0].replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1) + "\n"


def run(command, log, *folders):
    """Runs a command, shows what it prints and keeps it, with paths as seen from the folders; ends this program if it fails."""
    printed = []
    with subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            print(line, end="", flush=True)
            printed.append(line)
    for line in compact(printed):
        for folder in folders:
            line = line.replace(f"{folder}/", "")
        log.write(line)
    if process.returncode != 0:
        sys.exit(f"held_out.py: {command[1]} ended with code {process.returncode}")
    return "".join(printed)


def trained(task, files, arguments, options):
    """Trains a model; what is to be known of it."""
    work = arguments.work
    with open(work / f"{task}.log", "w", encoding="utf-8") as log:
        begin = time.monotonic()
        printed = run([translator_of(task, arguments), "train", "--data", *files["train"], "--validation-data", *files["validation"],
                       "--model", work / f"{task}.safetensors", "--report", work / f"{task}.html", *options], log, arguments.data, work)
        minutes = (time.monotonic() - begin) / 60
    (work / f"{task}.svg").write_text(loss_curve(work / f"{task}.html"), encoding="utf-8")
    epochs = {int(epoch): {"train_loss": float(loss), "validation_loss": float(validation)}
              for epoch, _, loss, validation in EPOCH.findall(printed)}
    return {"task": task, "options": options, "minutes": round(minutes, 1), "epochs": list(epochs.values())}


def trained_before(task, arguments):
    """What an earlier run wrote down of its model."""
    known, log = arguments.work / f"{task}.json", arguments.work / f"{task}.log"
    for path in (known, log, arguments.work / f"{task}.safetensors"):
        if not path.is_file():
            sys.exit(f"held_out.py: there is no {path}: leave --evaluate out to train a model")
    try:
        result = json.loads(known.read_text(encoding="utf-8"))
        result["task"], result["minutes"], result["epochs"]
    except (ValueError, KeyError, TypeError):
        sys.exit(f"held_out.py: {known} is damaged: leave --evaluate out to train a model")
    return result


def measure(task, arguments, options):
    """Trains and evaluates; what is to be known of it."""
    work = arguments.work
    files = tatoeba(arguments.data, work) if task == "tatoeba" else multi30k(arguments.data, *task.split("-"))
    result = trained_before(task, arguments) if arguments.evaluate else trained(task, files, arguments, options)
    begin = time.monotonic()
    measured = io.StringIO()
    evaluated = run([translator_of(task, arguments), "evaluate", "--data", *files["test"], "--model", work / f"{task}.safetensors"],
                    measured, arguments.data, work)
    log = work / f"{task}.log"
    log.write_text(MEASURED.sub("", log.read_text(encoding="utf-8")) + measured.getvalue(), encoding="utf-8")
    result["evaluation_seconds"] = round(time.monotonic() - begin, 1)
    scores = [{"name": name, "score": float(score), "signature": signature} for name, score, signature in SCORE.findall(evaluated)]
    result["scores"] = scores
    (work / f"{task}.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return result


def row_of(result):
    """A line of the table: of several references, if there are, behind those of one."""
    def values(name):
        return ", ".join(f"{score['score']:.1f}" for score in result["scores"] if score["name"] == name)
    return f"| {result['task']} | {len(result['epochs'])} | {result['minutes']:.0f} min | {values('bleu')} | {values('chrf2')} |"


def main():
    own = sys.argv[1:]
    split = own.index("--") if "--" in own else len(own)
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("translators", type=Path)
    parser.add_argument("tasks", nargs="*", metavar="TASK", help=", ".join(TASKS))
    parser.add_argument("--data", type=Path, default=SHARED)
    parser.add_argument("--work", type=Path, default=Path("build/held_out"))
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--evaluate", action="store_true", help="measure the models of an earlier run again")
    arguments, options = parser.parse_intermixed_args(own[:split]), own[split + 1:]
    for task in arguments.tasks:
        if task not in TASKS:
            parser.error(f"there is no task '{task}': choose among {', '.join(TASKS)}")
    if not arguments.data.is_dir():
        if arguments.data != SHARED:
            sys.exit(f"held_out.py: there is no {arguments.data}: name the folder that has multi30k and fra-eng")
        print(f"held_out.py: skipped: there is no {arguments.data}")
        sys.exit(77)
    if arguments.evaluate and (arguments.epochs or options):
        parser.error("--evaluate trains nothing: leave --epochs and options of `train` out")
    if arguments.epochs:
        options += ["--epochs", str(arguments.epochs)]
    arguments.work.mkdir(parents=True, exist_ok=True)
    rows = [row_of(measure(task, arguments, options)) for task in arguments.tasks or TASKS]
    print("\n| task | epochs | training | BLEU | chrF2 |\n|---|---|---|---|---|")
    print("\n".join(rows))


if __name__ == "__main__":
    main()
