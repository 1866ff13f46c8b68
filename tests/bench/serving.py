"""Requests a second, and how long they take, of the served MNIST network with one hidden layer (784-128-10), by wrk.

usage: serving.py TROUPE [SECONDS]     SECONDS of each measurement, 10 unless given

Trains it for one epoch, and serves it with one replica; the server shares the machine's cores with wrk. A request is
one image, as binary tensor data and as JSON; of an answer wrk looks at the status alone.
"""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from serving_node import ServingNode  # noqa: E402

TROUPE = os.path.abspath(sys.argv[1])
SECONDS = int(sys.argv[2]) if len(sys.argv) > 2 else 10
PIPELINE = pathlib.Path(__file__).resolve().parent.parent.parent / "apps" / "pipelines" / "mnist-mlp.yaml"
SHAPE = [1, 28, 28, 1]
IMAGE = bytes(i * 7 % 256 if i % 3 else 0 for i in range(784))
UNITS = {"us": 1e-3, "ms": 1.0, "s": 1e3}


def body(binary):
    """A request's body, and its headers."""
    tensor = {"name": "features", "datatype": "UINT8", "shape": SHAPE}
    if not binary:
        return json.dumps({"inputs": [{**tensor, "data": list(IMAGE)}]}).encode(), {"Content-Type": "application/json"}
    head = json.dumps({"inputs": [{**tensor, "parameters": {"binary_data_size": len(IMAGE)}}],
                       "parameters": {"binary_data_output": True}}).encode()
    return head + IMAGE, {"Inference-Header-Content-Length": str(len(head))}


def wrk(folder, url, connections, seconds, binary):
    """@return requests a second, p50 and p99 in milliseconds."""
    text, headers = body(binary)
    (folder / "body").write_bytes(text)
    script = folder / "post.lua"
    script.write_text(f'wrk.method = "POST"\nwrk.body = io.open("{folder}/body", "rb"):read("*a")\n' +
                      "".join(f'wrk.headers["{name}"] = "{value}"\n' for name, value in headers.items()))
    done = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-s", str(script), url],
                          capture_output=True, text=True, check=True)
    bad = re.search(r"Non-2xx.*|Socket errors.*", done.stdout)
    if bad:
        sys.exit(f"{connections} connections: {bad[0]}")
    times = {name: float(value) * UNITS[unit] for name, value, unit in
             re.findall(r"^\s+(50|99)%\s+([\d.]+)(us|ms|s)$", done.stdout, re.M)}
    return float(re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)[1]), times["50"], times["99"]


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        short = ["--set", "train.epochs=1", "--set", "evaluate.gate=accuracy >= 0.5"]
        trained = subprocess.run([TROUPE, "run", str(PIPELINE), "--exit-when-trained", *short], cwd=folder,
                                 capture_output=True, text=True)
        if trained.returncode != 0:
            sys.exit(trained.stderr)
        (run,) = (folder / "runs").glob("mnist-mlp-*-1")
        options = ["--listen", "127.0.0.1:0", "--log-level", "warning"]
        with ServingNode(TROUPE, folder, "serve", str(run), *options) as node:
            if not node.address:
                sys.exit(node.said)
            node.late.cancel()
            url = f"{node.address}/v2/models/{node.model}/infer"
            print(f"{os.cpu_count()} cores\nbody    connections  requests/s  p50 ms  p99 ms")
            for binary in (True, False):
                wrk(folder, url, 8, 1, binary)  # until memory and caches are warm
                for connections in (1, 8, 64):
                    rate, p50, p99 = wrk(folder, url, connections, SECONDS, binary)
                    print(f"{'binary' if binary else 'JSON':6} {connections:12} {rate:11.0f} {p50:7.2f} {p99:7.2f}")


if __name__ == "__main__":
    main()
