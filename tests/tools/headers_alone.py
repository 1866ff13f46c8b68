"""Compiles each public header alone, and fails too when one pulls in Cap'n Proto, oneDNN or CAF.

usage: headers_alone.py ROOT COMPILER... -- HEADER...
"""
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys

FOREIGN = re.compile(r"/(capnp|kj|oneapi|caf|cuda)[/.]|dnnl|yaml-cpp")


def compile_alone(root: str, compiler: list[str], header: str) -> str:
    command = compiler + ["-std=c++20", "-Wall", "-Wextra", "-Wpedantic", "-Werror", f"-I{root}", "-fsyntax-only",
                          "-M", "-MG", "-x", "c++", "-include", header, "/dev/null"]
    # One run for the list of what is included, one for the errors.
    listed = subprocess.run(command, capture_output=True, text=True)
    alone = subprocess.run([c for c in command if c not in ("-M", "-MG")], capture_output=True, text=True)
    if alone.returncode != 0:
        return f"{header} does not compile alone:\n{alone.stderr}"
    foreign = [name for name in listed.stdout.split() if FOREIGN.search(name)]
    return f"{header} pulls in {foreign[0]}" if foreign else ""


if __name__ == "__main__":
    split = sys.argv.index("--")
    root, compiler, headers = sys.argv[1], sys.argv[2:split], sys.argv[split + 1:]
    installed = {p.relative_to(root).as_posix() for p in pathlib.Path(root).rglob("*.hpp")}
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(lambda h: compile_alone(root, compiler, h), headers))
    missing = [f"{h} is listed as public but does not exist" for h in headers if h not in installed]
    problems = [r for r in results if r] + missing
    print("\n".join(problems) if problems else f"{len(headers)} public headers compile alone")
    sys.exit(1 if problems else 0)
