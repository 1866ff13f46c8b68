#include "actors/pipeline/pipeline.hpp"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "actors/coordinator/retraining.hpp"
#include "actors/pipeline/observer.hpp"
#include "actors/report/machine_file.hpp"
#include "actors/report/metrics_log.hpp"
#include "actors/report/run_folder.hpp"
#include "gpu/cpu_device.hpp"
#include "runtime/base/clock.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/file.hpp"
#include "runtime/cluster/shared_memory.hpp"
#include "runtime/registry.hpp"

namespace troupe::actors {

using namespace runtime;
using namespace std::chrono_literals;

namespace {

constexpr const char* observer_name = "observer";

/// When what cannot start ends the run: at once, unless a version has been served in it. What has served gets some tries,
/// since an address may be let go of late.
class StartFailures {
 public:
  /// @return whether the run ends with it.
  bool add(double at_seconds) {
    if (at_seconds - last_seconds_ > calm_seconds) tries_ = 0;
    last_seconds_ = at_seconds;
    return ++tries_ > (served_ ? most_tries : 0);
  }
  void served() { served_ = true; }

 private:
  static constexpr int most_tries = 10;
  static constexpr double calm_seconds = 60;

  bool served_ = false;
  int tries_ = 0;
  double last_seconds_ = 0;
};

/// The tree with the first actor of a type changed; parts of it are shared, so the way to it is copied.
bool change_first(SupervisorSpec& spec, std::string_view type,
                  const std::function<void(ChildSpec&)>& change) {
  for (ChildSpec& child : spec.children) {
    if (child.supervisor) {
      auto copy = std::make_shared<SupervisorSpec>(*child.supervisor);
      if (!change_first(*copy, type, change)) continue;
      child.supervisor = std::move(copy);
      return true;
    }
    if (child.type == type) {
      change(child);
      return true;
    }
  }
  return false;
}

/// Sets parameters of the first actor of a type, if there is one.
void set_parameters(SupervisorSpec& spec, std::string_view type,
                    const std::map<std::string, ParameterValue>& given) {
  change_first(spec, type, [&](ChildSpec& child) {
    auto values = child.parameters.values();
    for (const auto& [name, value] : given) values[name] = value;
    child.parameters = Parameters{std::move(values)};
  });
}

bool has_type(const SupervisorSpec& spec, std::string_view type) {
  return std::ranges::any_of(spec.children, [&](const ChildSpec& child) {
    return child.supervisor ? has_type(*child.supervisor, type) : child.type == type;
  });
}

/// Room for the versions of any model that this machine can train: pages are taken when they are first touched.
std::uint64_t versions_bytes() {
  const auto pages = static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES));
  const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  return std::max<std::uint64_t>(pages * page / 2, std::uint64_t{64} << 20);
}

/// Of the jobs that follow a run's first one on feedback, the one that has begun and not ended, or else waits; 0: none.
std::uint64_t open_job(const std::string& run_folder) {
  const RetrainJobs jobs = RetrainJobs::read(posix_files(), run_folder);
  const RetrainJob* const open = jobs.frozen() != nullptr ? jobs.frozen() : jobs.wanted();
  return open != nullptr ? open->number : 0;
}

/// @param job  the coordinator's parameters; sections hold text
bool wants_gpu(const nlohmann::json& job) {
  const auto train = job.find("train");
  if (train == job.end() || !train->is_object()) return false;
  const auto device = train->find("device");
  return device != train->end() && *device != "cpu";
}

std::string folder_of(const std::string& file) {
  const std::filesystem::path parent = std::filesystem::absolute(file).parent_path();
  return parent.string();
}

}  // namespace

struct Pipeline::State {
  std::string file;
  Registry registry;  // a copy, with an observer of its own
  PipelineOptions options;
  NodeConfig config;
  EventQueue events;
  std::vector<std::function<void(const TimedEvent&)>> observers;
  std::unique_ptr<Node> node;
  std::atomic<bool> stopping = false;
  std::vector<std::string> hanging;
  bool has_job = false, serves = false;
  std::optional<RunFolder> folder;
  bool fresh = false;  // the folder was made by this run

  /// Where what is served outlives a run.
  std::string serving_folder() const {
    return std::filesystem::absolute(std::filesystem::path{options.runs} /
                                     (config.name + "-serving"))
        .lexically_normal()
        .string();
  }
  void make_run_folder();
  void make_serving_folder();
  void add_observer();
  void start();
  void discard();
  void give_up();
  RunResult follow();
};

Pipeline::Pipeline(std::unique_ptr<State> state) : state_{std::move(state)} {}
Pipeline::~Pipeline() = default;
Pipeline::Pipeline(Pipeline&&) noexcept = default;
Pipeline& Pipeline::operator=(Pipeline&&) noexcept = default;

Pipeline Pipeline::from_yaml(const std::string& file, Registry& registry, PipelineOptions options) {
  ConfigResult result = read_config_file(file, registry, options.config);
  if (!result.problems.empty()) {
    std::string all;
    for (const Problem& problem : result.problems)
      all += (all.empty() ? "" : "\n") + to_string(problem);
    throw Error{ErrorCode::bad_input, all};
  }
  return from_config(std::move(result.config), file, registry, std::move(options));
}

Pipeline Pipeline::from_config(NodeConfig config, const std::string& file, const Registry& registry,
                               PipelineOptions options) {
  auto state = std::make_unique<State>();
  state->file = file;
  state->registry = registry;
  state->options = std::move(options);
  state->config = std::move(config);
  state->has_job = change_first(state->config.root, "coordinator", [](ChildSpec&) {});
  state->serves = has_type(state->config.root, "deployer");
  add_observer_type(state->registry, state->events);
  return Pipeline{std::move(state)};
}

void Pipeline::observe(std::function<void(const TimedEvent&)> told) {
  state_->observers.push_back(std::move(told));
}

void Pipeline::State::make_run_folder() {
  FileSystem& files = posix_files();
  const std::string fingerprint = job_fingerprint(config, registry);
  std::optional<std::string> old;
  if (options.resume) {
    old = RunFolder::find_to_resume(files, options.runs, config.name, fingerprint);
    if (!old)
      throw Error{ErrorCode::bad_input, options.runs + ": expected a run of \"" + config.name +
                                            "\" to go on with, found none"};
  }
  if (old) {
    folder.emplace(RunFolder::open_for_resume(files, *old, fingerprint));
  } else {
    RunDescription description;
    description.name = config.name;
    description.fingerprint = fingerprint;
    description.config = explain(config, registry);
    nlohmann::json job;
    change_first(config.root, "coordinator", [&](ChildSpec& child) {
      for (const auto& [name, value] : child.parameters.values()) {
        if (const auto* structure = std::get_if<Structure>(&value))
          job[name] = nlohmann::json::parse(structure->json);
        if (const auto* integer = std::get_if<std::int64_t>(&value)) job[name] = *integer;
      }
    });
    description.job = job.dump();
    MachineFacts facts;  // on a GPU the first trainer tells them
    if (!wants_gpu(job)) {
      for (const auto& [key, value] : gpu::make_cpu_device()->machine_record())
        facts.push_back({key, value});
    }
    description.machine = machine_json(facts);
    folder.emplace(RunFolder::create(files, options.runs, description));
    fresh = true;
  }
  set_parameters(config.root, "coordinator",
                 {{"run_folder", std::filesystem::absolute(folder->path()).string()},
                  {"prepared_folder", std::filesystem::absolute(options.prepared).string()},
                  {"base", folder_of(file)},
                  {"serving_folder", serving_folder()},
                  {"new_machine", options.new_machine}});
}

/// Which versions there are, which of them is served, what is said of it.
void Pipeline::State::make_serving_folder() {
  const std::string path = serving_folder();
  create_folders(posix_files(), path);
  const auto unless_given = [&](std::string_view type, const char* parameter,
                                const std::string& value) {
    bool given = false;
    change_first(config.root, type, [&](const ChildSpec& child) {
      given = child.parameters.has(parameter) && !child.parameters.text(parameter).empty();
    });
    if (!given) set_parameters(config.root, type, {{parameter, value}});
  };
  unless_given("deployer", "state", path);
  for (const char* name : {"certificate", "key"})
    change_first(config.root, "deployer", [&](ChildSpec& child) {
      auto values = child.parameters.values();
      const auto given = values.find(name);
      if (given == values.end() || child.parameters.text(name).empty()) return;
      given->second =
          (std::filesystem::path{folder_of(file)} / child.parameters.text(name)).string();
      child.parameters = Parameters{std::move(values)};
    });
  unless_given("feedback", "store", path + "/feedback.db");
  const std::string now =
      std::to_string(std::chrono::system_clock::now().time_since_epoch().count());
  set_parameters(config.root, "publisher", {{"serving_folder", path}, {"order", "start " + now}});
}

void Pipeline::State::add_observer() {
  const std::string path = std::string{"/"} + observer_name;
  for (const char* type : {"coordinator", "publisher", "deployer", "feedback"})
    set_parameters(config.root, type, {{"observer", path}});
  ChildSpec observer;
  observer.name = observer_name;
  observer.type = "observer";
  config.root.children.insert(config.root.children.begin(), observer);
}

RunResult Pipeline::State::follow() {
  RunResult result;
  std::optional<MetricsLog> metrics;
  if (folder) {
    result.run_folder = folder->path();
    const double now = wall_seconds();
    metrics.emplace(posix_files(), folder->path(), now);
  }
  bool job_ended = false, saved_some = false;
  std::string fault;  // that ends the run
  StartFailures failures;
  const auto see = [&](const TimedEvent& event) {
    if (metrics) metrics->add(event);
    for (const auto& observer : observers) observer(event);
    if (const auto* ended = std::get_if<JobEnded>(&event.event)) {
      result.ok = ended->ok;
      result.step = ended->step;
      result.state_hash = ended->state_hash;
      result.reason = ended->reason;
      if (!ended->state_hash.empty())
        result.checkpoint = RunFolder::checkpoint_in(folder->path(), ended->step);
      job_ended = true;
    } else if (const auto* saved = std::get_if<Checkpointed>(&event.event); saved && !job_ended) {
      saved_some = true;
      result.step = std::max(result.step, saved->step);
    } else if (std::holds_alternative<Deployed>(event.event)) {
      failures.served();
    } else if (const auto* notice = std::get_if<Notice>(&event.event);
               notice && notice->level == "error" && failures.add(event.at_seconds)) {
      fault = notice->text;
    }
  };
  std::optional<Exit> exit;
  while (!exit && !stopping) {
    if (const auto event = events.pop(50ms)) {
      see(*event);
      if (!fault.empty()) break;
      if (job_ended && (!serves || !result.ok || options.exit_when_trained)) break;
    } else {
      exit = node->wait(Duration::zero());
    }
  }
  const bool begun = saved_some || job_ended;
  hanging = node->stop();
  while (const auto event = events.pop(Duration::zero())) see(*event);
  if (!fault.empty() && !begun && fresh) {
    metrics.reset();
    discard();
    result.run_folder.clear();
  }
  if (!fault.empty()) {
    result.ok = false;
    result.reason = fault;
  } else if (exit && exit->abnormal()) {
    result.ok = false;
    result.reason = "the tree ended: " + to_string(*exit);
  } else if (!has_job) {
    result.ok = true;
  } else if (!job_ended) {
    result.reason = "it was stopped before its end";
    result.interrupted = true;
  }
  if (has_job && job_ended && serves && !options.exit_when_trained)
    result.interrupted_job = open_job(folder->path());
  if (metrics) metrics->sync();
  return result;
}

void Pipeline::State::start() {
  if (has_job) make_run_folder();
  if (has_job && options.exit_when_trained) {
    // Nothing is served, so no port is opened.
    std::erase_if(config.root.children, [](const ChildSpec& child) {
      return child.supervisor && has_type(*child.supervisor, "deployer");
    });
    set_parameters(config.root, "coordinator", {{"deployer", ""}});
  } else if (serves) {
    make_serving_folder();
  }
  if (has_job || serves) add_observer();
  if (has_job) node->share("versions", versions_bytes());
  node->start(config.root);
}

/// A start that failed leaves no run that `resume` would go on with, in the place of one that has come further.
void Pipeline::State::discard() {
  if (!fresh || !hanging.empty()) return;
  try {
    folder->discard();
  } catch (const Error&) {  // the first failure is the one to tell
  }
}

void Pipeline::State::give_up() {
  hanging = node->stop();
  discard();
  folder.reset();
}

RunResult Pipeline::run() {
  State& state = *state_;
  NodeOptions options = state.options.node;
  options.name = state.config.name;
  // Before anything is written: another node of that name refuses it.
  state.node = std::make_unique<Node>(options, state.registry);
  try {
    state.start();
  } catch (...) {
    state.give_up();
    throw;
  }
  RunResult result = state.follow();
  state.folder.reset();  // its lock too: another may go on with it
  return result;
}

void Pipeline::stop() {
  state_->stopping = true;
  state_->events.wake();
}

Node* Pipeline::node() {
  return state_->node.get();
}
const NodeConfig& Pipeline::config() const {
  return state_->config;
}
const std::vector<std::string>& Pipeline::hanging() const {
  return state_->hanging;
}

}  // namespace troupe::actors
