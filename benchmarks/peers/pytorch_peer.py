# SPDX-License-Identifier: BSL-1.0
"""The attention translator in eager PyTorch on the CPU."""

import protocol

if __name__ == "__main__":
    ARGUMENTS = protocol.options(__doc__)  # binds the cores, hence before PyTorch starts its threads

import torch
from torch import nn
from torch.nn import functional


class Translator(nn.Module):
    """Encoder-decoder with additive attention; what does not depend on the step is outside the loop."""

    def __init__(self, config):
        super().__init__()
        width = config.hiddens
        self.dropout = config.dropout
        self.source_embedding = nn.Embedding(config.vocabulary, width)
        self.target_embedding = nn.Embedding(config.vocabulary, width)
        self.encoder = nn.GRU(width, width, config.layers, dropout=config.dropout)
        self.decoder = nn.GRU(2 * width, width, config.layers, dropout=config.dropout)
        self.project_query = nn.Linear(width, width, bias=False)
        self.project_key = nn.Linear(width, width, bias=False)
        self.project_score = nn.Linear(width, 1, bias=False)
        self.dense = nn.Linear(width, config.vocabulary)

    def encode(self, source, source_valid):
        """Source (B,T) to (values (B,T,H), keys (B,T,H), mask (B,T)) and the state (L,B,H)."""
        outputs, state = self.encoder(self.source_embedding(source.t()))
        values = outputs.transpose(0, 1).contiguous()
        mask = torch.arange(source.shape[1]) >= source_valid[:, None]
        return (values, self.project_key(values), mask), state

    def step(self, embedded, state, memory):
        """One decoding step: embedded (B,E), state (L,B,H) to output (1,B,H) and the new state."""
        values, keys, mask = memory
        features = torch.tanh(self.project_query(state[-1]).unsqueeze(1) + keys)
        scores = self.project_score(features).squeeze(-1).masked_fill(mask, protocol.MASKED_SCORE)
        weights = functional.dropout(torch.softmax(scores, -1), self.dropout, self.training)
        context = torch.bmm(weights.unsqueeze(1), values).squeeze(1)
        return self.decoder(torch.cat((context, embedded), -1).unsqueeze(0), state)

    def forward(self, source, source_valid, target_input):
        """Teacher forcing: logits (S,B,V)."""
        memory, state = self.encode(source, source_valid)
        outputs = []
        for embedded in self.target_embedding(target_input.t()).unbind(0):
            output, state = self.step(embedded, state, memory)
            outputs.append(output)
        return self.dense(torch.cat(outputs))

    def translate(self, source, source_valid, steps):
        """Greedy decoding for a fixed number of steps: token ids (S,B)."""
        memory, state = self.encode(source, source_valid)
        token = torch.full((source.shape[0],), protocol.BOS)
        tokens = []
        for _ in range(steps):
            output, state = self.step(self.target_embedding(token), state, memory)
            token = self.dense(output[0]).argmax(-1)
            tokens.append(token)
        return torch.stack(tokens)


def masked_loss(logits, labels):
    """Mean cross-entropy over the labels that are no pads; logits (S,B,V), labels (B,S)."""
    return functional.cross_entropy(logits.flatten(0, 1), labels.t().flatten(), ignore_index=protocol.PAD)


def train(model, batch, steps, optimiser=None):
    """Adam steps with clipping on one batch (the inputs, then the labels): the losses."""
    *inputs, labels = batch
    optimiser = optimiser or make_adam(model)
    losses = []
    for _ in range(steps):
        optimiser.zero_grad(set_to_none=True)
        loss = masked_loss(model(*inputs), labels)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), protocol.CLIP_NORM)
        optimiser.step()
        losses.append(loss.detach())
    return losses


def make_adam(model):
    """Adam with the implementation that is fastest on the CPU."""
    return torch.optim.Adam(
        model.parameters(),
        lr=protocol.LEARNING_RATE,
        betas=(protocol.BETA_1, protocol.BETA_2),
        eps=protocol.EPSILON,
        fused=True,
    )


def make_run(config, what):
    """The work of one benchmark as a function of the number of iterations."""
    torch.manual_seed(1)
    model = Translator(config)
    batch = [torch.from_numpy(array).long() for array in protocol.batch(config)]
    source, source_valid, target_input, labels = batch

    if what == "train_step":
        optimiser = make_adam(model.train())

        def run(iterations):
            train(model, batch, iterations, optimiser)[-1].item()

    elif what == "forward":
        model.eval()

        @torch.inference_mode()
        def run(iterations):
            for _ in range(iterations):
                masked_loss(model(source, source_valid, target_input), labels)

    else:
        model.eval()

        @torch.inference_mode()
        def run(iterations):
            for _ in range(iterations):
                model.translate(source[:1], source_valid[:1], config.target_steps).tolist()

    return run


def main():
    """Serves the benchmark that the command line names."""
    torch.set_num_threads(ARGUMENTS.threads)
    facts = {"threads": torch.get_num_threads(), "imported_kib": protocol.peak_kib()}
    run = make_run(protocol.CONFIGS[ARGUMENTS.config], ARGUMENTS.what)
    version = torch.__version__.split("+")[0]
    protocol.serve(run, framework=f"pytorch-{version}", build=torch.__version__, **facts)


if __name__ == "__main__":
    main()
