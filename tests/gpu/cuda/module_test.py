"""The CUDA module on a machine without a GPU: the command needs none of CUDA, and the module loads as far as it can.

usage: module_test.py FIND_GPU MODULE STUB
"""
import os
import pathlib
import subprocess
import sys
import tempfile

FIND_GPU, MODULE, STUB = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
failures = []


def expect(true, what):
    if not true:
        failures.append(what)
        print("FAILED:", what)


def find(**environment):
    done = subprocess.run([FIND_GPU], env={**os.environ, **environment}, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout.strip()


def needed(file):
    listed = subprocess.run(["readelf", "-d", file], capture_output=True, text=True, check=True).stdout
    return [line.split("[")[1].split("]")[0] for line in listed.splitlines() if "(NEEDED)" in line]


foreign = ("libcuda", "libcudart", "libcudnn", "libcublas", "libnvrtc")
expect(not [name for name in needed(FIND_GPU) if name.startswith(foreign)], "the core needs no library of CUDA's")
expect(sorted(name for name in needed(MODULE) if name.startswith(foreign)) == ["libcublasLt.so.13", "libcudnn.so.9"],
       f"the module needs two libraries of CUDA's: {needed(MODULE)}")

code, said = find()
if code == 0:
    print("there is a GPU:", said.splitlines()[0])
else:
    expect(code == 77 and said.startswith("unsupported: ") and "\n" not in said, f"one line says why there is none: {said}")
    # The toolkit's stub in the driver's place: the module is found and loaded, and asks it for a GPU.
    with tempfile.TemporaryDirectory() as folder:
        (pathlib.Path(folder) / "libcuda.so.1").symlink_to(STUB)
        path = folder + ":" + os.environ.get("LD_LIBRARY_PATH", "")
        code, said = find(LD_LIBRARY_PATH=path, TROUPE_PLUGIN_PATH=str(MODULE.parent))
        expect(code == 77 and f"device module cuda: {MODULE}: cuda device: expected an NVIDIA driver, got none" in said,
               f"the module asks the driver: {said}")
        code, said = find(LD_LIBRARY_PATH=path, TROUPE_PLUGIN_PATH="/nonexistent")
        expect(code == 77 and "/nonexistent/libtroupe_cuda.so: absent" in said, f"without the module: {said}")
sys.exit(1 if failures else 0)
