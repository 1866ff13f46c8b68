#include "actors/report/summary.hpp"

using namespace troupe::actors;

TEST_CASE("Summary: of nothing there is nothing to tell") {
  CHECK(Summary{}.text().empty());
}

TEST_CASE("Summary: tables of stages and metrics, then where everything is") {
  Summary summary;
  for (const JobEvent& event : std::vector<JobEvent>{
           StageEnded{Stage::train, 65, "100 steps"},
           StageEnded{Stage::prepare, 1.5, "60000 records"},
           StageEnded{Stage::evaluate, 1, ""},
           StageEnded{Stage::evaluate, 2, ""},
           Evaluated{"test", 50, {{"loss", 9}}},
           Evaluated{"test", 100, {{"loss", 0.25}, {"accuracy", 0.975}}},
           Evaluated{"validation", 100, {{"accuracy", 0.5}}},
           Checkpointed{50, "old"},
           Checkpointed{100, "runs/a/checkpoints/100"},
           GateDecided{"accuracy >= 0.9", true, "it is 0.975"},
           Deployed{"digits", 1, "http://127.0.0.1:1"},
           Deployed{"digits", 2, "http://127.0.0.1:1"},
           FeedbackSeen{17, 0.5, 0.125},
           Notice{"info", "a"},
           Notice{"warning", "b"},
           JobEnded{true, 100, "00ff", "", "runs/a"},
       }) {
    summary.add({0, event});
  }
  CHECK(summary.text() ==
        "stage     time\n"
        "prepare   1.5 s  60000 records\n"
        "train     1:05   100 steps\n"
        "evaluate  3.0 s  2 times\n"
        "\n"
        "split       step  loss  accuracy\n"
        "test        100   0.25  0.975\n"
        "validation  100   -     0.5\n"
        "\n"
        "checkpoint  runs/a/checkpoints/step-000000000100 (step 100)\n"
        "model       digits version 2 at http://127.0.0.1:1\n"
        "gate        accuracy >= 0.9: passed (it is 0.975)\n"
        "feedback    17 labels, accuracy 0.5, drift 0.125\n"
        "warnings    1\n"
        "files       runs/a\n"
        "state hash  00ff\n"
        "job         done after step 100\n");
}

TEST_CASE("Summary: the checkpoint is that of the job's version, though others were saved later") {
  Summary summary;
  summary.add({0, Checkpointed{100, "runs/a/checkpoints/step-000000000100"}});
  summary.add({0, Checkpointed{150, "runs/a/checkpoints/step-000000000150"}});
  CHECK(summary.text() == "checkpoint  runs/a/checkpoints/step-000000000150 (step 150)\n");
  summary.add({0, JobEnded{true, 100, "00ff", "", "runs/a"}});
  summary.add({0, Checkpointed{20, "runs/a/jobs/1/checkpoints/step-000000000020"}});
  CHECK(summary.text() ==
        "checkpoint  runs/a/checkpoints/step-000000000100 (step 100)\n"
        "files       runs/a\n"
        "state hash  00ff\n"
        "job         done after step 100\n");
}

TEST_CASE("Summary: a failure is told with its reason, on one line") {
  Summary summary;
  summary.add({0, JobEnded{false, 3, "", "loss is nan\nin layer 2", "runs/a"}});
  CHECK(summary.text() ==
        "files  runs/a\n"
        "job    failed after step 3: loss is nan\\nin layer 2\n");
  summary.add({0, JobEnded{false, 0, "", "it may not go on", "runs/a"}});
  CHECK(summary.text() ==
        "files  runs/a\n"
        "job    failed: it may not go on\n");
}
