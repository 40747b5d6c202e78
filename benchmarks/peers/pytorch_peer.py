# SPDX-License-Identifier: BSL-1.0
"""The attention translator in PyTorch: eager on the CPU or a GPU, or compiled and as one CUDA graph on a GPU."""

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
        mask = torch.arange(source.shape[1], device=source.device) >= source_valid[:, None]
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
        token = torch.full((source.shape[0],), protocol.BOS, device=source.device)
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


def make_adam(model, in_graph=False):
    """Adam with the implementation that is fastest; in a CUDA graph it counts its steps on the device."""
    return torch.optim.Adam(
        model.parameters(),
        lr=protocol.LEARNING_RATE,
        betas=(protocol.BETA_1, protocol.BETA_2),
        eps=protocol.EPSILON,
        fused=True,
        capturable=in_graph,
    )


def as_graph(model, batch):
    """A training step, compiled and captured as one CUDA graph: a function that replays it."""
    torch._dynamo.config.allow_rnn = True
    compiled = torch.compile(model)
    optimiser = make_adam(model, in_graph=True)
    aside = torch.cuda.Stream()
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):  # as PyTorch's documentation of CUDA graphs asks: compile and warm up first
        train(compiled, batch, 5, optimiser)
    torch.cuda.current_stream().wait_stream(aside)
    optimiser.zero_grad(set_to_none=True)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        train(compiled, batch, 1, optimiser)
    return graph.replay


def device_milliseconds(run):
    """The time of n iterations by events on the GPU's stream."""

    def measure(iterations):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        run(iterations)
        end.record()
        end.synchronize()
        return begin.elapsed_time(end)

    return measure


def make_run(config, what, device="cpu", compiled=False):
    """The work of one benchmark as a function of the number of iterations."""
    torch.manual_seed(1)
    model = Translator(config).to(device)
    batch = [torch.from_numpy(array).long().to(device) for array in protocol.batch(config)]
    source, source_valid, target_input, labels = batch

    if what == "train_step" and compiled:
        replay = as_graph(model.train(), batch)

        def run(iterations):
            for _ in range(iterations):
                replay()
            torch.cuda.synchronize()

    elif what == "train_step":
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
    on_gpu = ARGUMENTS.device == "cuda"
    if on_gpu:
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False  # float32, as Tenon
    else:
        torch.set_num_threads(ARGUMENTS.threads)
    facts = {"threads": torch.get_num_threads(), "imported_kib": protocol.peak_kib()}
    run = make_run(protocol.CONFIGS[ARGUMENTS.config], ARGUMENTS.what, ARGUMENTS.device, ARGUMENTS.compiled)
    name = "pytorch_compiled" if ARGUMENTS.compiled else "pytorch"
    version = torch.__version__.split("+")[0]
    protocol.serve(
        run,
        device_milliseconds(run) if on_gpu else None,
        framework=f"{name}-{version}",
        build=torch.__version__,
        **facts,
    )


if __name__ == "__main__":
    main()
