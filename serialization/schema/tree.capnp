# What is said to supervisors, and between a node and the worker processes in which some of its children
# live. New fields get new numbers; none is reused.
@0xd4f1c6a2e85b7093;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("troupe::wire");

struct Parameter {
  name @0 :Text;
  value :union {
    boolean @1 :Bool;
    integer @2 :Int64;
    number @3 :Float64;
    text @4 :Text;
    durationNs @5 :Int64;
    texts @6 :List(Text);
    numbers @7 :List(Float64);
    structure @8 :Text;   # canonical JSON: runtime/structure.hpp
  }
}

struct ChildSpec {
  # runtime/supervision/child_spec.hpp, whose enumerators have these numbers.
  name @0 :Text;
  type @1 :Text;
  parameters @2 :List(Parameter);
  restart @3 :UInt8;
  isolation @4 :UInt8;
  startWithinNs @5 :Int64;
  stopWithinNs @6 :Int64;
  supervisor @7 :SupervisorSpec;  # null: none
}

struct SupervisorSpec {
  strategy @0 :UInt8;
  intensity @1 :UInt32;
  periodNs @2 :Int64;
  backoffFirstNs @3 :Int64;
  backoffLimitNs @4 :Int64;
  backoffFactor @5 :Float64;
  backoffJitter @6 :Float64;
  children @7 :List(ChildSpec);
  replica @8 :ChildSpec;          # null: no group
}

struct StartChild {
  # To a supervisor, as an ask; answered with Done when the spec was taken, before the child is up.
  spec @0 :ChildSpec;
}

struct StopChild {
  # To a supervisor, as an ask; the child is stopped and forgotten.
  name @0 :Text;
}

struct ScaleChildren {
  # To a group, as an ask: make the children named "0" … "count - 1" the only ones with numbers for names.
  count @0 :UInt32;
}

struct Done {
  # Nothing to add.
}

struct Spawn {
  # A node to its worker process: become this child.
  path @0 :Text;
  incarnation @1 :UInt64;
  spec @2 :ChildSpec;
  plugins @3 :List(Text); # files with actor types, to be loaded first
  logLevel @4 :UInt8 = 1; # runtime/telemetry/log_record.hpp: what is below it need not be logged
}

struct Stop {
  # A node to its worker process: ask the actor to end, after what lies in its mailbox.
  path @0 :Text;
  incarnation @1 :UInt64;
}

struct NameChanged {
  # Either way: what became of an actor that lives at the sender's.
  path @0 :Text;
  incarnation @1 :UInt64;
  change @2 :Change;
  exitKind @3 :UInt8;    # of `down`
  reason @4 :Text;

  enum Change {
    begun @0;
    up @1;
    down @2;
  }
}

struct InjectFault {
  # A node to its worker process; runtime/actor/fault_order.hpp, whose enumerators have these numbers.
  kind @0 :UInt8;
  path @1 :Text;
  from @2 :Text;
  text @3 :Text;
  durationNs @4 :Int64;
  probability @5 :Float64;
  count @6 :UInt32;
}

struct Command {
  # To an actor that can be told what to do by hand, as an ask; answered with CommandResult.
  name @0 :Text;         # what it knows: "promote", "rollback"
  arguments @1 :Text;    # a JSON object
}

struct CommandResult {
  ok @0 :Bool;
  text @1 :Text;         # for people: what was done, or why it was not
}

struct Subscribe {
  # A worker process to its node: tell me what becomes of this path, beginning with what is the case.
  path @0 :Text;
}
