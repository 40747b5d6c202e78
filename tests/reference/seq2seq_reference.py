# SPDX-License-Identifier: BSL-1.0
"""The translators in PyTorch, as their equations read; without options that of the 1.0 recipe.

These are the numbers that Tenon must match. Extents: B batch, T source steps, S target steps,
E embedding, H hiddens, L layers, V vocabulary; tokens are (B, steps). The modules' names give the
parameters' names in model files.
"""

from typing import Any, NamedTuple

import torch
from torch import nn
from torch.nn import functional

MASKED_SCORE = -1e6


class Encoder(nn.Module):
    """Embedding and recurrent layers; pads are processed like any token."""

    def __init__(self, vocabulary, embedding, hiddens, layers, dropout=0.0, rnn=nn.GRU):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, embedding)
        self.rnn = rnn(embedding, hiddens, layers, dropout=dropout, batch_first=True)

    def forward(self, source, _source_valid):
        """Source (B,T) to outputs (B,T,H) and the state of all layers (L,B,H); an LSTM's are two."""
        return self.rnn(self.embedding(source))


class BidirectionalEncoder(nn.Module):
    """The same in both directions up to each row's valid length, half of the hiddens in each."""

    def __init__(self, vocabulary, embedding, hiddens, layers, dropout=0.0, rnn=nn.GRU):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, embedding)
        self.rnn = rnn(embedding, hiddens // 2, layers, dropout=dropout, batch_first=True, bidirectional=True)

    def forward(self, source, source_valid):
        """Outputs (B,T,H), zero beyond the valid lengths, and states (L,B,H): [forward ; backward]."""
        packed = nn.utils.rnn.pack_padded_sequence(self.embedding(source), source_valid.cpu(), batch_first=True,
                                                   enforce_sorted=False)
        packed, state = self.rnn(packed)
        outputs, _ = nn.utils.rnn.pad_packed_sequence(packed, batch_first=True, total_length=source.shape[1])

        def joined(part):  # (2L,B,H/2), a layer's directions one after the other
            return torch.cat((part[0::2], part[1::2]), dim=-1)

        return outputs, tuple(map(joined, state)) if isinstance(state, tuple) else joined(state)


class NormalisedRNN(nn.Module):
    """Layers of cells on LN(W_i x) and LN(W_h h), called and named as nn.GRU and nn.LSTM are, without dropout."""

    gates = 3

    def __init__(self, width, hiddens, layers, dropout=0.0, batch_first=True):
        assert batch_first and dropout == 0
        super().__init__()
        self.hiddens, self.layers = hiddens, layers
        norms = {"norm_ih": self.gates * hiddens, "norm_hh": self.gates * hiddens}
        if self.gates == 4:
            norms["norm_c"] = hiddens
        for name in norms:
            setattr(self, name, nn.Module())
        for layer in range(layers):
            columns = {"weight_ih": hiddens if layer else width, "weight_hh": hiddens}
            for name, count in columns.items():
                setattr(self, f"{name}_l{layer}", nn.Parameter(torch.empty(self.gates * hiddens, count)))
            for name, size in norms.items():
                setattr(getattr(self, name), f"weight_l{layer}", nn.Parameter(torch.ones(size)))
                setattr(getattr(self, name), f"bias_l{layer}", nn.Parameter(torch.zeros(size)))

    def normalise(self, name, layer, x):
        """PyTorch's layer_norm over the last axis."""
        norm = getattr(self, name)
        weight, bias = getattr(norm, f"weight_l{layer}"), getattr(norm, f"bias_l{layer}")
        return functional.layer_norm(x, weight.shape, weight, bias)

    def step(self, layer, x, state):
        """One step of a layer: x (B,In) and the state's parts (B,H) to the parts."""
        part = {}
        for name, value in (("ih", x), ("hh", state[0])):
            gates = value @ getattr(self, f"weight_{name}_l{layer}").T
            part[name] = self.normalise(f"norm_{name}", layer, gates).chunk(self.gates, dim=-1)
        if self.gates == 4:
            i, f, g, o = (a + b for a, b in zip(part["ih"], part["hh"], strict=True))
            c = torch.sigmoid(f) * state[1] + torch.sigmoid(i) * torch.tanh(g)
            return torch.sigmoid(o) * torch.tanh(self.normalise("norm_c", layer, c)), c
        r, z = (torch.sigmoid(part["ih"][k] + part["hh"][k]) for k in (0, 1))
        n = torch.tanh(part["ih"][2] + r * part["hh"][2])
        return ((1 - z) * n + z * state[0],)

    def forward(self, x, state=None):
        """x (B,T,In), states (L,B,H), an LSTM's two, to outputs and states."""
        parts = 2 if self.gates == 4 else 1
        if state is None:
            state = (x.new_zeros(self.layers, len(x), self.hiddens),) * parts
        elif parts == 1:
            state = (state,)
        last = []
        for layer in range(self.layers):
            now, outputs = tuple(part[layer] for part in state), []
            for word in x.unbind(dim=1):
                now = self.step(layer, word, now)
                outputs.append(now[0])
            x = torch.stack(outputs, dim=1)
            last.append(now)
        state = tuple(torch.stack(part) for part in zip(*last, strict=True))
        return x, state if parts == 2 else state[0]


class NormalisedGRU(NormalisedRNN):
    """Of GRU cells."""


class NormalisedLSTM(NormalisedRNN):
    """Of LSTM cells."""

    gates = 4


class TiedOutput(nn.Module):
    """Logits from the embedding's weights and a bias, behind a projection if hiddens and embedding differ."""

    def __init__(self, embedding, hiddens):
        super().__init__()
        self.table = [embedding]  # not as a submodule, which would own the weights once more
        vocabulary, width = embedding.weight.shape
        self.projection = nn.Linear(hiddens, width) if width != hiddens else nn.Identity()
        self.bias = nn.Parameter(torch.zeros(vocabulary))

    def forward(self, outputs):
        """(…,H) to (…,V)."""
        return self.projection(outputs) @ self.table[0].weight.T + self.bias


class AdditiveAttention(nn.Module):
    """score(q, k) = w_v · tanh(W_q q + W_k k), masked softmax over the source, no biases."""

    def __init__(self, hiddens, dropout=0.0):
        super().__init__()
        self.W_q = nn.Linear(hiddens, hiddens, bias=False)
        self.W_k = nn.Linear(hiddens, hiddens, bias=False)
        self.w_v = nn.Linear(hiddens, 1, bias=False)
        self.dropout = nn.Dropout(dropout)

    def forward(self, query, memory, source_valid):
        """Query (B,H), memory (B,T,H), source_valid (B) to context (B,H) and undropped weights (B,T)."""
        features = torch.tanh(self.W_q(query)[:, None, :] + self.W_k(memory))
        scores = self.w_v(features)[:, :, 0]
        beyond = torch.arange(memory.shape[1], device=memory.device) >= source_valid[:, None]
        weights = torch.softmax(scores.masked_fill(beyond, MASKED_SCORE), dim=-1)
        context = (self.dropout(weights)[:, :, None] * memory).sum(dim=1)
        return context, weights


class DotProductAttention(nn.Module):
    """score(q, k) = q · k / √H, masked softmax over the source; nothing to learn."""

    def __init__(self, hiddens, dropout=0.0):
        super().__init__()
        self.scale = hiddens**-0.5
        self.dropout = nn.Dropout(dropout)

    def forward(self, query, memory, source_valid):
        """As AdditiveAttention's."""
        scores = (query[:, None, :] * memory).sum(dim=-1) * self.scale
        beyond = torch.arange(memory.shape[1], device=memory.device) >= source_valid[:, None]
        weights = torch.softmax(scores.masked_fill(beyond, MASKED_SCORE), dim=-1)
        context = (self.dropout(weights)[:, :, None] * memory).sum(dim=1)
        return context, weights


def hidden_of(state):
    """The hidden part of a state, (L,B,H): all of a GRU's, half of an LSTM's."""
    return state[0] if isinstance(state, tuple) else state


class Decoder(nn.Module):
    """Recurrent layers on [context ; embedding]; the query is the top layer's output of the previous step."""

    def __init__(self, vocabulary, embedding, hiddens, layers, dropout=0.0, rnn=nn.GRU, attention=AdditiveAttention,
                 tied=False):
        super().__init__()
        self.attention = attention(hiddens, dropout)
        self.embedding = nn.Embedding(vocabulary, embedding)
        self.rnn = rnn(hiddens + embedding, hiddens, layers, dropout=dropout, batch_first=True)
        self.dense = TiedOutput(self.embedding, hiddens) if tied else nn.Linear(hiddens, vocabulary)

    def step(self, token, state, memory, source_valid):
        """Token (B), state (L,B,H) to logits (B,V), the new state and attention weights (B,T)."""
        context, weights = self.attention(hidden_of(state)[-1], memory, source_valid)
        joined = torch.cat((context, self.embedding(token)), dim=-1)
        output, state = self.rnn(joined[:, None, :], state)
        return self.dense(output[:, 0, :]), state, weights

    def forward(self, target_input, state, memory, source_valid):
        """Teacher forcing: logits (B,S,V), the last state, attention weights (B,S,T)."""
        logits, weights = [], []
        for token in target_input.unbind(dim=1):
            step_logits, state, step_weights = self.step(token, state, memory, source_valid)
            logits.append(step_logits)
            weights.append(step_weights)
        return torch.stack(logits, dim=1), state, torch.stack(weights, dim=1)


class FixedContextDecoder(nn.Module):
    """No attention: the context is the encoder's last output. On [embedding ; context], or the embedding alone."""

    def __init__(self, vocabulary, embedding, hiddens, layers, dropout=0.0, rnn=nn.GRU, fed=True):
        super().__init__()
        self.fed = fed
        self.embedding = nn.Embedding(vocabulary, embedding)
        width = embedding + hiddens if fed else embedding
        self.rnn = rnn(width, hiddens, layers, dropout=dropout, batch_first=True)
        self.dense = nn.Linear(hiddens, vocabulary)

    def step(self, token, state, memory, source_valid):
        """Token (B), state (L,B,H) to logits (B,V), the new state and no weights (B,0)."""
        joined = self.embedding(token)
        if self.fed:
            joined = torch.cat((joined, memory[:, -1, :]), dim=-1)
        output, state = self.rnn(joined[:, None, :], state)
        return self.dense(output[:, 0, :]), state, memory.new_zeros(len(token), 0)

    forward = Decoder.forward


class Fed(NamedTuple):
    """What LuongDecoder carries behind its first step."""

    state: Any
    attentional: torch.Tensor  # (B,H)


class LuongDecoder(nn.Module):
    """Recurrent layers on [embedding ; last attentional vector], or the embedding alone; attention follows them."""

    def __init__(self, vocabulary, embedding, hiddens, layers, dropout=0.0, rnn=nn.GRU, attention=AdditiveAttention,
                 feeding=True):
        super().__init__()
        self.feeding, self.hiddens = feeding, hiddens
        self.attention = attention(hiddens, dropout)
        self.embedding = nn.Embedding(vocabulary, embedding)
        width = embedding + hiddens if feeding else embedding
        self.rnn = rnn(width, hiddens, layers, dropout=dropout, batch_first=True)
        self.W_c = nn.Linear(2 * hiddens, hiddens, bias=False)
        self.dense = nn.Linear(hiddens, vocabulary)

    def step(self, token, state, memory, source_valid):
        """As Decoder's; the state is the encoder's, or Fed."""
        if not isinstance(state, Fed):
            state = Fed(state, memory.new_zeros(len(token), self.hiddens))
        joined = self.embedding(token)
        if self.feeding:
            joined = torch.cat((joined, state.attentional), dim=-1)
        output, after = self.rnn(joined[:, None, :], state.state)
        context, weights = self.attention(output[:, 0, :], memory, source_valid)
        attentional = torch.tanh(self.W_c(torch.cat((context, output[:, 0, :]), dim=-1)))
        return self.dense(attentional), Fed(after, attentional), weights

    forward = Decoder.forward


class Translator(nn.Module):
    """An encoder and a decoder."""

    def __init__(self, source_vocabulary, target_vocabulary, embedding, hiddens, layers, dropout=0.0,
                 rnn=nn.GRU, encoder=Encoder, decoder=Decoder, **options):
        super().__init__()
        self.encoder = encoder(source_vocabulary, embedding, hiddens, layers, dropout, rnn)
        self.decoder = decoder(target_vocabulary, embedding, hiddens, layers, dropout, rnn, **options)

    def forward(self, source, source_valid, target_input):
        """Teacher forcing: logits (B,S,V) and attention weights (B,S,T)."""
        memory, state = self.encoder(source, source_valid)
        logits, _, weights = self.decoder(target_input, state, memory, source_valid)
        return logits, weights

    @torch.no_grad()
    def greedy(self, source, source_valid, bos, steps):
        """Greedy decoding without an early stop: logits (B,S,V), tokens (B,S), to be cut at <eos>."""
        memory, state = self.encoder(source, source_valid)
        token = torch.full_like(source[:, 0], bos)
        logits, tokens = [], []
        for _ in range(steps):
            step_logits, state, _ = self.decoder.step(token, state, memory, source_valid)
            token = step_logits.argmax(dim=-1)
            logits.append(step_logits)
            tokens.append(token)
        return torch.stack(logits, dim=1), torch.stack(tokens, dim=1)


    @torch.no_grad()
    def beam(self, source, source_valid, bos, eos, steps, beams, alpha):
        """Beam search of one sentence after another, all candidates made and sorted.

        Hypotheses are ranked by total / ((5 + words) / 6)^alpha; one that has ended stays among them as it is. Gives, for
        each row, a list of (tokens, total), the best first, and the smallest difference of scores that decided anything.
        """
        results, margin = [], float("inf")
        for row in range(len(source)):
            valid = source_valid[row:row + 1]
            memory, state = self.encoder(source[row:row + 1], valid)
            held = [([], 0.0, state)]
            for _ in range(steps):
                candidates = []
                for tokens, total, state in held:
                    if tokens and tokens[-1] == eos:
                        candidates.append((tokens, total, state))
                        continue
                    logits, after, _ = self.decoder.step(torch.tensor([tokens[-1] if tokens else bos]), state, memory, valid)
                    scores = torch.log_softmax(logits[0], dim=-1).tolist()
                    candidates += [(tokens + [word], total + score, after) for word, score in enumerate(scores)]

                def worth(candidate):
                    return candidate[1] / ((5 + len(candidate[0])) / 6) ** alpha

                candidates.sort(key=worth, reverse=True)
                for better, worse in zip(candidates[:beams], candidates[1:beams + 1]):
                    margin = min(margin, worth(better) - worth(worse))
                held = candidates[:beams]
            results.append([(tokens, total) for tokens, total, _ in held])
        return results, margin


def masked_loss(logits, labels, pad, smoothing=0.0):
    """Mean cross-entropy over the labels that are not pads; logits (B,S,V), labels (B,S)."""
    losses = functional.cross_entropy(logits.transpose(1, 2), labels, reduction="none", label_smoothing=smoothing)
    keep = labels != pad
    return (losses * keep).sum() / keep.sum()


def clip_gradients(parameters, limit=1.0):
    """Scales all gradients by limit/norm if their global norm exceeds the limit; returns that norm."""
    gradients = [parameter.grad for parameter in parameters]
    norm = torch.sqrt(sum((gradient**2).sum() for gradient in gradients))
    if norm > limit:
        for gradient in gradients:
            gradient *= limit / norm
    return norm


def train(model, batch, pad, steps, rate=0.005):
    """Adam steps with clipping on one batch (the inputs, then the labels): losses and gradient norms."""
    *inputs, labels = batch
    optimiser = torch.optim.Adam(model.parameters(), lr=rate)
    losses, norms = [], []
    for _ in range(steps):
        optimiser.zero_grad()
        loss = masked_loss(model(*inputs)[0], labels, pad)
        loss.backward()
        norms.append(clip_gradients(list(model.parameters())).item())
        losses.append(loss.item())
        optimiser.step()
    return losses, norms
