#include "actors/feedback/feedback.hpp"

#include <algorithm>
#include <deque>
#include <exception>
#include <filesystem>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "actors/feedback/feedback_messages.hpp"
#include "actors/feedback/feedback_metrics.hpp"
#include "actors/feedback/feedback_monitor.hpp"
#include "actors/feedback/feedback_news.hpp"
#include "actors/feedback/snapshot_file.hpp"
#include "actors/report/failed_start.hpp"
#include "runtime/actor/actor.hpp"
#include "runtime/actor/context.hpp"
#include "runtime/actor/executor.hpp"
#include "runtime/actor/services.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/file.hpp"
#include "runtime/registry.hpp"
#include "runtime/telemetry/log.hpp"
#include "serialization/schema/feedback.capnp.h"

namespace troupe::actors {

using namespace runtime;

namespace {

constexpr std::size_t most_jobs = 256;
constexpr Duration complain_every = std::chrono::minutes{1};  // a full disk stays full for long
constexpr std::uint64_t most_reference_bytes = std::uint64_t{16} << 20;

/// What one job takes to the disk.
struct Batch {
  std::vector<RecordedRows> rows;
  std::vector<Verdict> verdicts;
};

/// What came of it: of each frame of rows how many were new, or why it was refused.
struct Committed {
  struct Rows {
    std::size_t added = 0;
    std::string refused;
  };
  std::vector<Rows> rows;
  std::vector<VerdictOutcome> verdicts;
  std::string verdicts_refused;
  std::optional<Trigger> trigger;
  std::string trigger_failed;
  MonitorReadings readings;
};

/// A full disk is no reason to end: it says so, and may have room later. Anything else goes on as it came.
template <class Action>
std::string text_if_full(Action action) {
  try {
    action();
  } catch (const Error& error) {
    if (error.code() != ErrorCode::exhausted) throw;
    return error.what();
  }
  return {};
}

Committed commit(FeedbackMonitor& monitor, const Batch& batch, const std::string& model,
                 TimePoint now) {
  Committed done;
  done.rows.resize(batch.rows.size());
  std::optional<std::pair<RowType, std::size_t>> first;  // one batch may not mix rows either
  for (std::size_t i = 0; i < batch.rows.size(); ++i) {
    const RecordedRows& rows = batch.rows[i];
    if (rows.rows.empty()) continue;
    const std::pair shape{rows.type, rows.row_bytes()};
    if (auto why = monitor.misfit(shape.first, shape.second)) {
      done.rows[i].refused = *std::move(why);
    } else if (first.value_or(shape) != shape) {
      done.rows[i].refused = "expected rows of one type and size, as others that came with them";
    } else {
      first = shape;
    }
  }
  std::vector<Prediction> predictions;
  for (std::size_t i = 0; i < batch.rows.size(); ++i) {
    if (done.rows[i].refused.empty()) batch.rows[i].append_to(predictions, model);
  }
  std::vector<bool> added;
  const std::string full = text_if_full([&] { added = monitor.record(predictions); });
  auto next = added.cbegin();
  for (std::size_t i = 0; i < done.rows.size(); ++i) {
    if (!done.rows[i].refused.empty()) continue;
    done.rows[i].refused = full;
    if (!full.empty()) continue;
    const auto end = next + static_cast<std::ptrdiff_t>(batch.rows[i].rows.size());
    done.rows[i].added = static_cast<std::size_t>(std::count(next, end, true));
    next = end;
  }
  if (!batch.verdicts.empty())
    done.verdicts_refused = text_if_full([&] { done.verdicts = monitor.add(batch.verdicts); });
  done.readings = monitor.readings();  // before a trigger lets them start anew
  done.trigger_failed = text_if_full([&] { done.trigger = monitor.due(now); });
  return done;
}

bool is_same_file(const std::string& one, const std::string& other) {
  std::error_code ignored;
  return std::filesystem::equivalent(one, other, ignored) ||
         std::filesystem::weakly_canonical(one, ignored) ==
             std::filesystem::weakly_canonical(other, ignored);
}

SnapshotFile write_to(const std::string& store, const SnapshotOrder& order) {
  for (const char* end : {"", "-wal", "-shm"}) {
    if (order.file.empty() || is_same_file(order.file, store + end))
      throw Error{
          ErrorCode::bad_input,
          "snapshot: expected a file that is not the store's own, got \"" + order.file + '"'};
  }
  StoreOptions options;
  options.verify = false;  // the feedback's own connection has done so
  return write_snapshot(FeedbackStore{store, options}, order.n, posix_files(), order.file);
}

class Feedback final : public Actor {
 public:
  Feedback(Context& context, const Parameters& with)
      : context_{context},
        store_{with.text("store")},
        model_{with.text("model")},
        retry_{with.duration("retry")},
        max_waiting_{static_cast<std::size_t>(with.integer("max_waiting"))},
        max_waiting_bytes_{static_cast<std::size_t>(with.integer("max_waiting_bytes"))},
        metrics_{context.services().metrics, model_},
        news_{context, with.text("observer")},
        disk_{context.executor({.name = "disk", .max_queued = most_jobs})},
        snapshots_{context.executor({.name = "snapshots", .max_queued = 16})} {
    if (!with.text("coordinator").empty()) coordinator_ = context.ref(with.text("coordinator"));
    std::vector<SpecProblem> problems;
    SpecReader reader = SpecReader::parse(with.text("feedback"), problems);
    const FeedbackSpec spec = read_feedback(reader);
    throw_if_any(problems, "feedback");
    cooldown_ = spec.cooldown;
    context.not_ready_yet();
    open(spec, with);
  }

  void handles(Handlers& on) override {
    on.ask<wire::RecordPredictions>(
        [this](const Frame& frame, Reply reply) { record(frame, std::move(reply)); });
    on.ask<wire::AddFeedback>(
        [this](const Frame& frame, Reply reply) { add(frame, std::move(reply)); });
    on.ask<wire::FeedbackStatusRequest>([this](const Frame&, Reply reply) {
      run(disk_, std::move(reply), "status", [monitor = monitor_, model = model_] {
        return status_frame(opened(*monitor).status(), model);
      });
    });
    on.ask<wire::NewReference>([this](const Frame& frame, Reply reply) {
      run(disk_, std::move(reply), "new reference",
          [monitor = monitor_, order = read_reference_order(frame)] {
            opened(*monitor).new_reference(order.version, order.reference);
            return done_frame();
          });
      look();
    });
    on.ask<wire::Snapshot>([this](const Frame& frame, Reply reply) {
      run(snapshots_, std::move(reply), "snapshot",
          [store = store_, order = read_snapshot_order(frame)] {
            return snapshot_frame(write_to(store, order));
          });
    });
  }

  bool stopping() override {
    stopping_ = true;
    pump();
    finish();
    return false;
  }

 private:
  // Made, used and, but for the last owner's end, only looked at on the disk's thread.
  using Monitor = std::optional<FeedbackMonitor>;

  static FeedbackMonitor& opened(Monitor& monitor) {
    if (!monitor) throw Error{ErrorCode::exhausted, "the feedback store is not open"};
    return *monitor;
  }

  void open(const FeedbackSpec& spec, const Parameters& with) {
    StoreOptions options;
    options.max_predictions = std::max(with.integer("max_predictions"), spec.window);
    options.limit_bytes = static_cast<std::uint64_t>(with.integer("limit_bytes"));
    disk_.run_as(
        "open",
        [monitor = monitor_, path = store_, file = with.text("reference"), spec, options,
         now = context_.now()] {
          std::optional<DriftReference> reference;
          if (!file.empty()) {
            const FileBytes bytes = posix_files().read(file, most_reference_bytes);
            reference = DriftReference::parse(
                {reinterpret_cast<const char*>(bytes.span().data()), bytes.span().size()}, file);
          }
          monitor->emplace(FeedbackStore{path, options}, spec, std::move(reference), now);
          return (*monitor)->owed();
        },
        [this](const std::optional<Trigger>& owed) {
          open_ = true;
          context_.ready();
          if (owed) announce(*owed);
          look_after(cooldown_);
          look();
        },
        [this, observer = with.text("observer")](const std::exception_ptr& thrown) {
          fail_start(context_, observer, thrown);
          context_.ready();  // the observer is heard when the tree has started
        });
  }

  void record(const Frame& frame, Reply reply) {
    RecordedRows rows;
    try {
      rows = read_rows(frame);
    } catch (const Error& error) {
      return reply.refuse(error.what());
    }
    if (!has_room(frame.bytes().size(), reply)) return;
    waiting_.rows.push_back(std::move(rows));
    rows_replies_.push_back(std::move(reply));
    pump();
  }

  void add(const Frame& frame, Reply reply) {
    Verdict verdict = read_verdict(frame);
    if (!has_room(sizeof verdict + verdict.id.size(), reply)) return;
    waiting_.verdicts.push_back(std::move(verdict));
    verdict_replies_.push_back(std::move(reply));
    pump();
  }

  bool has_room(std::size_t bytes, Reply& reply) {  // FEED-2
    if (stopping_) {
      reply.refuse("it is stopping");
      return false;
    }
    if (rows_replies_.size() + verdict_replies_.size() >= max_waiting_ ||
        bytes > max_waiting_bytes_ - waiting_bytes_) {
      reply.refuse("overloaded: " + std::to_string(rows_replies_.size() + verdict_replies_.size()) +
                   " messages with " + std::to_string(waiting_bytes_) + " bytes wait for the disk");
      return false;
    }
    waiting_bytes_ += bytes;
    return true;
  }

  // Takes all that waits to the disk, if nothing is on its way (FEED-1).
  void pump() {
    if (!open_ || committing_ || closing_ ||
        (rows_replies_.empty() && verdict_replies_.empty() && !look_))
      return;
    const auto batch = std::make_shared<const Batch>(std::exchange(waiting_, {}));
    const auto replies = std::make_shared<Replies>(
        Replies{std::exchange(rows_replies_, {}), std::exchange(verdict_replies_, {})});
    waiting_bytes_ = 0;
    look_ = false;
    committing_ = true;
    try {
      disk_.run_as(
          "commit",
          [monitor = monitor_, batch, model = model_, now = context_.now()] {
            return commit(opened(*monitor), *batch, model, now);
          },
          [this, replies](const Committed& done) { answer(done, *replies); },
          [replies](const std::exception_ptr& thrown) {
            replies->refuse(reason_of(thrown));
            std::rethrow_exception(thrown);
          });
    } catch (const Error& error) {
      committing_ = false;
      replies->refuse(error.what());
    }
  }

  struct Replies {
    std::vector<Reply> rows, verdicts;
    void refuse(const std::string& why) {
      for (Reply& reply : rows) reply.refuse(why);
      for (Reply& reply : verdicts) reply.refuse(why);
    }
  };

  void answer(const Committed& done, Replies& replies) {
    committing_ = false;
    for (std::size_t i = 0; i < replies.rows.size(); ++i) {
      if (done.rows[i].refused.empty()) {
        replies.rows[i].answer(recorded_frame(done.rows[i].added));
      } else {
        replies.rows[i].refuse(done.rows[i].refused);
      }
    }
    for (std::size_t i = 0; i < replies.verdicts.size(); ++i) {
      if (done.verdicts_refused.empty()) {
        replies.verdicts[i].answer(outcome_frame(done.verdicts[i]));
      } else {
        replies.verdicts[i].refuse(done.verdicts_refused);
      }
    }
    for (const std::string* why : {&done.verdicts_refused, &done.trigger_failed}) {
      if (why->empty() || context_.now() < next_complaint_) continue;
      next_complaint_ = context_.now() + complain_every;
      context_.log().error("feedback cannot be kept", {{"why", *why}});
    }
    show(done);
    if (done.trigger) {
      context_.log().info("it is time to train again",
                          {{"reason", done.trigger->reason}, {"rowid", done.trigger->rowid}});
      announce(*done.trigger);
      look_after(cooldown_);
    }
    pump();
    finish();
  }

  void show(const Committed& done) {
    std::size_t predictions = 0;
    for (const Committed::Rows& rows : done.rows) predictions += rows.added;
    const auto accepted =
        std::ranges::count(done.verdicts, VerdictResult::accepted, &VerdictOutcome::result);
    metrics_.count(predictions, static_cast<std::uint64_t>(accepted), done.trigger.has_value());
    metrics_.show(done.readings);
    news_.seen(done.readings);
  }

  // A rule may hold when the cooldown is over, without anybody saying anything.
  void look_after(Duration delay) {
    context_.after(delay, [this] { look(); });
  }
  void look() {
    look_ = true;
    pump();
  }

  // The store is closed on the disk's thread, when all that waited is there.
  void finish() {
    if (!stopping_ || committing_ || closing_) return;
    closing_ = true;
    news_.tell();
    disk_.run_as(
        "close", [monitor = monitor_] { monitor->reset(); }, [this] { context_.end(); });
  }

  // Asks the coordinator until it answers; a later trigger takes the place of one that is still owed (FEED-3).
  void announce(const Trigger& trigger) {
    if (!coordinator_) return;
    const bool idle = !owed_;
    owed_ = trigger;
    if (idle) ask_coordinator();
  }

  void ask_coordinator() {
    context_.ask<wire::RetrainWanted>(coordinator_, wanted_frame(*owed_, model_), retry_,
                                      [this, asked = owed_->rowid](const Answer& answer) {
                                        if (!answer.ok()) {
                                          context_.log().warning(
                                              "nobody has heard yet that it is time to train again",
                                              {{"why", answer.failure().text}});
                                          context_.after(retry_, [this] { ask_coordinator(); });
                                          return;
                                        }
                                        run(disk_, {}, "acknowledged", [monitor = monitor_, asked] {
                                          opened(*monitor).acknowledge(asked);
                                          return done_frame();
                                        });
                                        if (owed_->rowid != asked) return ask_coordinator();
                                        owed_.reset();
                                      });
  }

  // Runs `job` on a thread of this actor's and answers with the frame that it gives. What is wrong with the request is
  // refused, as is a full disk; a store that is damaged ends the actor.
  template <class Job>
  void run(Executor& where, Reply reply, const char* label, Job job) {
    const auto kept = std::make_shared<Reply>(std::move(reply));
    try {
      where.run_as(
          label, std::move(job), [kept](Frame frame) { kept->answer(std::move(frame)); },
          [this, kept, label](const std::exception_ptr& thrown) {
            const std::string why = reason_of(thrown);
            context_.log().warning("feedback: a request has failed",
                                   {{"what", label}, {"why", why}});
            kept->refuse(why);
            try {
              std::rethrow_exception(thrown);
            } catch (const Error& error) {
              if (error.code() == ErrorCode::corrupted || error.code() == ErrorCode::bug) throw;
            }
          });
    } catch (const Error& error) {
      kept->refuse(error.what());
    }
  }

  Context& context_;
  const std::string store_;
  const std::string model_;
  const Duration retry_;
  const std::size_t max_waiting_;
  const std::size_t max_waiting_bytes_;
  FeedbackMetrics metrics_;
  FeedbackNews news_;
  Executor& disk_;
  Executor& snapshots_;
  Duration cooldown_{};
  Ref coordinator_;
  std::shared_ptr<Monitor> monitor_ = std::make_shared<Monitor>();

  bool open_ = false;
  bool committing_ = false;
  bool stopping_ = false;
  bool closing_ = false;
  bool look_ = false;  // at the rules, though nothing has come
  Batch waiting_;
  std::size_t waiting_bytes_ = 0;
  std::vector<Reply> rows_replies_;
  std::vector<Reply> verdict_replies_;
  std::optional<Trigger> owed_;
  TimePoint next_complaint_ = TimePoint::min();
};

ParameterSchema parameter(std::string name, ParameterType type, std::string help,
                          std::optional<ParameterValue> fallback = {}) {
  ParameterSchema schema{std::move(name), type, std::move(help)};
  schema.default_value = std::move(fallback);
  return schema;
}

}  // namespace

void add_feedback_types(Registry& registry) {
  ActorType type;
  type.name = feedback_type;
  type.help = "Keeps predictions and what is said of them, and says when to train again.";
  type.origin = "built-in";
  ParameterSchema max_predictions = parameter(
      "max_predictions", ParameterType::integer,
      "Predictions without feedback that are kept, at least the window; the oldest go first.",
      ParameterValue{std::int64_t{100'000}});
  max_predictions.minimum = 1;
  ParameterSchema limit =
      parameter("limit_bytes", ParameterType::size,
                "What the store's file may have, without its log; 0: what the disk holds.",
                ParameterValue{std::int64_t{0}});
  limit.minimum = 0;
  ParameterSchema waiting = parameter("max_waiting", ParameterType::integer,
                                      "Messages that wait for the disk; more are refused.",
                                      ParameterValue{std::int64_t{10'000}});
  waiting.minimum = 1;
  ParameterSchema waiting_bytes =
      parameter("max_waiting_bytes", ParameterType::size, "Bytes of those messages.",
                ParameterValue{std::int64_t{64} << 20});
  waiting_bytes.minimum = 1;
  ParameterSchema retry =
      parameter("retry", ParameterType::duration,
                "How long the coordinator has for an answer, and until it is asked again.",
                ParameterValue{Duration{std::chrono::seconds{5}}});
  retry.minimum = 0.001;
  type.parameters = {
      parameter("store", ParameterType::text, "The store's file; it is made if there is none."),
      parameter("model", ParameterType::text,
                "The served model's name, which each prediction is kept with."),
      parameter("coordinator", ParameterType::text,
                "Who is told when it is time to train again, a path; empty: nobody.",
                ParameterValue{std::string{}}),
      parameter("observer", ParameterType::text,
                "Who is told how feedback stands, a path; empty: nobody.",
                ParameterValue{std::string{}}),
      parameter("feedback", ParameterType::text, "The config's section `feedback`, as JSON.",
                ParameterValue{std::string{"{}"}}),
      parameter(
          "reference", ParameterType::text,
          "File of the drift reference (JSON), until one comes with a new version; empty: none.",
          ParameterValue{std::string{}}),
      max_predictions,
      limit,
      waiting,
      waiting_bytes,
      retry};
  type.make = [](Context& context, const Parameters& with) -> std::unique_ptr<Actor> {
    return make_or_fail(context, with.text("observer"),
                        [&] { return std::make_unique<Feedback>(context, with); });
  };
  registry.add(std::move(type));
}

}  // namespace troupe::actors
