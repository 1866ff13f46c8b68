"""Fails when an include goes against the direction of the folders, or a library leaves its room.

apps -> actors -> runtime -> serialization -> gpu -> runtime/base; tests may include anything.
"""
import pathlib
import re
import sys

ORDER = ["runtime/base", "gpu", "serialization", "runtime", "actors", "apps"]
# Third-party headers, the folders that may name them, and whether only in sources.
ROOMS = [
    (re.compile(r"caf/"), ("runtime/caf",), False),
    (re.compile(r"(capnp|kj)/|.*\.capnp\.h$"), ("serialization", "runtime", "actors", "apps"), True),
    (re.compile(r"(oneapi/|dnnl)"), ("gpu/onednn",), False),
    (re.compile(r"(cuda|cudnn|cublas|nccl)"), ("gpu/cuda",), False),
    (re.compile(r"yaml-cpp/"), ("runtime/config",), True),
    (re.compile(r"nlohmann/"), ("serialization", "runtime", "actors", "apps"), True),
    (re.compile(r"(openssl/|xxhash|zlib)"), ("runtime", "serialization", "actors/deployer"), True),
    (re.compile(r"boost/"), ("actors/deployer",), True),
    (re.compile(r"sqlite3"), ("actors/feedback",), True),
]
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def room(path: str) -> int:
    if path.startswith("runtime/base/"):
        return 0
    top = path.split("/")[0]
    return ORDER.index(top) if top in ORDER[1:] else -1


def check(root: pathlib.Path) -> list[str]:
    problems = []
    for top in ("runtime", "gpu", "serialization", "actors", "apps"):
        for path in sorted((root / top).rglob("*")):
            if path.suffix not in (".hpp", ".cpp", ".cu", ".h"):
                continue
            name = path.relative_to(root).as_posix()
            for number, line in enumerate(path.read_text().splitlines(), 1):
                match = INCLUDE.match(line)
                if not match:
                    continue
                quote, target = match.groups()
                where = f"{name}:{number}: includes {target}"
                if quote == '"' and room(target) > room(name):
                    problems.append(f"{where}, but {ORDER[room(name)]} stands below {ORDER[room(target)]}")
                if quote == '"' and room(target) < 0 and not target.endswith(".capnp.h"):
                    problems.append(f"{where}: write our own headers from the root, others in <>")
                for pattern, rooms, sources_only in ROOMS:
                    if pattern.match(target):
                        if not name.startswith(rooms):
                            problems.append(f"{where}, which belongs to {' and '.join(rooms)}")
                        elif sources_only and path.suffix == ".hpp":
                            problems.append(f"{where}: only sources may")
    return problems


if __name__ == "__main__":
    found = check(pathlib.Path(sys.argv[1]))
    print("\n".join(found) if found else "includes point one way")
    sys.exit(1 if found else 0)
