# SPDX-License-Identifier: BSL-1.0
"""Writes the reference files of the translators other than the 1.0 recipe's; run it again only when they change.

    python make_variants.py --out tests/reference/data

One file for each, variant_NAME: weight.NAME, source (B,T), source_valid (B), target_input and labels (B,S), logits
(B,S,V), loss (1), grad.NAME for each parameter, tokens (B,S) of greedy decoding without a stop, beam_tokens (B,beams,S),
beam_totals and beam_lengths (B,beams) of beam search, filled up with <eos>. Made as make_reference.py makes its files: small
and random, without dropout, in float64 from weights that float32 holds exactly.
"""

import argparse
import platform
import sys
from pathlib import Path

import torch
from torch import nn

from make_reference import (BOS, EOS, LAYERS, PAD, SMALLEST_MARGIN, SOURCE_VOCABULARY, TARGET_STEPS, TARGET_VOCABULARY,
                            make_batch, random_weights, save)
from seq2seq_reference import (BidirectionalEncoder, DotProductAttention, FixedContextDecoder, LuongDecoder, NormalisedGRU,
                               NormalisedLSTM, Translator, masked_loss)

EMBEDDING, HIDDENS = 6, 8
BEAMS, ALPHA = 4, 0.6
SMALLEST_BEAM_MARGIN = 1e-4  # between scores of hypotheses
SEEDS = 10_000
SMALLEST_GRADIENT = 5e-4  # of each parameter's largest
VARIANTS = {
    "lstm": {"rnn": nn.LSTM},
    "dot": {"attention": DotProductAttention},
    "lstm_dot": {"rnn": nn.LSTM, "attention": DotProductAttention},
    "plain": {"decoder": FixedContextDecoder},
    "lstm_plain": {"rnn": nn.LSTM, "decoder": FixedContextDecoder, "fed": False},
    "bidirectional": {"encoder": BidirectionalEncoder},
    "bidirectional_lstm": {"encoder": BidirectionalEncoder, "rnn": nn.LSTM},
    "normalised_gru": {"rnn": NormalisedGRU},
    "normalised_lstm": {"rnn": NormalisedLSTM, "ends": False},
    "tied": {"embedding": HIDDENS, "tied": True},
    "projected_tied": {"tied": True},
    "smoothed": {"smoothing": 0.1},
    "input_feeding": {"decoder": LuongDecoder, "attention": DotProductAttention},
    "input_feeding_lstm": {"decoder": LuongDecoder, "rnn": nn.LSTM},
    "luong": {"decoder": LuongDecoder, "attention": DotProductAttention, "feeding": False},
}


def variant(options, generator):
    """All tensors of one file, or none if they would test too little: words nearly tie, a gradient is tiny, no search ends early."""
    options = {"embedding": EMBEDDING} | options
    smoothing = options.pop("smoothing", 0.0)
    ends = options.pop("ends", True)
    model = Translator(SOURCE_VOCABULARY, TARGET_VOCABULARY, hiddens=HIDDENS, layers=LAYERS, **options)
    model = random_weights(model.double(), generator)
    source, source_valid, target_input, labels = make_batch(generator)
    logits, _ = model(source, source_valid, target_input)
    loss = masked_loss(logits, labels, PAD, smoothing)
    loss.backward()
    named = list(model.named_parameters())
    greedy, tokens = model.greedy(source, source_valid, BOS, TARGET_STEPS)
    if (min(parameter.grad.abs().max().item() for _, parameter in named) < SMALLEST_GRADIENT
            or greedy.topk(2).values.diff().abs().min().item() < SMALLEST_MARGIN):
        return None
    found, margin = model.beam(source, source_valid, BOS, EOS, TARGET_STEPS, BEAMS, ALPHA)
    if margin < SMALLEST_BEAM_MARGIN or ends and all(len(words) == TARGET_STEPS for row in found for words, _ in row):
        return None
    padded = [[words + [EOS] * (TARGET_STEPS - len(words)) for words, _ in row] for row in found]
    tensors = {f"weight.{name}": parameter for name, parameter in named}
    tensors |= {f"grad.{name}": parameter.grad for name, parameter in named}
    tensors |= {"source": source, "source_valid": source_valid, "target_input": target_input, "labels": labels}
    tensors |= {"logits": logits, "loss": loss.reshape(1), "tokens": tokens}
    tensors |= {"beam_tokens": torch.tensor(padded), "beam_totals": torch.tensor([[t for _, t in row] for row in found])}
    return tensors | {"beam_lengths": torch.tensor([[len(words) for words, _ in row] for row in found])}


def main():
    """Makes all files."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    versions = f"python {platform.python_version()}, torch {torch.__version__}"
    for number, (name, options) in enumerate(VARIANTS.items()):
        for seed in range(SEEDS * number, SEEDS * number + SEEDS):
            tensors = variant(options, torch.Generator().manual_seed(seed))
            if tensors is not None:
                break
        else:
            sys.exit(f"{name}: none of {SEEDS} drawings tests enough")
        print(f"{name}: loss {tensors['loss'].item():.4f}, seed {seed}")
        made = {"made_with": f"{versions}, seed {seed}", "pad": str(PAD), "bos": str(BOS), "eos": str(EOS), "alpha": str(ALPHA)}
        try:
            save(arguments.out, f"variant_{name}", tensors, made)
        except OSError as error:
            sys.exit(f"{arguments.out}: cannot write the reference files: {error}")


if __name__ == "__main__":
    main()
