"""Runs the digits pipeline until it serves, and asks it with clients of other makers: tritonclient[http] and curl.

usage: oip_client.py TROUPE PIPELINES

Needs tritonclient[http] and numpy, in this Python or in that which TROUPE_PYTHON names; else its exit code is 77.
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from serving_node import ServingNode, digits  # noqa: E402

try:
    import numpy as np
    import tritonclient.http as triton
    from tritonclient.utils import InferenceServerException
except ImportError as missing:
    chosen = shutil.which(os.environ.pop("TROUPE_PYTHON", ""))  # taken away: that one does not look for another
    if chosen:
        os.execv(chosen, [chosen, *sys.argv])
    print(f"SKIPPED: {sys.executable} cannot import {missing.name} (set TROUPE_PYTHON)")
    sys.exit(77)

TROUPE, PIPELINES = os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2]).absolute()
ROWS = 70  # more than a replica computes at once
URL = "/v2/models/digits"


def tensor(values, datatype="FP32", binary=True, name="features"):
    made = triton.InferInput(name, list(values.shape), datatype)
    made.set_data_from_numpy(values.astype(triton_type(datatype)), binary_data=binary)
    return made


def triton_type(datatype):
    return {"FP32": np.float32, "FP64": np.float64, "INT32": np.int32, "INT64": np.int64, "UINT8": np.uint8}[datatype]


def same(answered, expected):
    return (answered.dtype, answered.shape, answered.tobytes()) == (np.float32, expected.shape, expected.tobytes())


def predicted(node, rows):
    """What `troupe predict` says of them."""
    (run,) = (node.folder / "runs").glob("digits-*-1")
    text = "".join(",".join(str(value) for value in row) + "\n" for row in rows)
    code, said = node.call("predict", str(run), "-", "--json", text=text)
    assert code == 0, said
    return np.array([json.loads(line)["probabilities"] for line in said.splitlines()], dtype=np.float32)


def asked_by_triton(node, pixels, expected):
    client = triton.InferenceServerClient(node.address.removeprefix("http://"), concurrency=8)
    assert client.is_server_live() and client.is_server_ready()
    assert client.is_model_ready("digits") and client.is_model_ready("digits", "1")
    assert not client.is_model_ready("other") and not client.is_model_ready("digits", "2")
    metadata = client.get_server_metadata()
    assert metadata["name"] == "troupe" and "binary_tensor_data" in metadata["extensions"], metadata
    metadata = client.get_model_metadata("digits")
    assert metadata["inputs"] == [{"name": "features", "datatype": "FP32", "shape": [-1, 8, 8, 1]}], metadata
    assert metadata["outputs"] == [{"name": "probabilities", "datatype": "FP32", "shape": [-1, 10]}], metadata
    assert metadata["versions"] == ["1"], metadata

    for binary_in in (True, False):
        for binary_out in (True, False):
            wanted = triton.InferRequestedOutput("probabilities", binary_data=binary_out)
            for count in (1, 2, ROWS):
                result = client.infer("digits", [tensor(pixels[:count], binary=binary_in)], outputs=[wanted],
                                      request_id="mine")
                head = result.get_response()
                assert head["id"] == "mine" and head["model_name"] == "digits" and head["model_version"] == "1", head
                assert same(result.as_numpy("probabilities"), expected[:count]), (binary_in, binary_out, count)
    # Whole numbers in other types are the same pixels.
    for datatype in ("FP64", "INT32", "INT64", "UINT8"):
        for binary in (True, False):
            result = client.infer("digits", [tensor(pixels[:3], datatype, binary)], model_version="1")
            assert same(result.as_numpy("probabilities"), expected[:3]), (datatype, binary)
    # Many at once, which are computed together: each gets its own.
    pending = [client.async_infer("digits", [tensor(pixels[i:i + 1])], request_id=str(i)) for i in range(ROWS)]
    for i, one in enumerate(pending):
        result = one.get_result()
        assert result.get_response()["id"] == str(i) and same(result.as_numpy("probabilities"), expected[i:i + 1]), i
    top = triton.InferRequestedOutput("probabilities", binary_data=False, class_count=2)
    answered = client.infer("digits", [tensor(pixels[:1])], outputs=[top]).get_response()["outputs"][0]
    order = np.argsort(-expected[0], kind="stable")[:2]
    assert [int(text.split(":")[1]) for text in answered["data"]] == list(order), answered
    assert all(np.float32(text.split(":")[0]) == expected[0][i] for text, i in zip(answered["data"], order)), answered
    refused_by_triton(client, pixels)
    client.close()


def refused_by_triton(client, pixels):
    nan = pixels[:1].copy()
    nan[0, 3, 3, 0] = np.nan
    one = tensor(pixels[:1])
    wrong = {
        "a row too narrow": ("400", "expected [-1,8,8,1]", "digits", [tensor(pixels[:1, :7])], {}),
        "no row": ("400", "expected [-1,8,8,1]", "digits", [tensor(pixels[:0])], {}),
        "another input": ("400", 'expected "features"', "digits", [tensor(pixels[:1], name="pixels")], {}),
        "an input twice": ("400", "got 2", "digits", [one, tensor(pixels[:1])], {}),
        "no number": ("400", "element 27", "digits", [tensor(nan)], {}),
        "another output": ("400", 'expected "probabilities"', "digits", [one],
                           {"outputs": [triton.InferRequestedOutput("y")]}),
        "another model": ("404", "digits", "letters", [one], {}),
        "another version": ("404", "version 1", "digits", [one], {"model_version": "7"}),
        "a packed body": ("415", "Content-Encoding", "digits", [one], {"request_compression_algorithm": "gzip"}),
    }
    for what, (status, said, model, inputs, more) in wrong.items():
        try:
            client.infer(model, inputs, **more)
        except InferenceServerException as error:
            assert status in str(error.status()) and said in error.message(), (what, error.status(), error.message())
        else:
            raise AssertionError(f"{what} was taken")


def curl(node, path, *arguments, text=None):
    done = subprocess.run(["curl", "-sS", "-m", "20", "-w", "\n%{http_code} %{content_type}", *arguments,
                           node.address + path], input=text, capture_output=True, text=True, check=True)
    body, _, last = done.stdout.rpartition("\n")
    status, _, kind = last.partition(" ")
    return int(status), body if kind.startswith("text/") else json.loads(body or "{}")


def asked_by_curl(node, pixels, expected):
    def request(count):
        return json.dumps({"inputs": [{"name": "features", "datatype": "FP32", "shape": [count, 8, 8, 1],
                                       "data": pixels[:count].ravel().tolist()}]})

    assert curl(node, "/v2/health/live")[0] == 200 and curl(node, "/v2/health/ready")[0] == 200
    for way in ([], ["-H", "Expect: 100-continue"], ["-H", "Transfer-Encoding: chunked"]):
        status, answer = curl(node, URL + "/infer", *way, "-d", "@-", text=request(ROWS))
        assert status == 200 and answer["outputs"][0]["shape"] == [ROWS, 10], answer
        assert same(np.array(answer["outputs"][0]["data"], dtype=np.float32).reshape(ROWS, 10), expected), way
    status, text = curl(node, "/metrics")
    assert status == 200 and 'troupe_serving_rows_total{model="digits"}' in text, text

    good = request(1)
    for what, wanted, path, arguments, text in [
            ("no JSON", 400, URL + "/infer", ["-d", "{"], None),
            ("no inputs", 400, URL + "/infer", ["-d", "{}"], None),
            ("too few numbers", 400, URL + "/infer", ["-d", "@-"], good.replace("[0.0, ", "[", 1)),
            ("too deep", 400, URL + "/infer", ["-d", "@-"], "[" * 100_000),
            ("no body", 400, URL + "/infer", ["-X", "POST"], None),
            ("too many rows", 413, URL + "/infer", ["-d", "@-"], good.replace("[1, 8", "[1000000, 8")),
            ("more than the body's limit", 413, URL + "/infer", ["-d", "@-"], " " * (9 << 20)),
            ("a header past its limit", 431, URL, ["-H", "X-More: " + "x" * 20_000], None),
            ("another method", 405, URL + "/infer", [], None),
            ("another method", 405, URL, ["-X", "DELETE"], None),
            ("another model", 404, "/v2/models/letters", [], None),
            ("another version", 404, URL + "/versions/7", [], None),
            ("another path", 404, "/v3", [], None)]:
        status, answer = curl(node, path, *arguments, text=text)
        assert status == wanted and set(answer) == {"error"} and answer["error"], (what, status, answer)
    assert curl(node, URL + "/infer", "-d", "@-", text=good)[0] == 200, "it serves on"


def main():
    command = ["run", str(PIPELINES / "digits.yaml"), "--set", "deploy.listen=127.0.0.1:0"]
    with tempfile.TemporaryDirectory() as folder, ServingNode(TROUPE, folder, *command) as node:
        assert node.address, node.said
        rows, labels = digits(PIPELINES, ROWS)
        pixels = np.array(rows, dtype=np.float32).reshape(ROWS, 8, 8, 1)
        expected = predicted(node, rows)
        assert (expected.argmax(axis=1) == labels).mean() > 0.95, "it knows digits"
        asked_by_triton(node, pixels, expected)
        asked_by_curl(node, pixels, expected)
        code, out = node.terminate()
        assert code == 0, (code, out)
    print("tritonclient and curl are served")


if __name__ == "__main__":
    main()
