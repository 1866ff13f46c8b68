"""Runs the digits pipeline as an operator would, until it serves, and asks it over HTTP.

usage: serving_test.py TROUPE PIPELINES
"""
import concurrent.futures
import http.client
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import time

from support import DEADLINE, PIPELINES, TROUPE, Running, ask, call, classes, environment, expect, failures, optdigits


def test_pipeline(folder):
    run = ("run", str(PIPELINES / "digits.yaml"), "--set", "deploy.listen=127.0.0.1:0")
    node = Running(folder, *run)
    expect(node.model == "digits" and node.version == 1, f"the first version is number 1: {node.lines[-1]}")
    expect(node.served() == ["1"], f"and is what is served: {node.served()}")
    rows, labels = optdigits(40)
    status, answer = ask(node, rows[:1])
    expect(status == 200 and classes(answer) == labels[:1], f"a digit's class: {labels[0]}, {status} {answer}")
    status, answer = ask(node, rows)
    right = sum(a == b for a, b in zip(classes(answer), labels)) if status == 200 else 0
    expect(right >= 38, f"nearly all of {len(rows)} digits: {right}")
    status, answer = ask(node, [rows[0][:-1]])
    expect(status == 400 and "error" in answer, f"a digit with a pixel too few: {status} {answer}")

    address = node.address.removeprefix("http://")
    for path, wanted in (("/v2/health/live", 200), ("/v2/nowhere", 404)):
        connection = http.client.HTTPConnection(address, timeout=DEADLINE)
        answers = []
        for method in ("HEAD", "GET"):
            connection.request(method, path)
            with connection.getresponse() as response:
                answers.append((response.status, response.headers["Content-Length"], response.read()))
        connection.close()
        (head, head_length, no_body), (got, length, body) = answers
        expect((head, got) == (wanted, wanted) and head_length == length == str(len(body)) and no_body == b"",
               f"HEAD is GET without the body: {answers}")
    run_folder = next((folder / "runs").glob("digits-*-1"))
    checkpoints = sorted((run_folder / "checkpoints").iterdir())
    code, said = node.call("rollback", "digits")
    expect(code == 2 and "no version before" in said, f"nothing to roll back to: {code} {said}")
    code, said = node.call("promote", "digits", str(checkpoints[0]))
    expect(code == 2 and "gate" in said and node.served() == ["1"], f"without a gate, no: {code} {said}")
    code, said = node.call("promote", "digits", str(checkpoints[0]), "--force")
    expect(code == 0 and "version 2" in said and node.served() == ["2"], f"by force, yes: {code} {said}")
    code, said = node.call("rollback", "digits")
    expect(code == 0 and "version 1" in said and node.served() == ["1"], f"and back: {code} {said}")
    code, said = node.call("promote", "digits", str(folder / "nowhere"))
    expect(code == 2 and "nowhere" in said and said.count("\n") == 1, f"what is not there: {code} {said}")
    code, said = node.call("promote", "digits", str(run_folder))
    expect(code == 0 and "version 1" in said, f"what is served already: {code} {said}")

    node.call("fault", "digits", "kill", "/job/coordinator")
    end = time.monotonic() + DEADLINE  # it is started again, and looks what is served
    while (said := node.call("promote", "digits", str(checkpoints[1]), "--force"))[0] != 0:
        if time.monotonic() > end:
            expect(False, f"a promotion after the coordinator was killed: {said}")
            break
    expect(node.served() == ["3"], f"a version of its own: {node.served()}")
    code, said = node.call("rollback", "digits")
    expect(code == 0 and "version 1" in said, f"a coordinator that was killed deploys nothing a second time: {said}")
    code, out = node.terminate()
    expect(code == 0, f"SIGTERM ends it in order: {code} {out[-500:]}")

    node = Running(folder, *run, "--resume")
    expect(node.version == 1 and node.served() == ["1"], f"the same version after a restart: {node.lines[-1]}")
    expect(node.terminate()[0] == 0, "which ends in order")
    versions = json.loads((folder / "runs" / "digits-serving" / "versions.json").read_text())["versions"]
    expect([v["version"] for v in versions] == [1, 2, 3], f"one number a version: {versions}")
    return run_folder, checkpoints


def test_saved(folder, run_folder, checkpoints):
    node = Running(folder, "serve", str(run_folder), "--listen", "127.0.0.1:0", "--model", "mine", "--replicas", "2")
    rows, labels = optdigits(1)
    status, answer = ask(node, rows)
    expect(status == 200 and classes(answer) == labels, f"a saved model is served: {status} {answer}")
    code, said = node.call("promote", "mine", str(checkpoints[0]), "--force")
    expect(code == 0 and node.served() == ["2"], f"and another one: {code} {said}")
    before = ask(node, rows)[1]["outputs"]
    shutil.move(run_folder, folder / "elsewhere")
    for replica in ("0", "1"):
        node.call("fault", "mine", "kill", "/serve/replica/" + replica)
    status, answer = ask(node, rows)
    expect(status == 200 and answer["outputs"] == before, f"served without its run: {status} {answer}")
    shutil.move(folder / "elsewhere", run_folder)
    expect(node.call("stop", "mine")[0] == 0, "stop")
    expect(node.process.wait(DEADLINE) == 0, f"ends it in order: {node.process.returncode}")
    node.late.cancel()
    with Running(folder, "serve", str(run_folder), "--listen", "127.0.0.1:0", "--name", "first") as other:
        listen = other.address.removeprefix("http://")
        code, said = node.call("serve", str(run_folder), "--listen", listen, "--name", "second")
        expect(code == 1 and said.splitlines()[-1].startswith("troupe serve: ") and listen in said and said.count("\n") < 10,
               f"an address that is taken: {code} {said}")
    code, said = node.call("serve", str(folder))
    expect(code == 2 and said.count("\n") == 1, f"a folder that is no model: {code} {said}")


def test_refused(folder, run_folder):
    """What no restart helps against ends it with one line that names it."""
    settings = folder / "settings"
    settings.mkdir()
    deploy = {"checkpoint": str(run_folder), "model": "m", "listen": "127.0.0.1:0"}
    serving = folder / "runs" / "refused-serving"
    serving.mkdir()
    (settings / "cert.pem").write_text("no certificate")
    for name, more, damaged in (("tls", {"certificate": "cert.pem", "key": "cert.pem"}, settings / "cert.pem"),
                                ("deployed", {}, serving / "deployed.json"), ("feedback", {}, serving / "feedback.db")):
        damaged.write_bytes(b"damaged" * 1000)
        (settings / f"{name}.yaml").write_text(json.dumps({"name": "refused", "deploy": {**deploy, **more}, "feedback": {}}))
        done = subprocess.run([TROUPE, "run", str(settings / f"{name}.yaml")], env=environment(folder), cwd=folder,
                              capture_output=True, text=True, timeout=DEADLINE)
        last = (done.stderr.splitlines() or [""])[-1]
        expect(done.returncode == 1 and last.startswith("troupe run: ") and str(damaged) in last and done.stderr.count("\n") < 10,
               f"{name}: {done.returncode} {done.stderr}")
        damaged.unlink()


def test_nothing(folder, run_folder):
    """A node that has nothing to serve says so, and goes on with what it is given."""
    (folder / "nothing.yaml").write_text(json.dumps({"name": "nothing", "deploy": {"model": "m", "listen": "127.0.0.1:0"}}))
    process = subprocess.Popen([TROUPE, "run", "nothing.yaml"], env=environment(folder), cwd=folder, stdout=subprocess.PIPE, text=True)
    late = threading.Timer(DEADLINE, process.kill)
    late.start()
    said = []
    for line in process.stdout:
        said.append(line)
        if "nothing is served" in line:
            break
    expect(said and "troupe promote" in said[-1], f"it says that nothing is served: {said}")
    code, out, error = call(folder, "promote", "nothing", str(run_folder))
    expect(code == 0, f"a version is taken: {code} {out} {error}")
    process.terminate()
    expect(process.wait(DEADLINE) == 0, "it ends in order")
    late.cancel()
    process.stdout.close()
    with Running(folder, "run", "nothing.yaml") as node:
        expect(node.version == 1 and node.terminate()[0] == 0, f"what was served is served again, and it says where: {node.said}")


def test_hanging(folder, run_folder):
    """A replica that hangs costs its requests a moment, not their answers."""
    (folder / "hangs.yaml").write_text(json.dumps({"name": "hangs", "deploy": {
        "checkpoint": str(run_folder), "model": "m", "listen": "127.0.0.1:0", "replicas": 2, "timeout": "6s"}}))
    node = Running(folder, "run", str(folder / "hangs.yaml"))
    rows, labels = optdigits(1)
    code, said = node.call("fault", "hangs", "stall", "/serve/replica/0", "--for", "60s")
    expect(code == 0, f"stall: {said}")
    with concurrent.futures.ThreadPoolExecutor(8) as clients:
        answers = list(clients.map(lambda _: ask(node, rows), range(40)))
    expect(all(status == 200 and classes(answer) == labels for status, answer in answers),
           f"all are answered: {[status for status, _ in answers]}")
    expect(node.terminate()[0] == 0, "and it ends in order")


def test_without_data(folder):
    """What serves goes on without the data, and without its run."""
    pipeline = folder / "pipeline"
    shutil.copytree(PIPELINES / "data", pipeline / "data")
    shutil.copy(PIPELINES / "digits.yaml", pipeline)
    run = ("run", str(pipeline / "digits.yaml"), "--set", "deploy.listen=127.0.0.1:0", "--set", "name=alone",
           "--set", "train.epochs=3", "--set", "evaluate.gate=accuracy >= 0.5")
    rows, _ = optdigits(1)
    with Running(folder, *run) as node:
        shutil.rmtree(pipeline / "data")
        shutil.rmtree(folder / "prepared")
        node.call("fault", "alone", "kill", "/job/coordinator")
        expect(node.until("warning: expected the data in .*csv.gz, found nothing there"), f"a warning: {node.said}")
        expect(ask(node, rows)[0] == 200, "it serves without the data")
        (made,) = (folder / "runs").glob("alone-*-1")
        shutil.move(made, folder / "elsewhere")
        node.call("fault", "alone", "kill", "/job/coordinator")
        expect(node.until("warning: .* is gone: what is served is served on"), f"a warning: {node.said}")
        expect(ask(node, rows)[0] == 200, "it serves without its run")
        shutil.move(folder / "elsewhere", made)
        code, out = node.terminate()
        expect(code == 0, f"and ends in order: {code} {out[-500:]} {node.said}")
    with Running(folder, *run, "--resume") as node:
        expect(node.served() == ["1"], f"a resumed run serves without the data: {node.said}")
        expect(node.terminate()[0] == 0, "and ends in order")


def test_gate(folder):
    """A version that does not pass its gate is not served."""
    done = subprocess.run(
        [TROUPE, "run", str(PIPELINES / "digits.yaml"), "--set", "deploy.listen=127.0.0.1:0", "--set",
         "evaluate.gate=accuracy >= 0.9999", "--set", "train.epochs=1", "--set", "name=worse"],
        env=environment(folder), cwd=folder, capture_output=True, text=True, timeout=DEADLINE)
    expect(done.returncode == 1 and "gate" in done.stderr, f"exit code 1: {done.returncode} {done.stderr[-500:]}")
    expect("deployed:" not in done.stdout and "nothing new is served" in done.stdout, done.stdout[-1000:])
    versions = folder / "runs" / "worse-serving" / "versions.json"
    expect(not versions.exists(), "nothing was numbered")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        here = pathlib.Path(temporary)
        made = test_pipeline(here)
        test_saved(here, *made)
        test_refused(here, made[0])
        test_nothing(here, made[0])
        test_hanging(here, made[0])
        test_gate(here)
        test_without_data(here)
    sys.exit(f"{len(failures)} failures" if failures else None)
