# What a worker process tells its node of itself. New fields get new numbers; none is reused.
@0xb8e2d90f4c6a1753;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("troupe::wire");

struct WorkerLog {
  # What was logged in it; runtime/telemetry/log_record.hpp, whose enumerators have these numbers.
  timeUs @0 :Int64;  # since 1970, UTC
  level @1 :UInt8;
  actor @2 :Text;
  component @3 :Text;
  message @4 :Text;
  fields @5 :List(Field);

  struct Field {
    key @0 :Text;
    value @1 :Text;
    bare @2 :Bool;
  }
}

struct WorkerReport {
  # Once a second, and when an actor came or went.
  mailboxDepth @0 :UInt64;  # of the child itself
  rows @1 :Text;            # of what lives below it: runtime/control/process_table.hpp's JSON
  metrics @2 :Text;         # in Prometheus' text format
}
