"""What the tests of the command share: how it is called, and how what it serves is asked.

Their first two arguments are the command and the folder of the pipelines.
"""
import contextlib
import hashlib
import json
import os
import pathlib
import sqlite3
import subprocess
import sys

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from serving_node import DEADLINE, ServingNode, digits, http  # noqa: E402, F401

TROUPE, PIPELINES = os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2]).absolute()
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


class Running(ServingNode):
    """Of the command under test."""

    def __init__(self, folder, *words):
        super().__init__(TROUPE, folder, *words)
        expect(self.address is not None, f"{words} serves: {self.said}")


def optdigits(count, first=0):
    return digits(PIPELINES, count, first)


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
