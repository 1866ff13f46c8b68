# What a checkpoint's manifest says. Before it in the file stand magic, format number and hash
# (serialization/manifest_envelope.hpp). New fields get new numbers; none is reused.
@0xf3af48833b534200;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("troupe::wire");

struct Manifest {
  config @0 :Text;            # the job's config as it was resolved, YAML
  step @1 :UInt64;            # steps that are done: the next one computed is this
  seed @2 :UInt64;            # keys the job's draws (JOB-3)
  dataFingerprint @3 :Data;   # 32 bytes, SHA-256 of the prepared data (JOB-1)
  machine @4 :List(Fact);     # what was resolved before step 0 (JOB-6), in the writer's order
  metrics @5 :List(Metric);   # in the order in which they were measured
  ledgerBytes @6 :UInt64;     # length of the ledger, to which a resume truncates it
  tensors @7 :List(Tensor);   # all of state.safetensors, sorted by name
  stateHash @8 :Data;         # 32 bytes, state_hash of the tensors and the step (JOB-8)

  struct Fact {
    key @0 :Text;             # such as "isa"
    value @1 :Text;           # such as "avx2"
  }

  struct Metric {
    name @0 :Text;            # such as "validation/accuracy"
    step @1 :UInt64;
    value @2 :Float64;
  }

  struct Tensor {
    name @0 :Text;
    dtype @1 :UInt8;          # the number of gpu::DType
    dims @2 :List(Int64);     # outermost first; empty for a scalar
    offset @3 :UInt64;        # bytes, from the first byte behind the header of state.safetensors
    sizeBytes @4 :UInt64;
    hash @5 :Data;            # 16 bytes, XXH3-128 of the tensor's bytes, big-endian
  }
}
