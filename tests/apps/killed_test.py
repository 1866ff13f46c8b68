"""Kills the whole process at random moments, while it trains, serves, and keeps what clients say of its predictions.

usage: killed_test.py TROUPE PIPELINES [TIMES [SEED]]

A life of the process ends with SIGKILL when so many steps of a training are committed, so many labels acknowledged, or while
it begins. The next life goes on from what is on the disk: no label that was acknowledged is missing, each checkpoint verifies, and
each training comes to the state that it comes to if nothing happens.
"""
import atexit
import contextlib
import http.client as http_client
import json
import pathlib
import random
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading

from support import DEADLINE, PIPELINES, TROUPE, call, check_frozen, environment, expect, failures, http, infer, jobs_of, optdigits

TIMES = int(sys.argv[3]) if len(sys.argv) > 3 else 5
SEED = int(sys.argv[4]) if len(sys.argv) > 4 else random.randrange(1 << 32)
CLIENTS = 3
LABELS = 120  # that clients say in one life
# A job begins whenever so many labels have come. Steps of evaluations and checkpoints do not fall together.
changed = threading.Condition()  # what a thread of this test knows of the process
RULE = "feedback:\n  window: 50\n  cooldown: 0s\n  when:\n    - 'after: 50 labels'\n"


def config(folder, extra=None):
    text = (PIPELINES / "digits.yaml").read_text()
    files = f"file: {PIPELINES / 'data/optdigits.csv.gz'}"
    text = text.replace("train: {file: data/optdigits.csv.gz}", f"train: {{{files}}}" + (f"\n  extra: [{extra}]" if extra else ""))
    text = text.replace("epochs: 60", "epochs: 20\n  checkpoint_every: 75").replace("127.0.0.1:8080", "127.0.0.1:0")
    text = text.replace("gate: accuracy >= 0.97", "every: 150 steps\n  gate: accuracy >= 0.5")
    (folder / "job.yaml").write_text(text[:text.index("feedback:")] + RULE)
    return folder / "job.yaml"


class Life:
    """One process, whose events a thread reads."""

    def __init__(self, folder, resume):
        words = ["run", str(config(folder)), "--json", *(["--resume"] if resume else [])]
        with open(folder / "log", "a") as log:
            self.process = subprocess.Popen([TROUPE, *words], cwd=folder, env=environment(folder), stdout=subprocess.PIPE, stderr=log,
                                            text=True)
        self.events, self.ended, self.address = [], False, None
        atexit.register(self.process.kill)  # if the test itself fails
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            with changed, contextlib.suppress(ValueError):  # the last line may be cut off
                event = json.loads(line)
                if event["event"] == "deployed":
                    self.address = event["address"]
                self.events.append(event)
                changed.notify_all()
        with changed:
            self.ended = True
            changed.notify_all()

    def wait_for(self, true, what):
        with changed:
            changed.wait_for(lambda: self.ended or true(), DEADLINE)
            expect(true(), f"waited for {what}: {self.events[-3:]}")

    def committed(self):
        """The newest step of the training under way; 0 between two of them."""
        for event in reversed(self.events):
            if event["event"] == "steps_done":
                return event["step"]
            if event["event"] in ("gate_decided", "job_ended"):
                break
        return 0

    def end(self, how):
        how()
        code = self.process.wait(DEADLINE)
        self.reader.join()
        return code


class Clients:
    """Ask for digits and say what they are, until the process is gone; some are wrong. What was acknowledged, outlives it."""

    def __init__(self, draws):
        self.draws = draws
        self.rows, self.labels = optdigits(1797)
        self.acknowledged = {}  # by id
        self.alive, self.working = [], 0

    def start(self, life):
        self.left, self.working, self.before = LABELS, CLIENTS, len(self.acknowledged)
        self.alive = [threading.Thread(target=self.work, args=(life.address + "/v2/models/digits", random.Random(self.draws.random())))
                      for _ in range(CLIENTS)]
        for thread in self.alive:
            thread.start()

    def work(self, model, draws):
        try:
            self.say(model, draws)
        finally:
            with changed:
                self.working -= 1
                changed.notify_all()

    def say(self, model, draws):
        with contextlib.suppress(OSError, ValueError, http_client.HTTPException):  # the process is gone, perhaps in mid-answer
            while self.take_one():
                at = draws.randrange(len(self.rows))
                label = self.labels[at] if draws.random() < 0.9 else draws.randrange(10)
                status, answer = http(model + "/infer", infer([self.rows[at]]))
                expect(status in (200, 503), f"a prediction: {status} {answer}")
                if status != 200:
                    continue
                status, said = http(model + "/feedback", {"id": answer["id"], "label": label})
                expect(status in (200, 503), f"a label: {status} {said}")
                if status == 200:
                    with changed:
                        self.acknowledged[answer["id"]] = label
                        changed.notify_all()

    def take_one(self):
        with changed:
            self.left -= 1
            return self.left >= 0

    def silent(self):
        return self.working == 0

    def join(self):
        for thread in self.alive:
            thread.join(DEADLINE)
        self.alive = []

    def check(self, folder, life, draws):
        """What was acknowledged is there: in the store, which the process has opened anew, and over HTTP."""
        with contextlib.closing(sqlite3.connect(folder / "runs" / "digits-serving" / "feedback.db")) as store:
            kept = dict(store.execute("SELECT p.id, f.label FROM feedback f JOIN predictions p ON p.number = f.prediction"))
            expect(store.execute("PRAGMA integrity_check").fetchone() == ("ok",), "the store is sound")
        lost = {one: label for one, label in self.acknowledged.items() if kept.get(one) != label}
        expect(not lost, f"of {len(self.acknowledged)} acknowledged labels {len(lost)} are missing: {list(lost)[:5]}")
        for one in draws.sample(sorted(self.acknowledged), min(10, len(self.acknowledged))):
            status, said = http(f"{life.address}/v2/models/digits/feedback", {"id": one, "label": (self.acknowledged[one] + 1) % 10})
            expect(status == 409, f"another label is refused: {status} {said}")


class Checkpoints:
    """Those that were looked at once are not looked at again."""

    def __init__(self, folder):
        self.folder, self.seen = folder, set()

    def check(self):
        zeros = ",".join(["0"] * 64) + "\n"
        for path in sorted(self.folder.glob("runs/**/checkpoints/*")):
            if path in self.seen or not re.fullmatch(r"step-\d+", path.name):
                continue
            code, out, error = call(self.folder, "predict", str(path), "-", text=zeros)
            expect(code == 0, f"{path} verifies: {code} {error}")
            self.seen.add(path)

    def check_that_a_broken_one_is_refused(self):
        broken = self.folder / "broken"
        kept = [path for path in sorted(self.seen) if path.exists()]  # the older ones were removed
        shutil.copytree(kept[0], broken)
        state = broken / "state.safetensors"
        data = bytearray(state.read_bytes())
        data[-100] ^= 1
        state.write_bytes(data)
        code, _, error = call(self.folder, "predict", str(broken), "-", text=",".join(["0"] * 64) + "\n")
        expect(code != 0 and str(broken) in error, f"a checkpoint with one bit changed is refused: {code} {error}")


def undisturbed(extra=None):
    """The state's hash of the job, on more records, if nothing happens."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        code, _, error = call(folder, "run", str(config(folder, extra)), "--exit-when-trained")
        expect(code == 0, f"an undisturbed run: {code} {error}")
        (path,) = folder.glob("runs/digits-*/result.json")
        return json.loads(path.read_text())["state_hash"]


def wait_for_a_moment(kind, life, clients, run, draws):
    """Until so many steps are committed, labels acknowledged, or, of a life that begins, events told."""
    count = draws.randrange(1, {"step": 380, "label": LABELS, "event": 10}[kind])
    if kind == "step":
        # There may be no such step: all has been said, and no training is under way.
        life.wait_for(lambda: life.committed() >= count or (life.address and clients.silent() and idle(run)), f"step {count}")
    elif kind == "label":
        life.wait_for(lambda: len(clients.acknowledged) >= clients.before + count or clients.silent(), f"{count} labels")
    else:
        life.wait_for(lambda: len(life.events) >= count or life.address, f"{count} events")
    return f"{kind} {count}"


def test_killed(folder, draws):
    clients, checkpoints = Clients(draws), Checkpoints(folder)
    struck = set()  # numbers of the jobs in which it was killed
    run = None
    for number in range(TIMES):
        life = Life(folder, resume=run is not None)
        in_first = number < max(1, TIMES // 5)  # training, before there is anything to serve
        kind = "step" if in_first else draws.choice(("step", "step", "label", "event"))
        if not in_first and kind != "event":
            life.wait_for(lambda: life.address, "what is served")
            clients.check(folder, life, draws)
            clients.start(life)
        moment = wait_for_a_moment(kind, life, clients, run, draws)
        life.end(life.process.kill)
        clients.join()
        if run is None:
            (run,) = [path for path in (folder / "runs").glob("digits-*") if not path.name.endswith("-serving")]
        checkpoints.check()
        struck.add(current_job(run))
        print(f"killed at {moment}, in job {current_job(run)}, {len(clients.acknowledged)} labels acknowledged", flush=True)
    life = Life(folder, resume=True)
    life.wait_for(lambda: life.address, "what is served")
    clients.check(folder, life, draws)
    clients.start(life)
    clients.join()
    life.wait_for(lambda: idle(run), "the end of the last job")
    clients.check(folder, life, draws)
    expect(life.end(life.process.terminate) == 0, "it ends in order")
    checkpoints.check()
    checkpoints.check_that_a_broken_one_is_refused()
    check_results(folder, run, struck)


def current_job(run):
    """The number of the job that is trained, 0 the first; None: none is."""
    if not (run / "result.json").exists():
        return 0
    return next((job["number"] for job in jobs_of(run) if job["state"] == "frozen"), None)


def idle(run):
    return run is not None and (run / "result.json").exists() and all(job["state"] not in ("wanted", "frozen") for job in jobs_of(run))


def check_results(folder, run, struck):
    """Each job that was hit has the state that it has undisturbed, on the same labels."""
    jobs = {job["number"]: job for job in jobs_of(run)}
    struck -= {None}
    print(f"{len(jobs)} jobs followed the first; killed in jobs {sorted(struck)}")
    expect(len(jobs) >= 1, "a job followed")
    for job in jobs.values():
        if job["state"] in ("promoted", "rejected"):
            check_frozen(run, folder / "runs" / "digits-serving" / "feedback.db", job)
    for number in sorted(struck | {0}):
        job = run if number == 0 else run / "jobs" / str(number)
        if number in jobs:  # else it is forgotten by now
            expect(jobs[number]["state"] in ("promoted", "rejected"), f"job {number} came to its end: {jobs[number]}")
        code, out, error = call(folder, "audit", str(job))
        expect(code == 0 and "each consumed exactly once" in out, f"job {number}, each record in its place: {out} {error}")
        hash_of_it = json.loads((job / "result.json").read_text())["state_hash"]
        expect(hash_of_it == undisturbed(None if number == 0 else job / "feedback.csv"), f"job {number}: the same bits")


if __name__ == "__main__":
    print(f"seed {SEED}")
    with tempfile.TemporaryDirectory() as name:
        test_killed(pathlib.Path(name), random.Random(SEED))
    sys.exit(f"seed {SEED}: {len(failures)} failures" if failures else None)
