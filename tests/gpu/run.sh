#!/usr/bin/env bash
# What can only be seen on a GPU, in one command.
#
#   tests/gpu/run.sh [BUILD]   BUILD is a build folder made elsewhere, as it was carried here; without it one is made in
#                              build-gpu
#
# In this order, each with the seconds that it may take; in all no more than 470, after the build:
#
#   150  every layer, loss and optimizer beside the double-precision reference, programs and jobs beside themselves
#        (recorded and not, run again) and the CPU
#   110  jobs by the command: alone, shared out, measured by the GPU, killed, resumed, in bf16, which must give the same hashes
#   100  the MNIST pipelines, trained to 98.0 % and 99.2 %, where TROUPE_DATA has MNIST
#   200  the speed of training steps beside PyTorch, a table, also written to $OUT/gpu.txt where OUT is set
#    60  what the actors cost of a step, where TROUPE_DATA has MNIST
#    60  the first of these again under compute-sanitizer: memcheck
#    60  and racecheck, where it is installed
#
# Says what it did not run. The exit code is 0 when all that ran passed.
set -u
cd "$(dirname "$0")/../.." || exit 2

build=${1-build-gpu}
if [ $# -eq 0 ]; then
  [ -f "$build/build.ninja" ] || CXX='ccache g++' meson setup "$build" -Dcuda=enabled >"$build.log" 2>&1 || { tail -n 20 "$build.log"; exit 2; }
  targets=(gpu/cuda/libtroupe_cuda.so tests/gpu/cuda/find_gpu tests/gpu/cuda/test_on_gpu apps/troupe tests/bench/gpu_step tests/bench/bench_pipeline)
  # The CPU's fast kernels, by which versions are evaluated, where oneDNN is installed.
  grep -q '^build gpu/onednn/libtroupe_onednn.so:' "$build/build.ninja" && targets+=(gpu/onednn/libtroupe_onednn.so)
  ninja -C "$build" "${targets[@]}" >"$build.log" 2>&1 || { tail -n 40 "$build.log"; exit 2; }
fi
export TROUPE_PLUGIN_PATH=$PWD/$build/gpu/cuda:$PWD/$build/gpu/onednn
tests=$build/tests/gpu/cuda/test_on_gpu

echo "== the GPU"
"$build/tests/gpu/cuda/find_gpu" || { echo "nothing was run"; exit 1; }

failed=0
end=$((SECONDS + 470))
# step NAME LIMIT PROGRAM [ARGUMENT]...: LIMIT in seconds, or what is left of the whole. A program that ends with 77 has
# said why it was not run.
step() {
  local name=$1 limit=$2 started=$SECONDS left=$((end - SECONDS)) code=0
  shift 2
  if [ "$left" -lt 5 ]; then
    echo "not run: $name, for want of time"
    return
  fi
  echo "== $name"
  timeout -k 5 "$((limit < left ? limit : left))" "$@" || code=$?
  case $code in
    0) ;;
    77) echo "not run, or not all of it: $name" ;;
    124 | 137) echo "FAILED: $name: expected an end in $((limit < left ? limit : left)) s, got none"; failed=$((failed + 1)) ;;
    *) echo "FAILED: $name"; failed=$((failed + 1)) ;;
  esac
  echo "== $name took $((SECONDS - started)) s"
}

step "operations, programs and jobs" 150 "$tests" --no-intro
step "jobs by the command" 110 python3 tests/apps/gpu_jobs_test.py "$build/apps/troupe" apps/pipelines
step "MNIST" 100 python3 tests/apps/mnist_pipelines.py "$build/apps/troupe" apps/pipelines --device cuda
step "speed" 200 python3 tests/bench/gpu_vs_torch.py "$build" --limit 190 ${OUT:+--out "$OUT/gpu.txt"}
step "the actors' part" 60 "$build/tests/bench/bench_pipeline" --device cuda
if command -v compute-sanitizer >/dev/null; then
  step "memcheck" 60 compute-sanitizer --tool memcheck --error-exitcode 1 "$tests" --no-intro -tc="CudaProgram*,Activate: portable*agree*,Dropout*draws*"
  step "racecheck" 60 compute-sanitizer --tool racecheck --error-exitcode 1 "$tests" --no-intro -tc="SoftmaxCrossEntropy: portable*,BinaryCrossEntropy*,ResidentData: chains*,CudaUpdater*,BatchNorm: portable inference*"
else
  echo "not run: memcheck and racecheck, for want of compute-sanitizer"
fi
echo "$failed steps failed"
[ "$failed" -eq 0 ]
