"""Resumes runs: from each of their checkpoints, where old ones are gone, on another machine, and once a full disk has room.

usage: resume_test.py TROUPE PIPELINES
"""
import contextlib
import fcntl
import json
import pathlib
import shutil
import socket
import struct
import subprocess
import sys
import tempfile

from support import PIPELINES, call, expect, failures

STEPS = 120
EVERY = ["--set", "train.epochs=6", "--set", "train.checkpoint_every=25", "--set", "evaluate.every=50 steps", "--set", "evaluate.gate=accuracy >= 0.5"]
OTHER_KERNELS = {"TROUPE_PLUGIN_PATH": "/nowhere"}


def digits(runs, *more):
    return ["run", str(PIPELINES / "digits.yaml"), "--exit-when-trained", *EVERY, "--runs", str(runs), *more]


def run_of(runs):
    (path,) = runs.glob("digits-*-1")
    return path


def result_of(runs):
    return json.loads((run_of(runs) / "result.json").read_text())


def saved(run):
    return sorted(int(path.name[5:]) for path in (run / "checkpoints").iterdir())


def cut_ledger(ledger, steps, more, torn):
    """Leaves `more` steps behind those, and a part of another one. The first entry tells the machine."""
    data = ledger.read_bytes()
    (shards,) = struct.unpack_from("<I", data, 12)
    entry = 8 + 16 * shards + 8 + 16
    ledger.write_bytes(data[: 88 + entry * (1 + steps + more) + torn])


def cut_back(runs, to, step, more=0, torn=0):
    """A copy as a crash behind that step's checkpoint would leave it."""
    shutil.copytree(runs, to)
    run = run_of(to)
    (run / "result.json").unlink()
    for other in saved(run):
        if other > step:
            shutil.rmtree(run / f"checkpoints/step-{other:012}")
    if more is not None:
        cut_ledger(run / "ledger", step, more, torn)
    evaluations = json.loads((run / "evaluations.json").read_text())
    (run / "evaluations.json").write_text(json.dumps([each for each in evaluations if each["step"] <= step]))
    return run


def test_each_checkpoint(folder):
    runs = folder / "runs"
    code, out, error = call(folder, *digits(runs, "--set", "train.keep_checkpoints=0"))
    expect(code == 0, f"a whole run: {code} {error}")
    steps = saved(run_of(runs))
    expect(steps == [25, 50, 75, 100, STEPS], f"checkpoints, in mid-epoch too: {steps}")
    # Just those steps, a few more and a part of one, or all that there ever were with the end behind them.
    left = [{}, {"more": 3, "torn": 20}, {"more": None}]
    for number, step in enumerate(steps):
        to = folder / f"from-{step}"
        run = cut_back(runs, to, step, **left[number % len(left)])
        code, _, error = call(folder, *digits(to, "--resume"))
        expect(code == 0, f"it goes on from step {step}: {code} {error}")
        expect(result_of(to)["state_hash"] == result_of(runs)["state_hash"], f"from step {step}, the same bits")
        code, out, error = call(folder, "audit", str(run))
        expect(code == 0 and "each consumed exactly once" in out, f"from step {step}, each record in its place: {out} {error}")
    expect((run_of(folder / "from-50") / "ledger").read_bytes() == (run_of(runs) / "ledger").read_bytes(), "the same ledger")
    run = cut_back(runs, folder / "no-ledger", 50)
    (run / "ledger").unlink()
    code, _, error = call(folder, *digits(folder / "no-ledger", "--resume", "--log-level", "off"))
    expect(code == 1 and error.count("\n") == 1 and "expected at least 25 steps" in error and "--resume" in error, f"without a ledger it does not go on: {code} {error}")
    return runs


def test_short_ledger(folder, whole):
    """A ledger that lost its end: the job goes on from the newest checkpoint that lies within what is left."""
    for name, early in {"short": [], "short-early": ["--set", "evaluate.early_stopping={metric: loss, patience: 50}"]}.items():
        made = whole
        if early:
            made = folder / "early"
            code, _, error = call(folder, *digits(made, "--set", "train.keep_checkpoints=0", *early))
            expect(code == 0, f"a whole run: {code} {error}")
        runs = folder / name
        run = cut_back(made, runs, 100, 0)
        cut_ledger(run / "ledger", 60, 0, 20)
        code, out, error = call(folder, *digits(runs, "--resume", "--set", "train.keep_checkpoints=0", *early))
        said = f"{run}/ledger: expected 100 steps, as the newest checkpoint has, got 60; entry 60: it was cut off"
        expect(code == 0 and out.count(said) == 1 and "goes on from the checkpoint of step 50" in out, f"{name}: it goes on, and says from where: {code} {out} {error}")
        expect(result_of(runs)["state_hash"] == result_of(made)["state_hash"] and saved(run) == saved(run_of(made)), f"{name}: to the same bits")
        expect((run / "ledger").read_bytes() == (run_of(made) / "ledger").read_bytes(), f"{name}: and the same ledger")
    # The checkpoint within it is damaged too.
    run = cut_back(whole, folder / "both", 100, 0)
    cut_ledger(run / "ledger", 60, 0, 0)
    manifest = run / f"checkpoints/step-{50:012}/manifest"
    manifest.write_bytes(manifest.read_bytes()[:-1])
    code, out, error = call(folder, *digits(folder / "both", "--resume"))
    expect(code == 0 and "step-000000000050" in out and "goes on from the checkpoint of step 25" in out, f"it takes the one before: {code} {out} {error}")
    expect(result_of(folder / "both")["state_hash"] == result_of(whole)["state_hash"], "which gives the same bits")
    run = cut_back(whole, folder / "shorter", 100, 0)
    cut_ledger(run / "ledger", 10, 0, 20)
    code, _, error = call(folder, *digits(folder / "shorter", "--resume", "--log-level", "off"))
    expect(code == 1 and error.count("\n") == 1 and "expected at least 25 steps" in error and "got 10" in error, f"with no checkpoint within it, it says so: {code} {error}")
    expect(saved(run) == [25, 50, 75, 100], "and leaves what was there")


def test_kept(folder, whole):
    runs = folder / "kept"
    code, _, error = call(folder, *digits(runs, "--set", "train.keep_checkpoints=2"))
    expect(code == 0 and saved(run_of(runs)) == [100, STEPS], f"the newest two are kept: {saved(run_of(runs))} {code} {error}")
    expect(result_of(runs)["state_hash"] == result_of(whole)["state_hash"], "what is kept changes no bit")
    code, out, error = call(folder, *digits(runs, "--resume"))
    expect(code == 0 and result_of(whole)["state_hash"] in out, f"resumed after its end it tells the end again: {code} {error}")
    cut_back(runs, folder / "kept-100", 100)
    code, _, error = call(folder, *digits(folder / "kept-100", "--resume", "--set", "train.keep_checkpoints=1"))
    expect(code == 0 and result_of(folder / "kept-100")["state_hash"] == result_of(whole)["state_hash"], f"it goes on behind those that are gone: {code} {error}")
    # No value is that much better than the first one, which early stopping therefore goes back to.
    runs = folder / "stopped"
    stopping = ["--set", "train.keep_checkpoints=1", "--set", "evaluate.early_stopping={metric: loss, patience: 50, min_delta: 1000}"]
    code, out, error = call(folder, *digits(runs, *stopping))
    expect(code == 0 and result_of(runs)["step"] == 50, f"the first version is chosen: {code} {error}")
    for said in (out, call(folder, *digits(runs, "--resume", *stopping))[1]):
        (line,) = [line for line in said.splitlines() if line.startswith("checkpoint ")][-1:] or [""]
        expect(line.endswith(f"{result_of(runs)['checkpoint']} (step 50)"), f"and is what the summary names: {line}")
    kept = set(saved(run_of(runs)))  # and perhaps one that was being evaluated
    expect({50, STEPS} <= kept and not {25, 75} & kept, f"and was kept for that: {kept}")


def test_refused_start(folder, whole):
    """A start that fails leaves no run that a resume would take for the one to go on with."""
    runs = folder / "refused"
    run = cut_back(whole, runs, 50)
    serving = ["run", str(PIPELINES / "digits.yaml"), *EVERY, "--runs", str(runs), "--log-level", "off"]
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        # Long enough for the start to fail before there is a checkpoint.
        code, _, error = call(folder, *serving, "--set", f"deploy.listen={listen}", "--set", "train.epochs=100000", "--set",
                              "train.checkpoint_every=1000000", "--set", "evaluate.every=1000000 steps")
        expect(code == 1 and listen in error, f"a port that is taken: {code} {error}")
    expect(saved(run) == [25, 50] and not list(runs.glob("digits-*-2")), f"leaves the runs as they were: {list(runs.iterdir())}")
    with open(folder / "troupe/digits.sock.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # as a running node does
        code, _, error = call(folder, *digits(runs))
        expect(code == 2 and "in use" in error, f"a second one of the name: {code} {error}")
    expect(not list(runs.glob("digits-*-2")), f"leaves no run either: {list(runs.iterdir())}")
    # What such a start left in earlier days.
    began = ["ledger", "evaluations.json", *(f"step-{step:012}" for step in (25, 50))]
    shutil.copytree(run, run.with_name(run.name[:-1] + "2"), ignore=lambda *_: began)
    code, out, error = call(folder, *digits(runs, "--resume"))
    expect(code == 0 and "step=50" in error, f"it goes on where the run stands that has begun: {code} {error}")
    expect((run / "result.json").exists() and result_of(runs)["state_hash"] == result_of(whole)["state_hash"], "to the same bits")


def test_new_machine(folder, whole):
    machine = json.loads((run_of(whole) / "machine.json").read_text())
    expect(len(machine.get("probe", "")) == 32, f"the probe is on record: {machine}")
    run = cut_back(whole, folder / "tampered", 50)
    (run / "machine.json").write_text(json.dumps({**machine, "probe": "0" * 32}))
    code, _, error = call(folder, *digits(folder / "tampered", "--resume", "--log-level", "off"))
    expect(code == 1 and error.count("\n") == 1 and "other bits" in error and machine["probe"] in error and "0" * 32 in error, f"another probe is refused: {code} {error}")
    expect("0" * 32 in (run / "machine.json").read_text() and saved(run) == [25, 50], "and nothing was changed")
    code, _, error = call(folder, *digits(folder / "tampered", "--new-machine"))
    expect(code == 2 and "--resume" in error, f"a new run has no machine to leave: {code} {error}")
    code, _, error = call(folder, *digits(folder / "tampered", "--resume", "--new-machine"))
    expect(code == 0 and json.loads((run / "machine.json").read_text()) == machine, f"it is accepted and put right: {code} {error}")
    if "onednn" not in json.dumps(machine).lower():
        return print("SKIPPED: there is but one set of kernels, so that no job can go on with another one")
    code, _, error = call(folder, *digits(folder / "elsewhere", "--set", "train.keep_checkpoints=0"), more=OTHER_KERNELS)
    expect(code == 0, f"a run with other kernels: {code} {error}")
    run = cut_back(folder / "elsewhere", folder / "here", 50)
    # What the ledger says counts even where machine.json was made to fit.
    old = (run / "machine.json").read_text()
    (run / "machine.json").write_text(json.dumps(machine))
    code, _, error = call(folder, *digits(folder / "here", "--resume", "--log-level", "off"))
    expect(code == 1 and f"{run}/ledger" in error and "other bits" in error, f"the ledger tells: {code} {error}")
    (run / "machine.json").write_text(old)
    code, _, error = call(folder, *digits(folder / "here", "--resume", "--log-level", "off"))
    expect(code == 1 and f"{run}/machine.json" in error and "onednn" in error, f"with other kernels it does not go on: {code} {error}")
    code, _, error = call(folder, *digits(folder / "here", "--resume", "--new-machine", "--set", "train.keep_checkpoints=0"))
    expect(code == 0 and result_of(folder / "here")["state_hash"] != result_of(folder / "elsewhere")["state_hash"], f"it goes on with other bits: {code} {error}")
    code, out, error = call(folder, "audit", str(run))
    said = f"from step 50 on another machine computed (--new-machine): probe {machine['probe']}, before {json.loads(old)['probe']}"
    expect(code == 0 and said in out, f"the break is on record: {out} {error}")
    for step in saved(run):
        told = said.split(": probe ")[1].encode() in (run / f"checkpoints/step-{step:012}/manifest").read_bytes()
        expect(told == (step > 50), f"and in the manifests from then on: {step}")
    shutil.copytree(folder / "here", folder / "again")
    run = run_of(folder / "again")
    (run / "result.json").unlink()
    for step in (100, STEPS):
        shutil.rmtree(run / f"checkpoints/step-{step:012}")
    code, _, error = call(folder, *digits(folder / "again", "--resume"))
    expect(code == 0 and result_of(folder / "again")["state_hash"] == result_of(folder / "here")["state_hash"], f"accepted once, it goes on there: {code} {error}")


@contextlib.contextmanager
def small_disk(folder, options):
    """A disk of its own; None: this user may not have one."""
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True, check=False).returncode != 0:
        yield None
        return
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_full_disk(folder, whole):
    def expect_end(what, runs, *more):
        """@return what grows the disk and goes on."""
        code, _, error = call(folder, *digits(runs, "--log-level", "error", *more))
        (last,) = error.splitlines()[-1:]
        expect(code == 1 and "No space left" in last, f"{what}: it ends with that reason: {code} {error}")
        expect("the tree ended" not in error and len(error.splitlines()) < 10, f"{what}: it ends once, and by no restarts: {error}")

    def expect_going_on(what, runs, *more):
        code, _, error = call(folder, *digits(runs, "--resume", *more))
        expect(code == 0 and result_of(runs)["state_hash"] == result_of(whole)["state_hash"], f"{what}: with room it goes on to the same bits: {code} {error}")

    with small_disk(folder / "few", "size=4m,nr_inodes=2") as disk:
        if disk is None:
            return print("SKIPPED: this user may not mount a small disk")
        prepared = ["--prepared", str(disk / "prepared")]
        expect_end("no room to prepare", folder / "few-runs", *prepared)
        subprocess.run(["mount", "-o", "remount,nr_inodes=1000", str(disk)], check=True)
        expect_going_on("no room to prepare", folder / "few-runs", *prepared)
    with small_disk(folder / "small", "size=512k") as disk:
        all_kept = ["--set", "train.keep_checkpoints=0"]
        expect_end("no room to save", disk / "runs", *all_kept)
        subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
        expect_going_on("no room to save", disk / "runs", *all_kept)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        home = pathlib.Path(name)
        made = test_each_checkpoint(home)
        test_short_ledger(home, made)
        test_kept(home, made)
        test_refused_start(home, made)
        test_new_machine(home, made)
        test_full_disk(home, made)
    sys.exit(1 if failures else 0)
