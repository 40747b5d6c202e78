# SPDX-License-Identifier: BSL-1.0
"""Bad input to tenon-translate: each case must end in one clear line, a non-zero exit code and nothing lost.

usage: bad_input.py TRANSLATOR CORPUS
"""

import json
import math
import pathlib
import random
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile

SECONDS = 120


def run(translator, *arguments, stdin="", folder=None):
    """The finished process: its code, its standard output and the lines of its standard error."""
    done = subprocess.run([translator, *map(str, arguments)], input=stdin.encode("utf-8", "surrogateescape"),
                          capture_output=True, timeout=SECONDS, check=False, cwd=folder)
    return done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace").splitlines()


def run_into_full(translator, *arguments):
    """The same with a standard output that takes nothing."""
    with open("/dev/full", "wb") as full:
        done = subprocess.run([translator, *arguments], stdout=full, stderr=subprocess.PIPE, timeout=SECONDS, check=False)
    return done.returncode, "", done.stderr.decode("utf-8", "replace").splitlines()


def header_and_data(model):
    """A safetensors file as its parsed header and the bytes behind it."""
    content = model.read_bytes()
    length = struct.unpack("<Q", content[:8])[0]
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def write_model(path, header, data):
    """A safetensors file from a header (parsed, or bytes as they are to stand there) and data."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def without(header, name):
    """The header with one tensor taken out."""
    return {key: value for key, value in header.items() if key != name}


def broken_models(good, folder):
    """Model files that must be refused: (case, path, a word of the message)."""
    header, data = header_and_data(good)
    content = good.read_bytes()
    tensor = "decoder.dense.bias"
    entry = header[tensor]
    first = next(name for name in header if name != "__metadata__")

    def changed(**fields):
        return header | {tensor: entry | fields}

    def metadata(**fields):
        return header | {"__metadata__": header["__metadata__"] | fields}

    not_a_number = bytearray(data)
    begin = entry["data_offsets"][0]
    not_a_number[begin : begin + 4] = struct.pack("<f", math.nan)
    files = {
        "model empty": b"",
        "model of seven bytes": content[:7],
        "model cut in its header": content[:200],
        "model cut in its data": content[:-1000],
        "model with bytes behind": content + b"more",
        "model that is text": b"This is not a model, but it is long enough to look at.\n" * 4,
        "model whose header says 2^63": struct.pack("<Q", 1 << 63) + content[8:],
        "model whose header is longer than the file": struct.pack("<Q", len(content)) + content[8:],
        "model whose header is no JSON": struct.pack("<Q", 4) + b"{[}]" + data,
        "model whose header is a list": struct.pack("<Q", 2) + b"[]" + data,
    }
    headers = {
        "model with a wrong shape": changed(shape=[entry["shape"][0] - 1]),
        "model with a negative shape": changed(shape=[-3]),
        "model with a huge shape": changed(shape=[1 << 62, 8]),
        "model with an unknown type": changed(dtype="F33"),
        "model with offsets past the end": changed(data_offsets=[0, len(data) + 4]),
        "model with reversed offsets": changed(data_offsets=entry["data_offsets"][::-1]),
        "model with overlapping tensors": changed(data_offsets=header[first]["data_offsets"]),
        "model with a tensor renamed": without(header, tensor) | {"decoder.dense.offset": entry},
        "model without metadata": without(header, "__metadata__"),
        "model of another recipe": metadata(recipe="another-recipe"),
    }
    for number, (case, bytes_of_file) in enumerate(files.items()):
        path = folder / f"file{number}.safetensors"
        path.write_bytes(bytes_of_file)
        yield case, path
    for number, (case, wrong) in enumerate(headers.items()):
        path = folder / f"header{number}.safetensors"
        write_model(path, wrong, data)
        yield case, path
    path = folder / "nan.safetensors"
    write_model(path, header, bytes(not_a_number))
    yield "model with NaN", path


def broken_data(folder):
    """Data files that must be refused: (case, path)."""
    many = "\n".join(f"a{i} b{i} c{i} a{i} b{i} c{i}\td{i} e{i} f{i} d{i} e{i} f{i}" for i in range(600))
    contents = {
        "data empty": b"",
        "data of one column": b"go .\nstop .\n",
        "data binary": bytes(range(256)) * 20,
        "data in Latin-1": "go .\tva là !\nl'été .\tété\n".encode("latin-1"),
        "data in UTF-16": "go .\tva !\n".encode("utf-16"),
        "data with an endless line": b"go\t" + b"a" * 200_000 + b"\n",
        "data with too large a vocabulary": many.encode(),
    }
    for number, (case, content) in enumerate(contents.items()):
        path = folder / f"data{number}.tsv"
        path.write_bytes(content)
        yield case, path


class Checks:
    """Counts what held and prints what did not."""

    def __init__(self):
        self.cases = self.failures = 0

    def refused(self, case, result, words=()):
        """The process ended with an error, in one line that has all `words`."""
        code, _, errors = result
        line = errors[-1] if errors else ""
        good = code not in (0, 139, 134) and code > 0 and len(errors) == 1 and line.startswith("tenon-translate: ")
        good = good and len(line) > 30 and all(word in line for word in words)
        self.expect(case, good, f"exit code {code}, standard error: {errors}")

    def expect(self, case, condition, otherwise):
        """One case."""
        self.cases += 1
        if not condition:
            self.failures += 1
            print(f"FAILED {case}: {otherwise}")


def interrupted(translator, checks, corpus, folder):
    """Ctrl-C in the middle of training: a clean stop, the model of before or a whole new one."""
    model = folder / "interrupted.safetensors"
    report = folder / "interrupted.html"
    command = [translator, "train", "--data", corpus, "--epochs", "100000", "--threads", "1", "--model", model, "--report", report]
    with subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        # Once the first epoch is done there is a model to save, however slow the machine.
        for line in process.stdout:
            epoch = re.match(rb"epoch (\d+)/", line)
            if epoch and int(epoch[1]) > 1:
                break
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=SECONDS)
    checks.expect("interrupt while training", process.returncode not in (0, 139, 134), f"exit code {process.returncode}")
    checks.expect("interrupt says so in one line", len(errors.decode().strip().splitlines()) == 1, errors.decode())
    code, output, lines = run(translator, "translate", "--model", model, "go .")
    checks.expect("the model after an interrupt is whole", code == 0 and "=>" in output, f"{code} {lines}")
    checks.expect("the report after an interrupt", report.is_file() and "</html>" in report.read_text(encoding="utf-8"), "none")
    checks.expect("no temporary files are left", not list(folder.glob("*.tmp")), str(list(folder.iterdir())))


def without_checkpoint(translator, checks, corpus, folder):
    """A checkpoint whose folder goes away, and one that another training writes to: the training goes on, and says so."""
    for case, spoil in (("goes away", shutil.rmtree), ("is another's", lambda place: (place / "state").write_bytes(b"x"))):
        place, model = folder / "place", folder / "kept.safetensors"
        place.mkdir()
        command = [translator, "train", "--data", corpus, "--epochs", "100000", "--threads", "1", "--model", model, "--checkpoint", place / "state"]
        spoilt = noted = False
        with subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            for line in process.stdout:
                epoch = re.match(rb"epoch (\d+)/", line)
                if epoch and int(epoch[1]) > 2 and not spoilt:  # the second epoch's is written
                    spoilt = True
                    spoil(place)
                if b"the training goes on" in line:
                    noted = True
                    break
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=SECONDS)
        checks.expect(f"a checkpoint that {case}", noted and process.returncode == 130 and model.is_file(), f"exit code {process.returncode}")
        model.unlink(missing_ok=True)
        shutil.rmtree(place, ignore_errors=True)


def main():
    """Runs all cases; exit code 1 if one fails."""
    translator, corpus = sys.argv[1], pathlib.Path(sys.argv[2])
    checks = Checks()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        good = folder / "good.safetensors"
        few = ["train", "--epochs", 1, "--pairs", 128, "--validation-pairs", 0, "--threads", 1]
        small = [*few, "--data", corpus]
        code, _, errors = run(translator, *small, "--model", good)
        checks.expect("a good start", code == 0 and good.exists(), f"{code} {errors}")
        before = good.read_bytes()

        for case, path in broken_models(good, folder):
            checks.refused(case, run(translator, "translate", "--model", path, "go ."), [path.name])
        for case, path in broken_data(folder):
            words = ["256"] if "vocabulary" in case else [path.name]
            checks.refused(case, run(translator, *few, "--model", good, "--data", path), words)
        missing = folder / "missing"
        three_lines, two_lines = folder / "three.txt", folder / "two.txt"
        three_lines.write_text("a\nb\nc\n", encoding="utf-8")
        state, three_pairs = folder / "state", folder / "three.tsv"
        three_pairs.write_text("a\ta\nb\tb\nc\tc\n", encoding="utf-8")
        run(translator, *small, "--checkpoint", state, "--model", folder / "unwanted")
        two_lines.write_text("d\ne\n", encoding="utf-8")
        header, data = header_and_data(state)
        losses = header["validation_loss"] | {"shape": [1], "data_offsets": [len(data), len(data) + 8]}
        write_model(folder / "uneven", header | {"validation_loss": losses}, data + struct.pack("<d", 1.0))
        header, data = header_and_data(good)
        words = json.dumps([*json.loads(header["__metadata__"]["source_vocabulary"]), *(f"w{i}" for i in range(300))])
        write_model(folder / "wordy", header | {"__metadata__": header["__metadata__"] | {"source_vocabulary": words}}, data)
        (folder / "link").symlink_to("unmade")
        for case, arguments, words in (
            ("no command", [], ["train, translate"]),
            ("unknown command", ["dance"], ["dance", "train, translate"]),
            ("unknown option", ["train", "--speed", "9"], ["--speed"]),
            ("a rate that is no number", ["train", "--learning-rate", "nan"], ["nan"]),
            ("too many references", ["translate", "--model", good, "--references", three_lines, "go ."], ["three.txt", "more lines"]),
            ("epochs that are no number", ["train", "--epochs", "many"], ["many"]),
            ("no epochs", ["train", "--epochs", "0"], ["epochs"]),
            ("no threads", ["train", "--threads", "0"], ["threads"]),
            ("unknown weights", ["translate", "--model", good, "--weights", "int8", "go ."], ["int8", "int16"]),
            ("unknown recipe", ["train", "--recipe", "cake"], ["cake"]),
            ("missing data", ["train", "--data", missing, "--model", good], ["missing"]),
            ("two files of other lengths", ["train", "--data", three_lines, two_lines], ["three.txt:3", "two.txt"]),
            ("three files as data", ["train", "--data", corpus, corpus, corpus], []),
            ("a second file that is missing", ["train", "--data", three_lines, missing], ["missing"]),
            (
                "missing validation data",
                ["train", "--pairs", 128, "--data", corpus, "--validation-data", missing, "--model", good],
                ["missing"],
            ),
            ("a score with nothing to validate on", [*small, "--best-by", "bleu", "--model", good], ["--best-by", "--validation-pairs"]),
            ("patience with nothing to validate on", [*small, "--patience", "2", "--model", good], ["--patience"]),
            ("an unknown decay", ["train", "--decay", "slow"], ["slow", "cosine"]),
            ("a negative seed", ["train", "--seed", "-1"], ["--seed", "-1"]),
            ("a seed that is too large", ["train", "--seed", "18446744073709551616"], ["--seed"]),
            ("a negative warm-up", ["train", "--warm-up", "-1"], ["--warm-up"]),
            ("two files of pairs", ["train", "--data", corpus, corpus], ["has a tab"]),
            ("a name that is too long", [*small, "--model", folder / ("m" * 300)], ["too long"]),
            ("a checkpoint as a model", ["translate", "--model", state, "go ."], ["checkpoint"]),
            ("a checkpoint of other data", ["train", "--validation-pairs", 0, "--data", three_pairs, "--pairs", 3, "--checkpoint", state, "--model", good], ["pairs"]),
            ("a folder as data", ["train", "--data", folder, "--model", good], [folder.name]),
            ("missing model", ["translate", "--model", missing, "go ."], ["missing"]),
            ("a folder as model", ["translate", "--model", folder, "go ."], [folder.name]),
            ("missing file of sentences", ["translate", "--model", good, "--file", missing], ["missing"]),
            ("sentences in two ways", ["translate", "--model", good, "--file", corpus, "go ."], []),
            ("a range that is none", ["evaluate", "--model", good, "--data", corpus, "--pairs", "9-2"], ["9-2"]),
            ("model into a folder that is not there", [*small, "--model", missing / "m.safetensors"], ["missing"]),
            ("model onto a full disk", [*small, "--model", "/dev/full"], ["/dev/full"]),
            ("report onto a full disk", [*small, "--model", folder / "other", "--report", "/dev/full"], ["/dev/full"]),
            ("a model onto its data", [*few, "--data", folder / "pairs.tsv", "--model", folder / "pairs.tsv"], ["--data and --model"]),
            ("a report onto the model", [*small, "--model", folder / "other", "--report", f"{folder}/./other"], ["--model and --report"]),
            ("a report onto a model that is not there yet", [*small, "--model", "new.out", "--report", "./new.out"], ["--model and --report"]),
            ("a report onto a link to the model", [*small, "--model", folder / "unmade", "--report", folder / "link"], ["--model and --report"]),
            ("a model onto its checkpoint", [*small, "--model", folder / "c", "--checkpoint", folder / "c"], ["--model and --checkpoint"]),
            ("a header onto the model", ["export", "--model", good, "--output", good], ["--model and --output"]),
            ("a picture onto the model", ["translate", "--model", good, "--attention", good, "go ."], ["--model and --attention"]),
            ("header onto a full disk", ["export", "--model", good, "--output", "/dev/full"], ["/dev/full"]),
            ("header of a missing model", ["export", "--model", missing], ["missing"]),
            ("missing model to serve", ["serve", "--model", missing], ["missing"]),
            ("a port that is none", ["serve", "--model", good, "--port", "65536"], ["--port"]),
            ("missing model to score by", ["score", "--model", missing], ["missing"]),
            ("a picture onto the data", ["translate", "--data", folder / "pairs.tsv", "--attention", folder / "pairs.tsv", "go ."], ["--data and --attention"]),
            ("a header onto the data", ["export", "--data", folder / "pairs.tsv", "--output", folder / "pairs.tsv"], ["--data and --output"]),
            ("a checkpoint without a name", [*small, "--checkpoint", "", "--model", good], ["--checkpoint"]),
            ("pairs without a range", ["evaluate", "--model", good, "--pairs", ""], ["--pairs"]),
            ("an option in place of a command", ["-x"], ["-x"]),
            ("an option that there is not", ["train", "--epoch", "3"], ["train has no option", "--epoch"]),
            ("a sentence that looks like an option", ["translate", "--model", good, "-go ."], ["--"]),
            ("fewer pairs to validate on than asked for", [*small, "--validation-data", corpus, "--validation-pairs", 5000], ["--validation-pairs"]),
            ("a checkpoint that is no file", [*small, "--model", good, "--checkpoint", "/dev/null"], ["/dev/null"]),
            ("a rate of nothing", ["train", "--learning-rate", "0"], ["--learning-rate"]),
            ("threads in hexadecimal", ["translate", "--threads", "0x2", "go ."], ["0x2"]),
            ("a port in hexadecimal", ["serve", "--port", "0x1F90"], ["0x1F90"]),
            ("what is no checkpoint", [*small, "--checkpoint", three_lines, "--model", good], ["three.txt"]),
            ("a checkpoint of losses that do not match", ["train", "--pairs", 128, "--validation-pairs", 0, "--threads", 1, "--data", corpus, "--epochs", 2, "--checkpoint", folder / "uneven", "--model", good], ["uneven"]),
            ("a sentence that is no UTF-8 among others", ["translate", "--model", good, "", "go .", "caf\udce9"], ["sentence 3"]),
            ("words that a model has no room for", ["translate", "--model", folder / "wordy", "go ."], ["wordy", "256"]),
            ("picture onto a full disk", ["inspect", "--model", good, "--svg", "/dev/full"], ["/dev/full"]),
            ("a model onto somebody's text", [*small, "--model", three_lines], ["three.txt", "no model"]),
            ("a model onto another training's checkpoint", [*small, "--model", state], ["state", "no model"]),
            ("vocabularies for a model that has some", ["translate", "--model", good, "--data", three_lines, "go ."], ["of its own", "--file"]),
            ("other vocabularies to evaluate with", ["evaluate", "--model", good, "--data", corpus, "--vocabulary-data", missing], ["of its own"]),
            ("patience that keeps the last", ["train", "--patience", 1, "--keep", "last"], ["--patience", "--keep last"]),
            ("data that nothing validates on", ["train", "--validation-data", corpus, "--validation-pairs", 0], ["--validation-pairs 0"]),
            ("no pairs", ["train", "--pairs", 0], ["--pairs", "all"]),
            ("letters that look like options", ["translate", "--model", good, "-go"], ["-go"]),
            ("no references at all", ["translate", "--model", good, "--references", "/dev/null", "go ."], ["/dev/null: has fewer lines"]),
        ):
            checks.refused(case, run(translator, *arguments), words)
        checks.expect("what was no model is still there", three_lines.read_text(encoding="utf-8") == "a\nb\nc\n", "it was replaced")
        nameless = folder / "nameless.safetensors"  # as PyTorch writes it
        header, data = header_and_data(good)
        write_model(nameless, without(header, "__metadata__"), data)
        as_documented = run(translator, "translate", "--model", nameless, "--data", corpus, "go .")
        checks.expect("a sentence behind --data", as_documented[0] == 1 and "weight" in as_documented[2][0], str(as_documented))
        checks.expect("vocabularies made again", "made again from the first" in as_documented[2][0], str(as_documented))
        (folder / "wordy.tsv").write_text("".join(f"a{i} a{i}\tb{i} b{i}\n" for i in range(700)), encoding="utf-8")
        for data in (three_pairs, folder / "wordy.tsv"):
            without_words = run(translator, "evaluate", "--model", nameless, "--data", data)
            checks.refused("the pairs to evaluate as vocabularies", without_words, [data.name, "--vocabulary-data"])
        every = run(translator, "train", "--pairs", "all", "--validation-pairs", 1, "--epochs", 1, "--data", three_pairs, "--model", folder / "other")
        checks.expect("all pairs", every[0] == 0 and "2 pairs to train on, 1 to" in every[1], str(every))
        for blank in ("", "  ", "\t", "\u00a0\u3000"):
            with_references = run(translator, "translate", "--model", good, "--references", three_lines, stdin=f"go .\n{blank}\nstop .\n")
            said = with_references[1].splitlines()
            checks.expect(f"a blank line {blank!r}", with_references[0] == 0 and len(said) == 3 and said[1] == "", str(with_references))
        columns = run(translator, "translate", "--model", good, "--file", three_pairs)
        checks.expect("pairs as sentences", columns[0] == 0 and len(columns[2]) == 1 and "line 1 has a tab" in columns[2][0], str(columns))
        many = run(translator, "train", "--pairs", 128, "--validation-pairs", 0, "--data", corpus, "--epochs", "010", "--model", folder / "other")
        epochs = header_and_data(folder / "other")[0]["__metadata__"]["epoch"] if many[0] == 0 else "none"
        checks.expect("a leading zero", epochs == "10", f"{epochs} epochs, {many}")
        named = folder / "caf\udce9.tsv"  # a name that is no UTF-8
        shutil.copy(corpus, named)
        trained = run(translator, *few, "--data", named, "--model", folder / "other")
        data_name = header_and_data(folder / "other")[0]["__metadata__"]["data"]
        checks.expect("data whose name is no UTF-8", trained[0] == 0 and data_name == "caf\\xe9.tsv", f"{trained} {data_name}")
        (folder / "translator.safetensors").write_bytes(b"x")
        pictured = run(translator, "inspect", "--svg", folder / "arena.svg", folder=folder)
        checks.expect("a picture beside a model that nobody asked for", pictured[0] == 0 and (folder / "arena.svg").is_file(), str(pictured))
        piped = run(translator, "translate", "--model", good, "--file", "/dev/stdin", stdin="go .\nstop .")
        checks.expect("a pipe as a file", piped[0] == 0 and piped[1].count("=>") == 2, str(piped))
        diverging = ["train", "--data", corpus, "--threads", 1, "--checkpoint", folder / "large", "--model", folder / "diverged"]
        run(translator, *diverging, "--epochs", 1)
        content = bytearray((folder / "large").read_bytes())  # from here on its weights are too large to compute with
        offsets = header_and_data(folder / "large")[0]["weights"]["data_offsets"]
        begin, end = (8 + struct.unpack("<Q", content[:8])[0] + offset for offset in offsets)
        signs = random.Random(1)
        content[begin:end] = b"".join(struct.pack("<f", signs.choice((1e30, -1e30))) for _ in range((end - begin) // 4))
        (folder / "large").write_bytes(content)
        diverged = run(translator, *diverging, "--epochs", 2)
        checks.refused("a training that diverges", diverged, ["loss became", "of epoch 1, was saved"])
        others = folder / "others.tsv"  # the same pairs of other words: each has the number that it had
        lines = [line.split("\t", 1) for line in corpus.read_text(encoding="utf-8").splitlines()]
        others.write_text("".join(re.sub(r"([^\W\d_]+)", r"a\1", source) + f"\t{target}\n" for source, target in lines), encoding="utf-8")
        checks.refused("a checkpoint of other words", run(translator, *[others if word == corpus else word for word in diverging], "--epochs", 3), ["other sentence pairs"])
        kept, weights = header_and_data(folder / "diverged")
        learnt = kept["__metadata__"]["validation_loss"]
        checks.expect("what it had learnt is saved", math.isfinite(float(learnt)), learnt)
        write_model(folder / "unnamed", without(kept, "__metadata__"), weights)
        measured = run(translator, "evaluate", "--model", folder / "unnamed", "--data", three_pairs, "--vocabulary-data", corpus)
        checks.expect("a model without vocabularies on other pairs", measured[0] == 0 and "pairs 3 " in measured[1], str(measured))
        bucketed = run(translator, "buckets", "--data", folder / "data6.tsv")
        checks.expect("buckets of more words than there is room for", bucketed[0] == 0 and "600 pairs" in bucketed[1], str(bucketed))
        lines = folder / "lines.txt"
        lines.write_bytes(b"go .\nstop .\ncaf\xe9\n")
        some = run(translator, "translate", "--model", good, "--file", lines)
        checks.expect("the lines before a bad one are translated", some[0] == 1 and some[1].count("=>") == 2 and "lines.txt:3" in some[2][0], str(some))
        rate = header["__metadata__"]["learning_rate"]
        checks.expect("the recipe's learning rate as it is given", rate == "0.005", rate)
        checks.refused("help onto a full disk", run_into_full(translator, "--help"))
        checks.refused("sentences that are no UTF-8", run(translator, "translate", "--model", good, stdin="caf\udce9\n"))
        checks.expect("the old model is intact", good.read_bytes() == before, "it was changed")
        interrupted(translator, checks, corpus, folder)
        without_checkpoint(translator, checks, corpus, folder)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
    print(f"{checks.cases - checks.failures} passed, {checks.failures} failed")
    return 1 if checks.failures else 0


if __name__ == "__main__":
    sys.exit(main())
