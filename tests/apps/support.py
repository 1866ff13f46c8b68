"""What the tests of the command share: how it is called, and how what it serves is asked.

Their first two arguments are the command and the folder of the pipelines.
"""
import contextlib
import gzip
import hashlib
import json
import os
import pathlib
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import urllib.error
import urllib.request

TROUPE, PIPELINES = os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2]).absolute()
DEADLINE = 120
failures = []


def expect(true, what):
    if not true:
        failures.append(what)
        print("FAILED:", what)


def environment(folder, more={}):
    return {**os.environ, "XDG_RUNTIME_DIR": str(folder), "OMP_NUM_THREADS": "1", **more}


def call(folder, *words, text=None, more={}):
    done = subprocess.run([TROUPE, *words], cwd=folder, env=environment(folder, more), input=text, capture_output=True, text=True,
                          timeout=DEADLINE)
    return done.returncode, done.stdout, done.stderr


def http(url, body=None):
    """@return status and JSON. @throws OSError if there is no answer."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=DEADLINE) as response:
            return response.status, json.loads(response.read() or b"{}")
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read() or b"{}")


class Running:
    """A command that serves. `address` is known once a line of its says so."""

    def __init__(self, folder, *words):
        self.folder = folder
        with open(folder / "log", "a") as log:
            self.process = subprocess.Popen([TROUPE, *words], env=environment(folder), cwd=folder, text=True,
                                            stdout=subprocess.PIPE, stderr=log)
        self.late = threading.Timer(DEADLINE, self.process.kill)  # else a line that never comes is waited for
        self.late.start()
        self.lines, self.address, self.version = [], None, None
        for line in self.process.stdout:
            self.lines.append(line.rstrip())
            found = re.fullmatch(r"deployed: (\S+) version (\d+) at (\S+)", self.lines[-1])
            if found:
                self.model, self.version, self.address = found[1], int(found[2]), found[3]
                break
        expect(self.address is not None, f"{words} serves: {self.lines[-5:]} {(folder / 'log').read_text()[-2000:]}")

    def until(self, pattern):
        """Reads lines up to one that matches. @return the match, None if there is none."""
        for line in self.process.stdout:
            self.lines.append(line.rstrip())
            if found := re.search(pattern, line):
                return found
        return None

    def call(self, *words):
        code, out, error = call(self.folder, *words)
        return code, out + error

    def http(self, path, body=None):
        return http(self.address + path, body)

    def served(self):
        return self.http("/v2/models/" + self.model)[1].get("versions")

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)
        out = self.process.stdout.read()
        code = self.process.wait(DEADLINE)
        self.late.cancel()
        return code, out


def optdigits(count, first=0):
    """Pixels and labels of handwritten digits."""
    with gzip.open(PIPELINES / "data" / "optdigits.csv.gz", "rt") as file:
        rows = [[float(value) for value in line.split(",")] for line in list(file)[first:first + count]]
    return [row[:-1] for row in rows], [int(row[-1]) for row in rows]


def infer(rows):
    """The request for some digits."""
    tensor = {"name": "features", "datatype": "FP32", "shape": [len(rows), 8, 8, 1],
              "data": [value for row in rows for value in row]}
    return {"inputs": [tensor]}


def ask(node, rows):
    return node.http(f"/v2/models/{node.model}/infer", infer(rows))


def classes(answer):
    output = answer["outputs"][0]
    width = output["shape"][1]
    rows = [output["data"][i:i + width] for i in range(0, len(output["data"]), width)]
    return [row.index(max(row)) for row in rows]


def jobs_of(run):
    """The jobs that followed the first one of a run, on feedback."""
    file = run / "retraining.json"
    return json.loads(file.read_text())["jobs"] if file.exists() else []


def check_frozen(run, store, job):
    """A job was trained on the labels up to its rowid, and no others (JOB-7). @return how many came later."""
    snapshot = (run / "jobs" / str(job["number"]) / "feedback.csv").read_bytes()
    expect(hashlib.sha256(snapshot).hexdigest() == job["sha256"], f"the snapshot of job {job['number']} is what it was")
    with contextlib.closing(sqlite3.connect(store)) as database:
        said = list(database.execute("SELECT number, label FROM feedback WHERE label IS NOT NULL ORDER BY number"))
    frozen = [label for number, label in said if number <= job["rowid"]]
    labels = [int(line.rsplit(b",", 1)[1]) for line in snapshot.splitlines()]
    expect(labels == frozen and len(labels) == job["records"],
           f"job {job['number']}: {len(labels)} labels, {len(frozen)} up to rowid {job['rowid']}, it says {job['records']}")
    return len(said) - len(frozen)
