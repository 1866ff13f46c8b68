"""Drives the loop round once, over HTTP: a model is served, labels are said of its predictions, a rule holds, a job on the
frozen labels begins, and its version is served if it passes its gate and is not worse.

usage: feedback_test.py TROUPE PIPELINES
"""
import csv
import json
import pathlib
import re
import sys
import tempfile
import time
import urllib.error
import urllib.request

from support import DEADLINE, PIPELINES, Running, ask, check_frozen, classes, expect, failures, jobs_of, optdigits

KNOWN = 200  # digits that the first job has, for a few steps: it is not good after that, and more data make it much better


def config(folder, rule, window):
    """The digits pipeline on the first of the data, with one rule."""
    text = (PIPELINES / "digits.yaml").read_text()
    rows, labels = optdigits(KNOWN)
    with open(folder / "known.csv", "w", newline="") as file:
        csv.writer(file).writerows([*map(int, row), label] for row, label in zip(rows, labels))
    text = text.replace("data/optdigits.csv.gz", "known.csv").replace("epochs: 60", "epochs: 4")
    text = text.replace("accuracy >= 0.97", "accuracy >= 0.5").replace("127.0.0.1:8080", "127.0.0.1:0")
    text = text[:text.index("feedback:")]
    text += f"feedback:\n  window: {window}\n  minimum_labels: {window}\n  cooldown: 0s\n  when:\n    - {rule}\n"
    (folder / "loop.yaml").write_text(text)
    return folder / "loop.yaml"


def wait_for(true, what):
    """Polls what another process does. @return what `true` gave."""
    end = time.monotonic() + DEADLINE
    while not (value := true()):
        if time.monotonic() > end:
            expect(False, f"waited in vain for {what}")
            break
        time.sleep(0.02)
    return value


def patient(node, path, body):
    """Comes again while the server asks for it, which it does when whoever keeps feedback has just ended."""
    answers = []
    wait_for(lambda: answers.append(node.http(path, body)) or answers[-1][0] != 503, f"an answer of {path}")
    return answers[-1]


def say(node, rows, labels):
    """Asks for digits, ten at a time, and says their labels. @return the classes that were predicted."""
    predicted = []
    for first in range(0, len(rows), 10):
        status, answer = ask(node, rows[first:first + 10])
        expect(status == 200, f"a prediction: {status} {answer}")
        predicted += classes(answer)
        for i, label in enumerate(labels[first:first + 10]):
            one = f"{answer['id']}.{i}" if len(rows[first:first + 10]) > 1 else answer["id"]
            status, said = patient(node, "/v2/models/digits/feedback", {"id": one, "label": label})
            expect(status == 200, f"a label: {status} {said}")
    return predicted


def knows_reference(node, version):
    return f"version={version} drift=\"is looked at\"" in (node.folder / "log").read_text()


def check_job(node, run, number, reason):
    """The job was trained on frozen labels, and each record was consumed where it had to be. @return it, and what came later."""
    job = next(job for job in jobs_of(run) if job["number"] == number)
    expect(re.search(reason, job["reason"]), f"job {number} began since {reason}: {job}")
    later = check_frozen(run, node.folder / "runs" / "digits-serving" / "feedback.db", job)
    code, out = node.call("audit", str(run / "jobs" / str(number)))
    expect(code == 0 and "each consumed exactly once" in out, f"audit of job {number}: {code} {out}")
    return job, later


def loop(folder, rule, rows, labels, reason, faults=False):
    """One round: what is said of all `rows` makes the rule hold, and the next version is served, whoever ends meanwhile.
    @return the node, which serves version 2, its run folder, and what each version says of the rows."""
    node = Running(folder, "run", str(config(folder, rule, min(len(rows), 200))))
    (run,) = [path for path in (folder / "runs").glob("digits-*") if not path.name.endswith("-serving")]
    expect(node.served() == ["1"], f"the first version: {node.served()}")
    wait_for(lambda: knows_reference(node, 1), "the drift reference of version 1")
    half = len(rows) // 2
    before = say(node, rows[:half], labels[:half])
    if faults:
        expect(node.call("fault", "digits", "kill", "/serve/feedback")[0] == 0, "it ends, and begins anew on its store")
    before += say(node, rows[half:], labels[half:])
    begun = node.until(r"job 1 begins, on (\d+) labelled records more: (.*)")
    expect(begun and re.search(reason, begun[2]), f"the rule is told of: {node.lines[-5:]}")
    if faults:
        expect(node.call("fault", "digits", "kill", "/job/coordinator")[0] == 0, "its successor goes on with the job")
    say(node, *optdigits(20, KNOWN))  # while it is trained; it knows nothing of them
    expect(node.until(r"job 1 gave version \d+"), f"job 1 gives a version: {node.lines[-8:]}")
    expect(node.until(r"deployed: digits version 2 at ") and node.served() == ["2"], f"which is served by itself: {node.served()}")
    status, answer = ask(node, rows)
    expect(status == 200 and answer["model_version"] == "2", f"and answers: {status} {answer.get('model_version')}")
    wait_for(lambda: knows_reference(node, 2), "the drift reference of version 2")
    job, later = check_job(node, run, 1, reason)
    expect(later == len(rows) + 20 - job["records"], f"what came later is kept for the next job: {later}, {job['records']}")
    return node, run, before, classes(answer)


def share(one, other):
    return sum(a == b for a, b in zip(one, other)) / len(one)


def test_after(folder):
    """Digits in negative, each called by the next one's name: nobody would think so who was not told. And some as they are."""
    rows, labels = optdigits(500, KNOWN)
    odd = [(label + 1) % 10 for label in labels[:250]]
    rows = [[16 - value for value in row] for row in rows[:250]] + rows[250:]
    node, run, before, after = loop(folder, "'after: 500 labels'", rows, odd + labels[250:], r"after: 500 labels: 500 new labels",
                                    faults=True)
    print(f"after: it says what it was told of {share(before[:250], odd):.2f}, then of {share(after[:250], odd):.2f}")
    expect(share(before[:250], odd) < 0.3 and share(after[:250], odd) > 0.6, "it learns what it is told")
    code, out = node.call("rollback", "digits")
    expect(code == 0 and node.served() == ["1"], f"and back: {code} {out}")
    say(node, *optdigits(480, KNOWN + 500))
    expect(node.until(r"job 2 gave version \d+"), f"what was said meanwhile counts: {node.lines[-8:]}")
    job, _ = check_job(node, run, 2, "after: 500 labels")
    expect(job["records"] == 1000, f"all labels so far: {job}")
    expect(pathlib.Path(job["served"]).parent == run / "checkpoints", f"compared with what is served, by hand or not: {job}")
    expect(node.terminate()[0] == 0, "it ends in order")


def test_drift(folder):
    """Pale digits, with true labels: their pixels are not distributed as those of the training data."""
    rows, labels = optdigits(200, KNOWN)
    rows = [[value // 2 for value in row] for row in rows]
    node, _, before, after = loop(folder, "drift > 0.25", rows, labels, r"drift > 0.25: drift [\d.]+ of features \d+ to \d+")
    print(f"drift: it is right about {share(before, labels):.2f}, then about {share(after, labels):.2f}")
    expect(share(after, labels) > share(before, labels), "it is better at them")
    code, out = node.call("metrics", "digits")
    expect(code == 0 and 'troupe_feedback_triggers_total{model="digits"} 1' in out, f"which is shown: {code} {out[-500:]}")
    for of in ("features 0 to 7", "predicted classes"):
        expect(f'troupe_feedback_drift{{model="digits",of="{of}"}}' in out, f"and the drift of {of}")
    expect(node.terminate()[0] == 0, "it ends in order")


def test_accuracy(folder):
    """Wrong labels: the live accuracy falls, and what is learnt from them is not good enough to be served."""
    node = Running(folder, "run", str(config(folder, "accuracy < 0.5", 200)))
    wait_for(lambda: knows_reference(node, 1), "the drift reference of version 1, with which the window begins anew")
    rows, labels = optdigits(200, 0)
    say(node, rows, [(label + 5) % 10 for label in labels])
    expect(node.until(r"job 1 begins.*accuracy < 0.5: accuracy 0[.\d]* over the last 200 labels"), f"{node.lines[-5:]}")
    expect(node.until(r"job 1 gave no better version: .*what is served has"), f"the gate: {node.lines[-5:]}")
    status, answer = ask(node, rows[:1])
    for label, wanted in ((3, 200), (3, 200), (4, 409), (3, 200)):
        status, said = patient(node, "/v2/models/digits/feedback", {"id": answer["id"], "label": label})
        expect(status == wanted, f"the same label again does no harm, another one is refused: {label} {status} {said}")
    status, answer = ask(node, rows[:1])
    expect(status == 200 and answer["model_version"] == "1" and node.served() == ["1"], f"what was served is: {answer}")
    expect(node.terminate()[0] == 0, "it ends in order")


def test_interrupted(folder):
    """SIGTERM in the middle of a job that follows: how to go on is said, and what is told of the run is its own job's."""
    command = ["run", str(config(folder, "'after: 40 labels'", 40)), "--set", "train.epochs=300"]  # so that it takes a while
    node = Running(folder, *command)
    say(node, *optdigits(40, KNOWN))
    expect(node.until(r"job 1 begins"), f"a job begins: {node.lines[-5:]}")
    code, out = node.terminate()
    expect(code == 0, f"the run's own job is done: {code} {out}")
    expect("job 1, on feedback, was interrupted" in out and re.search(r"^to go on: troupe run .* --resume$", out, re.M), f"how to go on: {out}")
    expect(re.search(r"^checkpoint +\S+-1/checkpoints/step-\d+ \(step \d+\)$", out, re.M), f"the checkpoint of the run's own job: {out}")
    node = Running(folder, *command, "--resume")
    expect(node.until(r"job 1 gave "), f"it goes on with that: {node.lines[-5:]}")
    code, out = node.terminate()
    expect(code == 0 and "to go on" not in out, f"then there is nothing to go on with: {code} {out}")


def test_full(folder):
    """At the store's limit feedback is refused, and predictions are answered."""
    node = Running(folder, "run", str(config(folder, "'after: 500 labels'", 200)), "--set", "feedback.limit_bytes=64KiB")
    rows, labels = optdigits(1)

    def label():
        status, answer = ask(node, rows)
        expect(status == 200, f"a prediction: {status} {answer}")
        said = urllib.request.Request(node.address + "/v2/models/digits/feedback",
                                      json.dumps({"id": answer["id"], "label": labels[0]}).encode())
        try:
            with urllib.request.urlopen(said, timeout=DEADLINE) as response:
                return response.status, "", None
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())["error"], error.headers["Retry-After"]

    refused = wait_for(lambda: (got := label())[0] != 200 and got, "a label that has no room")
    expect(refused[0] == 503 and "full" in refused[1] and refused[2] == "1", f"it says why, and when to come again: {refused}")
    for got in (label() for _ in range(20)):
        expect(got[0] in (200, 503) and (got[0] == 200 or "full" in got[1]), f"so do the others: {got}")
    complaints = [line for line in (folder / "log").read_text().splitlines() if "not kept" in line or "cannot be kept" in line]
    expect(0 < len(complaints) < 10, f"the log says so, and not each time: {len(complaints)} {complaints[:3]}")
    expect(node.terminate()[0] == 0, "it ends in order")


if __name__ == "__main__":
    for test in (test_after, test_drift, test_accuracy, test_interrupted, test_full):
        with tempfile.TemporaryDirectory() as name:
            test(pathlib.Path(name))
    sys.exit(f"{len(failures)} failures" if failures else None)
