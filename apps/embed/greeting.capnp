# What the example's actor says.
@0xc4d9f1a07b3e5826;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("embed");

struct Greet {
  # As an ask, answered with Greeting.
  whom @0 :Text;
}

struct Greeting {
  text @0 :Text;
  times @1 :UInt32;  # how often it has greeted since it was last started
}
