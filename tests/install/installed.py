"""Installs a build into a folder of its own and uses it as a stranger would.

usage: installed.py BUILD_FOLDER README EMBED APPLICATION COMPILER...

Every header that an installed header includes must be installed. EMBED and the README's first C++ block are compiled
by what pkg-config says of `troupe`, and run; the README's program finds a small set in MNIST's format. APPLICATION is a
folder with an application of actors, which needs `troupe-runtime`, and one that trains, which needs `troupe-actors`.
"""
import gzip
import os
import pathlib
import re
import struct
import subprocess
import sys
import tempfile


def missing_headers(root):
    headers = {path.relative_to(root).as_posix(): path.read_text() for path in root.rglob("*.hpp")}
    return [f"{name} includes {target}, which is not installed" for name, text in sorted(headers.items())
            for target in re.findall(r'^\s*#\s*include\s*"([^"]+)"', text, re.M) if target not in headers]


def write_idx(path, extents, values):
    path.write_bytes(gzip.compress(struct.pack(f">HBB{len(extents)}I", 0, 8, len(extents), *extents) + values))


def write_digits(folder, count=300):
    labels = bytes(i * 7 % 10 for i in range(count))
    images = b"".join(bytes([25 * label]) * (28 * 28) for label in labels)
    write_idx(folder / "train-images-idx3-ubyte.gz", [count, 28, 28], images)
    write_idx(folder / "train-labels-idx1-ubyte.gz", [count], labels)


def application(folder, source, compiler, environment, run_environment):
    """Builds the embedding application as its first lines say, and runs it."""
    for name in ("embed.cpp", "embed.yaml", "greeting.capnp"):
        (folder / name).write_bytes((source / name).read_bytes())
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "troupe-runtime", "capnp"], env=environment, check=True,
                           capture_output=True, text=True).stdout.split()
    subprocess.run(["capnp", "compile", "-oc++", "greeting.capnp"], cwd=folder, check=True)
    subprocess.run([*compiler, "embed.cpp", "greeting.capnp.c++", "-o", "application", *flags], cwd=folder, check=True)
    return subprocess.run(["./application"], cwd=folder, env=run_environment, timeout=60).returncode


def training_application(folder, source, compiler, environment, run_environment):
    """The same for the application that trains."""
    for name in ("train.cpp", "train.yaml"):
        (folder / name).write_bytes((source / name).read_bytes())
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "troupe-actors"], env=environment, check=True,
                           capture_output=True, text=True).stdout.split()
    subprocess.run([*compiler, "train.cpp", "-o", "train", *flags], cwd=folder, check=True)
    return subprocess.run(["./train"], cwd=folder, env=run_environment, timeout=120).returncode


def main(build, readme, embed, actors, compiler):
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        subprocess.run(["meson", "install", "-C", build, "--no-rebuild", "--quiet", "--destdir", folder], check=True)
        missing = missing_headers(next(folder.rglob("runtime/base/error.hpp")).parents[2])
        if missing:
            print("\n".join(missing))
            return 1

        pc = next(folder.rglob("troupe.pc")).parent
        pkg_config = environment = {**os.environ, "PKG_CONFIG_PATH": str(pc), "PKG_CONFIG_SYSROOT_DIR": name}
        flags = subprocess.run(["pkg-config", "--cflags", "--libs", "troupe"], env=environment, check=True,
                               capture_output=True, text=True).stdout.split()
        library = next(folder.rglob("libtroupe.so")).parent
        environment = {**os.environ, "LD_LIBRARY_PATH": str(library), "TROUPE_PLUGIN_PATH": str(library / "troupe")}

        example = folder / "readme.cpp"
        example.write_text(re.search(r"^```cpp\n(.*?)^```", pathlib.Path(readme).read_text(), re.M | re.S).group(1))
        write_digits(folder)
        for source in (pathlib.Path(embed), example):
            program = folder / source.stem
            subprocess.run([*compiler, "-Wall", "-Wextra", "-Werror", source, *flags, "-o", program], check=True)
            ended = subprocess.run([program, name], cwd=folder, env=environment)
            if ended.returncode != 0:
                print(f"{source.name} ended with {ended.returncode}")
                return 1
        built = folder / "application_of_actors"
        built.mkdir()
        ended = application(built, pathlib.Path(actors), compiler, pkg_config, environment)
        if ended != 0:
            print(f"the application of actors ended with {ended}")
            return ended
        ended = training_application(built, pathlib.Path(actors), compiler, pkg_config, environment)
        if ended != 0:
            print(f"the application that trains ended with {ended}")
        return ended


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:5], sys.argv[5:]))
