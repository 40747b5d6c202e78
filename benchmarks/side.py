# SPDX-License-Identifier: BSL-1.0
"""One measured process, driven by the line protocol that peers/protocol.py describes."""

import json
import math
import os
import select
import subprocess
import tempfile
import time

READY_SECONDS = 900  # compiling a large model on a busy machine
ROUND_SECONDS = 0.5
ANSWER_SECONDS = 300


class SideError(Exception):
    """A side that did not start, stopped, or did not answer as the protocol asks."""


class Side:
    """One process that is measured."""

    def __init__(self, name, command, threads):
        self.name = name
        self.pending = b""
        self.process = None
        self.log = tempfile.TemporaryFile()
        cores = sorted(os.sched_getaffinity(0))[:threads]
        counts = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
        try:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self.log,
                bufsize=0,
                env=os.environ | dict.fromkeys(counts, str(threads)),
                preexec_fn=lambda: os.sched_setaffinity(0, cores),
            )
            self.facts = json.loads(self.answer("ready", READY_SECONDS))
            if not isinstance(self.facts, dict):
                raise SideError(f"{name}: 'ready' is not followed by a JSON object")
            # The first run tells how many iterations fill a round.
            milliseconds = max(self.run(1), 1e-6)
            self.iterations = max(1, round(ROUND_SECONDS * 1e3 / milliseconds))
        except (OSError, ValueError) as error:
            self.close()
            raise SideError(f"{name}: {error}") from error
        except SideError:
            self.close()
            raise

    def answer(self, word, seconds):
        """The rest of the next line, which must start with `word` and come within `seconds`."""
        deadline = time.monotonic() + seconds
        while b"\n" not in self.pending:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
                raise SideError(f"{self.name}: no answer within {seconds} s")
            received = self.process.stdout.read(4096)
            if not received:
                raise SideError(f"{self.name}: ended early: {self.complaint()}")
            self.pending += received
        line, self.pending = self.pending.split(b"\n", 1)
        first, _, rest = line.decode(errors="replace").strip().partition(" ")
        if first != word:
            raise SideError(f"{self.name}: expected a line '{word} …', got '{first} {rest}'")
        return rest

    def complaint(self):
        """The last line the process wrote to its standard error."""
        self.log.seek(0)
        lines = self.log.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else f"exit status {self.process.wait()}"

    def ask(self, request, word):
        """Sends a request and reads its answer, a finite positive number."""
        try:
            self.process.stdin.write(f"{request}\n".encode())
            value = float(self.answer(word, ANSWER_SECONDS))
        except (OSError, ValueError) as error:
            raise SideError(f"{self.name}: '{request}' failed: {error}") from error
        if not math.isfinite(value) or value < 0:
            raise SideError(f"{self.name}: '{request}' answered {value}")
        return value

    def run(self, iterations):
        """Mean milliseconds per iteration."""
        return self.ask(f"run {iterations}", "ms")

    def close(self):
        """Ends the process, by request or else by force."""
        if self.process is not None:
            try:
                self.process.communicate(b"quit\n", timeout=10)
            except (OSError, ValueError, subprocess.TimeoutExpired):
                self.process.kill()
                self.process.wait()
        self.log.close()
