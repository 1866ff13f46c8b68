#include "actors/report/machine_file.hpp"

#include <unistd.h>

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "runtime/base/error.hpp"
#include "serialization/sha256.hpp"

namespace troupe::actors {
namespace {

using Json = nlohmann::json;
constexpr std::uint64_t most_bytes = std::uint64_t{1} << 20;

}  // namespace

std::optional<serialization::Xxh3Digest> probe_in(const MachineFacts& facts) {
  for (const auto& [key, value] : facts) {
    if (key != probe_fact) continue;
    serialization::Xxh3Digest probe{};
    serialization::from_hex(value, probe, "probe");
    return probe;
  }
  return {};
}

MachineFacts with_probe(MachineFacts facts, const serialization::Xxh3Digest& probe) {
  facts.push_back({probe_fact, serialization::to_hex(probe)});
  return facts;
}

std::string machine_json(const MachineFacts& facts) {
  Json machine = Json::object();
  for (const auto& [key, value] : facts) machine[key] = value;
  machine["processors"] = ::sysconf(_SC_NPROCESSORS_ONLN);
  return machine.dump();
}

MachineFacts read_machine(FileSystem& files, const std::string& path) {
  MachineFacts facts;
  if (files.kind(path) == PathKind::none) return facts;
  const FileBytes bytes = files.read(path, most_bytes);
  const auto* const text = reinterpret_cast<const char*>(bytes.span().data());
  const Json machine = Json::parse(text, text + bytes.span().size(), nullptr, false);
  if (!machine.is_object())
    throw Error{ErrorCode::corrupted,
                path + ": expected a JSON object with what the job runs on, got something else"};
  for (const auto& [key, value] : machine.items())
    if (value.is_string()) facts.push_back({key, value.get<std::string>()});
  return facts;
}

std::string machine_difference(const MachineFacts& was, const MachineFacts& is) {
  std::map<std::string, std::pair<std::string, std::string>> facts;
  for (const auto& [key, value] : was) facts[key].first = value;
  for (const auto& [key, value] : is) facts[key].second = value;
  std::string text;
  for (const auto& [key, values] : facts) {
    const auto& [then, now] = values;
    if (then == now || key.starts_with(new_machine_fact)) continue;
    if (key == probe_fact && (then.empty() || now.empty())) continue;
    text += (text.empty() ? "" : "; ") + key + ' ' + (then.empty() ? "absent" : then) + ", here " +
            (now.empty() ? "absent" : now);
  }
  return text;
}

}  // namespace troupe::actors
