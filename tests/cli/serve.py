# SPDX-License-Identifier: BSL-1.0
"""The server under clients that ask for translations while others send malformed, huge and slow requests.

usage: serve.py TRANSLATOR CORPUS [--seconds N] [--clients N] [--screenshot FILE.png]

Every bad request must be answered by a 4xx and a reason, every good one by the translation that `translate` prints, and the server
must end cleanly when it is asked to. With a Chromium on the machine its page must show a translation and where the model looked.
"""

import argparse
import http.client
import json
import pathlib
import random
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import zlib

from translator import ALONE, works

JSON = {"Content-Type": "Application/JSON"}  # in either case


class Server:
    """A running `serve`."""

    def __init__(self, translator, model):
        command = [translator, "serve", "--model", str(model), "--port", "0", "--threads", "2"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:(\d+)", line)
        if not found:
            sys.exit(f"serve does not say where it is: {line}{self.process.stderr.read()}")
        self.port = int(found[1])

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)

    def ask(self, method, path, body=None, headers=JSON, connection=None):
        """Status and content of an answer."""
        connection = connection or self.connect()
        connection.request(method, path, body=body, headers=headers)
        response = connection.getresponse()
        return response.status, response.read()

    def raw(self, sent):
        """What the server sends back for bytes that need not be HTTP."""
        answer = b""
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as channel:
            try:  # it may answer and close before everything is sent
                channel.sendall(sent)
                channel.shutdown(socket.SHUT_WR)
                while piece := channel.recv(65536):
                    answer += piece
            except OSError:
                pass
        return answer

    def stop(self):
        """Ends it as Ctrl-C does; its exit code and what it said on standard error."""
        self.process.send_signal(signal.SIGINT)
        try:
            _, error = self.process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            sys.exit("serve does not stop when asked to")
        return self.process.returncode, error


def question(text, **more):
    return json.dumps({"text": text, **more}).encode()


def refused(server, rng):
    """A bad request of some kind: what is wrong with the answer, or nothing."""
    large = 1 << rng.randrange(15, 21)
    kinds = (
        ("POST", "/api/translate", b"{", JSON, (400,)),
        ("POST", "/api/translate", b"[1]", JSON, (400,)),
        ("POST", "/api/translate", b'{"text": 1}', JSON, (400,)),
        ("POST", "/api/translate", b"", JSON, (400,)),
        ("POST", "/api/translate", b'{"text": "\xff"}', JSON, (400,)),
        ("POST", "/api/translate", question("  "), JSON, (400,)),
        ("POST", "/api/translate", question("go .", count=0), JSON, (400,)),
        ("POST", "/api/translate", question("go .", count=1000), JSON, (400,)),
        ("POST", "/api/translate", question("x" * 3000), JSON, (413,)),
        ("POST", "/api/translate", b"[" * 10000, JSON, (400,)),
        ("POST", "/api/translate", question("x" * large), JSON, (413,)),
        ("POST", "/api/translate", question("go ."), {"Content-Type": "text/plain"}, (415,)),
        ("POST", "/api/translate", question("x" * large), {"Content-Type": "text/plain"}, (415,)),
        ("POST", "/api/translate", b'--a\r\nContent-Disposition: form-data; name="text"\r\n\r\n' + b"x" * large + b"\r\n--a--\r\n",
         {"Content-Type": "multipart/form-data; boundary=a"}, (415,)),
        ("POST", "/nothing", question("x" * large), JSON, (404, 413)),
        ("POST", "/api/translate", question("x" * large), {**JSON, "Host": "elsewhere.example"}, (403,)),
        ("PUT", "/api/translate", question("go ."), JSON, (405,)),
        ("PUT", "/api/else", question("go ."), JSON, (404,)),
        ("GET", "/api/translate", None, {}, (405,)),
        ("GET", "/nothing", None, {}, (404,)),
        ("GET", "/../etc/passwd", None, {}, (400, 404)),
        ("GET", "/" + "x" * 9000, None, {}, (414,)),
        ("DELETE", "/", None, {}, (405,)),
        ("POST", "/", question("go ."), JSON, (405,)),
        ("OPTIONS", "/api/translate", None, {}, (405,)),
        ("OPTIONS", "/", None, {}, (405,)),
        ("OPTIONS", "/nowhere", None, {}, (404,)),
        ("POST", "/api/translate", question("go ."), JSON | {"Content-Encoding": "gzip"}, (415,)),
        ("GET", "/", None, {"Host": "elsewhere.example"}, (403,)),
    )
    method, path, body, headers, wanted = rng.choice(kinds)
    status, content = server.ask(method, path, body, headers)
    if status not in wanted:
        return f"{method} {path[:40]} {str(body)[:60]}: status {status}, expected {wanted}"
    try:
        return None if json.loads(content)["error"] else "an empty reason"
    except (ValueError, KeyError, TypeError):
        return f"{method} {path[:40]}: no reason but {content[:80]}"


def malformed(server, rng):
    """Bytes that are no request: the answer must be a 4xx, or the end of the connection."""
    pieces = (
        b"\0" * 100,
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /api/translate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99999999999999999999\r\n\r\n{}",
        b"POST /api/translate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{",
        b"POST /api/translate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"A: " + b"b" * 20000 + b"\r\n\r\n",
        bytes(rng.randrange(256) for _ in range(200)),
    )
    answer = server.raw(rng.choice(pieces))
    if answer and not re.match(rb"HTTP/1\.[01] 4\d\d ", answer):
        return f"malformed bytes: {answer[:60]}"
    return None


def slow(server, stop):
    """A client that sends a body byte by byte: it must be told that this takes too long, and keep nobody waiting."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as channel:
        channel.sendall(b"POST /api/translate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 4000\r\n\r\n")
        begin = time.monotonic()
        while not stop.is_set():
            channel.sendall(b" ")
            if select.select([channel], [], [], 0.2)[0]:
                answer = channel.recv(4096)
                return None if answer.startswith(b"HTTP/1.1 408 ") else f"to a slow client: {answer[:60]}"
            if time.monotonic() - begin > 30:
                return "a slow client may go on for half a minute"
    return None


def silent(server):
    """A client that sends half of a body and nothing more."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as channel:
        channel.sendall(b"POST /api/translate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 40\r\n\r\n{")
        answer = channel.recv(4096)
        if not answer.startswith(b"HTTP/1.1 408 "):
            sys.exit(f"to a silent client: {answer[:60]}")


def load(server, wanted, clients, seconds):
    """Seconds of many clients: the latencies of good requests. Ends the test where an answer is wrong."""
    latencies, problems = [], []
    stop = threading.Event()
    sentences = list(wanted)

    def client(number):
        rng = random.Random(number)
        connection = server.connect()
        while not stop.is_set() and not problems:
            kind = rng.random()
            if number < 4:
                problem = slow(server, stop)
            elif kind < 0.1:
                problem = malformed(server, rng)
            elif kind < 0.3:
                problem = refused(server, rng)
            else:
                sentence = rng.choice(sentences)
                begin = time.monotonic()
                status, content = server.ask("POST", "/api/translate", question(sentence), JSON, connection)
                latencies.append(time.monotonic() - begin)
                made = json.loads(content)
                problem = None
                if status != 200 or made["translations"][0]["text"] != wanted[sentence]:
                    problem = f"{sentence}: {status} {made}"
            if problem:
                problems.append(problem)

    def guarded(number):
        try:
            client(number)
        except Exception as wrong:  # a thread's exception would be lost
            problems.append(f"client {number}: {wrong!r}")

    threads = [threading.Thread(target=guarded, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    end = time.monotonic() + seconds
    while time.monotonic() < end and not problems and server.process.poll() is None:
        time.sleep(0.1)
    stop.set()
    for thread in threads:
        thread.join()
    if server.process.poll() is not None:
        sys.exit(f"the server ended with code {server.process.returncode}: {server.process.stderr.read()}")
    if problems:
        sys.exit(problems[0])
    return sorted(latencies)


def colours(path):
    """How many different colours a PNG has (8 bits, RGB or RGBA, not interlaced)."""
    content = path.read_bytes()
    at, packed, width, channels = 8, b"", 0, 0
    while at < len(content):
        size, kind = struct.unpack(">I4s", content[at : at + 8])
        data = content[at + 8 : at + 8 + size]
        if kind == b"IHDR":
            width, channels = struct.unpack(">I", data[:4])[0], {2: 3, 6: 4}[data[9]]
        if kind == b"IDAT":
            packed += data
        at += 12 + size
    raw = zlib.decompress(packed)
    row_bytes = width * channels
    seen, above = set(), bytearray(row_bytes)
    for start in range(0, len(raw), row_bytes + 1):
        how, row = raw[start], bytearray(raw[start + 1 : start + 1 + row_bytes])
        for i in range(row_bytes):
            left = row[i - channels] if i >= channels else 0
            corner = above[i - channels] if i >= channels else 0
            guess = left + above[i] - corner
            nearest = min((abs(guess - v), n) for n, v in enumerate((left, above[i], corner)))[1] if how == 4 else 0
            row[i] = (row[i] + (0, left, above[i], (left + above[i]) // 2, (left, above[i], corner)[nearest])[how]) & 255
        seen.update(bytes(row[i : i + 3]) for i in range(0, row_bytes, channels))
        above = row
    return len(seen)


def check_page(server, sentence, translation, folder, screenshot):
    """The page in Chromium; without one on this machine it is only read."""
    status, page = server.ask("GET", "/", headers={})
    if status != 200 or b"<textarea" not in page:
        sys.exit(f"the page: status {status}")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not chromium:
        print("no Chromium on this machine: the page was not looked at")
        return
    address = f"http://127.0.0.1:{server.port}/?text={urllib.parse.quote(sentence)}"
    chosen = [chromium, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--virtual-time-budget=10000",
              "--window-size=1000,900", f"--user-data-dir={folder / 'chromium'}"]
    done = subprocess.run([*chosen, "--dump-dom", address], capture_output=True, text=True, timeout=120)
    shown = re.search(r'id="best"[^>]*>([^<]*)<', done.stdout)
    if not shown or shown[1] != translation or "<svg" not in done.stdout:
        sys.exit(f"the page shows {shown and shown[1]}, expected {translation} and a picture: {done.stdout[-600:]} {done.stderr[-600:]}")
    screenshot = screenshot or folder / "page.png"
    subprocess.run([*chosen, f"--screenshot={screenshot}", address], capture_output=True, timeout=120, check=True)
    if colours(screenshot) < 50:
        sys.exit(f"the screenshot has {colours(screenshot)} colours: where is the attention?")
    print(f"the page in Chromium shows '{translation}' and its attention")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("translator")
    parser.add_argument("corpus")
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--screenshot", type=pathlib.Path)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        model = folder / "model.safetensors"
        works(chosen.translator, "train", "--epochs", 8, "--pairs", 256, "--validation-pairs", 0, "--data", chosen.corpus,
              "--model", model, *ALONE)
        sentences = ["go .", "i lost .", "he's calm .", "i'm home .", "a b c d e f g h i j k l", "¿ĂЩ?", '<script>alert("&")</script>']
        printed = works(chosen.translator, "translate", "--model", model, *sentences).splitlines()
        wanted = {}
        for sentence, line in zip(sentences, printed, strict=True):
            wanted[sentence] = line.split(" => ", 1)[1].split("  bleu ")[0]
        server = Server(chosen.translator, model)
        try:
            code, _, error = subprocess_of(chosen.translator, model, server.port)
            if code == 0 or "--port" not in error:
                sys.exit(f"a second server on the same port: {error}")
            latencies = load(server, wanted, chosen.clients, chosen.seconds)
            code, answer = server.ask("POST", "/api/translate", question("go ."), JSON | {"Range": "bytes=0-5"})
            if code != 200 or not json.loads(answer)["translations"]:
                sys.exit(f"a part of an answer was sent: {code} {answer}")
            silent(server)
            for sentence, cut in (("go .", False), ("a b c d e f g h i j k l", True)):
                code, answer = server.ask("POST", "/api/translate", question(sentence), JSON)
                if code != 200 or json.loads(answer)["cut"] is not cut:
                    sys.exit(f"was the sentence cut? {code} {answer}")
            check_page(server, "i'm home .", wanted["i'm home ."], folder, chosen.screenshot)
        except BaseException:
            server.process.kill()
            raise
        code, error = server.stop()
        if code != 0 or error.strip():
            sys.exit(f"the server ended with code {code}: {error}")
        for _ in range(40):  # as soon as it says where it is, when it may not listen yet
            code, error = Server(chosen.translator, model).stop()
            if code != 0:
                sys.exit(f"a server that is stopped as it starts ended with code {code}: {error}")
        p50, p99 = (latencies[int(len(latencies) * q)] * 1e3 for q in (0.5, 0.99))
        print(f"{len(latencies)} translations for {chosen.clients} clients in {chosen.seconds:.0f} s: "
              f"median {p50:.1f} ms, p99 {p99:.1f} ms")


def subprocess_of(translator, model, port):
    """A second server on a port that is taken."""
    done = subprocess.run([translator, "serve", "--model", str(model), "--port", str(port)], capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


main()
