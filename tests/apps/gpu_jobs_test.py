"""Jobs on a GPU by the real command: alone, shared out, killed and resumed they end with the same bits.

usage: gpu_jobs_test.py TROUPE PIPELINES [EMULATED]

EMULATED is a folder with a module and a driver that stand for CUDA's (tests/gpu/cuda/emulated); without it there has to
be a GPU.
"""
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile

from support import DEADLINE, PIPELINES, TROUPE, call, environment, expect, failures

GPU = {}
if len(sys.argv) > 3:
    GPU = {"TROUPE_PLUGIN_PATH": os.environ.get("TROUPE_PLUGIN_PATH", "") + ":" + sys.argv[3], "LD_LIBRARY_PATH": sys.argv[3]}
# Some seconds of work: a real GPU does in one what the emulated one does in a minute.
SHORT = ["--set", "evaluate.gate=accuracy >= 0.8"]
SHORT += (["--set", "train.epochs=8", "--set", "train.checkpoint_every=70"] if GPU else
          ["--set", "train.epochs=2000", "--set", "train.checkpoint_every=9000", "--set", "evaluate.every=9000 steps"])


def digits(*more, device="cuda"):
    return ["run", str(PIPELINES / "digits.yaml"), "--exit-when-trained", *SHORT, "--set", f"train.device={device}", *more]


def start(folder, *words):
    return subprocess.Popen([TROUPE, *words], cwd=folder, env=environment(folder, GPU), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            text=True)


def end(process):
    out, error = process.communicate(timeout=DEADLINE)
    return process.returncode, out, error


def run_of(folder):
    (run,) = folder.glob("runs/digits-*")
    return run


def hash_of(folder):
    return json.loads((run_of(folder) / "result.json").read_text())["state_hash"]


def workers(process):
    """The process ids of those that it started."""
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(process.pid)], capture_output=True, text=True, check=False).stdout
    return [int(pid) for pid in listed.split()]


def steps_told(process):
    """Steps but the last, as they are told."""
    for line in process.stdout:
        event = json.loads(line)
        if event.get("event") == "steps_done" and event["step"] < event["steps"]:
            yield event["step"]


def whole(folder, *more, device="cuda", more_environment=GPU):
    code, out, error = call(folder, *digits(*more, device=device), more=more_environment)
    expect(code == 0, f"{device} {more}: a run that ends well: {code} {out[-300:]} {error}")
    code, out, error = call(folder, "audit", str(run_of(folder)))
    expect(code == 0 and "each consumed exactly once" in out, f"{device} {more}: audit: {code} {out} {error}")
    return hash_of(folder)


def in_folder(test, *arguments):
    with tempfile.TemporaryDirectory() as name:
        return test(pathlib.Path(name), *arguments)


def measured(folder):
    """What was measured, by version and split, but for what has the device's last bits."""
    evaluations = json.loads((run_of(folder) / "evaluations.json").read_text())
    return [(one["step"], one["split"], dict(one["metrics"])["accuracy"]) for one in evaluations]


def test_alone(folder):
    """One trainer, whose GPU holds the versions; by a process of its own, as the config does not have to say."""
    hash = whole(folder)
    machine = json.loads((run_of(folder) / "machine.json").read_text())
    expect("cuda.gpu" in machine and "probe" in machine and "cpu.isa" not in machine, f"what it was computed with: {machine}")
    code, out, _ = call(folder, "explain", str(PIPELINES / "digits.yaml"), "--set", "train.device=cuda")
    expect(code == 0 and re.search(r"type: trainer\n +isolation: process", out) or "isolation: process" in out, f"isolated: {out}")
    return hash, measured(folder)


def test_shared(folder, hash):
    """Two trainers, and what they tell of their GPUs while they train."""
    process = start(folder, *digits("--json", "--set", "train.replicas=2"))
    wanted = {f'phase="{phase}",' for phase in ("batch", "forward", "backward", "sum", "leave")}
    wanted |= {f"troupe_trainer_{name}{{" for name in ("flops", "flops_share")}
    wanted |= {f"troupe_gpu_{name}{{" for name in ("memory_used_bytes", "memory_bytes", "busy")}
    for _ in steps_told(process):
        _, out, _ = call(folder, "metrics", "digits")
        if wanted := {name for name in wanted if name not in out}:
            continue
        break
    code, _, error = end(process)
    expect(not wanted, f"what trainers tell of their GPUs: {wanted} were missing")
    expect(code == 0 and hash_of(folder) == hash, f"two trainers, the same bits: {code} {error}")


def test_evaluated(folder, hash, by_cpu):
    expect(whole(folder, "--set", "evaluate.device=cuda") == hash, "measured on a GPU, the same bits")
    on_gpu = measured(folder)
    expect(on_gpu and on_gpu == by_cpu, f"the same accuracies as by the CPU: {on_gpu} {by_cpu}")


def test_killed(folder, hash):
    """What the GPU had computed since its last snapshot is computed again."""
    process = start(folder, *digits("--json"))
    killed = 0
    for _ in steps_told(process):
        if killed < 3:
            (pid,) = workers(process)[:1] or [None]
            if pid is None:
                continue
            os.kill(pid, signal.SIGKILL)
            killed += 1
            if killed == 2:
                code, out, error = call(folder, "fault", "digits", "kill", "/job/coordinator")
                expect(code == 0, f"the coordinator ends as well: {code} {out} {error}")
    code, _, error = end(process)
    expect(killed >= 2, f"it was killed while it trained: {killed} times")
    expect(code == 0, f"killed, and come back: {code} {error}")
    expect(hash_of(folder) == hash, "killed, the same bits")


def test_device_fails(folder, hash):
    """An error that only another process can heal."""
    code, out, error = call(folder, *digits(), more={**GPU, "TROUPE_EMULATED_FAULT": f"{folder}/fault:80"})
    expect((folder / "fault").exists(), "the device failed")
    expect(code == 0 and "illegal memory access" in error, f"it is told, and another process goes on: {code} {error}")
    expect(hash_of(folder) == hash, "after a failure of the device, the same bits")


def test_resumed(folder, hash):
    process = start(folder, *digits("--json"))
    for _ in steps_told(process):
        process.send_signal(signal.SIGINT)
        break
    code, out, error = end(process)
    expect(code == 3, f"interrupted: {code} {error}")
    code, _, error = call(folder, *digits("--resume", device="auto"), more={"TROUPE_PLUGIN_PATH": "/nowhere"})
    expect(code != 0, "another job is not resumed")
    code, out, error = call(folder, *digits("--resume"), more=GPU)
    expect(code == 0 and hash_of(folder) == hash, f"resumed, the same bits: {code} {error}")


def test_precision(folder, hash):
    with tempfile.TemporaryDirectory() as other:
        narrow = whole(folder, "--set", "train.precision=bf16")
        expect(narrow != hash and whole(pathlib.Path(other), "--set", "train.precision=bf16", "--set", "train.replicas=2") == narrow,
               "bf16: other bits than f32, and the same ones again")


def test_not_finite(folder):
    """Told with its step, though the host hears of it later."""
    code, out, error = call(folder, *digits("--set", "train.optimizer=sgd", "--set", "train.learning_rate=1e25", "--log-level", "off"), more=GPU)
    # The address sanitizer has a line of its own about the emulator's fibers.
    said = [line for line in error.splitlines() if "makecontext" not in line]
    expect(code == 1 and len(said) == 1 and re.search(r"step \d: expected finite values, got others in ", said[0]),
           f"not finite: {code} {error}")


def test_no_gpu(folder):
    """Without a driver or a module: one line, or the CPU."""
    none = {"TROUPE_PLUGIN_PATH": os.environ.get("TROUPE_PLUGIN_PATH", ""), "LD_LIBRARY_PATH": "", "CUDA_VISIBLE_DEVICES": ""}
    code, out, error = call(folder, *digits("--log-level", "off"), more=none)
    expect(code == 1 and "cuda device" in error and error.count("\n") == 1, f"device: cuda without one: {code} {error}")
    code, out, error = call(folder, *digits("--log-level", "off", "--set", "evaluate.device=cuda", device="cpu"), more=none)
    expect(code == 1 and "cuda device" in error and error.count("\n") == 1, f"evaluators without a GPU: {code} {error}")
    hashes = []
    for device in ("cpu", "auto"):
        hashes.append(in_folder(lambda folder: whole(folder, device=device, more_environment=none)))
    expect(hashes[0] == hashes[1], "device: auto without one is the CPU")


def test_full(folder):
    """A GPU without room is told: the CPU does not come in its place."""
    full = {**GPU, "TROUPE_EMULATED_FULL": "1"}
    code, out, error = call(folder, *digits("--log-level", "off", device="auto"), more=full)
    expect(code == 1 and "out of memory" in error and error.count("\n") == 1, f"device: auto with a full GPU: {code} {error}")


def test_bad_input(folder):
    for setting, said in [("train.precision=bf16", "bf16"), ("train.tf32=true", "tf32"), ("train.deterministic=false", "deterministic")]:
        code, out, error = call(folder, "check", str(PIPELINES / "digits.yaml"), "--set", setting)
        expect(code != 0 and said in out, f"{setting} on the CPU is refused: {code} {out} {error}")
    code, out, error = call(folder, "check", str(PIPELINES / "digits.yaml"), "--set", "train.device=gpu")
    expect(code != 0 and "expected one of cpu, cuda, auto" in out, f"device: gpu: {code} {out} {error}")


if __name__ == "__main__":
    hash, by_cpu = in_folder(test_alone)
    in_folder(test_shared, hash)
    in_folder(test_evaluated, hash, by_cpu)
    in_folder(test_killed, hash)
    in_folder(test_resumed, hash)
    if len(sys.argv) > 3:
        in_folder(test_device_fails, hash)
    in_folder(test_precision, hash)
    in_folder(test_not_finite)
    if len(sys.argv) > 3:
        in_folder(test_no_gpu)
        in_folder(test_full)
    in_folder(test_bad_input)
    sys.exit(1 if failures else 0)
