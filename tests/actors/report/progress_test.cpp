#include "actors/report/progress.hpp"

#include <cmath>
#include <map>

using namespace troupe::actors;

namespace {
/// What is written for events, each call of the sink by itself.
std::vector<std::string> written(const ProgressOptions& options,
                                 const std::vector<TimedEvent>& events) {
  std::vector<std::string> texts;
  Progress progress{options, [&texts](std::string_view text) { texts.emplace_back(text); }};
  for (const TimedEvent& event : events) progress.show(event);
  return texts;
}

ProgressOptions terminal(bool utf8 = false, std::size_t width = 80) {
  ProgressOptions options;
  options.style = ProgressStyle::terminal;
  options.utf8 = utf8;
  options.colour = false;
  options.width = width;
  return options;
}

StepsDone step(std::uint64_t n, std::uint64_t epoch = 0) {
  return {n, 100, epoch, 2, 0.5, 0.01, 12345};
}

using Texts = std::vector<std::string>;
}  // namespace

TEST_CASE("Progress: plain lines, one a stage, and steps every few seconds or each epoch") {
  CHECK(written({}, {{0, StageBegan{Stage::prepare, 60000, "mnist"}},
                     {1, StageProgress{Stage::prepare, 30000, 60000}},
                     {6, StageProgress{Stage::prepare, 50000, 60000}},
                     {7, StageEnded{Stage::prepare, 7, "60000 records"}},
                     {8, StageBegan{Stage::train, 0, ""}},
                     {9, step(1)},
                     {12.9, step(40)},
                     {13, step(41)},
                     {14, step(51, 1)},
                     {15, step(52, 1)},
                     {16, step(100, 1)},
                     {17, Evaluated{"test", 100, {{"accuracy", 0.975}, {"loss", 0.25}}}},
                     {18, Checkpointed{100, "runs/a/checkpoints/100"}},
                     {19, GateDecided{"accuracy >= 0.9", false, "it is 0.5"}},
                     {20, Deployed{"digits", 3, "http://127.0.0.1:1"}},
                     {21, FeedbackSeen{1, std::nan(""), std::nan("")}},
                     {21, FeedbackSeen{17, 0.5, 0.125}},
                     {22, Notice{"warning", "two\nlines\x1b[2J"}},
                     {22, Notice{"info", "so"}},
                     {23, JobEnded{false, 100, "", "no disk", "runs/a"}}}) ==
        Texts{"prepare: mnist, 60000 records\n", "prepare: 50000/60000 (83%) records\n",
              "prepare: done in 7.0 s (60000 records)\n", "train: begins\n",
              "train: step 41/100, epoch 1/2, loss 0.5, learning rate 0.01, 12.3k samples/s\n",
              "train: step 51/100, epoch 2/2, loss 0.5, learning rate 0.01, 12.3k samples/s\n",
              "train: step 100/100, epoch 2/2, loss 0.5, learning rate 0.01, 12.3k samples/s\n",
              "test after step 100: accuracy 0.975, loss 0.25\n",
              "checkpoint of step 100: runs/a/checkpoints/100\n",
              "gate accuracy >= 0.9: not passed (it is 0.5)\n",
              "deployed: digits version 3 at http://127.0.0.1:1\n", "feedback: 1 label\n",
              "feedback: 17 labels, accuracy 0.5, drift 0.125\n", "warning: two\\nlines\\x1b[2J\n",
              "so\n", "failed after step 100: no disk\n"});
}

TEST_CASE("Progress: as JSON, each event is its line") {
  ProgressOptions options;
  options.style = ProgressStyle::json;
  const TimedEvent event{1, step(3)};
  CHECK(written(options, {event}) == Texts{to_json(event) + '\n'});
}

TEST_CASE("Progress: a terminal's bar is redrawn in place, at most ten times a second") {
  CHECK(
      written(terminal(), {{0, StageBegan{Stage::train, 100, "a"}},
                           {0.05, step(1)},
                           {0.1, step(2)},
                           {0.15, step(3)},
                           {0.19, step(4)},
                           {0.2, step(50)}}) ==
      Texts{
          "train    [............................]   0%  0/100 steps\x1b[J",
          "\rtrain    [............]   2%  2/100 steps  loss 0.5  ETA 4.9 s  12.3k samples/s\x1b[J",
          "\rtrain    [#####......]  50%  50/100 steps  loss 0.5  ETA 0.2 s  12.3k "
          "samples/s\x1b[J"});
}

TEST_CASE("Progress: bars in UTF-8 grow by eighths, and nothing is wider than the terminal") {
  CHECK(written(terminal(true), {{0, StageBegan{Stage::prepare, 0, ""}},
                                 {1, StageProgress{Stage::prepare, 1, 16}},
                                 {2, StageProgress{Stage::prepare, 16, 16}}}) ==
        Texts{"prepare    0 records\x1b[J",
              "\rprepare  █▉                               6%  1/16 records\x1b[J",
              "\rprepare  ██████████████████████████████ 100%  16/16 records\x1b[J"});
  const Texts narrow = written(terminal(false, 20), {{0, StageBegan{Stage::train, 1000000, ""}}});
  CHECK(narrow == Texts{"train       0%\x1b[J"});
}

TEST_CASE("Progress: lasting lines stand above the bars, a bar for each stage under way") {
  CHECK(written(terminal(), {{0, StageBegan{Stage::train, 4, ""}},
                             {0.01, StageBegan{Stage::evaluate, 2, ""}},
                             {0.02, Notice{"warning", "slow"}},
                             {0.03, StageEnded{Stage::evaluate, 0.5, ""}},
                             {0.04, Evaluated{"test", 1, {{"accuracy", 0.5}}}},
                             {0.05, JobEnded{true, 4, "", "", ""}}}) ==
        Texts{"train    [............................]   0%  0/4 steps\x1b[J",
              "\rtrain    [............................]   0%  0/4 steps\x1b[K\n"
              "evaluate [............................]   0%  0/2 rows\x1b[J",
              "\r\x1b[1Awarning: slow\x1b[K\n"
              "train    [............................]   0%  0/4 steps\x1b[K\n"
              "evaluate [............................]   0%  0/2 rows\x1b[J",
              "\r\x1b[1A"
              "evaluate: done in 0.5 s\x1b[K\n"
              "train    [............................]   0%  0/4 steps\x1b[J",
              "\rtest after step 1: accuracy 0.5\x1b[K\n"
              "train    [............................]   0%  0/4 steps\x1b[J",
              "\rdone after step 4\x1b[K\n\x1b[J"});
}

TEST_CASE("Progress: who finishes early leaves the cursor on a new line, once") {
  Texts texts;
  Progress progress{terminal(), [&texts](std::string_view text) { texts.emplace_back(text); }};
  progress.finish();
  progress.show({0, StageBegan{Stage::serve, 0, ""}});
  progress.finish();
  progress.finish();
  CHECK(texts == Texts{"serve      0 requests\x1b[J", "\n"});
}

TEST_CASE("Progress: warnings, gates and the end have colours, where they are wanted") {
  ProgressOptions options = terminal();
  options.colour = true;
  CHECK(written(options, {{0, Notice{"warning", "w"}},
                          {0, Notice{"info", "i"}},
                          {0, GateDecided{"g", true, ""}},
                          {0, JobEnded{false, 1, "", "r", ""}}}) ==
        Texts{"\x1b[33mwarning: w\x1b[0m\x1b[K\n\x1b[J", "i\x1b[K\n\x1b[J",
              "\x1b[32mgate g: passed\x1b[0m\x1b[K\n\x1b[J",
              "\x1b[31mfailed after step 1: r\x1b[0m\x1b[K\n\x1b[J"});
}

TEST_CASE("Progress: the environment says how to write") {
  const auto choose = [](bool is_terminal, std::map<std::string, const char*> variables) {
    return ProgressOptions::choose(is_terminal, 100, [&variables](const char* name) {
      return variables.contains(name) ? variables[name] : nullptr;
    });
  };
  const ProgressOptions full = choose(true, {{"TERM", "xterm"}, {"LANG", "en_US.UTF-8"}});
  CHECK(full.style == ProgressStyle::terminal);
  CHECK(full.width == 100);
  CHECK(full.utf8);
  CHECK(full.colour);
  CHECK(choose(false, {{"TERM", "xterm"}}).style == ProgressStyle::plain);
  CHECK(choose(true, {{"TERM", "dumb"}}).style == ProgressStyle::plain);
  CHECK(choose(true, {}).style == ProgressStyle::plain);
  CHECK_FALSE(choose(true, {{"NO_COLOR", "1"}}).colour);
  CHECK(choose(true, {{"NO_COLOR", ""}}).colour);
  CHECK_FALSE(choose(true, {{"LC_ALL", "C"}, {"LANG", "de_DE.utf8"}}).utf8);
  CHECK(choose(true, {{"LC_ALL", ""}, {"LANG", "de_DE.utf8"}}).utf8);
  CHECK_FALSE(choose(true, {}).utf8);
}
