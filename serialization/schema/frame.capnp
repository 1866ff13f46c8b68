# What the heads of frames have in common. A frame's head is a small message; bulk numbers stand behind it
# as payloads (serialization/frame.hpp), and the head says which payload holds what.
@0xe09b8593a341a5c2;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("troupe::wire");

enum Encoding {
  # How the numbers of a payload are written. Numbers of the enumerants are never reused.
  f32 @0;
  bf16 @1;
  i32 @2;
  i64 @3;
  u8 @4;
  f64 @5;
}

struct Bulk {
  # Where bulk numbers stand and how they are written.
  payload @0 :UInt16;   # index of one of the frame's payloads
  encoding @1 :Encoding = f32;
}

struct Tensor {
  # A tensor whose elements are a payload: dense, row-major, little-endian, unpadded.
  name @0 :Text;
  dims @1 :List(Int64);  # outermost first; empty for a scalar
  data @2 :Bulk;
}

struct TensorList {
  # A head for tensors that travel together, such as the parameters of one version.
  step @0 :UInt64;         # counts from 0
  tensors @1 :List(Tensor);
}
