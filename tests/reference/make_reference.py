# SPDX-License-Identifier: BSL-1.0
"""Writes the reference files of the parity tests; run it again only when the model changes.

    python make_reference.py --out tests/reference/data

The model and its data are small and random; dropout is off. Everything is computed in float64 from
weights that float32 holds exactly, and is stored as float32; standard output tells how far the same
in float32 is off. The versions that made a file stand in its metadata ("made_with").

    weights      the parameters, by their names
    batch        source (B,T), source_valid (B), target_input (B,S), labels (B,S);
                 pad, bos and eos in the metadata
    forward      logits (B,S,V), attention (B,S,T), loss (1)
    gradients    grad.NAME for each parameter, before clipping
    adam         adam.losses (10), adam.norms (10: before clipping), adam.NAME: the parameters
                 after ten steps
    greedy       source (3,T), source_valid (3), tokens (3,S): all steps without a stop, with the
                 parameters adam.NAME; tokens_initial (3,S): with those of the file weights
    shape_check  weight.NAME, source, source_valid, target_input, encoder_outputs, encoder_state,
                 decoder_state, logits, attention of the model of the documents' shape check
"""

import argparse
import copy
import json
import platform
import sys
from pathlib import Path

import safetensors
import torch

from seq2seq_reference import Translator, masked_loss, train

SOURCE_VOCABULARY, TARGET_VOCABULARY = 17, 19
EMBEDDING, HIDDENS, LAYERS = 12, 16, 2
BATCH, SOURCE_STEPS, TARGET_STEPS = 6, 7, 5
PAD, BOS, EOS = 4, 2, 3
FIRST_WORD = 5
ADAM_STEPS = 10
SMALLEST_MARGIN = 1e-3  # between the best and the next logit, so that float32 decodes the same tokens


def random_weights(model, generator, scale=0.9):
    """Uniform weights that float32 holds exactly, so wide that gates and attention saturate a little."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            width = 1.0 if "embedding" in name else scale
            values = (
                torch.rand(parameter.shape, generator=generator, dtype=torch.float32) * (2 * width) - width
            )
            parameter.copy_(values)
    return model


def random_tokens(vocabulary, lengths, steps, generator):
    """Words (B,steps) that end in <eos> at their length, pads beyond."""
    tokens = torch.randint(FIRST_WORD, vocabulary, (len(lengths), steps), generator=generator)
    for row, length in zip(tokens, lengths):
        row[length - 1] = EOS
        row[length:] = PAD
    return tokens


def make_batch(generator):
    """A batch with lengths from 1 to full: source, source_valid, target_input, labels."""
    source_valid = torch.tensor([7, 1, 4, 6, 2, 5])
    source = random_tokens(SOURCE_VOCABULARY, source_valid, SOURCE_STEPS, generator)
    labels = random_tokens(TARGET_VOCABULARY, torch.tensor([5, 1, 3, 4, 5, 2]), TARGET_STEPS, generator)
    target_input = torch.cat((torch.full((BATCH, 1), BOS), labels[:, :-1]), dim=1)
    return source, source_valid, target_input, labels


def evaluate(model, batch, sentences):
    """All the numbers of one precision, by file and name, from a model that keeps its weights."""
    model = copy.deepcopy(model)
    *inputs, labels = batch
    initial_greedy = model.greedy(*sentences, BOS, TARGET_STEPS)
    logits, attention = model(*inputs)
    loss = masked_loss(logits, labels, PAD)
    loss.backward()
    results = {"forward": {"logits": logits, "attention": attention, "loss": loss.reshape(1)}}
    results["gradients"] = {
        f"grad.{name}": parameter.grad.clone() for name, parameter in model.named_parameters()
    }
    losses, norms = train(model, batch, PAD, ADAM_STEPS)
    results["adam"] = {"adam.losses": torch.tensor(losses, dtype=torch.float64)}
    results["adam"]["adam.norms"] = torch.tensor(norms, dtype=torch.float64)
    results["adam"] |= {f"adam.{name}": parameter for name, parameter in model.named_parameters()}
    greedy = model.greedy(*sentences, BOS, TARGET_STEPS)
    margins = [logits.topk(2).values.diff().abs().min().item() for logits, _ in (initial_greedy, greedy)]
    results["greedy"] = {"tokens": greedy[1], "tokens_initial": initial_greedy[1]}
    return results, min(margins)


def shape_check(generator):
    """The model of the documents' shape check on random tokens."""
    model = random_weights(Translator(10, 10, 8, 16, 2).double(), generator)
    source = torch.randint(0, 10, (4, 7), generator=generator)
    source_valid = torch.tensor([7, 3, 1, 5])
    target_input = torch.randint(0, 10, (4, 7), generator=generator)
    with torch.no_grad():
        outputs, state = model.encoder(source, source_valid)
        logits, decoder_state, attention = model.decoder(target_input, state, outputs, source_valid)
    assert logits.shape == (4, 7, 10) and outputs.shape == (4, 7, 16) and state.shape == (2, 4, 16)
    tensors = {f"weight.{name}": parameter for name, parameter in model.named_parameters()}
    return tensors | {
        "source": source,
        "source_valid": source_valid,
        "target_input": target_input,
        "encoder_outputs": outputs,
        "encoder_state": state,
        "decoder_state": decoder_state,
        "logits": logits,
        "attention": attention,
    }


def save(folder, name, tensors, metadata):
    """Writes one safetensors file: floating point as float32, integers as int32.

    The library's own writer orders the metadata by chance; the same run must give the same bytes.
    """
    header, data = {"__metadata__": metadata}, bytearray()
    for key, value in tensors.items():
        kind, element = ("F32", "<f4") if value.is_floating_point() else ("I32", "<i4")
        block = value.detach().numpy().astype(element).tobytes()
        offsets = [len(data), len(data) + len(block)]
        header[key] = {"dtype": kind, "shape": list(value.shape), "data_offsets": offsets}
        data += block
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path = folder / f"{name}.safetensors"
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
    with safetensors.safe_open(path, framework="pt") as file:
        assert set(file.keys()) == set(tensors)


def report(double, single):
    """Prints how far float32 is from float64, also relative to the tensor's largest magnitude."""
    for file in ("forward", "gradients", "adam"):
        worst_absolute, worst_relative = (0.0, ""), (0.0, "")
        for name, expected in double[file].items():
            difference = (single[file][name].double() - expected).abs().max().item()
            worst_absolute = max(worst_absolute, (difference, name))
            worst_relative = max(worst_relative, (difference / expected.abs().max().item(), name))
        print(f"{file}: float32 is off by {worst_absolute[0]:.1e} ({worst_absolute[1]}),", end=" ")
        print(f"relative to the tensor's maximum {worst_relative[0]:.1e} ({worst_relative[1]})")


def check(double, single, margin):
    """Refuses references that would test little: tiny gradients, an idle clip, near ties."""
    weakest = min((gradient.abs().max().item(), name) for name, gradient in double["gradients"].items())
    norms = double["adam"]["adam.norms"]
    print(f"weakest gradient: at most {weakest[0]:.1e} ({weakest[1]})")
    print("losses:", " ".join(f"{loss:.4f}" for loss in double["adam"]["adam.losses"]))
    print("norms:", " ".join(f"{norm:.4f}" for norm in norms))
    print(f"smallest greedy margin: {margin:.1e}; tokens {double['greedy']['tokens'].tolist()}")
    problems = []
    if weakest[0] < 1e-3:
        problems.append(f"the gradient of {weakest[1]} is tiny")
    if not (norms > 1).any() or not (norms < 1).any():
        problems.append("clipping must act in some steps and not in others")
    if margin < SMALLEST_MARGIN:
        problems.append("two tokens nearly tie in greedy decoding")
    if any(not torch.equal(double["greedy"][name], single["greedy"][name]) for name in double["greedy"]):
        problems.append("greedy decoding differs between float32 and float64")
    if problems:
        sys.exit("choose another --seed: " + "; ".join(problems))


def main():
    """Makes all files."""
    parser = argparse.ArgumentParser(description="Writes the reference files of the parity tests.")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--seed", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(arguments.seed)
    shape = (SOURCE_VOCABULARY, TARGET_VOCABULARY, EMBEDDING, HIDDENS, LAYERS)
    model = random_weights(Translator(*shape).double(), generator)
    batch = make_batch(generator)
    sentences = (batch[0][:3], batch[1][:3])
    double, margin = evaluate(model, batch, sentences)
    single, _ = evaluate(model.float(), batch, sentences)
    report(double, single)
    check(double, single, margin)

    versions = f"python {platform.python_version()}, torch {torch.__version__}"
    made = {"made_with": f"{versions}, seed {arguments.seed}"}
    try:
        arguments.out.mkdir(parents=True, exist_ok=True)
        save(arguments.out, "weights", dict(model.named_parameters()), made)
        names = ("source", "source_valid", "target_input", "labels")
        save(
            arguments.out,
            "batch",
            dict(zip(names, batch)),
            made | {"pad": str(PAD), "bos": str(BOS), "eos": str(EOS)},
        )
        for file in ("forward", "gradients", "adam"):
            save(arguments.out, file, double[file], made)
        save(arguments.out, "greedy", double["greedy"] | dict(zip(names, sentences)), made)
        save(arguments.out, "shape_check", shape_check(generator), made)
    except OSError as error:
        sys.exit(f"{arguments.out}: cannot write the reference files: {error}")


if __name__ == "__main__":
    main()
