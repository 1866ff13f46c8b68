# What the tests' actors say.
@0xa3b1d5f7c9e20846;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("troupe::wire");

struct Add {
  # To a counter, as a tell or an ask; the answer is Total.
  amount @0 :Int64;
}

struct Total {
  # Of a counter; as an ask: what is it?
  value @0 :Int64;
  incarnation @1 :UInt64;
}

struct Poke {
  # As an ask or a tell: what the actor is to do.
  what @0 :Text;
  whom @1 :Text;
}

struct Tally {
  # Of one end of channels: what became of the last one.
  items @0 :UInt64;
  wrong @1 :UInt64;   # items that were not the next one, bit for bit
  most @2 :UInt64;    # bytes: received and not consumed, or queued
  begun @3 :UInt64;   # channels so far
  ended @4 :UInt64;   # ends that were told so far
  kind @5 :UInt8;     # of the last end: ChannelEnd::Kind
  reason @6 :Text;
}
