"""Trains the same steps on one GPU with Troupe and with PyTorch, turn by turn, and prints one table.

usage: gpu_vs_torch.py BUILD [--limit SECONDS] [--out FILE] [--tf32] [--device cuda|cpu] [--steps N] [CASE]...

Ours is BUILD/tests/bench/gpu_step, which says what it times. PyTorch runs the same models, batches and optimizers, on
one batch that lies on the GPU, twice: eager, and by torch.compile with CUDA graphs (mode reduce-overhead). It may use
algorithms that do not repeat their bits, which Troupe may not; cuDNN chooses by timing, optimizers are fused, images are
channels_last, resnet50 is in bf16 by autocast. f32 is f32 on both sides; --tf32 lets both round products.

PyTorch is that of the Python in TROUPE_PYTHON, else of this one; without it our column stands alone. What does not fit
into the limit (230 s unless given) is not measured, and the table says so. Exit code 77: no GPU; 1: a case of ours failed.
--device and --steps go to gpu_step, to try this without a GPU.
"""
import argparse
import datetime
import json
import os
import pathlib
import queue
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time

# In the order of the table, with the seconds that each may take. They are measured in the order of `FIRST`, then the rest.
CASES = {"mlp-32": 45, "mlp-1024": 45, "cnn-256": 50, "resnet20-512": 75, "resnet50-256": 125}
FIRST = ["mlp-32", "cnn-256", "resnet50-256"]
ROUNDS = 2
COMPILE_LIMIT = 90
START_LIMIT = 30
LEAST_TIME = 15  # to begin with a case
# What the table's ratios should reach: PyTorch's time over ours, or a share.
GOALS = {
    "mlp-32": [("eager", 5.0)],
    "cnn-256": [("eager", 2.0)],
    "resnet50-256": [("compiled", 1.0), ("convolution_share", 0.45)],
}
GOAL_NAMES = {"eager": "{:g}x eager", "compiled": "{:g}x compiled", "convolution_share": "{:.0%} of peak in convolutions"}


# --- PyTorch's side: a process for each case, which is told what to time, a line each, and answers with a line.

def resnet50():
    import torch
    from torch import nn

    class Bottleneck(nn.Module):
        def __init__(self, inside, width, stride, projects):
            super().__init__()
            self.body = nn.Sequential(
                nn.Conv2d(inside, width, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True),
                nn.Conv2d(width, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True),
                nn.Conv2d(width, 4 * width, 1, bias=False), nn.BatchNorm2d(4 * width))
            self.shortcut = nn.Sequential(nn.Conv2d(inside, 4 * width, 1, stride, bias=False),
                                          nn.BatchNorm2d(4 * width)) if projects else nn.Identity()

        def forward(self, x):
            return torch.relu_(self.body(x) + self.shortcut(x))

    layers = [nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)]
    inside = 64
    for width, blocks in ((64, 3), (128, 4), (256, 6), (512, 3)):
        for block in range(blocks):
            layers.append(Bottleneck(inside, width, 2 if width > 64 and block == 0 else 1, block == 0))
            inside = 4 * width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2048, 1000))


class TorchCase:
    def __init__(self, case, tf32):
        import torch

        self.torch = torch
        torch.backends.cudnn.benchmark = True
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = tf32
        torch.use_deterministic_algorithms(False)
        torch.manual_seed(1)
        if case.startswith("resnet50"):
            batch = int(case.rsplit("-", 1)[1])
            model, x, y = resnet50(), torch.randn(batch, 3, 224, 224), torch.randint(0, 1000, (batch,))
        else:
            from vs_torch import build
            model, x, y, _ = build(case)
        self.model, self.x, self.y = model.cuda(), x.cuda(), y.cuda()
        if x.dim() == 4:
            self.model = self.model.to(memory_format=torch.channels_last)
            self.x = self.x.contiguous(memory_format=torch.channels_last)
        if case.startswith("resnet"):
            self.optimizer = torch.optim.SGD(self.model.parameters(), lr=1e-4, momentum=0.9, fused=True)
        else:
            self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-4, fused=True)
        self.narrow = case.startswith("resnet50")
        self.loss = torch.nn.CrossEntropyLoss()
        self.compiled = None

    def forward(self, x, y):
        with self.torch.autocast("cuda", dtype=self.torch.bfloat16, enabled=self.narrow):
            return self.loss(self.model(x), y)

    def step_seconds(self, kind):
        """Median of five rounds of half a second."""
        if kind == "compiled" and self.compiled is None:
            self.compiled = self.torch.compile(self.forward, mode="reduce-overhead")
        forward = self.compiled if kind == "compiled" else self.forward

        def timed(count):
            begin = time.perf_counter()
            for _ in range(count):
                if kind == "compiled":
                    self.torch.compiler.cudagraph_mark_step_begin()
                self.optimizer.zero_grad(set_to_none=True)
                forward(self.x, self.y).backward()
                self.optimizer.step()
            self.torch.cuda.synchronize()
            return (time.perf_counter() - begin) / count

        timed(5)
        count = max(1, int(0.5 / timed(5)))
        return statistics.median(timed(count) for _ in range(5))


def torch_side(case, tf32):
    answers = os.fdopen(os.dup(1), "w")  # what libraries print goes elsewhere
    os.dup2(2, 1)
    timed = TorchCase(case, tf32)
    for line in sys.stdin:
        kind = line.strip()
        print(json.dumps({"kind": kind, "seconds": timed.step_seconds(kind)}), file=answers, flush=True)


def torch_versions():
    import torch
    print(json.dumps({"PyTorch": torch.__version__, "its CUDA": torch.version.cuda,
                      "its cuDNN": torch.backends.cudnn.version(), "sees a GPU": torch.cuda.is_available()}))


# --- The table's side.

class TorchProcess:
    """Of one case. Its answers are waited for, for so long and no longer; it ends with the `with`."""

    def __init__(self, python, case, tf32):
        self.said = tempfile.TemporaryFile("w+")
        words = [python, str(pathlib.Path(__file__).resolve()), "-", "--torch-case", case] + (["--tf32"] if tf32 else [])
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.said, text=True,
                                        start_new_session=True)
        self.answers = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.answers.put(line)
        self.answers.put("")

    def step_seconds(self, kind, limit):
        """@return the seconds, or a text that says why there are none."""
        try:
            self.process.stdin.write(kind + "\n")
            self.process.stdin.flush()
            line = self.answers.get(timeout=max(limit, 0.1))
        except queue.Empty:
            return f"no answer in {limit:.0f} s"
        except BrokenPipeError:
            line = ""
        return json.loads(line)["seconds"] if line else f"it ended: {self._last_words()}"

    def _last_words(self):
        self.process.wait()
        self.said.seek(0)
        lines = [line.strip() for line in self.said if line.strip()]
        return lines[-1] if lines else f"exit code {self.process.returncode}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)  # compilers that it started are in its session
        except ProcessLookupError:
            pass
        self.process.wait()
        self.said.close()


class Ours:
    def __init__(self, arguments):
        self.command = [str(pathlib.Path(arguments.build) / "tests/bench/gpu_step"), "--json", "--device", arguments.device]
        self.command += ["--tf32"] if arguments.tf32 else []
        self.command += ["--steps", str(arguments.steps)] if arguments.steps else []
        self.machine, self.why_no_gpu = {}, None

    def measure(self, case, limit):
        """@return what gpu_step says of it, or a text that says why there is nothing."""
        try:
            done = subprocess.run([*self.command, case], capture_output=True, text=True, timeout=max(limit, 0.1))
        except subprocess.TimeoutExpired:
            return f"gpu_step did not end in {limit:.0f} s"
        except OSError as error:
            return f"{self.command[0]}: {error.strerror}"
        if done.returncode == 77:
            self.why_no_gpu = done.stdout.strip()
            return self.why_no_gpu
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        self.machine = next((line["machine"] for line in lines if "machine" in line), self.machine)
        found = [line for line in lines if line.get("case") == case]
        if found:
            return found[0]
        said = done.stderr.strip().splitlines()
        return said[-1] if said else f"gpu_step ended with {done.returncode}"


def measure_case(case, ours, python, tf32, deadline):
    """@return what was measured: ours as gpu_step says it, PyTorch's seconds by kind, and why something is missing."""
    left = lambda: deadline - time.monotonic()  # noqa: E731
    result = {"ours": None, "failed": False, "why": []}
    all_ours, theirs = [], {"eager": [], "compiled": []}
    if left() < LEAST_TIME:
        result["why"].append(f"less than {LEAST_TIME} s were left")
        return result
    begin = time.monotonic()
    first = ours.measure(case, left())
    ours_took = time.monotonic() - begin
    if isinstance(first, str):
        result.update(failed=True, why=[first])
        return result
    all_ours.append(first)
    if python:
        with TorchProcess(python, case, tf32) as process:
            for round in range(ROUNDS):
                if round > 0:
                    # Another one where there is time, since clocks drift.
                    if left() < 2 * ours_took + 10:
                        break
                    again = ours.measure(case, left())
                    if not isinstance(again, str):
                        all_ours.append(again)
                for kind in [kind for kind in theirs if round == 0 or theirs[kind]]:
                    limit = min(left(), COMPILE_LIMIT if kind == "compiled" else START_LIMIT)
                    seconds = process.step_seconds(kind, limit)
                    if isinstance(seconds, str):
                        result["why"].append(f"PyTorch, {kind}: {seconds}")
                        break  # what it answers later would be taken for the answer to something else
                    theirs[kind].append(seconds)
                if not all(theirs.values()):
                    break
    result["ours"] = {**first, **{key: statistics.median(one[key] for one in all_ours)
                                  for key in first if isinstance(first[key], (int, float))}}
    for kind, seconds in theirs.items():
        if seconds:
            result[kind] = statistics.median(seconds)
    return result


def reached(case, result):
    """Each goal of a case, with what was reached."""
    parts = []
    for what, least in GOALS.get(case, []):
        ours = result["ours"]
        if what == "convolution_share":
            value = ours.get(what) if ours else None
        else:
            value = result[what] / ours["seconds"] if ours and what in result else None
        word = "not measured" if value is None else "reached" if value >= least else "missed"
        parts.append(f"{GOAL_NAMES[what].format(least)}: {word}")
    return ", ".join(parts)


def columns(case, result):
    ours = result["ours"] or {}
    micros = lambda seconds: f"{seconds * 1e6:.1f}" if seconds is not None else "-"  # noqa: E731
    percent = lambda share: f"{share:.1%}" if share is not None else "-"  # noqa: E731

    def ratio(kind):
        return f"{result[kind] / ours['seconds']:.2f}" if ours and kind in result else "-"

    return [case, ours.get("precision", "-"), ours.get("data", "-"), micros(ours.get("seconds")), micros(result.get("eager")),
            micros(result.get("compiled")), ratio("eager"), ratio("compiled"), micros(ours.get("enqueue_seconds")),
            percent(ours.get("share_of_peak")), percent(ours.get("convolution_share")), reached(case, result)]


def table(results):
    rows = [["case", "precision", "data", "Troupe us", "eager us", "compiled us", "eager/Troupe", "compiled/Troupe", "enqueue us",
             "of peak", "conv. of peak", "goals"]]
    rows += [columns(case, results[case]) for case in CASES if case in results]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [cell.ljust(width) if i < 3 or i == len(row) - 1 else cell.rjust(width)
                 for i, (cell, width) in enumerate(zip(row, widths))]
        lines.append("  ".join(cells).rstrip())
    return lines


def driver_version():
    try:
        done = subprocess.run(["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"], capture_output=True, text=True,
                              timeout=20)
        return done.stdout.splitlines()[0].strip() if done.returncode == 0 and done.stdout else "not known"
    except (OSError, subprocess.TimeoutExpired):
        return "not known"


def find_torch():
    """@return the Python that has it and its versions, or nothing and why."""
    python = os.environ.get("TROUPE_PYTHON") or sys.executable
    try:
        done = subprocess.run([python, str(pathlib.Path(__file__).resolve()), "-", "--torch-versions"], capture_output=True, text=True,
                              timeout=60)
    except (OSError, subprocess.TimeoutExpired) as error:
        return None, {}, f"{python}: {error}"
    if done.returncode != 0:
        said = done.stderr.strip().splitlines()
        return None, {}, f"{python} cannot import torch (set TROUPE_PYTHON): {said[-1] if said else done.returncode}"
    versions = json.loads(done.stdout.strip().splitlines()[-1])
    if not versions.pop("sees a GPU"):
        return None, {}, f"the PyTorch {versions['PyTorch']} of {python} sees no GPU"
    return python, versions, ""


def header(machine, versions, arguments):
    facts = {"GPU": machine.get("cuda.gpu", arguments.device), "driver": driver_version(),
             "its CUDA": machine.get("cuda.driver", "-"), "CUDA": machine.get("cuda.runtime", "-"),
             "cuDNN": machine.get("cuda.cudnn", "-"), "cuBLASLt": machine.get("cuda.cublaslt", "-")}
    lines = [datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
             ", ".join(f"{key} {value}" for key, value in facts.items())]
    if versions:
        lines.append(", ".join(f"{key} {value}" for key, value in versions.items()))
        lines.append("Troupe repeats its bits; PyTorch's deterministic algorithms are off, cuDNN chooses by timing. f32 "
                     + ("may be rounded to TF32 on both sides." if arguments.tf32 else "is not rounded to TF32 on either side."))
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build")
    parser.add_argument("cases", nargs="*", metavar="CASE")
    parser.add_argument("--limit", type=float, default=230)
    parser.add_argument("--out", type=pathlib.Path)
    parser.add_argument("--tf32", action="store_true")
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--steps", type=int, default=0)
    parser.add_argument("--torch-case", help=argparse.SUPPRESS)
    parser.add_argument("--torch-versions", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_intermixed_args()
    for case in arguments.cases:
        if case not in CASES:
            parser.error(f"expected a case of {', '.join(CASES)}, got {case}")
    if arguments.torch_versions:
        return torch_versions()
    if arguments.torch_case:
        return torch_side(arguments.torch_case, arguments.tf32)

    end = time.monotonic() + arguments.limit
    wanted = arguments.cases or [case for case in CASES if arguments.device == "cuda" or case.startswith("mlp")]
    python, versions, why_no_torch = (None, {}, "not asked for on the CPU") if arguments.device == "cpu" else find_torch()
    ours, results = Ours(arguments), {}
    for case in sorted(wanted, key=lambda case: (case not in FIRST, list(CASES).index(case))):
        results[case] = measure_case(case, ours, python, arguments.tf32, min(end, time.monotonic() + CASES[case]))
        if ours.why_no_gpu:
            print(ours.why_no_gpu)
            return 77
    lines = header(ours.machine, versions, arguments) + table(results)
    if not python:
        lines.append(f"PyTorch: not measured: {why_no_torch}")
    lines += [f"{case}: not measured: {why}" for case in CASES if case in results for why in results[case]["why"]]
    print("\n".join(lines), flush=True)
    if arguments.out:
        arguments.out.write_text("\n".join(lines) + "\n")
    return 1 if any(result["failed"] for result in results.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
