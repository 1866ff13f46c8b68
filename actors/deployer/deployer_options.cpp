#include "actors/deployer/deployer_options.hpp"

#include <array>
#include <chrono>
#include <map>
#include <string_view>
#include <utility>

#include "actors/deployer/rollout.hpp"
#include "actors/job/spec_reader.hpp"
#include "runtime/base/error.hpp"

namespace troupe::actors {

using runtime::Parameters;
using runtime::ParameterSchema;
using runtime::ParameterType;
using runtime::ParameterValue;

namespace {

constexpr std::array<std::string_view, 3> balances{"round_robin", "least_connections",
                                                   "least_load"};
constexpr double most_rows = 1 << 20, most_bytes = double{1 << 30} * 64;
constexpr std::int64_t least_body = 1024, most_body = std::int64_t{1} << 30;

ParameterSchema schema(const char* name, ParameterType type, const char* help,
                       ParameterValue fallback) {
  ParameterSchema schema{name, type, help};
  schema.default_value = std::move(fallback);
  return schema;
}

ParameterSchema within(ParameterSchema schema, double least, double most) {
  schema.minimum = least;
  schema.maximum = most;
  return schema;
}

}  // namespace

std::vector<ParameterSchema> deployer_parameters() {
  const DeployerOptions d;
  const auto text = [](const char* name, const char* help, std::string fallback = {}) {
    return schema(name, ParameterType::text, help, std::move(fallback));
  };
  ParameterSchema balance = text("balance", "How a replica is chosen for a batch.", "least_load");
  balance.choices.assign(balances.begin(), balances.end());
  return {
      {"model", ParameterType::text, "The model's name in URLs."},
      text("state", "A folder that remembers which version is served; empty: nothing does."),
      text("replicas",
           "The group whose members are its replicas, as an absolute path; empty: any may join."),
      text("feedback", "The path of the actor that takes feedback; empty: none."),
      text("observer", "An actor that is told when it cannot start; empty: nobody."),
      text("listen",
           "ADDRESS:PORT; port 0: any free one. Other addresses than this machine's own need TLS "
           "or a token.",
           d.http.listen),
      text("token", "A bearer token that each request must bring; empty: none."),
      text("certificate", "A PEM file for TLS, relative to the config; empty: no TLS."),
      text("key", "The certificate's key, a PEM file, likewise."),
      balance,
      within(schema("threads", ParameterType::integer, "Threads that speak HTTP.",
                    static_cast<std::int64_t>(d.http.threads)),
             1, 64),
      within(schema("max_connections", ParameterType::integer,
                    "Connections at a time; one more gets 503.",
                    static_cast<std::int64_t>(d.http.max_connections)),
             1, 100'000),
      within(schema("max_body", ParameterType::size, "Of a request; more gets 413.",
                    static_cast<std::int64_t>(d.http.max_body)),
             static_cast<double>(least_body), static_cast<double>(most_body)),
      within(schema("max_batch", ParameterType::integer, "Rows that are computed together at most.",
                    d.dispatcher.max_batch),
             1, most_rows),
      within(schema("max_delay", ParameterType::duration, "How long rows wait for a batch to fill.",
                    d.dispatcher.max_delay),
             0, 10),
      within(schema("max_queue", ParameterType::integer, "Rows in its hands; more get 503.",
                    d.max_queue),
             1, most_rows),
      within(
          schema("max_queue_bytes", ParameterType::size, "Bytes of these rows.", d.max_queue_bytes),
          1024, most_bytes),
      within(schema("timeout", ParameterType::duration, "Of a request; then it gets 504.",
                    d.dispatcher.timeout),
             0.001, 3600),
      within(schema("load_within", ParameterType::duration, "For a replica to load a version.",
                    d.load_within),
             0.1, 3600),
  };
}

DeployerOptions deployer_options(const Parameters& with) {
  DeployerOptions options;
  options.model = with.text("model");
  options.state = with.text("state");
  options.replicas = with.text("replicas");
  options.feedback = with.text("feedback");
  options.observer = with.text("observer");
  options.http.listen = with.text("listen");
  options.http.token = with.text("token");
  options.http.certificate = with.text("certificate");
  options.http.key = with.text("key");
  options.http.threads = static_cast<std::size_t>(with.integer("threads"));
  options.http.max_connections = static_cast<std::size_t>(with.integer("max_connections"));
  options.http.max_body = static_cast<std::size_t>(with.integer("max_body"));
  options.dispatcher.balance = *find_balance(with.text("balance"));
  options.dispatcher.max_batch = with.integer("max_batch");
  options.dispatcher.max_delay = with.duration("max_delay");
  options.dispatcher.timeout = with.duration("timeout");
  options.max_queue = with.integer("max_queue");
  options.max_queue_bytes = with.integer("max_queue_bytes");
  options.load_within = with.duration("load_within");
  if (!is_version_name(options.model))
    throw Error{ErrorCode::bad_input,
                "model: expected a name of 1 to 64 letters, digits, '.', '_' or '-', got \"" +
                    options.model.substr(0, 80) + "\""};
  if (const std::string fault = fault_of(options.http); !fault.empty())
    throw Error{ErrorCode::bad_input, fault};
  return options;
}

DeploySpec read_deploy_spec(SpecReader& reader) {
  using namespace std::chrono_literals;
  DeploySpec spec;
  DeployerOptions& o = spec.options;
  spec.replicas = reader.integer("replicas", 1, 1, 1024);
  o.http.listen = reader.text("listen", o.http.listen);
  o.http.token = reader.text("token", "");
  o.http.certificate = reader.text("certificate", "");
  o.http.key = reader.text("key", "");
  o.dispatcher.balance = static_cast<Balance>(reader.choice("balance", balances, 2));
  o.http.threads = static_cast<std::size_t>(
      reader.integer("threads", static_cast<std::int64_t>(o.http.threads), 1, 64));
  o.http.max_connections = static_cast<std::size_t>(reader.integer(
      "max_connections", static_cast<std::int64_t>(o.http.max_connections), 1, 100'000));
  o.http.max_body = static_cast<std::size_t>(
      reader.size("max_body", static_cast<std::int64_t>(o.http.max_body), least_body, most_body));
  o.dispatcher.max_batch =
      reader.integer("max_batch", o.dispatcher.max_batch, 1, static_cast<std::int64_t>(most_rows));
  o.dispatcher.max_delay = reader.duration("max_delay", o.dispatcher.max_delay, 0s, 10s);
  o.max_queue = reader.integer("max_queue", o.max_queue, 1, static_cast<std::int64_t>(most_rows));
  o.max_queue_bytes = reader.size("max_queue_bytes", o.max_queue_bytes, 1024,
                                  static_cast<std::int64_t>(most_bytes));
  o.dispatcher.timeout = reader.duration("timeout", o.dispatcher.timeout, 1ms, 1h);
  o.load_within = reader.duration("load_within", o.load_within, 100ms, 1h);
  if (const std::string fault = fault_of(o.http); !fault.empty()) reader.problem(fault);
  reader.finish();
  return spec;
}

Parameters to_parameters(const DeployerOptions& o) {
  return Parameters{
      {{"model", o.model},
       {"state", o.state},
       {"replicas", o.replicas},
       {"feedback", o.feedback},
       {"observer", o.observer},
       {"listen", o.http.listen},
       {"token", o.http.token},
       {"certificate", o.http.certificate},
       {"key", o.http.key},
       {"balance", std::string{balances[static_cast<std::size_t>(o.dispatcher.balance)]}},
       {"threads", static_cast<std::int64_t>(o.http.threads)},
       {"max_connections", static_cast<std::int64_t>(o.http.max_connections)},
       {"max_body", static_cast<std::int64_t>(o.http.max_body)},
       {"max_batch", o.dispatcher.max_batch},
       {"max_delay", o.dispatcher.max_delay},
       {"max_queue", o.max_queue},
       {"max_queue_bytes", o.max_queue_bytes},
       {"timeout", o.dispatcher.timeout},
       {"load_within", o.load_within}}};
}

}  // namespace troupe::actors
