"""Asks a running serve_fake with clients of other makers: tritonclient[http] and curl.

    pip install 'tritonclient[http]' numpy
    python oip_client.py BUILD/tests/actors/deployer/serve_fake
"""
import json
import subprocess
import sys

import numpy as np
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException


def curl(*arguments: str) -> tuple[int, str]:
    done = subprocess.run(["curl", "-sS", "-m", "20", "-w", "\n%{http_code}", *arguments], capture_output=True,
                          text=True, check=True)
    body, _, status = done.stdout.rpartition("\n")
    return int(status), body


def with_triton(address: str) -> None:
    client = triton.InferenceServerClient(address)
    assert client.is_server_live() and client.is_server_ready()
    assert client.is_model_ready("fake") and client.is_model_ready("fake", "1")
    assert not client.is_model_ready("other")
    assert client.get_server_metadata()["name"] == "troupe"
    metadata = client.get_model_metadata("fake")
    assert metadata["inputs"] == [{"name": "x", "datatype": "FP32", "shape": [-1, 4]}], metadata
    rows = np.arange(20, dtype=np.float32).reshape(5, 4)
    for binary_in in (True, False):
        for binary_out in (True, False):
            x = triton.InferInput("x", list(rows.shape), "FP32")
            x.set_data_from_numpy(rows, binary_data=binary_in)
            y = triton.InferRequestedOutput("y", binary_data=binary_out)
            result = client.infer("fake", [x], outputs=[y], request_id="mine")
            assert result.get_response()["id"] == "mine"
            expected = np.stack([rows.sum(axis=1), np.ones(5)], axis=1).astype(np.float32)
            assert np.array_equal(result.as_numpy("y"), expected), result.as_numpy("y")
    integers = triton.InferInput("x", [1, 4], "INT64")
    integers.set_data_from_numpy(np.array([[1, 2, 3, 4]], dtype=np.int64))
    assert client.infer("fake", [integers]).as_numpy("y")[0, 0] == 10
    classes = triton.InferRequestedOutput("y", binary_data=False, class_count=1)
    top = client.infer("fake", [integers], outputs=[classes]).get_response()["outputs"][0]["data"]
    assert top == ["10:0:sum"], top
    wrong = triton.InferInput("x", [1, 3], "FP32")
    wrong.set_data_from_numpy(np.zeros((1, 3), dtype=np.float32))
    try:
        client.infer("fake", [wrong])
        raise AssertionError("a wrong shape was taken")
    except InferenceServerException as error:
        assert "expected [-1,4]" in str(error), error


def with_curl(address: str) -> None:
    url = f"http://{address}/v2/models/fake"
    request = {"inputs": [{"name": "x", "shape": [1, 4], "datatype": "UINT8", "data": [[1, 2, 3, 4]]}]}
    status, body = curl(url + "/infer", "-d", json.dumps(request))
    answer = json.loads(body)
    assert status == 200 and answer["outputs"][0]["data"] == [10, 1], body
    status, body = curl(url + "/feedback", "-d", json.dumps({"id": answer["id"], "label": 7}))
    assert status == 200, body
    status, body = curl(url + "/infer", "-d", "{")
    assert status == 400 and "error" in json.loads(body), body
    # More than curl sends without asking: Expect: 100-continue.
    many = {"inputs": [{"name": "x", "shape": [4000, 4], "datatype": "FP32", "data": [123456789.0] * 16000}]}
    done = subprocess.run(["curl", "-sS", "-m", "20", "-H", "Expect: 100-continue", url + "/infer", "-d", "@-"],
                          input=json.dumps(many), capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["outputs"][0]["shape"] == [4000, 2]
    status, body = curl(f"http://{address}/metrics")
    assert status == 200 and "troupe_serving_rows_total" in body


def main() -> None:
    server = subprocess.Popen([sys.argv[1]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        address = f"127.0.0.1:{int(server.stdout.readline())}"
        with_triton(address)
        with_curl(address)
    finally:
        server.stdin.close()
        ended = server.wait(timeout=60)
    assert ended == 0, ended
    print("tritonclient and curl are served")


if __name__ == "__main__":
    main()
