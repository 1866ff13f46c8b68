"""Runs a job where libm may use FMA and AVX2, where it may not, and on each instruction set: one state hash (JOB-6).

usage: same_hash.py PATH/TO/job_hash
"""
import os
import subprocess
import sys

HIDDEN = "glibc.cpu.hwcaps=-AVX2,-FMA,-FMA4,-AVX512F,-AVX2_Usable,-FMA_Usable,-FMA4_Usable"


def run(program, *arguments, **environment):
    done = subprocess.run([program, *arguments], env={**os.environ, **environment}, capture_output=True, text=True)
    if done.returncode != 0:
        # An instruction set that this processor has not.
        print(f"{environment}: {done.stderr.strip().splitlines()[-1] if done.stderr else done.returncode}")
        return None
    return dict(line.split() for line in done.stdout.splitlines())


def main(program):
    plain = run(program)
    hidden = run(program, GLIBC_TUNABLES=HIDDEN)
    if plain is None or hidden is None:
        return 1
    if "fma" in open("/proc/cpuinfo").read() and plain["libm"] == hidden["libm"]:
        print("libm gave the same bits without FMA: the tunable had no effect, so that nothing was shown")
        return 1
    failed = plain["state"] != hidden["state"]
    for isa in ("baseline", "avx2", "avx512"):
        other = run(program, TROUPE_CPU_ISA=isa)
        failed |= other is not None and other["state"] != plain["state"]
        print(isa, other and other["state"])
    failed |= run(program, "2")["state"] == plain["state"]  # the comparison can fail
    print("plain", plain, "hidden", hidden)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
