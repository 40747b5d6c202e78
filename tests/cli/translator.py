# SPDX-License-Identifier: BSL-1.0
"""Runs translators for the tests beside this file."""

import subprocess
import sys

SECONDS = 240
ALONE = ("--threads", 1)  # two threads that wait for each other crawl where other tests run beside them


def run(translator, *arguments):
    """Exit code, output, error."""
    done = subprocess.run([translator, *map(str, arguments)], capture_output=True, timeout=SECONDS, check=False)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def works(translator, *arguments):
    """What the translator prints; its error ends the test."""
    code, out, error = run(translator, *arguments)
    if code != 0:
        sys.exit(f"{arguments[0]}: exit code {code}: {error}")
    return out


def refuses(translator, words, *arguments):
    """Checks that the translator ends with one line that has these words."""
    code, _, error = run(translator, *arguments)
    if code == 0 or error.count("\n") != 1 or words not in error:
        sys.exit(f"{' '.join(map(str, arguments))}: exit code {code}, expected one line with '{words}': {error}")
