#!/usr/bin/env bash
# What can only be seen on a GPU, in one command.
#
#   tests/gpu/run.sh [BUILD]   BUILD is a build folder made elsewhere, as it was carried here; without it one is made in
#                              build-gpu
#
# Compares every layer, loss and optimizer with the double-precision reference, programs and jobs with themselves (recorded
# and not, run again) and with the CPU, then runs the same under compute-sanitizer where that is installed. Says what it did
# not run. The exit code is 0 when all that ran passed.
set -u
cd "$(dirname "$0")/../.." || exit 2

build=${1-build-gpu}
if [ $# -eq 0 ]; then
  [ -f "$build/build.ninja" ] || CXX='ccache g++' meson setup "$build" -Dcuda=enabled >"$build.log" 2>&1 || { tail -n 20 "$build.log"; exit 2; }
  ninja -C "$build" gpu/cuda/libtroupe_cuda.so tests/gpu/cuda/find_gpu tests/gpu/cuda/test_on_gpu >"$build.log" 2>&1 ||
    { tail -n 40 "$build.log"; exit 2; }
fi
export TROUPE_PLUGIN_PATH=$PWD/$build/gpu/cuda
tests=$build/tests/gpu/cuda/test_on_gpu

echo "== the GPU"
"$build/tests/gpu/cuda/find_gpu" || { echo "nothing was run"; exit 1; }

failed=0
# step NAME PROGRAM [ARGUMENT]...
step() {
  local name=$1 started=$SECONDS
  shift
  echo "== $name"
  "$@" || { echo "FAILED: $name"; failed=$((failed + 1)); }
  echo "== $name took $((SECONDS - started)) s"
}

step "operations, programs and jobs" timeout 240 "$tests" --no-intro
if command -v compute-sanitizer >/dev/null; then
  step "memcheck" timeout 120 compute-sanitizer --tool memcheck --error-exitcode 1 "$tests" --no-intro -tc="CudaProgram*,Activate: portable*agree*,Dropout*draws*"
  step "racecheck" timeout 120 compute-sanitizer --tool racecheck --error-exitcode 1 "$tests" --no-intro -tc="SoftmaxCrossEntropy: portable*,BinaryCrossEntropy*"
else
  echo "not run: memcheck and racecheck, for want of compute-sanitizer"
fi
echo "$failed steps failed"
[ "$failed" -eq 0 ]
