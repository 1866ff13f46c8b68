# What is said about evaluation by the roles of a job. New fields get new numbers; none is reused.
@0xc17e5a90d3b24602;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("troupe::wire");

struct EvaluatePart {
  # Asks an evaluator to count over one part of a split: whole batches, fixed by (part, parts, batch). Answered with
  # EvaluationCounts; the same question gets the same answer, bit for bit, from every evaluator of the job.
  checkpoint @0 :Text;  # the folder of the version
  data @1 :Text;        # the folder of the prepared data
  split @2 :Text;       # train, validation or test
  part @3 :UInt32;      # below `parts`
  parts @4 :UInt32;
  spec @5 :Text;        # the config's `evaluate` section, JSON
}

struct EvaluationCounts {
  # What was counted over the rows first ... first + count - 1 of `rows`. Payloads:
  #   0  i64 [classes, classes]  rows by label and predicted class
  #   1  f64 [nodes, 3]          log loss, squared and absolute error, summed over each of the maximal subtrees of the
  #                              range in the canonical tree over `rows`, from left to right
  #   2  f64 [count]             scores, of two classes only; else empty
  #   3  u8  [count]             labels, of two classes only; else empty
  step @0 :UInt64;       # of the version
  classes @1 :Int64;     # 0: a value is predicted
  topK @2 :Int64;
  rows @3 :UInt32;
  first @4 :UInt32;
  count @5 :UInt32;
  topHits @6 :Int64;
  notFinite @7 :Int64;
}
