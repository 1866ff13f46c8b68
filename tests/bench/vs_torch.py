"""Trains the same steps with Troupe and with PyTorch, turn by turn on one core, and prints the ratio.

usage: vs_torch.py PATH/TO/train_step [--core N] [--rounds N] [--compile]

Both sides: f32, one thread, pinned with taskset to the same core, the same model, batch and optimizer, data in memory;
the median of the rounds. PyTorch is given its fastest plain setting: channels_last for convolutions, the fused
optimizer, set_to_none; --compile adds torch.compile. Exits with 77 where torch cannot be imported.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import time

CASES = ["mlp-32", "mlp-256", "cnn-64", "resnet20-64"]
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def build(case):
    import torch
    from torch import nn

    class Block(nn.Module):
        def __init__(self, inside, outside, stride):
            super().__init__()
            self.body = nn.Sequential(
                nn.Conv2d(inside, outside, 3, stride, 1, bias=False), nn.BatchNorm2d(outside), nn.ReLU(inplace=True),
                nn.Conv2d(outside, outside, 3, 1, 1, bias=False), nn.BatchNorm2d(outside))
            self.shortcut = nn.Identity() if stride == 1 else nn.Sequential(
                nn.Conv2d(inside, outside, 1, stride, bias=False), nn.BatchNorm2d(outside))

        def forward(self, x):
            return torch.relu_(self.body(x) + self.shortcut(x))

    kind, batch = case.rsplit("-", 1)
    batch = int(batch)
    if kind == "mlp":
        model, shape = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10)), (784,)
    elif kind == "cnn":
        model, shape = nn.Sequential(
            nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3, padding=1),
            nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(3136, 128), nn.ReLU(inplace=True),
            nn.Linear(128, 10)), (1, 28, 28)
    else:
        layers, inside = [nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU(inplace=True)], 16
        for width in (16, 32, 64):
            for block in range(3):
                layers.append(Block(inside, width, 2 if width > 16 and block == 0 else 1))
                inside = width
        model = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))
        shape = (3, 32, 32)
    x, y = torch.randn(batch, *shape), torch.randint(0, 10, (batch,))
    return model, x, y, len(shape) == 3


def step_seconds(case, channels_last, compiled, seconds=1.5):
    """Median seconds of a step, over batches of steps that last about a tenth of `seconds` each."""
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(1)
    model, x, y, image = build(case)
    if channels_last and image:
        model, x = model.to(memory_format=torch.channels_last), x.contiguous(memory_format=torch.channels_last)
    if case.startswith("resnet20"):
        optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9, fused=True)
    else:
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    forward = torch.compile(model) if compiled else model
    loss_of = torch.nn.CrossEntropyLoss()

    def step():
        optimizer.zero_grad(set_to_none=True)
        loss_of(forward(x), y).backward()
        optimizer.step()

    for _ in range(5):
        step()
    begin = time.perf_counter()
    step()
    count = max(1, int(seconds / 10 / (time.perf_counter() - begin)))
    times = []
    while len(times) < 10:
        begin = time.perf_counter()
        for _ in range(count):
            step()
        times.append((time.perf_counter() - begin) / count)
    return statistics.median(times)


def best_of_torch(case, compiled):
    settings = [(True, False), (False, False)] if not case.startswith("mlp") else [(False, False)]
    if compiled:
        settings.append((not case.startswith("mlp"), True))
    return min(step_seconds(case, *setting) for setting in settings)


def pinned(core, command):
    out = subprocess.run(["taskset", "-c", str(core)] + command, env={**os.environ, **ENVIRONMENT}, check=True,
                         capture_output=True, text=True).stdout
    return json.loads(out.strip().splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train_step")
    parser.add_argument("--core", type=int, default=max(os.sched_getaffinity(0)))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--torch-case", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    try:
        import torch
    except ImportError:
        print("SKIPPED: torch cannot be imported")
        return 77
    if arguments.torch_case:
        print(json.dumps(best_of_torch(arguments.torch_case, arguments.compile)))
        return 0
    print(f"PyTorch {torch.__version__}, core {arguments.core}, median of {arguments.rounds} rounds, each turn by turn")
    print(f"{'case':<14}{'Troupe ms':>11}{'PyTorch ms':>12}{'ratio':>8}")
    for case in CASES:
        ours, theirs = [], []
        for _ in range(arguments.rounds):
            ours.append(pinned(arguments.core, [arguments.train_step, "--json", case])["seconds"])
            theirs.append(pinned(arguments.core, [sys.executable, __file__, arguments.train_step, "--torch-case", case] +
                                 (["--compile"] if arguments.compile else [])))
        mine, other = statistics.median(ours), statistics.median(theirs)
        print(f"{case:<14}{mine * 1e3:>11.3f}{other * 1e3:>12.3f}{other / mine:>8.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
