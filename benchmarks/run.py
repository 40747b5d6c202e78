# SPDX-License-Identifier: BSL-1.0
"""Measures Tenon and its peers side by side and prints one BENCH line per measurement.

All sides of one measurement (a configuration, a kind of work, a number of threads) are started
and warmed up one after the other; then they take turns, each a fraction of a second while the
others wait for input, so that a change of the machine's speed meets all of them. The medians over
the rounds are compared. The sides speak the line protocol that peers/protocol.py describes;
Tenon's `ready` line also states `flops`, the nominal operations of one iteration, and
`sgemm_gflops`, the peak measured with the same threads: together the floor of the time.
"""

import argparse
import json
import math
import os
import statistics
import sys
import time
from pathlib import Path

from side import Side, SideError

CONFIGS = ("small", "book", "large")
WORK = ("train_step", "forward", "translate_one", "translate_one_int16", "translate_one_bf16")
PEERS = {"cpu": ("pytorch", "jax"), "cuda": ("pytorch", "pytorch-compiled", "jax")}
DEVICE_WORK = {"cpu": WORK, "cuda": ("train_step",)}
BUSY = 0.1  # share of the cores used by other programs from which on a warning is due
PEER_FOLDER = Path(__file__).resolve().parent / "peers"


def progress(text):
    """Tells the user what goes on."""
    print(text, file=sys.stderr, flush=True)


def others_share(seconds=0.3):
    """The share of the machine's cores that other programs use while all sides wait; NaN where unknown."""

    def ticks():
        fields = [int(word) for word in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
        return sum(fields), fields[3] + fields[4]

    try:
        all_before, idle_before = ticks()
        time.sleep(seconds)
        all_after, idle_after = ticks()
        return 1 - (idle_after - idle_before) / (all_after - all_before)
    except (OSError, ValueError, IndexError, ZeroDivisionError):
        return math.nan


def start_peers(arguments, options, threads, absent):
    """The peers that start; one that does not is reported once and left out from then on."""
    sides = []
    for peer in arguments.peers:
        if peer in absent:
            continue
        name, _, how = peer.partition("-")
        command = [arguments.python, str(PEER_FOLDER / f"{name}_peer.py"), *options]
        command += ["--device", arguments.device] + ([f"--{how}"] if how else [])
        try:
            sides.append(Side(peer, command, threads))
        except SideError as error:
            absent.add(peer)
            progress(f"no figures for this peer: {error}")
    return sides


def take_turns(sides, rounds, times, absent):
    """Fills `times` (side -> milliseconds per round); a failing peer is dropped, an error of Tenon raised."""
    for number in range(rounds):
        for side in list(sides):
            try:
                times.setdefault(side.name, []).append(side.run(side.iterations))
            except SideError as error:
                if side.name == "tenon":
                    raise
                absent.add(side.name)
                sides.remove(side)
                side.close()
                progress(f"no figures for this peer: {error}")
        latest = ", ".join(f"{side.name} {times[side.name][-1]:.4g} ms" for side in sides)
        progress(f"  round {number + 1} of {rounds}: {latest}")


def floor_milliseconds(facts):
    """Nominal operations over the measured peak; NaN where Tenon does not state them."""
    try:
        return float(facts["flops"]) / (float(facts["sgemm_gflops"]) * 1e6)
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return math.nan


def measure(arguments, config, what, threads, absent):
    """One measurement with all sides: a record for each peer, and one of its peak memory in training."""
    options = ["--config", config, "--what", what, "--threads", str(threads)]
    # Tenon's weights in 16 bits, the peers' as they are: eager and jitted float32 is what they are fastest at.
    peer_options = [word.removesuffix("_bf16").removesuffix("_int16") for word in options]
    sides, times, memory = [], {}, {}
    try:
        sides.append(Side("tenon", [arguments.tenon, *options], threads))
        sides += start_peers(arguments, peer_options, threads, absent)
        busy = others_share()
        if busy > BUSY:
            # Threads that spin at barriers suffer out of proportion when a core is shared.
            progress(f"  other programs use {busy:.0%} of the cores: these figures are not to be trusted")
        take_turns(sides, arguments.rounds, times, absent)
        if what == "train_step" and arguments.device == "cpu":
            for side in sides:
                memory[side.name] = side.ask("memory", "kib") / 1024
    finally:
        for side in sides:
            side.close()
    tenon = sides[0]
    key = {"config": config, "what": what, "device": arguments.device, "threads": threads, "others_share": busy}
    records = []
    for side in sides[1:]:
        ours, theirs = statistics.median(times["tenon"]), statistics.median(times[side.name])
        record = key | {
            "tenon_ms": ours,
            "peer": side.facts.get("framework", side.name),
            "peer_ms": theirs,
        }
        record |= {"ratio": theirs / max(ours, 1e-9), "floor_ms": floor_milliseconds(tenon.facts)}
        rounds = {"tenon_rounds_ms": times["tenon"], "peer_rounds_ms": times[side.name]}
        records.append(record | rounds | {"tenon_facts": tenon.facts, "peer_facts": side.facts})
    for side in sides[1:] if memory else []:
        ours, theirs = memory["tenon"], memory[side.name]
        record = key | {
            "what": "peak_memory",
            "tenon_mib": ours,
            "peer": side.facts.get("framework", side.name),
        }
        records.append(record | {"peer_mib": theirs, "ratio": theirs / max(ours, 1e-9)})
    if not sides[1:]:
        records.append(key | {"tenon_ms": statistics.median(times["tenon"]), "tenon_facts": tenon.facts})
        records[-1] |= {
            "floor_ms": floor_milliseconds(tenon.facts),
            "tenon_rounds_ms": times["tenon"],
        }
    return records


def bench_line(record):
    """One record as the line that scripts read."""
    fields = (
        "config",
        "what",
        *(["device"] if record["device"] != "cpu" else []),
        "threads",
        "tenon_ms",
        "tenon_mib",
        "peer",
        "peer_ms",
        "peer_mib",
        "ratio",
        "floor_ms",
    )
    precision = {"tenon_mib": 1, "peer_mib": 1, "ratio": 2}
    words = ["BENCH"]
    for name in fields:
        value = record.get(name)
        if isinstance(value, float):
            words.append(f"{name}={value:.{precision.get(name, 4)}f}")
        elif value is not None:
            words.append(f"{name}={value}")
    return " ".join(words)


def write_json(path, records, machine):
    """Writes all records; an interrupted run leaves the old file or the new one. JSON knows no NaN."""

    def clean(value):
        return None if isinstance(value, float) and not math.isfinite(value) else value

    cleaned = [{name: clean(value) for name, value in record.items()} for record in records]
    facts = {"cores": os.cpu_count()} | ({"machine": machine} if machine else {})
    text = json.dumps(facts | {"measurements": cleaned}, indent=1) + "\n"
    if path.exists() and not path.is_file():  # a pipe or a device cannot be replaced
        path.write_text(text)
        return
    temporary = path.with_name(path.name + ".part")
    temporary.write_text(text)
    temporary.replace(path)


class OneLineParser(argparse.ArgumentParser):
    """Bad options end in one line, without the usage text before it."""

    def error(self, message):
        self.exit(2, f"{self.prog}: {message} (--help lists the options)\n")


def parse_options():
    """The checked command line."""

    def choices(allowed):
        def parse(text):
            chosen = [word for word in text.split(",") if word]
            wrong = [word for word in chosen if word not in allowed]
            if wrong:
                raise argparse.ArgumentTypeError(f"'{wrong[0]}' is none of {', '.join(allowed)}")
            return chosen

        return parse

    def thread_counts(text):
        cores = len(os.sched_getaffinity(0))
        counts = text.split(",")
        if not all(word.isdecimal() and 1 <= int(word) <= cores for word in counts):
            raise argparse.ArgumentTypeError(f"'{text}' is no list of thread counts from 1 to {cores}")
        return [int(word) for word in counts]

    def positive(text):
        if not text.isdecimal() or int(text) < 1:
            raise argparse.ArgumentTypeError(f"'{text}' is no number of rounds from 1 up")
        return int(text)

    parser = OneLineParser(description="Measures Tenon and its peers side by side.")
    parser.add_argument("--tenon", required=True, metavar="BINARY", help="Tenon's benchmark program")
    parser.add_argument("--configs", type=choices(CONFIGS), default=list(CONFIGS), metavar="LIST")
    parser.add_argument("--device", choices=PEERS, default="cpu", help="where all sides compute")
    parser.add_argument("--what", type=choices(WORK), metavar="LIST")
    parser.add_argument("--threads", type=thread_counts, metavar="LIST", help="1 if not said; all on a GPU's host")
    parser.add_argument("--rounds", type=positive, default=5, metavar="N")
    parser.add_argument("--peers", type=choices(PEERS["cuda"]), metavar="LIST")
    parser.add_argument("--python", default=sys.executable, help="the Python that has the peers' packages")
    parser.add_argument("--machine", metavar="TEXT", help="what the JSON shall say of machine, versions, commit")
    parser.add_argument("--out", type=Path, metavar="FILE", help="where the JSON goes")
    arguments = parser.parse_args()
    arguments.what = arguments.what or list(DEVICE_WORK[arguments.device])
    if arguments.threads is None:
        arguments.threads = [1 if arguments.device == "cpu" else len(os.sched_getaffinity(0))]
    if arguments.peers is None:
        arguments.peers = list(PEERS[arguments.device])
    if arguments.out and not arguments.out.resolve().parent.is_dir():
        parser.error(f"--out {arguments.out}: there is no folder {arguments.out.resolve().parent}")
    return arguments


def main():
    """Runs every measurement that the options ask for."""
    arguments = parse_options()
    absent, records = set(), []
    for config in arguments.configs:
        for what in arguments.what:
            for threads in arguments.threads:
                progress(f"{config} {what}, {threads} thread{'s' if threads > 1 else ''}")
                try:
                    latest = measure(arguments, config, what, threads, absent)
                except SideError as error:
                    sys.exit(f"run.py: {error}")
                records += latest
                for record in latest:
                    print(bench_line(record), flush=True)
                try:
                    if arguments.out:
                        write_json(arguments.out, records, arguments.machine)
                except OSError as error:
                    sys.exit(f"run.py: cannot write {arguments.out}: {error}")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("run.py: interrupted")
