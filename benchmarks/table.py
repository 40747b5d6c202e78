# SPDX-License-Identifier: BSL-1.0
"""Prints a file of run.py's or text.py's results as a Markdown table of README.md and docs/figures.md."""

import argparse
import json
import sys
from pathlib import Path


def duration(milliseconds):
    """Three digits, in the unit that keeps the number short."""
    if milliseconds < 0.1:
        return f"{1000 * milliseconds:.0f} µs"
    if milliseconds >= 100:
        return f"{milliseconds:,.0f} ms"
    return f"{milliseconds:.2f} ms" if milliseconds < 10 else f"{milliseconds:.1f} ms"


PEERS = {"pytorch": "PyTorch", "pytorch_compiled": "PyTorch, compiled", "jax": "JAX"}


def rows(measurements, peers_shown):
    """One row for each thing measured, its peers side by side."""
    groups = {}
    for m in measurements:
        groups.setdefault((m["config"], m["what"], m["threads"]), []).append(m)
    for (config, what, threads), group in groups.items():
        if "unit" in group[0]:  # of text.py: the more, the better
            m, unit = group[0], group[0]["unit"].replace("_per_s", "/s")
            yield [f"`{config}` {what}", str(threads), f"{m['tenon']:,.0f} {unit}", f"{m['peer_value']:,.0f} {unit}", f"{m['ratio']:.1f}", ""]
            continue
        memory = what == "peak_memory"
        field, text = ("mib", lambda x: f"{x:,.0f} MiB") if memory else ("ms", duration)
        ours = group[0][f"tenon_{field}"]
        peers = {m["peer"].split("-")[0]: m[f"peer_{field}"] for m in group if "peer" in m}
        cells = [f"`{config}` {what}", str(threads), text(ours)]
        cells += [text(peers[name]) if name in peers else "" for name in peers_shown]
        cells.append(f"{min(peers.values()) / ours:.1f}" if peers else "")
        floor = group[0].get("floor_ms")
        cells.append(f"{100 * floor / ours:.0f} %" if floor and what in ("train_step", "forward") else "")
        yield cells


def main():
    """Reads the file that the command line names."""
    parser = argparse.ArgumentParser(description="Prints results as a Markdown table.")
    parser.add_argument("results", type=Path, help="a JSON file that run.py or text.py wrote")
    parser.add_argument("--what", metavar="LIST", help="of these measurements alone: train_step,peak_memory")
    arguments = parser.parse_args()
    path = arguments.results
    try:
        measurements = json.loads(path.read_text(encoding="utf-8"))["measurements"]
        if arguments.what:
            measurements = [m for m in measurements if m["what"] in arguments.what.split(",")]
        names = {m["peer"].split("-")[0] for m in measurements if "peer" in m}
        shown = [name for name in PEERS if name in names]
        table = list(rows(measurements, shown))
    except (OSError, ValueError, KeyError, TypeError) as error:
        sys.exit(f"table.py: {path} is no file of results: {error}")
    heads = ["", "threads", "Tenon", *(PEERS[name] for name in shown), "ratio", "share of peak"]
    if not any(cells[-1] for cells in table):
        heads, table = heads[:-1], [cells[:-1] for cells in table]
    print("| " + " | ".join(heads).lstrip() + " |\n|" + "---|" * len(heads))
    for cells in table:
        print("| " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
