#include "actors/deployer/deployer.hpp"

#include <chrono>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "actors/deployer/deployer_options.hpp"
#include "actors/deployer/dispatcher.hpp"
#include "actors/deployer/http_server.hpp"
#include "actors/deployer/inbound.hpp"
#include "actors/deployer/prediction_id.hpp"
#include "actors/deployer/replica_set.hpp"
#include "actors/deployer/rollout.hpp"
#include "actors/deployer/serving_api.hpp"
#include "actors/deployer/serving_messages.hpp"
#include "actors/report/failed_start.hpp"
#include "runtime/actor/actor.hpp"
#include "runtime/actor/context.hpp"
#include "runtime/actor/executor.hpp"
#include "runtime/actor/services.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/file.hpp"
#include "runtime/registry.hpp"
#include "runtime/telemetry/log.hpp"
#include "runtime/telemetry/metrics.hpp"
#include "serialization/schema/serving.capnp.h"

namespace troupe::actors {

using namespace runtime;

namespace {

constexpr auto drain_look = std::chrono::milliseconds{20};
constexpr std::uint64_t deployed_limit = std::uint64_t{1} << 20;

/// Serves one model: the HTTP front, what waits for a batch, and which version is served by which replica.
class Deployer final : public Actor {
 public:
  Deployer(Context& context, const Parameters& with, const MakeFeedbackSink& make_sink)
      : context_{context},
        options_{deployer_options(with)},
        rollout_{restored()},
        table_{std::make_shared<ServingTable>(options_.model)},
        admission_{std::make_shared<Admission>(options_.max_queue, options_.max_queue_bytes)},
        rows_{metrics().counter("troupe_serving_rows_total", "Rows that were computed.", labels())},
        answered_{metrics().counter("troupe_serving_predictions_total",
                                    "Requests that were computed.", labels())},
        batch_rows_{metrics().histogram("troupe_serving_batch_rows", "Rows in a batch.",
                                        {.first = 1, .factor = 2, .count = 11}, labels())},
        queued_{metrics().add_source(
            metrics().gauge("troupe_serving_queued_rows", "Rows that are in the front's hands.",
                            labels()),
            [admission = admission_] { return static_cast<double>(admission->rows()); })},
        dispatcher_{options_.dispatcher, dispatcher_ports()},
        replicas_{context, options_.load_within, replica_events()} {
    if (!options_.feedback.empty()) {
      if (!make_sink)
        throw Error{ErrorCode::bad_input, "feedback: this program has nothing that takes feedback"};
      sink_ = make_sink(context, options_.feedback);
    }
    listen();
    if (rollout_.current())
      context.log().info("the version from before is served again",
                         {{"version", rollout_.current()->version}});
  }

  void handles(Handlers& on) override {
    on.ask<wire::ReplicaJoin>(
        [this](const Frame& frame, Reply reply) { join(frame, std::move(reply)); });
    on.ask<wire::Deploy>(
        [this](const Frame& frame, Reply reply) { deploy(read_deploy(frame), std::move(reply)); });
    on.ask<wire::RollBack>([this](const Frame&, Reply reply) {
      if (!rollout_.previous())
        return reply.refuse("roll back: there is no version before this one");
      deploy(*rollout_.previous(), std::move(reply));
    });
    on.ask<wire::DeployerStatus>([this](const Frame&, Reply reply) { reply.answer(report()); });
  }

  bool stopping() override {
    const PostTurn post = turns_of(context_);
    server_->drain([post, this] { post([this] { context_.end(); }); });
    return false;
  }

 private:
  Metrics& metrics() { return context_.services().metrics; }
  MetricLabels labels() const { return {{"model", options_.model}}; }

  // The front's start.

  Rollout restored() const {
    if (options_.state.empty()) return {};
    if (posix_files().kind(options_.state) == PathKind::none)
      posix_files().create_folder(options_.state);
    if (posix_files().kind(deployed_path()) == PathKind::none) return {};
    const FileBytes bytes = posix_files().read(deployed_path(), deployed_limit);
    return read_deployed(
        std::string{reinterpret_cast<const char*>(bytes.span().data()), bytes.span().size()},
        deployed_path());
  }
  std::string deployed_path() const { return options_.state + "/deployed.json"; }

  void listen() {
    const PostTurn post = turns_of(context_);
    auto jobs = std::make_shared<Inbound<InferJob>>(
        post, [this](InferJob job) { dispatcher_.submit(std::move(job)); });
    ServingPorts ports;
    ports.infer = [jobs](InferJob job) { jobs->push(std::move(job)); };
    if (sink_) {
      auto said = std::make_shared<Inbound<FeedbackJob>>(
          post, [this](FeedbackJob job) { feedback(std::move(job)); });
      ports.feedback = [said](FeedbackJob job) { said->push(std::move(job)); };
    }
    ports.metrics = [&all = metrics()] { return all.write(); };
    auto api = std::make_shared<const ServingApi>(table_, admission_, std::move(ports));
    server_ =
        std::make_unique<HttpServer>(options_.http, [api](HttpRequest request, Respond respond) {
          api->handle(std::move(request), std::move(respond));
        });
    context_.log().info("it listens",
                        {{"model", options_.model}, {"port", std::to_string(server_->port())}});
  }

  // Predictions and feedback.

  Dispatcher::Ports dispatcher_ports() {
    Dispatcher::Ports ports;
    ports.now = [this] { return context_.now(); };
    ports.ask = [this](std::uint64_t replica, Frame batch, Duration within,
                       std::function<void(const Answer&)> then) {
      context_.ask<wire::PredictBatch>(replicas_.ref(replica), std::move(batch), within,
                                       std::move(then));
    };
    ports.wake_after = [this](Duration delay) {
      context_.after(delay, [this] { dispatcher_.wake(); });
    };
    ports.predicted = [this](const InferJob& job, std::span<const std::byte> outputs) {
      answered_.add();
      record(job, outputs);
    };
    ports.sent = [this](std::int64_t rows) {
      rows_.add(static_cast<std::uint64_t>(rows));
      batch_rows_.observe(static_cast<double>(rows));
    };
    return ports;
  }

  void record(const InferJob& job, std::span<const std::byte> outputs) {
    if (!sink_) return;
    std::vector<PredictionRecord> records;
    for (std::int64_t row = 0; row < job.request.count; ++row) {
      const auto at = static_cast<std::size_t>(row);
      const std::span<const std::byte> input =
          std::span{job.request.rows}.subspan(at * job.version->in_bytes, job.version->in_bytes);
      const std::span<const std::byte> output =
          outputs.subspan(at * job.version->out_bytes, job.version->out_bytes);
      PredictionRecord record;
      record.id = row_prediction_id(job.prediction_id, row, job.request.count);
      record.info = &job.version->info;
      record.version = job.version->info.version;
      record.inputs.assign(input.begin(), input.end());
      record.outputs.resize(output.size() / sizeof(float));
      std::memcpy(record.outputs.data(), output.data(), output.size());
      records.push_back(std::move(record));
    }
    sink_->record(std::move(records));
  }

  void feedback(FeedbackJob job) {
    auto respond = std::make_shared<Respond>(std::move(job.respond));
    context_.after(options_.dispatcher.timeout, [late = std::weak_ptr{respond}] {
      if (const auto open = late.lock())
        (*open)(overloaded_response("feedback was not stored in time"));
    });
    sink_->feedback(std::move(job.feedback),
                    [respond](FeedbackResult result, const std::string& why) {
                      (*respond)(feedback_response(result, why));
                    });
  }

  // Replicas.

  ReplicaSet::Events replica_events() {
    ReplicaSet::Events events;
    events.loaded = [this](std::uint64_t replica, const LoadedVersionMessage& loaded) {
      has_loaded(replica, loaded);
    };
    events.failed = [this](std::uint64_t, const DeployedVersion& version, const std::string& why) {
      if (deploying_ && rollout_.candidate() == version) deploying_->failure = why;
      settle();
    };
    events.gone = [this](std::uint64_t replica) {
      dispatcher_.remove(replica);
      table_->set_ready(serving_replicas() > 0);
      settle();
    };
    return events;
  }

  void join(const Frame& frame, Reply reply) {
    const Ref who = context_.sender();
    const std::string group = options_.replicas + "/";
    if (!who || (!options_.replicas.empty() && !who.path().starts_with(group)))
      return reply.refuse("expected a replica below " + options_.replicas);
    replicas_.join(who, read_join(frame), rollout_.wanted());
    reply.answer(join_frame({}));
  }

  void has_loaded(std::uint64_t replica, const LoadedVersionMessage& loaded) {
    dispatcher_.add(replica, loaded.deployed.version);
    if (deploying_ && !deploying_->lease && rollout_.candidate() == loaded.deployed)
      deploying_->lease = lease_of(loaded);
    // After a restart nobody knows what the version is like until a replica has it.
    if (rollout_.current() == loaded.deployed && !table_->current())
      table_->serve(lease_of(loaded));
    table_->set_ready(serving_replicas() > 0);
    settle();
  }

  std::size_t serving_replicas() const {
    return rollout_.current() ? replicas_.with(rollout_.current()->version) : 0;
  }

  Lease lease_of(const LoadedVersionMessage& loaded) const {
    auto version = std::make_shared<ServedVersion>();
    version->info = loaded.info;
    version->info.name = options_.model;
    version->info.version = loaded.deployed.version;
    version->in_bytes = input_row_bytes(loaded.info);
    version->out_bytes = output_row_bytes(loaded.info);
    version->max_rows = loaded.max_rows;
    return version;
  }

  // Rollouts.

  struct Deploying {
    Reply reply;
    Lease lease = {};  // of what a replica told of it
    std::string failure = {};
    bool writing = false;
  };

  void deploy(DeployedVersion version, Reply reply) {
    try {
      rollout_.begin(version);
    } catch (const Error& error) {
      return reply.refuse(error.what());
    }
    context_.log().info("a version is deployed",
                        {{"version", version.version}, {"folder", version.folder}});
    deploying_.emplace(Deploying{std::move(reply)});
    // One that still finishes what was asked of it is there, and is served again at once.
    for (const auto& [name, lease] : draining_)
      if (name == version.version) deploying_->lease = lease;
    replicas_.load(version);
    settle();
  }

  // Goes on with what is deployed, when all replicas have said what came of it.
  void settle() {
    if (!deploying_ || deploying_->writing || !rollout_.candidate()) return;
    const DeployedVersion candidate = *rollout_.candidate();
    if (!deploying_->failure.empty()) return abandon(deploying_->failure);
    if (replicas_.loading(candidate)) return;
    if (!deploying_->lease || replicas_.with(candidate.version) == 0)
      return abandon("no replica runs that could load it");
    if (options_.state.empty()) return commit();
    deploying_->writing = true;
    const std::string json =
        deployed_json(candidate, rollout_.current() ? rollout_.current() : rollout_.previous());
    context_.executor({.name = "state"})
        .run([path = deployed_path(),
              json] { write_atomically(posix_files(), path, std::as_bytes(std::span{json})); },
             [this] { commit(); },
             [this](const std::exception_ptr& thrown) { abandon(reason_of(thrown)); });
  }

  void abandon(std::string why) {
    const DeployedVersion candidate = *rollout_.candidate();
    rollout_.abandon();
    if (!rollout_.is_draining(candidate)) replicas_.unload(candidate.version);
    context_.log().warning("a version is not served",
                           {{"version", candidate.version}, {"why", why}});
    Deploying ended = std::move(*deploying_);
    deploying_.reset();
    ended.reply.refuse("version " + candidate.version + ": " + why);
  }

  void commit() {
    const Lease old = table_->current();
    const std::optional<DeployedVersion> before = rollout_.current();
    rollout_.commit();
    std::erase_if(draining_,
                  [this](const auto& entry) { return entry.first == rollout_.current()->version; });
    table_->serve(deploying_->lease);
    table_->set_ready(serving_replicas() > 0);
    if (before) draining_.emplace_back(before->version, old);
    const DeployedVersion& now = *rollout_.current();
    context_.log().info("a version is served", {{"version", now.version}});
    Deploying ended = std::move(*deploying_);
    deploying_.reset();
    ended.reply.answer(deployed_frame({now.version, before ? before->version : "",
                                       static_cast<std::uint32_t>(serving_replicas())}));
    look_after_draining();
  }

  // Ends: each request holds its lease no longer than its time.
  void look_after_draining() {
    std::erase_if(draining_, [this](const auto& entry) {
      if (entry.second.use_count() > 1) return false;
      rollout_.drained(entry.first);
      replicas_.unload(entry.first);
      return true;
    });
    if (!draining_.empty() && !std::exchange(looking_, true))
      context_.after(drain_look, [this] {
        looking_ = false;
        look_after_draining();
      });
  }

  Frame report() const {
    DeployerReportMessage report;
    report.port = server_->port();
    report.model = options_.model;
    // As it was given, but for port 0.
    const std::string& listen = options_.http.listen;
    report.address = (options_.http.certificate.empty() ? "http://" : "https://") +
                     listen.substr(0, listen.rfind(':') + 1) + std::to_string(report.port);
    if (rollout_.current()) report.version = rollout_.current()->version;
    if (rollout_.previous()) report.previous = rollout_.previous()->version;
    report.replicas = static_cast<std::uint32_t>(replicas_.size());
    report.ready = static_cast<std::uint32_t>(serving_replicas());
    report.queued_rows = admission_->rows();
    for (const DeployedVersion& version : rollout_.draining())
      report.draining.push_back(version.version);
    return report_frame(report);
  }

  Context& context_;
  const DeployerOptions options_;
  Rollout rollout_;
  const std::shared_ptr<ServingTable> table_;
  const std::shared_ptr<Admission> admission_;
  Counter &rows_, &answered_;
  Histogram& batch_rows_;
  GaugeSource queued_;
  std::unique_ptr<FeedbackSink> sink_;
  Dispatcher dispatcher_;
  ReplicaSet replicas_;
  std::optional<Deploying> deploying_;
  std::vector<std::pair<std::string, Lease>>
      draining_;  // what was current, with its last lease but the requests'
  bool looking_ = false;
  std::unique_ptr<HttpServer> server_;  // the last: its threads use what stands above
};

}  // namespace

void add_deployer_types(Registry& registry, LoadServable load, MakeFeedbackSink make_sink) {
  ActorType type;
  type.name = "deployer";
  type.help = "Serves a model over HTTP: batches requests and gives them to its replicas.";
  type.origin = "built-in";
  type.parameters = deployer_parameters();
  type.make = [make_sink = std::move(make_sink)](Context& context,
                                                 const Parameters& with) -> std::unique_ptr<Actor> {
    return make_or_fail(context, with.text("observer"),
                        [&] { return std::make_unique<Deployer>(context, with, make_sink); });
  };
  registry.add(std::move(type));
  add_replica_type(registry, std::move(load));
}

}  // namespace troupe::actors
