"""Runs jobs by the real command: interrupted and resumed they end with the same bits, and bad input is told.

usage: run_test.py TROUPE PIPELINES
"""
import json
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import threading

from support import DEADLINE, PIPELINES, TROUPE, call, environment, expect, failures

STEPS = 400
# Short enough for a test; steps of evaluations and checkpoints do not fall together.
SHORT = ["--set", "train.epochs=20", "--set", "train.checkpoint_every=75", "--set", "evaluate.every=150 steps",
         "--set", "evaluate.gate=accuracy >= 0.9"]


def start(folder, *words):
    return subprocess.Popen([TROUPE, *words], cwd=folder, env=environment(folder), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def digits(*more):
    return ["run", str(PIPELINES / "digits.yaml"), "--exit-when-trained", *SHORT, *more]


def result_of(folder):
    (path,) = folder.glob("runs/digits-*/result.json")
    return json.loads(path.read_text())


def until_step(process, step):
    """Reads events up to that step. @return whether it came."""
    for line in process.stdout:
        event = json.loads(line)
        if event.get("step", 0) >= step and "steps" in event:
            return True
    return False


def end(process):
    out, error = process.communicate(timeout=DEADLINE)
    return process.returncode, out, error


def test_waits(folder):
    """A tree of one's own may lack a role: the job says for whom it waits."""
    code, out, error = call(folder, "explain", str(PIPELINES / "digits.yaml"))
    tree = re.sub(r"(type: trainer\n *replicas:) \d+", r"\1 0", out)
    expect(code == 0 and tree != out, f"a tree without trainers: {code} {error}")
    (folder / "tree.yaml").write_text(tree)
    (folder / "data").symlink_to(PIPELINES / "data")
    process = start(folder, "run", "tree.yaml", "--exit-when-trained")
    late = threading.Timer(DEADLINE, process.kill)
    late.start()
    expect(any("nobody has joined as its trainer" in line for line in process.stdout), "it says that it waits for a trainer")
    process.terminate()
    end(process)
    late.cancel()


def test_whole(folder):
    code, out, error = call(folder, *digits("--json"))
    expect(code == 0, f"a run that ends well is exit code 0: {code} {error}")
    events = []
    for line in out.splitlines():
        try:
            events.append(json.loads(line))
        except ValueError:
            expect(False, f"--json prints JSON lines and nothing else: {line}")
    names = [event["event"] for event in events]
    expect(names.count("job_ended") == 1 and "evaluated" not in names[names.index("job_ended"):], f"nothing is measured behind the end: {names[-5:]}")
    measured = [event for event in events if event.get("split") == "validation"]
    shown = [[name for name, _ in event["metrics"]] if isinstance(event["metrics"], list) else list(event["metrics"]) for event in measured]
    expect(shown and all(set(names) == {"accuracy", "loss", "f1_macro"} for names in shown), f"shows what evaluate.metrics asks for: {shown[:1]}")
    (file,) = folder.glob("runs/*/evaluations.json")
    expect("recall_macro" in file.read_text(), "evaluations.json has all metrics")
    return result_of(folder)


def test_interrupted(folder, whole):
    process = start(folder, *digits("--json"))
    expect(until_step(process, STEPS // 4), "it trains")
    process.send_signal(signal.SIGINT)
    code, out, error = end(process)
    expect(code == 3, f"SIGINT in mid-training is exit code 3: {code} {error}")
    expect(all(line.startswith("{") for line in out.splitlines()), f"only JSON on stdout: {out[-300:]}")
    said = re.search(r"to go on: troupe (run .*--resume)", error)
    expect(said, f"it says how to go on: {error}")
    (run,) = folder.glob("runs/*")
    expect(any((run / "checkpoints").iterdir()), "it saved")
    code, out, error = call(folder, "audit", str(run))
    expect(code == 0, f"what is there so far is as it should be: {out} {error}")
    if "onednn" in (run / "machine.json").read_text().lower():
        code, out, error = call(folder, *digits("--resume"), more={"TROUPE_PLUGIN_PATH": "/nowhere"})
        expect(code == 1 and "other bits" in error, f"with other kernels it does not go on: {code} {error}")
    code, out, error = call(folder, *digits("--resume"))
    expect(code == 0, f"it goes on: {code} {error}")
    expect(result_of(folder)["state_hash"] == whole["state_hash"], "interrupted and resumed, the same bits")
    code, out, error = call(folder, *digits("--resume"))
    expect(code == 0 and whole["state_hash"] in out, f"resumed after its end it tells the end again: {code} {out} {error}")
    code, out, error = call(folder, *digits("--resume", "--set", "train.batch=32"))
    expect(code == 2 and error.count("\n") == 1 and "expected the run of job" in error, f"another job is not resumed: {code} {error}")


def test_commands(folder, whole):
    (run,) = folder.glob("runs/*")
    code, out, _ = call(folder, "audit", str(run))
    expect(code == 0 and "each consumed exactly once" in out and "unused at the end" in out and "verifies" in out, f"audit: {code} {out}")
    rows = "\n".join(",".join(["0"] * 64) for _ in range(3)) + "\n"
    code, out, error = call(folder, "predict", str(run), "-", text=rows)
    expect(code == 0 and len(out.splitlines()) == 4, f"predict: {code} {out} {error}")
    code, out, error = call(folder, "predict", whole["checkpoint"], "-", "--json", text=rows)
    lines = [json.loads(line) for line in out.splitlines()]
    expect(code == 0 and len(lines) == 3 and len(lines[0]["probabilities"]) == 10, f"predict --json: {code} {out} {error}")
    for text, said in [("1,2\n", "standard input:1: expected 64 numbers"), (rows.replace("0", "x", 1), "standard input"), (rows.replace("0", "", 1), "got nothing")]:
        code, _, error = call(folder, "predict", str(run), "-", text=text)
        expect(code == 2 and error.count("\n") == 1, f"predict of bad rows: {code} {error}")
    code, _, error = call(folder, "export", str(run), "model")
    expect(code == 0 and (folder / "model/model.safetensors").exists(), f"export: {code} {error}")
    expect(call(folder, "export", str(run), "model")[0] == 2, "what is there is not replaced")
    expect(call(folder, "predict", "nowhere", "-")[0] == 2 and call(folder, "audit", "nowhere")[0] == 2, "no such folder")
    expect(call(folder, "data", "nonsense")[0] == 2, "data knows what it knows")
    for command in ("run", "audit", "predict", "export", "data", "ps", "fault"):
        code, out, _ = call(folder, command, "--help")
        expect(code == 0 and out.startswith(f"usage: troupe {command}") and "xit code" in out, f"{command} --help")
    # A version that is not what result.json says, or is not there.
    text = (run / "result.json").read_text()
    checkpoint = pathlib.Path(whole["checkpoint"])
    for changed, said in [({"step": 150}, "since it may not stop early"), ({"state_hash": "0" * 64}, "expected the state " + whole["state_hash"])]:
        (run / "result.json").write_text(json.dumps({**whole, **changed}))
        code, out, error = call(folder, "audit", str(run))
        expect(code == 1 and said in out, f"audit of {changed}: {code} {out} {error}")
    (run / "result.json").write_text(text)
    state = checkpoint / "state.safetensors"
    data = state.read_bytes()
    state.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    code, out, error = call(folder, "audit", str(run))
    expect(code == 1 and f"problem: {run}" in out and "safetensors" in out, f"audit of a damaged version: {code} {out} {error}")
    state.write_bytes(data)
    checkpoint.rename(folder / "away")
    code, out, error = call(folder, "audit", str(run))
    expect(code == 1 and "expected the version that result.json names, got none" in out, f"audit of a lost version: {code} {out} {error}")
    (folder / "away").rename(checkpoint)
    # A ledger that says something else than what had to be consumed.
    ledger = run / "ledger"
    whole_ledger = ledger.read_bytes()
    ledger.write_bytes(whole_ledger[:5000] + bytes([whole_ledger[5000] ^ 1]) + whole_ledger[5001:])
    code, out, error = call(folder, "audit", str(run))
    expect(code == 1 and "problem: " in out, f"a damaged ledger is a problem: {code} {out} {error}")


def test_said_once(folder):
    """Why a run failed stands once on each stream, with the rule that did not hold once in it."""
    short = ["--set", "train.epochs=1", "--set", "evaluate.gate=accuracy >= 0.9999"]
    code, out, error = call(folder, *digits(*short))
    said = re.findall(r"the gate was not passed: (.*)", out + error)
    expect(code == 1 and len(said) == 2 and all(why.count("accuracy >= 0.9999") == 1 for why in said), f"a gate: {code} {out} {error}")
    (run,) = folder.glob("runs/digits-*-1")
    (run / "result.json").unlink()
    machine = run / "machine.json"
    machine.write_text(json.dumps({**json.loads(machine.read_text()), "probe": "0" * 32}))
    code, out, error = call(folder, *digits(*short, "--resume"))
    expect(code == 1 and out.count("other bits") == 1 and error.count("other bits") == 1, f"a refused resume: {code} {out} {error}")
    expect("failed after step 0" not in out, f"which says no step that is not so: {out}")
    (folder / "file").write_text("")
    code, out, error = call(folder, *digits("--runs", "file"))
    expect(code == 2 and error == "troupe run: file: expected a folder, got a file\n", f"no folder for runs: {code} {error}")


def test_at_once(folder):
    """Runs that prepare the same data at the same time: one of them is first, the others take what it made."""
    short = ["--set", "train.epochs=1", "--set", "evaluate.gate=accuracy >= 0", "--log-level", "off"]
    for attempt in range(4):
        runs = [start(folder, *digits("--prepared", f"prepared-{attempt}", "--set", f"name=at-once-{number}", *short)) for number in range(3)]
        for code, _, error in map(end, runs):
            expect(code == 0, f"both go well: {code} {error}")
        made = [path.name for path in (folder / f"prepared-{attempt}").iterdir()]
        expect(len(made) == 1 and ".tmp" not in made[0], f"what is prepared is there once: {made}")


def test_bad_input(folder):
    text = (PIPELINES / "digits.yaml").read_text()
    data = PIPELINES / "data/optdigits.csv.gz"
    text = text.replace("data/optdigits.csv.gz", str(data))
    broken = folder / "broken.csv.gz"
    broken.write_bytes(data.read_bytes()[:20000])
    cases = {
        "missing": (text.replace(str(data), "nowhere.csv"), 1, "nowhere.csv: expected a file, got none"),
        "damaged": (text.replace(str(data), str(broken)), 1, "broken.csv.gz"),
        "unknown": (text.replace("batch: 64", "bach: 64"), 2, "batch"),
        "unfit": (text.replace("units: 10,", "units: 7,"), 2, "10"),
    }
    for name, (config, expected, said) in cases.items():
        file = folder / f"{name}.yaml"
        file.write_text(config)
        code, _, error = call(folder, "run", str(file), "--runs", f"runs-{name}", "--prepared", f"prepared-{name}", "--log-level", "off")
        expect(code == expected and error.count("\n") == 1 and said in error, f"{name}: exit code {expected}, one line with {said}: {code} {error}")
        left = [str(path) for path in folder.glob(f"prepared-{name}/*")] + [str(path) for path in folder.glob(f"runs-{name}/*/*.tmp*")]
        expect(name == "unfit" or not left, f"{name}: nothing half-made is left: {left}")
        if expected == 2:
            expect(f"{file}:" in error and not list(folder.glob(f"runs-{name}/*")), f"{name}: a place, and no run folder: {error}")


def test_reader_gone(folder):
    process = start(folder, *digits())
    process.stdout.readline()
    process.stdout.close()
    code = process.wait(DEADLINE)
    error = process.stderr.read()
    process.stderr.close()
    expect(code == 0 and result_of(folder)["gate_passed"], f"a job goes on when nobody reads its progress: {code} {error}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        whole = test_whole(pathlib.Path(name))
        test_commands(pathlib.Path(name), whole)
    with tempfile.TemporaryDirectory() as name:
        test_interrupted(pathlib.Path(name), whole)
    with tempfile.TemporaryDirectory() as name:
        test_reader_gone(pathlib.Path(name))
    with tempfile.TemporaryDirectory() as name:
        test_said_once(pathlib.Path(name))
    with tempfile.TemporaryDirectory() as name:
        test_at_once(pathlib.Path(name))
    with tempfile.TemporaryDirectory() as name:
        test_waits(pathlib.Path(name))
    with tempfile.TemporaryDirectory() as name:
        test_bad_input(pathlib.Path(name))
    sys.exit(1 if failures else 0)
