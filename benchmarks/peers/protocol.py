# SPDX-License-Identifier: BSL-1.0
"""What the peers share: the configurations, the data, the options and the line protocol.

A peer is started as `peer.py --config book --what train_step --threads 1`. It sets up, warms up,
prints `ready {json}` and then answers one line for each line it reads: `run N` -> `ms X` (mean
milliseconds of N iterations), `memory` -> `kib N` (peak resident memory of the process); `quit` or
the end of the input end it. `imported_kib` in the JSON is the peak before the model was made.

With `--device cuda` the work is done on a GPU, and its own clock tells the time where it has one.
"""

import argparse
import json
import os
import resource
import sys
import time
from typing import NamedTuple

LEARNING_RATE = 0.005
BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8
CLIP_NORM = 1.0
MASKED_SCORE = -1e6
PAD, BOS = 1, 2
WORK = ("train_step", "forward", "translate_one")


class Config(NamedTuple):
    """Extents of one benchmark; embeddings are as wide as hiddens, both vocabularies equally large."""

    batch: int
    source_steps: int
    target_steps: int
    hiddens: int
    layers: int
    vocabulary: int
    dropout: float


CONFIGS = {
    "small": Config(64, 10, 10, 32, 2, 201, 0.1),
    "book": Config(128, 9, 9, 256, 2, 214, 0.2),
    "large": Config(64, 30, 30, 512, 2, 8192, 0.2),
}


def options(description):
    """Reads the command line, binds the process to its cores; call it before importing a framework."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--config", choices=CONFIGS, required=True)
    parser.add_argument("--what", choices=WORK, required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--compiled", action="store_true", help="PyTorch: torch.compile and a CUDA graph")
    arguments = parser.parse_args()
    if arguments.device == "cuda":
        return arguments
    # Frameworks size their thread pools from the affinity mask, some only at import.
    cores = sorted(os.sched_getaffinity(0))
    if not 1 <= arguments.threads <= len(cores):
        parser.error(f"--threads {arguments.threads}: this process may use 1 to {len(cores)} cores")
    os.sched_setaffinity(0, cores[: arguments.threads])
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = str(arguments.threads)
    return arguments


def batch(config, seed=1):
    """Random tokens: source (B,T), source_valid (B), target_input (B,S), labels (B,S), all int32."""
    import numpy

    generator = numpy.random.default_rng(seed)

    def tokens(steps):
        ids = generator.integers(3, config.vocabulary, (config.batch, steps))
        valid = generator.integers(steps // 2, steps + 1, config.batch)
        ids[numpy.arange(steps) >= valid[:, None]] = PAD
        return ids.astype(numpy.int32), valid.astype(numpy.int32)

    source, source_valid = tokens(config.source_steps)
    labels, _ = tokens(config.target_steps)
    target_input = numpy.full_like(labels, BOS)
    target_input[:, 1:] = labels[:, :-1]
    return source, source_valid, target_input, labels


def peak_kib():
    """Peak resident memory of this process in KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def serve(run, milliseconds=None, **facts):
    """Warms up, announces `facts` and answers requests; `run(n)` does n iterations and waits for them.

    `milliseconds(n)` is the time of n iterations by a device's own clock, where there is one.
    """

    def by_the_clock(iterations):
        start = time.perf_counter()
        run(iterations)
        return (time.perf_counter() - start) * 1e3

    measure = milliseconds or by_the_clock
    run(1)
    start = time.perf_counter()
    while time.perf_counter() - start < 0.5:
        run(2)
    print("ready", json.dumps(facts), flush=True)
    for line in sys.stdin:
        words = line.split()
        if words == ["quit"]:
            return
        if words == ["memory"]:
            print("kib", peak_kib(), flush=True)
        elif len(words) == 2 and words[0] == "run" and words[1].isdecimal() and int(words[1]) > 0:
            iterations = int(words[1])
            print(f"ms {measure(iterations) / iterations:.6f}", flush=True)
        else:
            sys.exit(f"unknown request '{line.strip()}': say run N, memory or quit")
