# SPDX-License-Identifier: BSL-1.0
"""The small recipes in PyTorch: reads the same text, trains, and ends with the lines that `tenon-translate train` ends with.

usage: pytorch_quality.py RECIPE train --data FILE --seed N [--epochs N] [--threads N]
       pytorch_quality.py --list

What other seeds give stands beside what they give in Tenon: see benchmarks/quality.py. The text rules are written here once
more, so that they are checked too; the model is the reference that Tenon's numbers are compared with.
"""

import argparse
import collections
import itertools
import math
import re
import sys
from pathlib import Path
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "reference"))

from seq2seq_reference import Decoder, FixedContextDecoder, Translator, clip_gradients

RESERVED = ("<pad>", "<bos>", "<eos>")
UNKNOWN = "<unk>"
RATE = 0.005
SAMPLES = (
    ("go .", "va !"),
    ("i lost .", "j'ai perdu ."),
    ("he's calm .", "il est calme ."),
    ("i'm home .", "je suis chez moi ."),
)


class Recipe(NamedTuple):
    """What tells the editions apart; `include/tenon/recipes` says where each comes from."""

    batch: int
    steps: int
    width: int
    dropout: float
    epochs: int
    pairs: int
    validation: int
    decoder: type
    by_frequency: bool  # the vocabulary's order: that, or code points
    every_step: bool  # the loss is a mean over all steps, pads among them
    sum_of_pairs: bool  # … or the sum over pairs that the 0.17 edition descends
    xavier_linear: bool  # linear layers start as the recurrent ones do


BASE = Recipe(128, 9, 256, 0.2, 30, 512, 129, Decoder, False, True, False, False)
EARLY = Recipe(64, 10, 32, 0.1, 250, 601, 0, Decoder, True, False, True, True)
RECIPES = {
    "tenon-translate": BASE,
    "tenon-translate-plain": BASE._replace(decoder=FixedContextDecoder, every_step=False),
    "tenon-translate-0.17": EARLY,
    "tenon-translate-0.17-plain": EARLY._replace(decoder=FixedContextDecoder, epochs=300),
}


def words_of(sentence):
    """Lowercase words; a space before each of ,.!? that has none."""
    plain = sentence.replace("\u202f", " ").replace("\xa0", " ").lower()
    return re.sub(r"(?<=[^ ])([,.!?])", r" \1", plain).split()


class Vocabulary:
    """Words seen twice or more, and the reserved ones."""

    def __init__(self, sequences, by_frequency):
        counts = collections.Counter(itertools.chain.from_iterable(sequences))
        known = [word for word, count in counts.most_common() if count >= 2]
        if by_frequency:
            self.words = list(dict.fromkeys((UNKNOWN, *RESERVED, *known)))
        else:
            self.words = sorted({UNKNOWN, *known})
        self.ids = {word: number for number, word in enumerate(self.words)}

    def encode(self, sequences):
        """Ids (sequences, steps)."""
        return torch.tensor([[self.ids.get(word, self.ids[UNKNOWN]) for word in words] for words in sequences])


def padded(words, steps):
    """Cut or filled up to so many."""
    return (words + ["<pad>"] * steps)[:steps]


class Data:
    """Pairs as ids: source and its valid lengths, the decoder's input, labels."""

    def __init__(self, path, recipe):
        lines = path.read_text(encoding="utf-8").splitlines()[: recipe.pairs + recipe.validation]
        pairs = [line.split("\t")[:2] for line in lines]
        self.steps = recipe.steps
        sources = [padded([*words_of(source), "<eos>"], recipe.steps) for source, _ in pairs]
        targets = [[*words_of(target), "<eos>"] for _, target in pairs]
        if recipe.by_frequency:  # counted before they are cut and filled up, <eos> among them
            self.source = Vocabulary(([*words_of(source), "<eos>"] for source, _ in pairs), True)
            self.target = Vocabulary(targets, True)
        shifted = [padded(["<bos>", *words], recipe.steps + 1) for words in targets]
        if not recipe.by_frequency:
            self.source, self.target = Vocabulary(sources, False), Vocabulary(shifted, False)
        ids = self.source.encode(sources)
        both = self.target.encode(shifted)
        self.pad = self.target.ids["<pad>"]
        self.tensors = (ids, (ids != self.source.ids["<pad>"]).sum(1), both[:, :-1], both[:, 1:])

    def batch(self, rows):
        """The tensors of some pairs."""
        return [tensor[rows] for tensor in self.tensors]


def start(model, xavier_linear):
    """Recurrent matrices, and linear ones if asked, Xavier-uniform; the rest as PyTorch starts it."""
    for module in model.modules():
        if isinstance(module, nn.GRU):
            for name, weight in module.named_parameters():
                if "weight" in name:
                    nn.init.xavier_uniform_(weight)
        elif isinstance(module, nn.Linear) and xavier_linear:
            nn.init.xavier_uniform_(module.weight)


def loss_sums(model, data, recipe, rows):
    """What is descended, and for the printed loss a sum and what it is divided by."""
    *inputs, labels = data.batch(rows)
    losses = functional.cross_entropy(model(*inputs)[0].transpose(1, 2), labels, reduction="none")
    keep = torch.ones_like(losses) if recipe.every_step else (labels != data.pad).float()
    if recipe.sum_of_pairs:
        total = (losses * keep).sum() / recipe.steps
        return total, total.item(), keep.sum().item()
    mean = (losses * keep).sum() / keep.sum()
    return mean, mean.item(), 1


def bleu(said, label, most=2):
    """exp(min(0, 1 − label/said)) ∏ p_n^(1/2ⁿ)."""
    if not said:
        return 0.0
    score = math.exp(min(0, 1 - len(label) / len(said)))
    for n in range(1, min(most, len(said)) + 1):
        grams = [collections.Counter(zip(*(words[i:] for i in range(n)), strict=False)) for words in (said, label)]
        score *= ((grams[0] & grams[1]).total() / (len(said) - n + 1)) ** 0.5**n
    return score


def mean_bleu(model, data):
    """Over the sample sentences, translated greedily."""
    scores = []
    for source, label in SAMPLES:
        ids = data.source.encode([padded([*words_of(source), "<eos>"], data.steps)])
        valid = (ids != data.source.ids["<pad>"]).sum(1)
        tokens = model.greedy(ids, valid, data.target.ids["<bos>"], data.steps)[1][0].tolist()
        words = [data.target.words[token] for token in tokens]
        scores.append(bleu(words[: words.index("<eos>")] if "<eos>" in words else words, label.split()))
    return sum(scores) / len(scores)


def main():
    if sys.argv[1:] == ["--list"]:
        print("\n".join(RECIPES))
        return
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipe", choices=RECIPES)
    parser.add_argument("what", choices=("train",))
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, help="by default the recipe's")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--model", help="ignored: nothing is saved")
    arguments = parser.parse_args()
    recipe = RECIPES[arguments.recipe]
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)
    data = Data(arguments.data, recipe)
    model = Translator(len(data.source.words), len(data.target.words), recipe.width, recipe.width, 2, recipe.dropout,
                       decoder=recipe.decoder)
    start(model, recipe.xavier_linear)
    optimiser = torch.optim.Adam(model.parameters(), lr=RATE)
    validation, last = [], math.nan
    for _ in range(arguments.epochs or recipe.epochs):
        model.train()
        printed = divided = 0.0
        for rows in torch.randperm(recipe.pairs).split(recipe.batch):
            optimiser.zero_grad()
            loss, total, count = loss_sums(model, data, recipe, rows)
            loss.backward()
            clip_gradients(list(model.parameters()))
            optimiser.step()
            printed, divided = printed + total, divided + count
        last = printed / divided
        model.eval()
        if recipe.validation:
            rows = torch.arange(recipe.pairs, recipe.pairs + recipe.validation).split(recipe.batch)
            with torch.no_grad():
                sums = [loss_sums(model, data, recipe, part)[1:] for part in rows]
            validation.append(sum(total for total, _ in sums) / sum(count for _, count in sums))
    print(f"train loss {last:.3f}")
    if validation:
        print(f"validation loss {validation[-1]:.3f} (best {min(validation):.3f})")
    print(f"bleu {mean_bleu(model, data):.3f}")


if __name__ == "__main__":
    main()
