# What the actors of a training job say to each other. New fields get new numbers; none is reused.
@0xc17e5a90d3b24605;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("troupe::wire");

struct Here {
  # Who takes part in a job, to its coordinator: at its start, and whenever the coordinator was started.
  role @0 :Text;         # "loader", "trainer", "aggregator", "checkpointer", "evaluator", "replica", …
  path @1 :Text;
  incarnation @2 :UInt64;
  # Of a trainer that was shown a plan: what its machine makes of that job (JOB-6).
  job @3 :UInt64;
  probe @4 :Data;        # 16 bytes; none: not computed yet
  machine @5 :List(Fact);  # what that depends on, beside the job
  fault @6 :Text;        # why it cannot compute the job at all, a line
  exhausted @7 :Bool;    # for want of memory: it may compute smaller shards
}

struct Fact {
  key @0 :Text;
  value @1 :Text;
}

struct TrainingPlan {
  # The coordinator to a trainer or the aggregator: what to work on. Replaces any earlier one.
  job @0 :Text;          # TrainingJob, JSON
  memory @1 :Text;       # the shared memory with the version slots
  aggregator @2 :Text;   # paths
  loaders @3 :List(Text);
  lease @4 :Lease;       # of a trainer
  data @6 :Text;         # the folder of the prepared data, where batches made of it elsewhere are those of the loaders
  admitted @5 :Bool;     # its probe was the job's (JOB-6); until then a trainer computes that and nothing else
}

struct Lease {
  # Shards first … first + count - 1 of each step t with t mod every = turn, from the next one on, until another lease
  # comes. Synchronous training leases shards of every step, asynchronous training whole steps in turn.
  generation @0 :UInt64; # the highest counts
  first @1 :UInt32;
  count @2 :UInt32;
  every @3 :UInt32 = 1;
  turn @4 :UInt32;
}

struct Pace {
  # A trainer to the coordinator, about once a second while it computes: how fast it is, in parts of the job alone.
  path @0 :Text;
  incarnation @1 :UInt64;
  job @2 :UInt64;
  shards @3 :UInt64;      # that it has computed since it last told
  nanoseconds @4 :UInt64; # that they took
}

struct Attach {
  # A trainer to the aggregator: tell me of versions. Answered at once by VersionReady, if there is a version.
  job @0 :UInt64;
  path @1 :Text;
}

struct VersionReady {
  # The aggregator to trainers and the coordinator: this version can be read.
  job @0 :UInt64;
  version @1 :UInt64;
}

struct PartialSum {
  # A trainer to the aggregator, an ask answered with VersionReady of the newest version. Payload 0: the gradient's sum
  # over the shards, f32 in the layout's order; payload 1: the sums (nn::StateLayout).
  job @0 :UInt64;
  step @1 :UInt64;
  first @2 :UInt32;      # of the shards, a node of the canonical tree
  count @3 :UInt32;
  digests @4 :Data;      # 16 bytes a shard
  version @5 :UInt64;    # that it was computed from: the step's, or with asynchronous training an older one
}

struct WantWork {
  # A trainer that has done its part of a step, to the aggregator, an ask: which shards are still missing?
  job @0 :UInt64;
  step @1 :UInt64;
}

struct MissingShards {
  # Nodes of the canonical tree that nobody has sent, as (first, count) after each other; none if the step is past.
  nodes @0 :List(UInt32);
}

struct JobFailed {
  # To the coordinator: the job cannot go on, whoever computes it.
  job @0 :UInt64;
  reason @1 :Text;
}

struct SaveVersion {
  # The coordinator to the checkpointer, an ask, answered with VersionSaved when it is durable.
  job @0 :Text;          # TrainingJob, JSON
  memory @1 :Text;
  version @2 :UInt64;
  folder @3 :Text;       # where the checkpoint's folder goes
  config @4 :Text;       # the manifest's
  dataFingerprint @5 :Text;  # SHA-256 in hexadecimal
  ledgerBytes @6 :UInt64;
  metrics @7 :List(Metric);
  machine @8 :List(Fact);
  removeOld @9 :Bool;    # afterwards older checkpoints may go, but for
  needed @10 :List(UInt64);  # those of these steps

  struct Metric {
    name @0 :Text;
    step @1 :UInt64;
    value @2 :Float64;
  }
}

struct VersionSaved {
  version @0 :UInt64;
  folder @1 :Text;       # the checkpoint
  stateHash @2 :Text;    # JOB-8, hexadecimal
}

struct JobNews {
  # The coordinator to whoever observes the job: an event (actors/report/job_event.hpp) as a line of JSON.
  line @0 :Text;
}
