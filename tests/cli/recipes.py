# SPDX-License-Identifier: BSL-1.0
"""A translator of a recipe that differs from the 1.0 recipe in all that it can: see everything.hpp.

usage: recipes.py OTHER TRANSLATOR CORPUS

OTHER is compiled from everything.hpp beside this file, TRANSLATOR from recipes/d2l_1_0.hpp.
"""

import pathlib
import re
import sys
import tempfile

from translator import ALONE, refuses, works

BEAMS, PAIRS, TARGET_STEPS = 4, 256, 10


def check_losses(other, corpus, of_model):
    """Trains and evaluates: nothing to validate on, and a training loss in the recipe's units."""
    said = works(other, "train", "--data", corpus, *ALONE, *of_model)
    if "validation loss" in said:
        sys.exit(f"there was nothing to validate on, but it says: {said}")
    train_loss = float(re.search(r"^train loss ([0-9.]+)$", said, re.MULTILINE)[1])
    evaluated = works(other, "evaluate", "--data", corpus, "--pairs", f"1-{PAIRS}", *ALONE, *of_model)
    loss = float(re.search(r"^loss ([0-9.]+)$", evaluated, re.MULTILINE)[1])
    share = float(re.search(r"\(([0-9.]+) %\)", evaluated)[1])
    # `train` prints the loss of a word divided by the steps, before it learns from a batch, against smoothed labels.
    print(f"train loss {train_loss}, {train_loss * TARGET_STEPS:.3f} a word; after it {loss}; {share} % come out exactly")
    if not 0.5 * loss <= train_loss * TARGET_STEPS <= loss + 1.5 or share < 40:
        sys.exit("the losses of training and of evaluation do not fit, or too little was learned")


def check_references(other, corpus, folder, of_model):
    """A sentence that two pairs share is measured with each translation alone, and with both."""
    sentence = pathlib.Path(corpus).read_text(encoding="utf-8").split("\t", 1)[0]
    made = re.match(r".*? => (.*?)(  bleu .*)?$", works(other, "translate", sentence, *of_model))[1]
    file = folder / "shared.tsv"
    file.write_text(f"{sentence}\t{made}\n{sentence}\tquelque chose d'autre\n", encoding="utf-8")
    said = works(other, "evaluate", "--data", file, *ALONE, *of_model)
    scores = [float(score) for score in re.findall(r"^corpus chrf2 ([0-9.]+)", said, re.MULTILINE)]
    if "sentences 1, each with all its references" not in said or "(nrefs:2|" not in said or len(scores) != 2 or not scores[0] < scores[1] == 100:
        sys.exit(f"the translation is one of two references, but this is said: {said}")


def check_scores(other, corpus, folder, of_model):
    """A given translation scores as it does where a search finds it, and a wrong one less."""
    sentences = [line.split("\t")[0] for line in pathlib.Path(corpus).read_text(encoding="utf-8").splitlines()[:12]]
    found = []
    for sentence in sentences:
        for line in works(other, "translate", sentence, "--n-best", BEAMS, *of_model).splitlines():
            found.append(re.match(r"(.*?) => (.*?)  score (-?[0-9.]+)", line).groups())
    file = folder / "found.tsv"
    file.write_text("".join(f"{source}\t{target}\n" for source, target, _ in found), encoding="utf-8")
    scored = works(other, "score", "--data", file, *ALONE, *of_model).splitlines()
    if len(scored) != len(found):
        sys.exit(f"expected a score for each of {len(found)} pairs: {scored}")
    alike = 0
    for (source, target, score), line in zip(found, scored, strict=True):
        if not line.startswith(f"{source} => {target}  score "):
            sys.exit(f"'{line}' is not the score of {source} => {target}")
        alike += abs(float(line.rsplit(" ", 1)[1]) - float(score)) < 0.002
    # A search may have spelt a translation by other sub-words than those that it is split into.
    if alike < 0.7 * len(found):
        sys.exit(f"only {alike} of {len(found)} scores are those of the search: {found}, {scored}")
    print(f"{alike} of {len(found)} given translations score as where the search found them")


def check_buckets(other, corpus):
    """Buckets for the corpus, by the tokens of the recipe."""
    said = works(other, "buckets", "--data", corpus, "--count", 3)
    parts = [float(part) for part in re.findall(r"([0-9.]+) % in", said)]
    if len(re.findall(r"bucket\{\d+, \d+, \d+\}", said)) != 3 or len(parts) != 2 or not parts[0] < parts[1] <= 100:
        sys.exit(f"expected three buckets and what they save: {said}")


def check_lists(other, corpus, folder, of_model):
    """Looks at several translations of a sentence and their scores, and at sentences translated together."""
    lines = pathlib.Path(corpus).read_text(encoding="utf-8").splitlines()
    sentences, alone = [line.split("\t")[0] for line in lines[:10] + lines[-10:]], []
    for sentence in sentences:
        found = works(other, "translate", sentence, "--n-best", BEAMS, *of_model).splitlines()
        scores = [float(re.search(r"  score (-?[0-9.]+)", made)[1]) for made in found]
        # Other sub-words may spell the same words.
        distinct = {re.match(r".*? => (.*?)  score", made)[1] for made in found}
        if len(found) != BEAMS or scores != sorted(scores, reverse=True) or max(scores) > 0 or len(distinct) < 2:
            sys.exit(f"'{sentence}': expected {BEAMS} different translations, the best first: {found}")
        best = works(other, "translate", sentence, *of_model).splitlines()[0]
        if not found[0].startswith(best.split("  bleu")[0]) or "score" in best:
            sys.exit(f"'{sentence}': the best of the list is not what is printed alone: {best}")
        alone.append(best)
    file = folder / "sentences.txt"
    file.write_text("\n".join([*sentences[:7], "", *sentences[7:]]) + "\n", encoding="utf-8")
    together = works(other, "translate", "--file", file, *of_model).splitlines()
    if together.pop(7) != "" or len(together) != len(alone):
        sys.exit(f"expected a line for each line of the file: {together}")
    # Sums are taken in another order, which may decide between translations that are as likely as each other.
    if sum(a == b for a, b in zip(alone, together)) < len(alone) - 1:
        sys.exit(f"together sentences come out in another way than alone: {together}, {alone}")


def check_greedy(other, corpus, folder, of_model):
    """The most probable word at each step is often what the search finds."""
    file = folder / "greedy.txt"
    sentences = [line.split("\t")[0] for line in pathlib.Path(corpus).read_text(encoding="utf-8").splitlines()[:PAIRS:4]]
    file.write_text("".join(f"{sentence}\n" for sentence in sentences), encoding="utf-8")
    made = {}
    for how in ((), ("--greedy",)):
        made[how] = works(other, "translate", "--file", file, *how, *of_model).splitlines()
        if len(made[how]) != len(sentences):
            sys.exit(f"expected {len(sentences)} lines of {how}: {made[how]}")
    searched, greedy = made.values()
    alike = sum(a == b for a, b in zip(searched, greedy))
    if not 0.5 * len(sentences) < alike:
        sys.exit(f"{alike} of {len(sentences)} translations are what the search finds: {greedy}, {searched}")
    alone = [works(other, "translate", sentence, "--greedy", *of_model).splitlines()[0] for sentence in sentences[:8]]
    if sum(a == b for a, b in zip(alone, greedy)) < 7:
        sys.exit(f"alone sentences come out in another way than together: {alone}, {greedy}")
    print(f"{alike} of {len(sentences)} translations without a search are what it finds")
    refuses(other, "--greedy", "translate", "go .", "--greedy", "--n-best", 1, *of_model)


def check_ensembles(other, translator, corpus, folder, of_model):
    """Copies of a model translate as it does alone, different ones are no worse than their mean."""
    single = of_model[1]
    file = folder / "together.txt"
    file.write_text("".join(f"{line.split(chr(9))[0]}\n" for line in pathlib.Path(corpus).read_text(encoding="utf-8").splitlines()[:40]), encoding="utf-8")

    def found(models, *how):
        """Each line without its score, and the scores."""
        said = works(other, "translate", "--file", file, *how, *(word for model in models for word in ("--model", model)))
        return re.sub(r"  score .*", "", said).splitlines(), [float(score) for score in re.findall(r"  score (\S+)", said)]

    for how in ((), ("--greedy",), ("--weights", "float32"), ("--n-best", BEAMS)):
        (alone, scores), (copies, their_scores) = found([single], *how), found([single, single], *how)
        alike = sum(a == b for a, b in zip(alone, copies, strict=True))
        # Rounding may decide between translations that are as likely as each other.
        if alike < 0.95 * len(alone) or any(abs(a - b) > 0.01 for a, b in zip(scores, their_scores, strict=True)):
            sys.exit(f"{how}: a model and its copy say {copies}, alone it says {alone}")
    # Of each option its own file: what follows it is a sentence.
    if works(other, "translate", "--model", single, "--model", single, "go .") != works(other, "translate", *of_model, "go ."):
        sys.exit("a model and its copy translate an argument in another way than the model alone")

    second, stranger = folder / "second.safetensors", folder / "stranger.safetensors"
    works(other, "train", "--data", corpus, "--epochs", 20, "--seed", 2, "--model", second, *ALONE)
    works(other, "train", "--data", corpus, "--epochs", 1, "--pairs", 200, "--model", stranger, *ALONE)

    def loss(*models):
        said = works(other, "evaluate", "--data", corpus, "--pairs", f"1-{PAIRS + 100}", *ALONE, *(word for model in models for word in ("--model", model)))
        return float(re.search(r"^loss ([0-9.]+)$", said, re.MULTILINE)[1])

    first, other_one, both, copies = loss(single), loss(second), loss(single, second), loss(single, single)
    print(f"losses {first} and {other_one}, together {both}")
    # A mean's logarithm is no smaller than the mean of the logarithms.
    if abs(copies - first) > 0.001 or not both <= (first + other_one) / 2 + 0.001 or both == first:
        sys.exit(f"losses {first} and {other_one}, together {both}, the first and its copy {copies}")
    refuses(other, f"{single}", "translate", "go .", "--model", single, "--model", stranger)
    refuses(other, "stranger.safetensors: has other vocabularies", "translate", "go .", "--model", single, "--model", stranger)
    refuses(other, "--model", "score", "--data", corpus, "--model", single, "--model", second)
    refuses(translator, "takes one model", "translate", "go .", "--model", single, "--model", second)


def check_alignments(translator, corpus, folder):
    """Each token of a translation is aligned to one of the source."""
    model = folder / "aligned.safetensors"
    works(translator, "train", "--data", corpus, "--epochs", 20, "--pairs", PAIRS, "--validation-pairs", 0, "--model", model, *ALONE)
    for sentence, words in (("go .", 2), ("i lost .", 3)):
        said = works(translator, "translate", "--align", sentence, "--model", model).splitlines()[0]
        found = re.match(r".* => (.*?)(?:  bleu [0-9.]+)?  align (.*)$", said)
        pairs = [tuple(map(int, pair.split("-"))) for pair in found[2].split()]
        if [target for _, target in pairs] != list(range(len(found[1].split()))) or not all(0 <= source < words for source, _ in pairs):
            sys.exit(f"'{sentence}': these are not its tokens: {said}")


def check_held_out(other, corpus, folder):
    """Trains on two files line by line, validates on two others, in one go and with a break."""
    pairs = [line.split("\t")[:2] for line in pathlib.Path(corpus).read_text(encoding="utf-8").splitlines()[:200]]
    files = {}
    for name, part in (("train", pairs[:160]), ("held_out", pairs[160:])):
        for side, language in enumerate(("en", "fr")):
            files[name, language] = path = folder / f"{name}.{language}"
            path.write_text("".join(f"{pair[side]}\n" for pair in part), encoding="utf-8")
    data = ("--pairs", 160, "--data", files["train", "en"], files["train", "fr"])
    held_out = ("--validation-data", files["held_out", "en"], files["held_out", "fr"])
    whole, broken = folder / "whole.safetensors", folder / "broken.safetensors"
    best_by = ("--best-by", "chrf", "--keep", "best", "--decay", "none")
    said = works(other, "train", *data, *held_out, "--epochs", 4, *best_by, "--model", whole, *ALONE)
    if not re.search(r"^validation chrf [0-9.]+ \(best [0-9.]+\)$", said, re.MULTILINE):
        sys.exit(f"expected the score of what is validated on: {said}")
    if "160 pairs to train on, 40 to validate on" not in said or "validation loss" not in said:
        sys.exit(f"expected 160 pairs to train on and 40 to validate on: {said}")
    for epochs in (2, 4):
        works(other, "train", *data, *held_out, "--epochs", epochs, *best_by, "--model", broken,
              "--checkpoint", folder / "state", *ALONE)
    if whole.read_bytes() != broken.read_bytes():
        sys.exit("a training with a break gives another model")
    refuses(other, "schedule", "train", *data, *held_out, "--epochs", 5, "--best-by", "chrf", "--model", broken,
            "--checkpoint", folder / "state")
    said = works(other, "train", *data, *held_out, "--epochs", 60, "--learning-rate", 0.05, "--patience", 2,
                 "--model", whole, *ALONE)
    best = re.search(r"of epoch (\d+), the best of (\d+)", said)
    if not best or int(best[2]) != int(best[1]) + 2 or int(best[2]) == 60:
        sys.exit(f"expected an end two epochs after the best one: {said}")


def main():
    """Trains, evaluates and translates, and asks for what the recipes do not have."""
    other, translator, corpus = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        of_model = ("--model", pathlib.Path(folder) / "model.safetensors")
        check_losses(other, corpus, of_model)
        check_lists(other, corpus, pathlib.Path(folder), of_model)
        check_greedy(other, corpus, pathlib.Path(folder), of_model)
        check_buckets(other, corpus)
        check_references(other, corpus, pathlib.Path(folder), of_model)
        check_scores(other, corpus, pathlib.Path(folder), of_model)
        check_ensembles(other, translator, corpus, pathlib.Path(folder), of_model)
        check_held_out(other, corpus, pathlib.Path(folder))
        refuses(other, f"{BEAMS} hypotheses", "translate", "go .", "--n-best", BEAMS + 1, *of_model)
        check_alignments(translator, corpus, pathlib.Path(folder))
        refuses(other, "no attention", "translate", "Go .", "--align", *of_model)
        refuses(other, "no attention", "translate", "Go .", "--attention", f"{folder}/a.html", *of_model)
        refuses(other, "--loss", "train", "--loss", "steps", "--data", corpus, *of_model)
        refuses(translator, "everything", "translate", "Go .", *of_model)
        refuses(translator, "greedily", "translate", "go .", "--n-best", 1, *of_model)


main()
