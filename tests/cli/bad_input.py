# SPDX-License-Identifier: BSL-1.0
"""Gives the translator everything that it should refuse.

    python3 bad_input.py TRANSLATOR

Each case must end with a non-zero exit code and exactly one line on standard error that says what is wrong;
the model file that was there before must be as it was, and no temporary file may be left behind.
"""

import contextlib
import json
import os
import resource
import signal
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

NAME = "tenon-translate: "
SENTENCES = ["go", "run", "stop", "wait", "come", "look", "help", "sit", "i run", "i stop", "i wait", "you run"]
WORDS = ["va", "cours", "stop", "attends", "viens", "regarde", "aide", "assis", "je cours", "je stoppe"]
WORDS += ["j'attends", "tu cours"]
GOOD = "".join(f"{s} .\t{w} .\n" for s, w in zip(SENTENCES, WORDS)) * 2
SMALL = ["--pairs", "20", "--validation-pairs", "4", "--threads", "1"]


def split_model(data):
    """A safetensors file as header and data."""
    length = struct.unpack("<Q", data[:8])[0]
    return json.loads(data[8 : 8 + length]), data[8 + length :]


def join_model(header, data):
    """The reverse."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def changed(good, change, keep_data=True):
    """The model with its header changed in place by a function."""
    header, data = split_model(good)
    change(header)
    return join_model(header, data if keep_data else data[:-16])


def metadata(good, **values):
    """The model with other metadata; None removes."""

    def change(header):
        for key, value in values.items():
            header["__metadata__"].pop(key)
            if value is not None:
                header["__metadata__"][key] = value

    return changed(good, change)


def set_field(tensor, field, value):
    """A change of one field of one tensor."""

    def change(header):
        header[tensor][field] = value

    return change


def models(good):
    """Model files that must be refused, by name: contents and what the message must say."""
    header, data = split_model(good)
    first, bias = "encoder.embedding.weight", "decoder.dense.bias"
    words = json.loads(header["__metadata__"]["target_vocabulary"])

    def rename(header):
        header["decoder.attention.query.weight"] = header.pop("decoder.attention.W_q.weight")

    def extra(header):
        header["decoder.extra"] = {"dtype": "F32", "shape": [0], "data_offsets": [len(data), len(data)]}

    def overlap(header):
        header[bias]["data_offsets"] = header["encoder.rnn.bias_ih_l0"]["data_offsets"]

    def swap_shape(header):
        header["decoder.rnn.weight_ih_l0"]["shape"].reverse()

    nan = bytearray(data)
    begin = header[first]["data_offsets"][0]
    nan[begin + 40 : begin + 44] = struct.pack("<f", float("nan"))
    return {
        "empty": (b"", "0 bytes"),
        "text": (b"this is not a model, but it is long enough for a length", "not a safetensors file"),
        "truncated header": (good[:100], "truncated"),
        "truncated data": (good[:-1000], "truncated"),
        "trailing bytes": (good + b"\0" * 64, "bytes"),
        "oversized header": (b"\xff" * 8 + good[8:], "header"),
        "header longer than the file": (struct.pack("<Q", len(good)) + good[8:], "truncated"),
        "header is not JSON": (join_model(b"{" * 64, data), "JSON"),
        "header nests deeply": (join_model(b"[" * 100000, data), ""),
        "offsets beyond the file": (changed(good, set_field(bias, "data_offsets", [0, 1 << 60])), ""),
        "offsets reversed": (changed(good, set_field(bias, "data_offsets", [64, 0])), ""),
        "overlapping tensors": (changed(good, overlap), ""),
        "shape of 2^64 elements": (changed(good, set_field(bias, "shape", [1 << 32, 1 << 32])), ""),
        "negative extent": (changed(good, set_field(bias, "shape", [-1])), ""),
        "shape does not fit the bytes": (changed(good, set_field(bias, "shape", [7])), bias),
        "wrong shape": (changed(good, swap_shape), "shape"),
        "unknown type": (changed(good, set_field(bias, "dtype", "F8")), "dtype"),
        "integers": (changed(good, set_field(bias, "dtype", "I32")), "dtype"),
        "wrong name": (changed(good, rename), "decoder.attention.W_q.weight"),
        "unknown tensor": (changed(good, extra), "decoder.extra"),
        "NaN weight": (join_model(header, bytes(nan)), "NaN"),
        "another recipe": (metadata(good, recipe="lstm-9"), "lstm-9"),
        "no vocabularies": (metadata(good, source_vocabulary=None, target_vocabulary=None), "--data"),
        "one vocabulary": (metadata(good, target_vocabulary=None), "target_vocabulary"),
        "vocabulary is not JSON": (metadata(good, target_vocabulary='["a'), "target_vocabulary"),
        "vocabulary of numbers": (metadata(good, target_vocabulary="[1, 2]"), "target_vocabulary"),
        "vocabulary without <eos>": (
            metadata(good, target_vocabulary=json.dumps([w for w in words if w != "<eos>"])),
            "<eos>",
        ),
        "word twice": (metadata(good, target_vocabulary=json.dumps(words[:-1] + words[:1])), "twice"),
        "vocabulary too large": (
            metadata(good, target_vocabulary=json.dumps(words + [f"w{i}" for i in range(300)])),
            "256",
        ),
        "vocabulary of another size": (metadata(good, target_vocabulary=json.dumps(words + ["more"])), "shape"),
    }


def data_files(folder):
    """Data files that must be refused: contents and what the message must say."""
    many = "".join(f"word{i} .\tmot{i} .\n" * 2 for i in range(300))
    (folder / "many.txt").write_text(many, encoding="utf-8")
    return {
        "empty": (b"", "no sentence pairs"),
        "blank lines": (b"\n  \n\t\n", "no sentence pairs"),
        "binary": (bytes(range(256)) * 64, ":1: "),
        "zeros": (b"\0" * 4096, "NUL"),
        "one column": (b"go .\tva !\nrun .\n", ":2: "),
        "no translation": (b"go .\tva !\nrun .\t\n", ":2: "),
        "Latin-1": ("go .\tva !\nwait .\tarr\u00eate .\n".encode("latin-1"), ":2: "),
        "UTF-16": (GOOD.encode("utf-16"), "UTF-16"),
        "endless line": (b"go " * 100000, ":1: "),
        "too few pairs": (b"go .\tva !\n", "1 sentence pairs"),
    }


class Checker:
    """Runs the translator and keeps the failures."""

    def __init__(self, program, folder):
        self.program, self.folder = program, folder
        self.model = folder / "model.safetensors"
        self.good = b""
        self.cases, self.failures = 0, []

    def run(self, arguments, **how):
        """The finished process; standard streams are bytes."""
        how = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE} | how
        return subprocess.run(
            [self.program, *arguments], stderr=subprocess.PIPE, cwd=self.folder, timeout=300, check=False, **how
        )

    def problem(self, result, expected):
        """What is wrong with a result, or None."""
        lines = result.stderr.decode("utf-8", "replace").splitlines()
        if result.returncode == 0:
            return "it succeeded"
        if result.returncode < 0:
            return f"it died of signal {-result.returncode}"
        if len(lines) != 1 or not result.stderr.endswith(b"\n"):
            return f"{len(lines)} lines on standard error: {lines[:4]}"
        if not lines[0].startswith(NAME) or len(lines[0]) < len(NAME) + 10:
            return f"an unclear message: {lines[0]}"
        if expected not in lines[0]:
            return f"no {expected!r} in: {lines[0]}"
        return self.leftovers()

    def leftovers(self):
        """What is wrong with the folder, or None."""
        if self.model.read_bytes() != self.good:
            return "the old model file was changed"
        if found := [path.name for path in self.folder.glob(".tenon-*")]:
            return f"temporary files are left: {found}"
        return None

    def refuse(self, case, arguments, expected="", **how):
        """One case."""
        self.note(case, self.problem(self.run([str(a) for a in arguments], **how), expected))

    def note(self, case, problem):
        """Counts a case."""
        self.cases += 1
        if problem:
            self.failures.append(f"{case}: {problem}")
            print(f"FAILED {case}: {problem}", flush=True)


def check_data(check, train):
    """Data and options of training."""
    for case, (contents, expected) in data_files(check.folder).items():
        path = check.folder / "bad.txt"
        path.write_bytes(contents)
        check.refuse(f"data: {case}", train + ["--data", path], expected)
    check.refuse("data: missing", train + ["--data", "nowhere.txt"], "nowhere.txt")
    check.refuse("data: a directory", train + ["--data", "."], "directory")
    check.refuse(
        "data: vocabulary too large",
        ["train", "--data", "many.txt", "--pairs", 600, "--validation-pairs", 0, "--model", check.model],
        "256",
    )
    check.refuse("evaluate: missing data", ["evaluate", "--model", check.model, "--data", "nowhere.txt"], "nowhere.txt")


def check_options(check, train):
    """The command line."""
    for option, value in [
        ("--epochs", 0),
        ("--epochs", "many"),
        ("--epochs", "1e99"),
        ("--seed", -1),
        ("--seed", "x"),
        ("--threads", 0),
        ("--threads", 99999),
        ("--pairs", 0),
        ("--learning-rate", "fast"),
        ("--learning-rate", -1),
        ("--loss", "none"),
        ("--recipe", "d2l-9.9"),
        ("--colour", "red"),
    ]:
        check.refuse(f"option: {option} {value}", train + [option, value])
    model = ["--model", check.model]
    check.refuse("option: no command", [])
    check.refuse("option: unknown command", ["fly"])
    check.refuse("option: value missing", ["train", "--data"])
    check.refuse("option: sentences and a file", ["translate", *model, "--file", "good.txt", "go ."])
    for value in ["", "5", "5-", "-5", "7-3", "0-3", "a-b", "1-2-3", "1-99999999999999999999999"]:
        check.refuse(f"option: --pairs '{value}'", ["evaluate", *model, "--data", "good.txt", f"--pairs={value}"])
    check.refuse("option: pairs beyond the end", ["evaluate", *model, "--data", "good.txt", "--pairs", "1-1000"], "24")
    check.refuse("option: attention as .png", ["translate", *model, "--attention", "a.png", "go ."], ".svg")
    check.refuse("option: two sentences in an .svg", ["translate", *model, "--attention", "a.svg", "go .", "run ."], ".svg")


def check_models(check):
    """Model files."""
    path = check.folder / "bad.safetensors"
    for case, (contents, expected) in models(check.good).items():
        path.write_bytes(contents)
        check.refuse(f"model: {case}", ["translate", "--model", path, "go ."], expected)
    check.refuse("model: missing", ["translate", "--model", "none.safetensors", "go ."], "none.safetensors")
    check.refuse("model: a directory", ["translate", "--model", ".", "go ."], "directory")
    check.refuse("model: a device", ["translate", "--model", "/dev/zero", "go ."], "regular file")
    check.refuse("inspect: missing model", ["inspect", "--model", "none.safetensors"], "none.safetensors")


def check_text(check):
    """What is to be translated."""
    translate = ["translate", "--model", check.model]
    check.refuse("text: argument is not UTF-8", translate + ["\udcff go"], "UTF-8")
    (check.folder / "latin.txt").write_bytes("r\u00eave\n".encode("latin-1"))
    check.refuse("text: file is not UTF-8", translate + ["--file", "latin.txt"], "latin.txt:1")
    check.refuse("text: file is missing", translate + ["--file", "nowhere.txt"], "nowhere.txt")
    (check.folder / "one.txt").write_text("va !\n", encoding="utf-8")
    check.refuse("text: too few references", translate + ["--references", "one.txt", "go .", "run ."], "one.txt")
    with open(check.folder / "latin.txt", "rb") as stdin:
        check.refuse("text: standard input is not UTF-8", translate, "standard input:1", stdin=stdin)


def check_output(check, train):
    """Where results cannot be written."""
    good = ["--data", "good.txt"]
    quick = ["train", *good, *SMALL, "--epochs", "1"]
    check.refuse("output: no such directory", quick + ["--model", "none/model.safetensors"], "none")
    check.refuse("output: model is a directory", quick + ["--model", "."], "director")
    check.refuse("output: model is a pipe", quick + ["--model", make_pipe(check.folder)], "regular file")
    check.refuse("output: full disk", quick + ["--model", "/dev/full"], "/dev/full")
    check.refuse("output: report in no directory", train + [*good, "--report", "none/r.html"], "none")
    other = quick + ["--model", "other.safetensors"]
    check.refuse("output: report on a full disk", other + ["--report", "/dev/full"], "/dev/full")
    check.refuse("output: picture on a full disk", ["inspect", "--model", check.model, "--svg", "/dev/full"], "/dev/full")

    def small_files():
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))

    check.refuse("output: disk full while saving", quick + ["--model", check.model], "cannot save", preexec_fn=small_files)
    with open("/dev/full", "wb") as full:
        check.refuse("output: results on a full disk", ["translate", "--model", check.model, "go ."], "output", stdout=full)
    check.refuse("training: loss is not finite", train + [*good, "--learning-rate", "1000000"], "loss")
    if os.geteuid() != 0:
        locked = check.folder / "locked"
        locked.mkdir(mode=0o500)
        check.refuse("output: no permission", quick + ["--model", locked / "model.safetensors"], "locked")


def make_pipe(folder):
    """A named pipe that nobody reads."""
    os.mkfifo(folder / "pipe")
    return "pipe"


def interrupted(check, arguments, number, delay):
    """Starts training and sends a signal; (exit code, standard error)."""
    with subprocess.Popen(
        [check.program, *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=check.folder,
    ) as process:
        process.stdout.readline()  # training has begun
        time.sleep(delay)
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(number)
        _, stderr = process.communicate(timeout=300)
        return process.returncode, stderr.decode("utf-8", "replace").splitlines()


def check_signals(check):
    """Interrupts: the model file is the old one or a whole new one."""
    train = ["train", "--data", "good.txt", *SMALL, "--model", check.model]
    for number in (signal.SIGINT, signal.SIGTERM):
        case = f"interrupt: {number.name} in training"
        code, lines = interrupted(check, train + ["--epochs", 1000000], number, 1.5)
        if code != 128 + number or len(lines) != 1 or "interrupted" not in lines[0]:
            check.note(case, f"exit code {code}, standard error {lines[:4]}")
            continue
        whole = check.run(["translate", "--model", str(check.model), "go ."])
        check.note(case, None if whole.returncode == 0 else "the model saved cannot be loaded")
        check.model.write_bytes(check.good)
    # One epoch takes a fraction of a second: some of these fall into the saving.
    for i in range(8):
        for number in (signal.SIGINT, signal.SIGKILL):
            interrupted(check, train + ["--epochs", 1], number, 0.05 * i)
            whole = check.run(["translate", "--model", str(check.model), "go ."])
            problem = None if whole.returncode == 0 else f"the model cannot be loaded: {whole.stderr!r}"
            check.note(f"interrupt: {number.name} after {0.05 * i:.2f} s of a short training", problem)
            check.model.write_bytes(check.good)
            for left in check.folder.glob(".tenon-*"):
                if number == signal.SIGKILL:
                    left.unlink()


def main():
    """All cases."""
    program = str(Path(sys.argv[1]).resolve())
    with tempfile.TemporaryDirectory() as name:
        check = Checker(program, Path(name))
        (check.folder / "good.txt").write_text(GOOD, encoding="utf-8")
        train = ["train", *SMALL, "--epochs", "2", "--model", check.model]
        made = check.run([*map(str, train), "--data", "good.txt"])
        if made.returncode != 0:
            sys.exit(f"the good case fails: {made.stderr.decode('utf-8', 'replace')}")
        check.good = check.model.read_bytes()
        check_data(check, train)
        check_options(check, train + ["--data", "good.txt"])
        check_models(check)
        check_text(check)
        check_output(check, train)
        check_signals(check)
        print(f"{check.cases} cases, {len(check.failures)} failed")
        sys.exit(1 if check.failures or check.cases < 30 else 0)


if __name__ == "__main__":
    main()
