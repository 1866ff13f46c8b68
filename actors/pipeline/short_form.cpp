#include "actors/pipeline/short_form.hpp"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "actors/deployer/deployer_options.hpp"
#include "actors/deployer/rollout.hpp"
#include "actors/job/spec_reader.hpp"
#include "runtime/registry.hpp"

namespace troupe::actors {
namespace {

using Json = nlohmann::json;
using runtime::ParameterSchema;
using runtime::ParameterType;

struct Section {
  const char* name;
  const char* help;
  bool required = false;
};
constexpr std::array<Section, 7> all_sections = {
    {{"data", "Where the data is, and how it is split.", true},
     {"preprocess", "What is done to the data, once and to each batch."},
     {"model", "The model's layers.", true},
     {"train", "How it is trained: loss, optimizer, batches, epochs.", true},
     {"evaluate", "What is measured, on which split, and when."},
     {"deploy", "How versions are served, and which of them."},
     {"feedback", "What is kept of predictions and labels, and when it leads to another job."}}};
constexpr const char* seed_help = "All that is random in the job follows from it.";

/// Sections that do not decide the job's bits.
bool is_serving(std::string_view name) {
  return name == "deploy" || name == "feedback";
}

/// Makes the entries, and takes what they need out of the sections.
class Expansion {
 public:
  Expansion(const runtime::Sections& sections, const runtime::Registry& registry,
            std::uint32_t gpus)
      : registry_{registry}, gpus_{gpus} {
    for (const auto& [name, json] : sections) sections_.emplace(name, Json::parse(json));
  }

  runtime::Expanded result(std::uint32_t cores, const SectionsCheck& check) && {
    const bool has_job = std::ranges::any_of(
        sections_, [](const auto& section) { return !is_serving(section.first); });
    if (has_job) add_job(cores);
    if (sections_.contains("deploy"))
      add_serving(has_job);
    else if (sections_.contains("feedback"))
      problem("feedback", "expected a section 'deploy' beside it, got none");
    // What the others left.
    if (has_job)
      check_and_fill_coordinator(check);
    else
      refuse_left_over();
    expanded_.actors = actors_.dump();
    return std::move(expanded_);
  }

 private:
  void problem(const std::string& pointer, std::string what) {
    expanded_.problems.push_back({'/' + pointer, std::move(what)});
  }

  /// A supervisor with an entry for each type.
  void add_supervisor(const std::string& name, std::initializer_list<const char*> types) {
    Json entries = Json::array();
    for (const char* type : types)
      entries.push_back({{"name", type}, {"type", type}, {"with", Json::object()}});
    actors_.push_back({{"name", name}, {"supervisor", restarts()}, {"actors", std::move(entries)}});
  }

  /// Nobody is missed for long, so that much may end before something is taken to be wrong for good.
  static Json restarts() {
    return {{"strategy", "one_for_one"}, {"intensity", "100"}, {"period", "60s"}};
  }

  Json& entry(const std::string& pointer) { return actors_.at(Json::json_pointer{pointer}); }

  void add_job(std::uint32_t cores) {
    add_supervisor("job",
                   {"coordinator", "loader", "aggregator", "checkpointer", "trainer", "evaluator"});
    for (const char* worker : {loader, aggregator, checkpointer, trainer, evaluator})
      entry(worker)["with"]["coordinator"] = "coordinator";
    make_group(loader, "data", "loaders", "1");
    make_group(trainer, "train", "replicas", "auto");
    make_group(evaluator, "evaluate", "replicas", "1");
    add_trainers(cores);
    if (text_of("evaluate", "device") == "cuda") isolate(evaluator);
    take_run_parameters("data", {loader});
    take_run_parameters("preprocess", {loader});
    take_run_parameters("train", {coordinator, aggregator, checkpointer, trainer});
    take_run_parameters("evaluate", {evaluator});
  }

  void add_serving(bool has_job) {
    const std::string serve = '/' + std::to_string(actors_.size()) + "/actors/";
    const std::string replica = serve + '0';
    const std::string deployer = serve + '1';
    add_supervisor("serve", {"replica", "deployer"});
    check_listening();
    give(replica, "deployer", "/serve/deployer");
    give(deployer, "model", "model");
    make_group(replica, "deploy", "replicas", "1");
    std::vector<std::string> served_by = {replica, deployer};
    if (has_job) {
      give(coordinator, "deployer", "/serve/deployer");
    } else {
      served_by.push_back(add_serving_entry(serve, "publisher"));
      give(served_by.back(), "deployer", "/serve/deployer");
    }
    take_run_parameters("deploy", served_by);
    give(deployer, "replicas", "/serve/replica");
    if (!sections_.contains("feedback")) return;
    const std::string feedback = add_serving_entry(serve, "feedback");
    give(deployer, "feedback", "/serve/feedback");
    if (entry(deployer).at("with").contains("model"))
      give(feedback, "model", entry(deployer).at("with").at("model"));
    if (has_job) {
      give(feedback, "coordinator", "/job/coordinator");
      give(coordinator, "feedback_actor", "/serve/feedback");
    }
    give(feedback, "store", "");  // the run says where
    take_run_parameters("feedback", {feedback});
    give(feedback, "feedback", sections_.at("feedback").dump());
  }

  /// One more entry of /serve. @return where it is.
  std::string add_serving_entry(const std::string& serve, const char* type) {
    Json& entries = actors_.back().at("actors");
    entries.push_back({{"name", type}, {"type", type}, {"with", Json::object()}});
    return serve + std::to_string(entries.size() - 1);
  }

  /// Sets a parameter that an entry's type has.
  void give(const std::string& pointer, const char* parameter, Json value) {
    Json& one = entry(pointer);
    if (has_parameter(one.at("type"), parameter)) one["with"][parameter] = std::move(value);
  }

  /// What the deployer would refuse when it starts.
  void check_listening() {
    const auto text = [&](const char* key) { return text_of("deploy", key); };
    if (const std::string model = text("model"); !model.empty() && !is_version_name(model))
      problem("deploy/model", "expected 1 to 64 letters, digits, '.', '_' or '-'");
    HttpOptions http;
    if (const std::string listen = text("listen"); !listen.empty()) http.listen = listen;
    http.token = text("token");
    http.certificate = text("certificate");
    http.key = text("key");
    if (const std::string fault = fault_of(http); !fault.empty())
      problem(text("listen").empty() ? "deploy" : "deploy/listen", fault);
  }

  /// On a GPU each in a process of its own, since that alone can heal it when it fails.
  void add_trainers(std::uint32_t cores) {
    Json& group = entry(trainer);
    const std::string device = text_of("train", "device");
    const bool by_gpu = device == "cuda" || (device == "auto" && gpus_ > 0);
    if (group.at("replicas") == "auto")
      group.at("replicas") = std::to_string(most_trainers(by_gpu ? gpus_ : cores));
    if (by_gpu) isolate(trainer);
  }

  /// Unless something else is said.
  void isolate(const std::string& pointer) {
    Json& group = entry(pointer);
    if (!group.contains("isolation")) group["isolation"] = "process";
  }

  /// What a section says, if it is text.
  std::string text_of(const std::string& section, const char* key) const {
    const auto found = sections_.find(section);
    if (found == sections_.end() || !found->second.is_object()) return {};
    const auto value = found->second.find(key);
    return value != found->second.end() && value->is_string() ? value->get<std::string>()
                                                              : std::string{};
  }

  /// One for each core or GPU, but no more than there are shards, if that is said.
  std::int64_t most_trainers(std::uint32_t places) const {
    const std::int64_t most = std::max(places, 1U);
    const auto train = sections_.find("train");
    if (train == sections_.end() || !train->second.contains("shards")) return most;
    const Json& text = train->second.at("shards");
    if (!text.is_string()) return most;
    const auto shards =
        runtime::parse_parameter(ParameterType::integer, text.get_ref<const std::string&>());
    return shards ? std::clamp<std::int64_t>(std::get<std::int64_t>(*shards), 1, most) : most;
  }

  /// Makes an entry a group: how many, and where each runs.
  void make_group(const std::string& pointer, const std::string& section, const std::string& count,
                  const char* otherwise) {
    entry(pointer)["replicas"] = otherwise;
    entry(pointer)["group"] = restarts();
    take(section, count, pointer, "replicas");
    // Nobody ever does what the group is for: the run would wait for ever.
    if (entry(pointer).at("replicas") == "0")
      problem(section + '/' + count, "expected at least 1, got 0");
    take(section, "isolation", pointer, "isolation");
  }

  /// Moves a key out of its section into an entry, if it is there.
  void take(const std::string& section, const std::string& key, const std::string& pointer,
            const std::string& entry_key) {
    const auto found = sections_.find(section);
    if (found == sections_.end() || !found->second.contains(key)) return;
    entry(pointer)[entry_key] = found->second.at(key);
    found->second.erase(key);
    expanded_.places.emplace(pointer + '/' + entry_key, '/' + section + '/' + key);
  }

  /// Moves each key of a section that is a run parameter of some of its actors to all of these.
  void take_run_parameters(const std::string& section, const std::vector<std::string>& pointers) {
    const auto found = sections_.find(section);
    if (found == sections_.end() || !found->second.is_object()) return;
    Json left = Json::object();
    for (const auto& [key, value] : found->second.items()) {
      bool taken = false;
      for (const std::string& pointer : pointers) {
        Json& one = entry(pointer);
        if (!has_run_parameter(one.at("type"), key)) continue;
        taken = true;
        one["with"][key] = value;
        expanded_.places.emplace(pointer + "/with/" + key, '/' + section + '/' + key);
      }
      if (!taken) left[key] = value;
    }
    found->second = std::move(left);
  }

  /// One that a section may set: who its coordinator is, it may not.
  bool has_run_parameter(const std::string& type, std::string_view name) const {
    return name != "coordinator" && has_parameter(type, name);
  }

  bool has_parameter(const std::string& type, std::string_view name) const {
    const runtime::ActorType* const found = registry_.find(type);
    return found != nullptr &&
           std::ranges::any_of(found->parameters, [&](const ParameterSchema& schema) {
             return schema.name == name && schema.belongs_to == runtime::BelongsTo::run &&
                    schema.type != ParameterType::structure;
           });
  }

  void check_and_fill_coordinator(const SectionsCheck& check) {
    if (check) {
      runtime::Sections left;
      for (const auto& [name, section] : sections_) left.emplace(name, section.dump());
      for (SpecProblem& found : check(left))
        expanded_.problems.push_back({std::move(found.pointer), std::move(found.what)});
    }
    for (const auto& [name, section] : sections_) {
      entry(coordinator)["with"][name] = section;
      expanded_.places.emplace(std::string{coordinator} + "/with/" + name, '/' + name);
    }
  }

  /// Without a job there is no coordinator to check what nobody took.
  void refuse_left_over() {
    for (const auto& [name, section] : sections_) {
      if (!section.is_object() && !section.is_null()) problem(name, "expected a map");
      if (section.is_object())
        for (const auto& [key, value] : section.items())
          problem(name + '/' + key, "unknown key, where there is no job");
    }
  }

  // Where the job's entries are: it is the first.
  static constexpr const char* coordinator = "/0/actors/0";
  static constexpr const char* loader = "/0/actors/1";
  static constexpr const char* aggregator = "/0/actors/2";
  static constexpr const char* checkpointer = "/0/actors/3";
  static constexpr const char* trainer = "/0/actors/4";
  static constexpr const char* evaluator = "/0/actors/5";

  const runtime::Registry& registry_;
  std::uint32_t gpus_;
  std::map<std::string, Json> sections_;
  Json actors_ = Json::array();
  runtime::Expanded expanded_;
};

ParameterSchema section(std::string name, std::string help, bool required,
                        const SectionReaders& readers) {
  ParameterSchema schema{
      .name = std::move(name), .type = ParameterType::structure, .help = std::move(help)};
  if (!is_serving(schema.name)) schema.belongs_to = runtime::BelongsTo::job;
  if (!required) schema.default_value = runtime::ParameterValue{runtime::Structure{}};
  const auto reader = readers.find(schema.name);
  if (reader != readers.end())
    schema.check = [read = reader->second, required](const std::string& json) {
      std::vector<runtime::ValueProblem> result;
      if (json == "null" && !required) return result;  // there is no such section
      std::vector<SpecProblem> problems;
      SpecReader section = SpecReader::parse(json, problems);
      read(section);
      for (SpecProblem& problem : problems)
        result.push_back({std::move(problem.pointer), std::move(problem.what)});
      return result;
    };
  return schema;
}

}  // namespace

std::vector<ParameterSchema> section_parameters(const SectionReaders& readers) {
  std::vector<ParameterSchema> result;
  for (const auto& [name, help, required] : all_sections)
    result.push_back(section(name, help, required, readers));
  ParameterSchema seed{.name = "seed", .type = ParameterType::integer, .help = seed_help};
  seed.default_value = runtime::ParameterValue{std::int64_t{0}};
  seed.minimum = 0;
  seed.belongs_to = runtime::BelongsTo::job;
  result.push_back(std::move(seed));
  return result;
}

runtime::ShortForm pipeline_short_form(std::uint32_t cores, SectionsCheck check,
                                       std::uint32_t gpus) {
  runtime::ShortForm form;
  form.help = "A training job, and what is served of it.";
  form.origin = "built-in";
  for (const auto& [name, help, required] : all_sections) form.keys.push_back({name, help});
  form.keys.push_back({"seed", seed_help});
  form.expand = [cores, gpus, check = std::move(check)](const runtime::Sections& given,
                                                        const runtime::Registry& registry) {
    return Expansion{given, registry, gpus}.result(cores, check);
  };
  return form;
}

}  // namespace troupe::actors
