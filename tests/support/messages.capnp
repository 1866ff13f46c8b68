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
