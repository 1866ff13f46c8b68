#include "actors/report/run_folder.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <nlohmann/json.hpp>

#include "runtime/base/error.hpp"
#include "runtime/base/name.hpp"
#include "serialization/checkpoint.hpp"

namespace troupe::actors {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::uint64_t format = 1;
constexpr std::uint64_t most_bytes = 64ULL << 20;
constexpr std::size_t shown_digits = 8;

[[noreturn]] void refuse(const std::string& what) {
  throw Error{ErrorCode::bad_input, what};
}

bool is_hexadecimal(std::string_view text) {
  return std::ranges::all_of(
      text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

Json parse(std::string_view text) {
  return Json::parse(text.begin(), text.end(), nullptr, false);
}

std::string one_line(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string read_text(FileSystem& files, const std::string& path) {
  const FileBytes bytes = files.read(path, most_bytes);
  return {reinterpret_cast<const char*>(bytes.span().data()), bytes.span().size()};
}

void write_text(FileSystem& files, const std::string& path, const std::string& text) {
  write_atomically(files, path, std::as_bytes(std::span{text}));
}

/// The n of "NAME-<fingerprint8>-<n>"; 0 if the folder's name is no such one.
std::uint64_t number_of(std::string_view folder, std::string_view name) {
  if (!folder.starts_with(name)) return 0;
  folder.remove_prefix(name.size());
  if (folder.size() < shown_digits + 3 || folder[0] != '-' || folder[shown_digits + 1] != '-' ||
      !is_hexadecimal(folder.substr(1, shown_digits))) {
    return 0;
  }
  const std::string_view digits = folder.substr(shown_digits + 2);
  std::uint64_t n = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), n);
  const bool whole = error == std::errc{} && end == digits.data() + digits.size();
  return whole && digits[0] != '0' && n < UINT64_MAX ? n : 0;
}

bool has_checkpoint(FileSystem& files, const std::string& run) {
  const std::string folder = run + "/checkpoints";
  return files.kind(folder) == PathKind::folder &&
         !serialization::checkpoint_steps(files, folder).empty();
}

bool has_begun(FileSystem& files, const std::string& run) {
  return files.kind(run + "/ledger") != PathKind::none || has_checkpoint(files, run);
}

/// Of the runs of that name that were finished, and that `counts` says yes to, the path of the one with the largest n.
template <class Counts>
std::optional<std::string> find_newest(FileSystem& files, const std::string& root,
                                       std::string_view name, Counts&& counts) {
  std::optional<std::string> latest;
  std::uint64_t most = 0;
  if (files.kind(root) != PathKind::folder) return latest;
  for (const std::string& folder : files.list(root)) {
    const std::uint64_t n = number_of(folder, name);
    const std::string path = root + '/' + folder;
    if (n <= most || files.kind(path + "/job.json") != PathKind::file || !counts(folder)) continue;
    most = n;
    latest = path;
  }
  return latest;
}

void check(const RunDescription& run) {
  if (!is_name(run.name)) {
    refuse("run: name: expected letters, digits, '_', '-' and '.', got \"" + run.name + '"');
  }
  if (run.fingerprint.size() < shown_digits || !is_hexadecimal(run.fingerprint)) {
    refuse("run: fingerprint: expected 8 or more lower-case hexadecimal digits, got \"" +
           run.fingerprint + '"');
  }
  if (!Json::accept(run.job)) refuse("run: job: expected JSON, got something else");
  if (!Json::accept(run.machine)) refuse("run: machine: expected JSON, got something else");
}

/// A new folder with the next free number.
std::string create_numbered(FileSystem& files, const std::string& root, const RunDescription& run) {
  std::uint64_t n = 0;
  for (const std::string& other : files.list(root)) n = std::max(n, number_of(other, run.name));
  for (int attempt = 0;; ++attempt) {
    std::string path = root + '/' + run.name + '-' + run.fingerprint.substr(0, shown_digits) + '-' +
                       std::to_string(++n);
    try {
      files.create_folder(path);
      return path;
    } catch (const Error&) {  // another process may have taken the number meanwhile
      if (files.kind(path) == PathKind::none || attempt == 1000) throw;
    }
  }
}

}  // namespace

RunFolder RunFolder::create(FileSystem& files, const std::string& root, const RunDescription& run,
                            const TakeLock& take) {
  check(run);
  create_folders(files, root);
  RunFolder made{files, create_numbered(files, root, run)};
  files.sync_folder(root);
  made.lock_ = take(made.path_ + "/lock");
  files.create_folder(made.checkpoints_path());
  files.create_folder(made.logs_path());
  write_text(files, made.path_ + "/config.yaml", run.config);
  write_text(files, made.path_ + "/machine.json", run.machine + '\n');
  Json job{{"format", format}, {"name", run.name}, {"fingerprint", run.fingerprint}};
  job["job"] = parse(run.job);
  write_text(files, made.path_ + "/job.json", one_line(job) + '\n');
  made.name_ = run.name;
  made.fingerprint_ = run.fingerprint;
  made.job_ = one_line(job["job"]);
  return made;
}

RunFolder RunFolder::open_for_resume(FileSystem& files, const std::string& path,
                                     std::string_view fingerprint, const TakeLock& take) {
  RunFolder found{files, path};
  const std::string file = path + "/job.json";
  if (files.kind(file) != PathKind::file) {
    refuse(path + ": expected the folder of a run, got none with a job.json");
  }
  found.lock_ = take(path + "/lock");
  const Json json = parse(read_text(files, file));
  if (json.is_object() && json.contains("format") && json["format"].is_number_unsigned() &&
      json["format"].get<std::uint64_t>() > format) {
    throw Error{ErrorCode::unsupported,
                file + ": expected format 1, got format " + json["format"].dump()};
  }
  const auto is_text = [&json](const char* key) {
    return json.contains(key) && json[key].is_string();
  };
  if (!json.is_object() || !is_text("name") || !is_text("fingerprint") || !json.contains("job")) {
    throw Error{
        ErrorCode::corrupted,
        file + ": expected JSON with format, name, fingerprint and job, got something else"};
  }
  found.name_ = json["name"].get<std::string>();
  found.fingerprint_ = json["fingerprint"].get<std::string>();
  found.job_ = one_line(json["job"]);
  if (found.fingerprint_ != fingerprint) {
    refuse(path + ": expected the run of job " + std::string{fingerprint} + ", got that of job " +
           found.fingerprint_);
  }
  remove_temporaries(files, path);
  for (const std::string& folder : {found.checkpoints_path(), found.logs_path()}) {
    create_folders(files, folder);  // their names need not have lasted
  }
  return found;
}

std::optional<std::string> RunFolder::find_latest(FileSystem& files, const std::string& root,
                                                  std::string_view name) {
  return find_newest(files, root, name, [](const std::string&) { return true; });
}

std::optional<std::string> RunFolder::find_to_resume(FileSystem& files, const std::string& root,
                                                     std::string_view name,
                                                     std::string_view fingerprint) {
  const std::optional<std::string> latest = find_latest(files, root, name);
  if (!latest || has_begun(files, *latest)) return latest;
  const std::string_view shown = fingerprint.substr(0, shown_digits);
  const auto begun = find_newest(files, root, name, [&](const std::string& folder) {
    return folder.compare(name.size() + 1, shown_digits, shown) == 0 &&
           has_begun(files, root + '/' + folder);
  });
  return begun ? begun : latest;
}

void RunFolder::discard() {
  remove_all(*files_, path_);
  files_->sync_folder(parent_folder(path_));
}

std::string RunFolder::checkpoint_in(const std::string& run, std::uint64_t step) {
  return run + "/checkpoints/" + serialization::checkpoint_name(step);
}

std::string RunFolder::config() const {
  return read_text(*files_, path_ + "/config.yaml");
}

void RunFolder::set_prepared(const std::string& folder) {
  if (folder.empty() || folder.find('\n') != std::string::npos) {
    refuse("run: prepared: expected a path on one line, got \"" + folder + '"');
  }
  write_text(*files_, path_ + "/prepared", folder + '\n');
}

std::optional<std::string> RunFolder::prepared() const {
  const std::string file = path_ + "/prepared";
  if (files_->kind(file) != PathKind::file) return std::nullopt;
  std::string folder = read_text(*files_, file);
  if (folder.size() < 2 || folder.find('\n') != folder.size() - 1) {
    throw Error{ErrorCode::corrupted, file + ": expected a path on one line, got something else"};
  }
  folder.pop_back();
  return folder;
}

}  // namespace troupe::actors
