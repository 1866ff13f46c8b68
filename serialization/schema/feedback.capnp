# What is said about feedback by the roles of a job. New fields get new numbers; none is reused.
@0xc17e5a90d3b24604;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("troupe::wire");

# All but RetrainWanted are asked of an actor of type `feedback`, which refuses with the reason what it cannot do: its
# queue is full, the disk is, the frame is malformed. It answers when what it was told is on the disk.

struct RecordPredictions {
  # What a deployed model has answered. Rows whose id is there already are passed over: repeating is harmless.
  version @0 :Text;
  type @1 :RowType;
  rows @2 :List(Row);
  inputs @3 :UInt16;           # which payload has the rows, one behind the other, each of the same size, as they came
  outputs @4 :UInt16;          # which payload has the outputs, f32, [rows, classes]

  struct Row {
    id @0 :Text;               # 1 to 64 bytes
    timeMicroseconds @1 :Int64;  # since 1970
    predicted @2 :UInt32;      # a class
    confidence @3 :Float64;
  }

  enum RowType {
    u8 @0;
    f32 @1;
  }
}

struct PredictionsRecorded {
  added @0 :UInt32;            # those that were new
}

struct AddFeedback {
  id @0 :Text;                 # of the prediction
  timeMicroseconds @1 :Int64;
  union {
    label @2 :Int64;           # the true class
    rating @3 :Float64;        # from 0 (bad) to 1 (good)
  }
}

struct FeedbackAdded {
  result @0 :Result;
  rowid @1 :Int64;             # if accepted

  enum Result {
    accepted @0;
    unknown @1;                # no such prediction: 404
    repeated @2;               # there is another one already, and it stays: 409
    invalid @3;                # no such class, or no rating from 0 to 1: 400
    known @4;                  # that very label or rating is there already: 200, as if it were new
  }
}

struct FeedbackStatusRequest {
}

struct FeedbackStatus {
  model @0 :Text;
  version @1 :Text;            # the deployed one, if a reference was given with it
  predictions @2 :Int64;
  feedback @3 :Int64;          # labels and ratings
  labels @4 :Int64;
  lastRowid @5 :Int64;
  newLabels @6 :Int64;         # since the last trigger
  windowLabels @7 :Int64;      # over which `accuracy` is taken
  accuracy @8 :Float64;        # NaN: no labels in the window
  overallAccuracy @9 :Float64; # NaN: no labels
  hasDrift @10 :Bool;          # a reference is there, and the window is full
  groupDrift @11 :List(Float64);  # population stability index by group of features
  classDrift @12 :Float64;     # NaN: predicted classes are not compared
  windowPredictions @13 :Int64;
  notFinite @14 :Int64;        # rows with a value that is not finite, which drift passes over
  hasTrigger @15 :Bool;
  trigger @16 :RetrainWanted;  # the last one
  acknowledged @17 :Bool;      # by the coordinator
}

struct NewReference {
  # Another version is deployed: the windows start anew, and labels on another version's predictions no longer count in
  # them. Answered with FeedbackDone.
  version @0 :Text;
  reference @1 :Text;          # JSON (actors/feedback/drift_reference.hpp); empty: drift is not looked at
}

struct Snapshot {
  # Writes the labelled records of the feedback with a rowid <= n (JOB-7): CSV without a header, features, then the label.
  n @0 :Int64;
  file @1 :Text;               # replaced in one step
}

struct SnapshotWritten {
  records @0 :Int64;
  sha256 @1 :Text;             # of the file
}

struct FeedbackDone {
}

struct RetrainWanted {
  # Asked of the coordinator, until it answers with any frame: at least once, so (model, rowid) names the content.
  model @0 :Text;
  rowid @1 :Int64;             # train on the snapshot of this n
  reason @2 :Text;
}
