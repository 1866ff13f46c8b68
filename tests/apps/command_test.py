"""Runs the real command as an operator would.

usage: command_test.py TROUPE PIPELINES
"""
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time

TROUPE, PIPELINES = sys.argv[1], pathlib.Path(sys.argv[2])
DEADLINE = 60
failures = []


def expect(true, what):
    if not true:
        failures.append(what)
        print("FAILED:", what)


def environment_in(folder):
    # AddressSanitizer leaves a SIGSEGV that is sent to the kernel.
    return {**os.environ, "XDG_RUNTIME_DIR": str(folder), "ASAN_OPTIONS": "handle_segv=0"}


def call(folder, *words):
    environment = environment_in(folder)
    done = subprocess.run([TROUPE, *words], env=environment, capture_output=True, text=True, timeout=DEADLINE)
    return done.returncode, done.stdout, done.stderr


class Running:
    """A node in a process of its own, up when its control socket answers."""

    def __init__(self, folder, config, *words):
        self.folder = folder
        environment = environment_in(folder)
        self.process = subprocess.Popen([TROUPE, "run", str(config), *words], env=environment, stderr=subprocess.PIPE,
                                        text=True)
        self.until(lambda: "running" in call(folder, "ps")[1])

    def until(self, true):
        end = time.monotonic() + DEADLINE
        while not true():
            if time.monotonic() > end or self.process.poll() is not None:
                return expect(False, f"waited in vain, exit code {self.process.poll()}")

    def row(self, name):
        rows = [line for line in call(self.folder, "ps")[1].splitlines() if line.split()[:1] == [name]]
        return rows[0] if rows else ""

    def end(self):
        code = self.process.wait(DEADLINE)
        return code, self.process.stderr.read()


def test_usage(folder):
    code, out, _ = call(folder, "help")
    expect(code == 0 and "usage: troupe" in out, "help says how it is used")
    for command in dict.fromkeys(re.findall(r"^  ([a-z]+) ", out, re.MULTILINE)):
        code, page, _ = call(folder, command, "--help")
        expect(code == 0 and page.startswith(f"usage: troupe {command} "), f"{command} has a page of its own: {page[:60]}")
    for words, said in [(["nonsense"], "unknown command"), (["check"], "one config file"), (["run", "--what"], "unknown option"),
                        (["ps"], "no node runs"), (["types", "--plugin", "/nowhere.so"], "/nowhere.so"),
                        (["check", str(PIPELINES / "hello.yaml"), "--set", "x"], "--set x")]:
        code, _, error = call(folder, *words)
        expect(code == 2 and said in error and error.count("\n") == 1, f"{words}: one line and exit code 2, got {code} {error}")


def test_configs(folder):
    code, out, _ = call(folder, "types")
    expect(code == 0 and "ticker" in out and "fail_after" in out, "types lists types with their parameters")
    code, out, _ = call(folder, "check", str(PIPELINES / "hello.yaml"))
    expect(code == 0 and out == "", f"hello.yaml has no problems: {out}")
    bad = folder / "bad.yaml"
    bad.write_text("name: bad\nactors:\n  - name: a\n    type: tikker\n  - name: b\n    type: ticker\n    replica: 2\n    with: {period: -1s}\n")
    code, out, _ = call(folder, "check", str(bad))
    expect(code == 1 and len(out.splitlines()) == 3, f"all problems at once: {out}")
    expect(f"{bad}:4:11: " in out and "ticker" in out.splitlines()[0], f"with position and the nearest name: {out}")
    expect(call(folder, "run", str(bad))[0] == 2, "run refuses what check refuses")
    code, out, _ = call(folder, "explain", str(PIPELINES / "hello.yaml"), "--set", "busy.replicas=3")
    expect(code == 0 and "replicas: 3" in out, f"explain shows overrides: {out}")
    again = folder / "again.yaml"
    again.write_text(out)
    expect(call(folder, "explain", str(again))[1] == out, "what explain prints explains to itself")


def test_documents(folder):
    """The configs that the documents show are configs, but for those with plugins that nobody has."""
    root = PIPELINES.parent.parent
    checked = 0
    for document in [root / "README.md", *sorted((root / "docs").glob("*.md"))]:
        for block in re.findall(r"```yaml\n(.*?)```", document.read_text(), re.DOTALL):
            if not block.startswith("name:") or "plugins:" in block:
                continue
            config = folder / "shown.yaml"
            config.write_text(block)
            code, out, error = call(folder, "check", str(config))
            expect(code == 0, f"{document.name}: {out}{error}")
            checked += 1
    expect(checked >= 2, "there are configs in the documents")


def test_node(folder):
    trace = folder / "trace.json"
    node = Running(folder, PIPELINES / "hello.yaml", "--trace", str(trace))
    expect("ticker" in node.row("calm") and "supervisor" in node.row("busy"), "ps shows the tree")
    code, _, error = call(folder, "run", str(PIPELINES / "hello.yaml"))
    expect(code == 2 and "in use" in error, f"a second node of the name is refused: {error}")

    call(folder, "fault", "hello", "kill", "/calm")
    node.until(lambda: "killed" in node.row("calm"))
    call(folder, "fault", "hello", "throw", "/calm", "--text", "on purpose")
    node.until(lambda: "failed: on purpose" in node.row("calm"))
    call(folder, "fault", "hello", "SIGSEGV", "/apart")
    node.until(lambda: "SIGSEGV" in node.row("apart") and "running" in node.row("apart"))
    code, _, error = call(folder, "fault", "hello", "kill", "/nobody")
    expect(code == 2 and "/nobody" in error, f"a fault for nobody: {error}")

    expect(call(folder, "scale", "hello", "/busy", "4")[0] == 0, "scale")
    node.until(lambda: node.row("3") != "")
    expect(call(folder, "scale", "hello", "/calm", "4")[0] == 2, "what is no group does not scale")
    expect("a child failed" in call(folder, "logs", "hello")[1], "logs tell of failures")
    expect('troupe_actor_messages_total{type="ticker"}' in call(folder, "metrics", "hello")[1], "metrics")

    node.process.send_signal(signal.SIGTERM)
    code, error = node.end()
    expect(code == 0, f"SIGTERM ends it in order: {code} {error}")
    expect('"traceEvents"' in trace.read_text(), "the trace was written")
    expect(call(folder, "ps", "hello")[0] == 2, "nobody is there any more")

    node = Running(folder, PIPELINES / "hello.yaml", "--trace", "/dev/full/trace.json")
    node.process.send_signal(signal.SIGTERM)
    code, error = node.end()
    expect(code == 0 and "the trace was not written" in error, f"a trace that cannot be written: {code} {error[-200:]}")

    node = Running(folder, PIPELINES / "hello.yaml")
    node.process.send_signal(signal.SIGHUP)
    expect(node.end()[0] == 0, "so does a terminal that is closed")

    node = Running(folder, PIPELINES / "hello.yaml")
    node.process.kill()
    node.end()
    node = Running(folder, PIPELINES / "hello.yaml")  # over what the killed one left
    expect(call(folder, "stop")[0] == 0, "stop")
    expect(node.end()[0] == 0, "stop ends it in order")


def test_giving_up(folder):
    config = folder / "fails.yaml"
    config.write_text("name: fails\nintensity: 1\nperiod: 10s\nactors:\n  - {name: a, type: ticker, with: {period: 10ms, fail_after: 1}}\n")
    code, _, error = call(folder, "run", str(config))
    expect(code == 1 and "restarts within 10s" in error, f"a tree that gives up is exit code 1: {code} {error}")


if __name__ == "__main__":
    # Under nohup it is ignored, and so it would be by the nodes that start here.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    for test in (test_usage, test_configs, test_documents, test_node, test_giving_up):
        with tempfile.TemporaryDirectory() as name:
            test(pathlib.Path(name))
    sys.exit(1 if failures else 0)
