"""Runs both MNIST pipelines in full length by the real command: what they reach on the test set, and that the audit finds
each record in its place. Exit code 77: the data is not there.

usage: mnist_pipelines.py TROUPE PIPELINES [--device D] [NAME]...

D goes to the jobs as train.device.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

GOALS = {"mnist-mlp": 0.98, "mnist-cnn": 0.992}
DEADLINE = 3600


def read_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("troupe", type=os.path.abspath)
    parser.add_argument("pipelines", type=lambda path: pathlib.Path(path).absolute())
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--device")
    return parser.parse_intermixed_args()


ARGUMENTS = read_arguments()


def call(folder, *words):
    done = subprocess.run([ARGUMENTS.troupe, *words], cwd=folder, capture_output=True, text=True, timeout=DEADLINE)
    return done.returncode, done.stdout, done.stderr


def test_accuracy(run):
    """Of the version that the job gave."""
    result = json.loads((run / "result.json").read_text())
    for entry in json.loads((run / "evaluations.json").read_text()):
        if entry["step"] == result["step"] and entry["split"] == "test":
            return dict(entry["metrics"])["accuracy"]
    raise LookupError(f"{run}: nothing was measured on the test set at step {result['step']}")


def try_pipeline(folder, name):
    device = ["--set", f"train.device={ARGUMENTS.device}"] if ARGUMENTS.device else []
    code, out, error = call(folder, "run", str(ARGUMENTS.pipelines / f"{name}.yaml"), "--exit-when-trained", *device)
    if code != 0:
        return f"exit code {code}: {out[-1000:]} {error}"
    (run,) = folder.glob(f"runs/{name}-*")
    accuracy = test_accuracy(run)
    print(f"{name}: test accuracy {accuracy:.4f}, expected {GOALS[name]} or more", flush=True)
    if accuracy < GOALS[name]:
        return f"test accuracy {accuracy}"
    code, out, error = call(folder, "audit", str(run))
    print(out, end="", flush=True)
    return None if code == 0 and "each consumed exactly once" in out else f"audit: {code} {error}"


def main():
    data = pathlib.Path(os.environ.get("TROUPE_DATA", pathlib.Path.home() / ".cache/troupe")) / "mnist"
    if not data.is_dir():
        print(f"SKIPPED: {data} is not there")
        return 77
    failed = False
    for name in ARGUMENTS.names or GOALS:
        with tempfile.TemporaryDirectory() as folder:
            wrong = try_pipeline(pathlib.Path(folder), name)
        if wrong:
            print(f"FAILED: {name}: {wrong}")
            failed = True
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
