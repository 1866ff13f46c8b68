"""A `troupe run` or `troupe serve` that serves, for tests and benchmarks: started, asked, and ended."""
import gzip
import itertools
import json
import os
import pathlib
import re
import signal
import subprocess
import threading
import urllib.error
import urllib.request

DEADLINE = 120  # seconds, of whatever is waited for


def http(url, body=None):
    """@return status and JSON. @throws OSError if there is no answer."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=DEADLINE) as response:
            return response.status, json.loads(response.read() or b"{}")
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read() or b"{}")


class ServingNode:
    """A command that serves. It is there once a line of its says at which address; else `address` is None, and `said`
    tells what it said instead. It is killed if that line takes too long."""

    def __init__(self, troupe, folder, *words):
        self.troupe = os.path.abspath(troupe)
        self.environment = {**os.environ, "XDG_RUNTIME_DIR": str(folder), "OMP_NUM_THREADS": "1"}
        self.folder = pathlib.Path(folder)
        with open(self.folder / "log", "a") as log:
            self.process = subprocess.Popen([self.troupe, *words], env=self.environment, cwd=folder, text=True,
                                            stdout=subprocess.PIPE, stderr=log)
        self.late = threading.Timer(DEADLINE, self.process.kill)
        self.late.start()
        self.lines, self.address, self.model, self.version = [], None, None, None
        for line in self.process.stdout:
            self.lines.append(line.rstrip())
            found = re.fullmatch(r"deployed: (\S+) version (\d+) at (\S+)", self.lines[-1])
            if found:
                self.model, self.version, self.address = found[1], int(found[2]), found[3]
                break

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.late.cancel()
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(DEADLINE)
        self.process.stdout.close()

    @property
    def said(self):
        return "\n".join(self.lines[-5:]) + "\n" + (self.folder / "log").read_text()[-2000:]

    def until(self, pattern):
        """Reads lines up to one that matches. @return the match, None if there is none."""
        for line in self.process.stdout:
            self.lines.append(line.rstrip())
            if found := re.search(pattern, line):
                return found
        return None

    def call(self, *words, text=None):
        """Another command, beside it. @return its exit code, and what it printed."""
        done = subprocess.run([self.troupe, *words], env=self.environment, cwd=self.folder, input=text, text=True,
                              capture_output=True, timeout=DEADLINE)
        return done.returncode, done.stdout + done.stderr

    def http(self, path, body=None):
        return http(self.address + path, body)

    def served(self):
        """The versions that its metadata names."""
        return self.http("/v2/models/" + self.model)[1].get("versions")

    def terminate(self):
        """@return its exit code, and what it printed since it serves."""
        self.process.send_signal(signal.SIGTERM)
        out = self.process.stdout.read()
        code = self.process.wait(DEADLINE)
        self.late.cancel()
        return code, out


def digits(pipelines, count, first=0):
    """Some handwritten digits: pixels and labels."""
    with gzip.open(pathlib.Path(pipelines) / "data" / "optdigits.csv.gz", "rt") as file:
        rows = [[float(value) for value in line.split(",")] for line in itertools.islice(file, first, first + count)]
    return [row[:-1] for row in rows], [int(row[-1]) for row in rows]
