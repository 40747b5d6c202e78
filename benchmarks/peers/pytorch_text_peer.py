# SPDX-License-Identifier: BSL-1.0
"""The translator of sub-words (recipe subword_gru) in PyTorch, on real text: how fast it learns, how fast it translates.

usage: pytorch_text_peer.py MODEL train --data SOURCES TARGETS [--seconds N] [--threads N]
       pytorch_text_peer.py MODEL translate --data SOURCES --out FILE [--beams N] [--batch N] [--threads N]

MODEL is a file that tenon-translate-subword saved: its sub-words are used, and to translate its weights. Prints one line of JSON.
What does not depend on the step is outside the loops; sentences of like length are together; a batch ends when its sentences do.
"""

import argparse
import json
import os
import random
import sys
import time
from pathlib import Path

PAD, BOS, EOS = 1, 2, 3
BUCKETS = ((128, 14), (96, 20), (64, 26), (32, 42))  # pairs in a batch, and the longest sentence with <eos>
EMBEDDING, HIDDENS = 256, 512
DROPOUT, SMOOTHING, AVERAGE, RATE, CLIP = 0.3, 0.1, 0.999, 0.001, 1.0
LENGTH_PENALTY = 1.0


def options():
    """Reads the command line, binds the process to its cores; call it before importing PyTorch."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("what", choices=("train", "translate"))
    parser.add_argument("--data", type=Path, nargs="+", required=True)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--beams", type=int, default=1)
    parser.add_argument("--batch", type=int, default=1)
    arguments = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: arguments.threads])
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(arguments.threads)
    return arguments


if __name__ == "__main__":
    ARGUMENTS = options()

import safetensors.numpy
import sentencepiece
import torch
from torch import nn
from torch.nn import functional


class Translator(nn.Module):
    """A bidirectional GRU encoder, a GRU decoder with additive attention, an output tied to its embedding.

    Extents: B sentences, T and S steps of source and target, E embedding, H hiddens, V vocabulary.
    """

    def __init__(self, source_words, target_words):
        super().__init__()
        self.source_embedding = nn.Embedding(source_words, EMBEDDING)
        self.target_embedding = nn.Embedding(target_words, EMBEDDING)
        self.encoder = nn.GRU(EMBEDDING, HIDDENS // 2, bidirectional=True)
        self.decoder = nn.GRUCell(HIDDENS + EMBEDDING, HIDDENS)
        self.project_query = nn.Linear(HIDDENS, HIDDENS, bias=False)
        self.project_key = nn.Linear(HIDDENS, HIDDENS, bias=False)
        self.score = nn.Linear(HIDDENS, 1, bias=False)
        self.projection = nn.Linear(HIDDENS, EMBEDDING)
        self.output_bias = nn.Parameter(torch.zeros(target_words))
        nn.init.normal_(self.target_embedding.weight, std=0.0625)

    def dropped(self, x):
        """Dropout while training."""
        return functional.dropout(x, DROPOUT, self.training)

    def encode(self, source, lengths):
        """Source (B,T), the longest first, and lengths (B) to memory (values, keys (B,T,H), mask (B,T)) and state (B,H)."""
        embedded = self.dropped(self.source_embedding(source.t()))
        packed = nn.utils.rnn.pack_padded_sequence(embedded, lengths)
        packed, state = self.encoder(packed)
        outputs, _ = nn.utils.rnn.pad_packed_sequence(packed, total_length=source.shape[1])
        values = self.dropped(outputs.transpose(0, 1).contiguous())
        mask = torch.arange(source.shape[1]) >= lengths[:, None]
        return (values, self.project_key(values), mask), torch.cat((state[0], state[1]), -1)

    def gates_of_words(self, words):
        """The embeddings' share of the cell's gates, biases included: words (...) to (...,3H)."""
        embedded = self.dropped(self.target_embedding(words))
        return functional.linear(embedded, self.decoder.weight_ih[:, HIDDENS:], self.decoder.bias_ih)

    def step(self, gates, state, memory):
        """One decoding step: gates of the words (B,3H) and state (B,H) to the new state."""
        values, keys, mask = memory
        features = torch.tanh(self.project_query(state).unsqueeze(1) + keys)
        scores = self.score(features).squeeze(-1).masked_fill(mask, -1e6)
        context = torch.bmm(torch.softmax(scores, -1).unsqueeze(1), values).squeeze(1)
        from_input = gates + functional.linear(context, self.decoder.weight_ih[:, :HIDDENS])
        from_state = functional.linear(state, self.decoder.weight_hh, self.decoder.bias_hh)
        both = torch.sigmoid(from_input[:, : 2 * HIDDENS] + from_state[:, : 2 * HIDDENS])
        reset, update = both.chunk(2, -1)
        new = torch.tanh(torch.addcmul(from_input[:, 2 * HIDDENS :], reset, from_state[:, 2 * HIDDENS :]))
        return torch.lerp(new, state, update)

    def logits(self, states):
        """States (...,H) to logits (...,V)."""
        return functional.linear(self.projection(self.dropped(states)), self.target_embedding.weight, self.output_bias)

    def forward(self, source, lengths, target_input):
        """Teacher forcing: the decoder's states (S,B,H)."""
        memory, state = self.encode(source, lengths)
        states = []
        for gates in self.gates_of_words(target_input.t()).unbind(0):
            state = self.step(gates, state, memory)
            states.append(state)
        return torch.stack(states)

    def loss(self, source, lengths, target_input, labels):
        """The mean cross entropy over words, with smoothed labels; logits are made where there is a word."""
        kept = labels.t() != PAD
        logits = self.logits(self(source, lengths, target_input)[kept])
        return functional.cross_entropy(logits, labels.t()[kept], label_smoothing=SMOOTHING)


NAMES = {
    "encoder.embedding.": "source_embedding.",
    "encoder.rnn.": "encoder.",
    "decoder.embedding.": "target_embedding.",
    "decoder.attention.W_q.": "project_query.",
    "decoder.attention.W_k.": "project_key.",
    "decoder.attention.w_v.": "score.",
    "decoder.dense.projection.": "projection.",
    "decoder.dense.bias": "output_bias",
}


def load(path):
    """The model of a file, its weights and sub-words."""
    tensors = safetensors.numpy.load_file(path)
    subwords = [sentencepiece.SentencePieceProcessor(model_proto=tensors.pop(f"{side}_subwords").tobytes())
                for side in ("source", "target")]
    weights = {}
    for name, tensor in tensors.items():
        for ours, theirs in NAMES.items():
            name = name.replace(ours, theirs)
        if name.startswith("decoder.rnn."):
            name = name.replace("rnn.", "").removesuffix("_l0")
        weights[name] = torch.from_numpy(tensor)
    model = Translator(*(s.get_piece_size() for s in subwords))
    model.load_state_dict(weights)
    return model, *subwords


def padded(rows):
    """Lists of tokens as one tensor."""
    return nn.utils.rnn.pad_sequence([torch.tensor(row) for row in rows], batch_first=True, padding_value=PAD)


def batches(sources, targets, rng):
    """One epoch: pairs in random order, of the same bucket together."""
    held = [[] for _ in BUCKETS]
    pairs = list(zip(sources, targets))
    rng.shuffle(pairs)
    for source, target in pairs:
        bucket = next((i for i, (_, steps) in enumerate(BUCKETS) if max(len(source), len(target)) <= steps), len(BUCKETS) - 1)
        steps = BUCKETS[bucket][1]
        held[bucket].append((source[:steps], target[:steps]))
        if len(held[bucket]) == BUCKETS[bucket][0]:
            together = sorted(held[bucket], key=lambda pair: -len(pair[0]))
            held[bucket] = []
            labels = padded([t for _, t in together])
            target_input = torch.cat((torch.full_like(labels[:, :1], BOS), labels[:, :-1]), 1)
            yield padded([s for s, _ in together]), torch.tensor([len(s) for s, _ in together]), target_input, labels


def train(arguments):
    """Learns from random weights; words of the target a second, after a warm-up."""
    _, *subwords = load(arguments.model)
    model = Translator(*(s.get_piece_size() for s in subwords)).train()
    sources, targets = ([ids + [EOS] for ids in s.encode(path.read_text(encoding="utf-8").splitlines())]
                        for s, path in zip(subwords, arguments.data))
    average = [p.detach().clone() for p in model.parameters()]
    optimiser = torch.optim.Adam(model.parameters(), lr=RATE, fused=True)
    rng, words, begin, losses = random.Random(1), 0, None, []
    warm_up = 3
    while True:
        for number, (*inputs, labels) in enumerate(batches(sources, targets, rng)):
            if number == warm_up and begin is None:
                begin, words = time.perf_counter(), 0
            optimiser.zero_grad(set_to_none=True)
            loss = model.loss(*inputs, labels)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), CLIP)
            optimiser.step()
            torch._foreach_lerp_(average, list(model.parameters()), 1 - AVERAGE)
            losses.append(loss.item())
            words += int((labels != PAD).sum())
            if begin is not None and time.perf_counter() - begin > arguments.seconds:
                seconds = time.perf_counter() - begin
                return {"words_per_second": words / seconds, "steps": len(losses), "first_loss": losses[0], "last_loss": losses[-1]}


def greedy(model, source, lengths, steps):
    """The most probable word at each step: a list of tokens for each sentence."""
    memory, state = model.encode(source, lengths)
    token = torch.full((len(source),), BOS)
    ended = torch.zeros(len(source), dtype=torch.bool)
    tokens = []
    for _ in range(steps):
        state = model.step(model.gates_of_words(token), state, memory)
        token = model.logits(state).argmax(-1)
        tokens.append(token)
        ended |= token == EOS
        if ended.all():
            break
    return torch.stack(tokens, 1).tolist()


def beam_search(model, source, lengths, steps, beams):
    """The best of `beams` hypotheses, ranked by total / ((5 + words) / 6)^α: a list of tokens for each sentence."""
    count = len(source)
    memory, state = model.encode(source, lengths)
    rows = torch.arange(count).repeat_interleave(beams)
    memory = tuple(part[rows] for part in memory)
    state = state[rows]
    totals = torch.full((count, beams), -torch.inf)
    totals[:, 0] = 0  # all hypotheses are the same at first
    words = torch.zeros((count, beams))
    ended = torch.zeros((count, beams), dtype=torch.bool)
    token = torch.full((count * beams,), BOS)
    tokens = torch.empty((count, beams, 0), dtype=torch.long)
    first = torch.arange(count)[:, None] * beams
    for _ in range(steps):
        state = model.step(model.gates_of_words(token), state, memory)
        scores, candidates = torch.log_softmax(model.logits(state), -1).topk(beams)
        scores, candidates = scores.view(count, beams, beams), candidates.view(count, beams, beams)
        # One that has ended goes on as it is, as one candidate alone.
        scores = scores.masked_fill(ended[:, :, None], -torch.inf)
        scores[:, :, 0] = scores[:, :, 0].masked_fill(ended, 0)
        candidates = candidates.masked_fill(ended[:, :, None], EOS)
        grown = words + (~ended).float()
        made = totals[:, :, None] + scores
        worth = made / (((5 + grown) / 6) ** LENGTH_PENALTY)[:, :, None]
        chosen = worth.view(count, -1).topk(beams).indices
        parents = chosen // beams
        totals = made.view(count, -1).gather(1, chosen)
        words = grown.gather(1, parents)
        latest = candidates.reshape(count, -1).gather(1, chosen)
        tokens = torch.cat((tokens.gather(1, parents[:, :, None].expand(-1, -1, tokens.shape[2])), latest[:, :, None]), 2)
        ended = latest == EOS
        if ended.all():
            break
        token = latest.view(-1)
        state = state[(first + parents).view(-1)]
    return tokens[:, 0].tolist()


def translate(arguments):
    """Translates all lines, those of like length together, and writes them; the seconds that this takes."""
    model, source_subwords, target_subwords = load(arguments.model)
    model.eval()
    lines = arguments.data[0].read_text(encoding="utf-8").splitlines()
    steps = BUCKETS[-1][1]

    @torch.inference_mode()
    def all_of(lines):
        sources = [(ids + [EOS])[:steps] for ids in source_subwords.encode(lines)]
        order = sorted(range(len(sources)), key=lambda i: -len(sources[i])) if arguments.batch > 1 else range(len(sources))
        order, made = list(order), [""] * len(lines)
        for begin in range(0, len(order), arguments.batch):
            together = order[begin : begin + arguments.batch]
            inputs = padded([sources[i] for i in together]), torch.tensor([len(sources[i]) for i in together])
            found = greedy(model, *inputs, steps) if arguments.beams == 1 else beam_search(model, *inputs, steps, arguments.beams)
            for i, tokens in zip(together, found):
                made[i] = target_subwords.decode(tokens[: tokens.index(EOS)] if EOS in tokens else tokens)
        return made

    all_of(lines[: 2 * arguments.batch])
    begin = time.perf_counter()
    made = all_of(lines)
    seconds = time.perf_counter() - begin
    if arguments.out:
        arguments.out.write_text("\n".join(made) + "\n", encoding="utf-8")
    return {"seconds": seconds, "sentences": len(lines)}


def main():
    """Does what the command line says."""
    torch.manual_seed(1)
    torch.set_num_threads(ARGUMENTS.threads)
    try:
        result = train(ARGUMENTS) if ARGUMENTS.what == "train" else translate(ARGUMENTS)
    except (OSError, KeyError, ValueError) as error:
        sys.exit(f"pytorch_text_peer.py: {error}")
    print(json.dumps({"framework": f"pytorch-{torch.__version__.split('+')[0]}"} | result))


if __name__ == "__main__":
    main()
