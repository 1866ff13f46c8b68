"""Fails when the generated part of docs/config.md is not what the command says of its types.

usage: config_reference.py TROUPE docs/config.md [--write]

With --write the part is replaced instead.
"""
import pathlib
import subprocess
import sys

BEGIN, END = "<!-- types: begin -->\n", "<!-- types: end -->\n"


def with_reference(page: str, reference: str) -> str:
    before, rest = page.split(BEGIN)
    _, after = rest.split(END)
    return before + BEGIN + "\n" + reference + "\n" + END + after


if __name__ == "__main__":
    command, path = sys.argv[1], pathlib.Path(sys.argv[2])
    reference = subprocess.run([command, "types", "--markdown"], capture_output=True, text=True, check=True).stdout
    page = path.read_text()
    expected = with_reference(page, reference)
    if page == expected:
        print("the reference is what the command says")
    elif "--write" in sys.argv[3:]:
        path.write_text(expected)
    else:
        sys.exit(f"{path}: the part between the markers is not what '{command} types --markdown' prints; "
                 "write it again with --write")
