# What is said about serving by the roles of a job. New fields get new numbers; none is reused.
@0xc17e5a90d3b24603;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("troupe::wire");

struct ServingTensor {
  # actors/deployer/servable.hpp: TensorInfo
  name @0 :Text;
  datatype @1 :Text;
  shape @2 :List(Int64);
}

struct LoadedVersion {
  # A version that a replica has loaded and warmed up.
  version @0 :Text;  # as it was deployed
  folder @1 :Text;
  maxRows @2 :Int64;
  model @3 :Text;
  platform @4 :Text;
  inputs @5 :List(ServingTensor);
  outputs @6 :List(ServingTensor);
  classNames @7 :List(Text);
}

struct ReplicaJoin {
  # A replica to its front, asked: it runs, and these are the versions that it has. Sent whenever the front begins.
  versions @0 :List(LoadedVersion);
}

struct LoadVersion {
  # The front to a replica, asked: load, compute one batch, and answer LoadedVersion. What it has already is answered at once.
  version @0 :Text;
  folder @1 :Text;
}

struct UnloadVersion {
  version @0 :Text;
}

struct PredictBatch {
  # The front to a replica, asked. Payload 0: the rows of the inputs. Answered with PredictedBatch.
  version @0 :Text;
  rows @1 :UInt32;
}

struct PredictedBatch {
  # Payload 0: the rows of the outputs.
  nanoseconds @0 :UInt64;  # that computing took
  notLoaded @1 :Bool;      # the replica has begun anew and lacks the version; there are no rows
}

struct Deploy {
  # To the front, asked: serve this version once it is loaded and warmed up on all replicas that run. Answered with
  # Deployed, or refused; then what was served is served still.
  folder @0 :Text;
  version @1 :Text;
}

struct RollBack {
  # To the front, asked: Deploy of the version before this one.
}

struct Deployed {
  version @0 :Text;
  previous @1 :Text;    # empty: none
  replicas @2 :UInt32;  # that have it
}

struct DeployerStatus {
  # To the front, asked; answered with DeployerReport.
}

struct DeployerReport {
  port @0 :UInt16;
  version @1 :Text;   # what is served; empty: none
  previous @2 :Text;
  replicas @3 :UInt32;  # that have joined
  ready @4 :UInt32;     # of them, that have the version
  queuedRows @5 :Int64;
  draining @6 :List(Text);
  model @7 :Text;
  address @8 :Text;   # "http://127.0.0.1:8080"
}
