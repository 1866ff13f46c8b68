# What is said about data by the roles of a job. New fields get new numbers; none is reused.
@0xc17e5a90d3b24601;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("troupe::wire");

struct DataSections {
  # The config's sections that say what the data is.
  data @0 :Text;         # JSON
  base @1 :Text;         # the folder that its relative files are in
  preprocess @2 :Text;   # JSON
}

struct RawPart {
  # Raw records 4096 index ... 4096 (index + 1) - 1 of a source, as far as it has them.
  test @0 :Bool;         # of the test files; else of the training files
  index @1 :UInt32;
  extra @2 :UInt32;      # of that extra file, from 1; 0: of none
}

struct MeasureColumns {
  # To a loader, an ask: the sums of each feature of a part of the training files. The answer is ColumnSums.
  sections @0 :DataSections;
  part @1 :RawPart;
}

struct ColumnSums {
  # Payload 0: u64 a column, how many numbers it has; payload 1: f64 a column, their sum.
  part @0 :RawPart;
}

struct PreparePart {
  # To a loader, an ask: clean a part (map), and write it into a folder. The answer is PreparedPart.
  # Payload 0: f32 a column, what stands in for a missing number; empty unless `missing` is `mean`.
  sections @0 :DataSections;
  part @1 :RawPart;
  folder @2 :Text;
}

struct PreparedPart {
  part @0 :RawPart;
  file @1 :Text;         # a frame whose head is CleanedPart
  digest @2 :Data;       # XXH3-128 of the file
  kept @3 :UInt32;
  rejected @4 :UInt32;
}

struct CleanedPart {
  # Payloads: 0 the records that were kept, as they will be stored; 1 the XXH3-128 of each; 2 the number of each
  # in its source, u64.
  part @0 :RawPart;
  raw @1 :UInt32;        # records that were looked at
  recordBytes @2 :UInt32;
  rejections @3 :List(Rejection);

  struct Rejection {
    record @0 :UInt64;   # its number in the source, from 0
    line @1 :UInt64;     # of a text file, from 1; else 0
    reason @2 :UInt8;    # troupe::actors::Reason
    detail @3 :Text;
  }
}

struct MeasurePart {
  # To a loader, an ask: measure the training records 4096 index ... of a file of records. The answer is MeasuredPart.
  sections @0 :DataSections;
  file @1 :Text;
  index @2 :UInt32;
  shape @3 :List(Int64);
  u8 @4 :Bool;           # dtype of the features; else f32
  classes @5 :Int64;
}

struct MeasuredPart {
  # Payload 0: f64 values, squares, smallest, largest of each channel; payload 1: u64 records of each class.
  index @0 :UInt32;
  count @1 :UInt64;      # of values a channel
}

struct OpenData {
  # To a loader, an ask: read this prepared data from now on. Asked again for the same, it changes nothing.
  folder @0 :Text;
  preprocess @1 :Text;   # JSON
  seed @2 :UInt64;       # the job's
}

struct OpenedData {
  fingerprint @0 :Text;  # of the prepared data, SHA-256 in hexadecimal
  samples @1 :UInt64;    # in the training split
  plain @2 :Bool;        # its batches are what BatchMaker makes of that data, so that others who map it may make them
}

struct LoadShard {
  # To a loader that has opened data, an ask: the inputs of a model for positions firstPosition ... + rows - 1. The
  # answer is LoadedShard.
  firstPosition @0 :UInt64;
  rows @1 :UInt32;
}

struct LoadedShard {
  # Payload 0: features, f32 [rows, ...]; payload 1: labels, i32 or f32 [rows].
  firstPosition @0 :UInt64;
  rows @1 :UInt32;
  digest @2 :Data;       # XXH3-128 of (position, record) of each row: what the ledger keeps
}
