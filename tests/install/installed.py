"""Installs a build into a folder of its own, compiles embed.cpp against it by pkg-config alone, and runs it.

usage: installed.py BUILD_FOLDER SOURCE COMPILER...
"""
import os
import pathlib
import subprocess
import sys
import tempfile


def main(build, source, compiler):
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["meson", "install", "-C", build, "--no-rebuild", "--quiet", "--destdir", folder], check=True)
        pc = next(pathlib.Path(folder).rglob("troupe.pc")).parent
        environment = {**os.environ, "PKG_CONFIG_PATH": str(pc), "PKG_CONFIG_SYSROOT_DIR": folder}
        flags = subprocess.run(["pkg-config", "--cflags", "--libs", "troupe"], env=environment, check=True,
                               capture_output=True, text=True).stdout.split()
        # The system's own libraries lie outside of the folder.
        program = folder + "/embed"
        subprocess.run([*compiler, "-Wall", "-Wextra", source, *flags, "-o", program], check=True)
        library = next(pathlib.Path(folder).rglob("libtroupe.so")).parent
        modules = str(library / "troupe")
        return subprocess.run([program, folder], env={**os.environ, "LD_LIBRARY_PATH": str(library),
                                                      "TROUPE_PLUGIN_PATH": modules}).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
