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
    """What tells the editions apart, without options the 1.0 edition; `include/tenon/recipes` says where each comes from."""

    batch: int = 128
    source_steps: int = 9
    target_steps: int = 9
    width: int = 256
    dropout: float = 0.2
    epochs: int = 30
    pairs: int = 512
    validation: int = 129
    rnn: type = nn.GRU
    decoder: type = Decoder
    decoder_options: dict = {}
    spaced: str = ",.!?"  # the punctuation that is a word of its own
    keep_empty: bool = False  # two spaces in a row make an empty word
    source_end: tuple = ("<eos>",)
    seen: int = 2  # how often a word must be, to be known
    by_frequency: bool = False  # the vocabulary's order: that, or code points
    every_step: bool = True  # the loss is a mean over all steps, pads among them
    sum_of_pairs: bool = False  # … or the sum over pairs that the 0.17 edition descends
    divided: bool = False  # that sum's gradient is divided by the words once it has been clipped
    xavier: tuple = (nn.GRU,)  # the layers whose matrices start Xavier-uniform
    zero_biases: bool = False
    samples: tuple = SAMPLES


BASE = Recipe()
EARLY = Recipe(batch=64, source_steps=10, target_steps=10, width=32, dropout=0.1, epochs=250, pairs=601, validation=0,
               keep_empty=True, by_frequency=True, every_step=False, sum_of_pairs=True, xavier=(nn.GRU, nn.Linear))
LSTM = EARLY._replace(target_steps=9, dropout=0.0, epochs=200, pairs=1001, rnn=nn.LSTM, spaced=",.!", source_end=(), seen=3,
                      divided=True, xavier=(nn.LSTM, nn.Linear, nn.Embedding), zero_biases=True,
                      samples=(("go .", "va !"), ("wow !", "ça alors !"), ("i'm ok .", "je vais bien ."),
                               ("i won !", "j'ai gagné !")))
RECIPES = {
    "tenon-translate": BASE,
    "tenon-translate-plain": BASE._replace(decoder=FixedContextDecoder, every_step=False),
    "tenon-translate-0.17": EARLY,
    "tenon-translate-0.17-plain": EARLY._replace(decoder=FixedContextDecoder, epochs=300),
    "tenon-translate-mxnet-lstm": LSTM,
    "tenon-translate-mxnet-lstm-plain": LSTM._replace(decoder=FixedContextDecoder, decoder_options={"fed": False}, epochs=300),
}


def words_of(sentence, recipe):
    """Lowercase words; a space before each of the recipe's punctuation marks that has none."""
    plain = sentence.replace("\u202f", " ").replace("\xa0", " ").lower()
    words = re.sub(rf"(?<=[^ ])([{recipe.spaced}])", r" \1", plain).split(" ")
    return words if recipe.keep_empty else list(filter(None, words))


class Vocabulary:
    """Words seen so often or more, and the reserved ones."""

    def __init__(self, sequences, seen, by_frequency):
        counts = collections.Counter(itertools.chain.from_iterable(sequences))
        known = [word for word, count in counts.most_common() if count >= seen]
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
        pairs = [[words_of(text, recipe) for text in line.split("\t")[:2]] for line in lines]
        self.recipe = recipe
        sources = [[*source, *recipe.source_end] for source, _ in pairs]
        targets = [[*target, "<eos>"] for _, target in pairs]
        if recipe.by_frequency:  # counted before they are cut and filled up
            self.source = Vocabulary(sources, recipe.seen, True)
            self.target = Vocabulary(targets, recipe.seen, True)
        sources = [padded(words, recipe.source_steps) for words in sources]
        shifted = [padded(["<bos>", *words], recipe.target_steps + 1) for words in targets]
        if not recipe.by_frequency:
            self.source = Vocabulary(sources, recipe.seen, False)
            self.target = Vocabulary(shifted, recipe.seen, False)
        ids = self.source.encode(sources)
        both = self.target.encode(shifted)
        self.pad = self.target.ids["<pad>"]
        self.tensors = (ids, (ids != self.source.ids["<pad>"]).sum(1), both[:, :-1], both[:, 1:])

    def source_of(self, sentence):
        """One sentence as a batch: ids and valid length."""
        ids = self.source.encode([padded([*words_of(sentence, self.recipe), *self.recipe.source_end],
                                         self.recipe.source_steps)])
        return ids, (ids != self.source.ids["<pad>"]).sum(1)

    def batch(self, rows):
        """The tensors of some pairs."""
        return [tensor[rows] for tensor in self.tensors]


def start(model, recipe):
    """The recipe's matrices Xavier-uniform, its biases zero if it says so; the rest as PyTorch starts it."""
    for module in model.modules():
        for name, weight in module.named_parameters(recurse=False):
            if "weight" in name and isinstance(module, recipe.xavier):
                nn.init.xavier_uniform_(weight)
            elif "bias" in name and recipe.zero_biases:
                nn.init.zeros_(weight)


def loss_sums(model, data, recipe, rows):
    """What is descended, and for the printed loss a sum and what it is divided by."""
    *inputs, labels = data.batch(rows)
    losses = functional.cross_entropy(model(*inputs)[0].transpose(1, 2), labels, reduction="none")
    keep = torch.ones_like(losses) if recipe.every_step else (labels != data.pad).float()
    if recipe.sum_of_pairs:
        total = (losses * keep).sum() / recipe.target_steps
        return total, total.item(), keep.sum().item()
    mean = (losses * keep).sum() / keep.sum()
    return mean, mean.item(), 1


def step(model, optimiser, recipe, words):
    """Clips and descends."""
    clip_gradients(list(model.parameters()))
    if recipe.divided:
        for parameter in model.parameters():
            parameter.grad /= words
    optimiser.step()


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
    for source, label in data.recipe.samples:
        tokens = model.greedy(*data.source_of(source), data.target.ids["<bos>"], data.recipe.target_steps)[1][0].tolist()
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
                       recipe.rnn, decoder=recipe.decoder, **recipe.decoder_options)
    start(model, recipe)
    optimiser = torch.optim.Adam(model.parameters(), lr=RATE)
    validation, last = [], math.nan
    for _ in range(arguments.epochs or recipe.epochs):
        model.train()
        printed = divided = 0.0
        for rows in torch.randperm(recipe.pairs).split(recipe.batch):
            optimiser.zero_grad()
            loss, total, count = loss_sums(model, data, recipe, rows)
            loss.backward()
            step(model, optimiser, recipe, count)
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
