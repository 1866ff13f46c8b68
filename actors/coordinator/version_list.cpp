#include "actors/coordinator/version_list.hpp"

#include <algorithm>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>
#include <span>

#include "runtime/base/error.hpp"
#include "serialization/checkpoint.hpp"

namespace troupe::actors {
namespace {

using Json = nlohmann::json;
constexpr std::uint64_t most_bytes = std::uint64_t{16} << 20;

std::string file_in(const std::string& folder) {
  return folder + "/versions.json";
}

/// JSON has no NaN: null stands for it.
double number(const Json& json) {
  return json.is_null() ? std::numeric_limits<double>::quiet_NaN() : json.get<double>();
}

}  // namespace

VersionList::VersionList(FileSystem& files, std::string folder)
    : files_{files}, folder_{std::move(folder)} {
  const std::string path = file_in(folder_);
  if (files_.kind(path) != PathKind::file) return;
  const FileBytes bytes = files_.read(path, most_bytes);
  const auto* const text = reinterpret_cast<const char*>(bytes.span().data());
  try {
    const Json json = Json::parse(text, text + bytes.span().size());
    done_ = json.at("done");
    for (const Json& entry : json.at("versions")) {
      NumberedVersion version{
          entry.at("version"), entry.at("checkpoint"), entry.at("state_hash"), entry.at("at"), {}};
      for (const Json& metric : entry.at("metrics"))
        version.metrics.emplace_back(metric.at(0), number(metric.at(1)));
      versions_.push_back(std::move(version));
    }
  } catch (const Json::exception& error) {
    throw Error{ErrorCode::corrupted, path + ": expected a list of versions, got " + error.what()};
  }
}

NumberedVersion VersionList::add(const SavedVersion& saved, double now_seconds) {
  for (const NumberedVersion& version : versions_)
    if (version.checkpoint == saved.checkpoint && version.state_hash == saved.state_hash)
      return version;
  versions_.push_back({versions_.empty() ? 1 : versions_.back().number + 1, saved.checkpoint,
                       saved.state_hash, now_seconds, saved.metrics});
  if (versions_.size() > most) versions_.erase(versions_.begin());
  write();
  return versions_.back();
}

const NumberedVersion& VersionList::version(const std::string& name) const {
  for (const NumberedVersion& known : versions_)
    if (std::to_string(known.number) == name) return known;
  throw Error{ErrorCode::bad_input,
              file_in(folder_) + ": expected version " + name + " in it, found none"};
}

void VersionList::set_done(std::string order) {
  if (order == done_) return;
  done_ = std::move(order);
  write();
}

void VersionList::write() const {
  Json all = Json::array();
  for (const NumberedVersion& version : versions_) {
    Json metrics = Json::array();
    for (const auto& [name, value] : version.metrics) metrics.push_back({name, value});
    all.push_back({{"version", version.number},
                   {"checkpoint", version.checkpoint},
                   {"state_hash", version.state_hash},
                   {"at", version.at_seconds},
                   {"metrics", metrics}});
  }
  const Json json = {{"done", done_}, {"versions", all}};
  const std::string text = json.dump(1, ' ', false, Json::error_handler_t::replace) + '\n';
  write_atomically(files_, file_in(folder_), std::as_bytes(std::span{text}));
}

std::vector<std::uint64_t> listed_steps(FileSystem& files, const std::string& folder,
                                        const std::string& checkpoints) {
  namespace fs = std::filesystem;
  std::vector<std::uint64_t> steps;
  if (folder.empty() || files.kind(checkpoints) != PathKind::folder) return steps;
  const VersionList list{files, folder};
  for (const std::uint64_t step : serialization::checkpoint_steps(files, checkpoints)) {
    const fs::path path = fs::path{checkpoints} / serialization::checkpoint_name(step);
    const std::string name = path.lexically_normal().string();
    if (std::ranges::any_of(list.versions(),
                            [&](const auto& version) { return version.checkpoint == name; }))
      steps.push_back(step);
  }
  return steps;
}

}  // namespace troupe::actors
