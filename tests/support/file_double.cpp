#include "tests/support/file_double.hpp"

#include <algorithm>
#include <random>
#include <utility>

#include "runtime/base/error.hpp"

namespace troupe::test {
namespace {

[[noreturn]] void refuse(const std::string& path, const std::string& what) {
  throw Error{ErrorCode::bad_input, path + ": " + what};
}

[[noreturn]] void disk_full(const std::string& path) {
  throw Error{ErrorCode::exhausted, path + ": No space left on device"};
}

std::string base_name(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

/// What may be on the disk of a file whose last bytes were not synced.
std::vector<std::byte> torn(const std::vector<std::byte>& durable,
                            const std::vector<std::byte>& latest, std::mt19937_64& random) {
  if (durable == latest) return latest;
  std::vector<std::byte> found = random() % 2 == 0 ? latest : durable;
  switch (random() % 4) {
    case 0:
      return latest;
    case 1:
      return durable;
    case 2:
      found.resize(random() % (found.size() + 1));
      return found;
    default:
      for (std::size_t i = random() % (found.size() + 1); i < found.size(); ++i) {
        found[i] = static_cast<std::byte>(random());
      }
      return found;
  }
}

}  // namespace

class FileDouble::Writer final : public OutputFile {
 public:
  Writer(FileDouble& disk, NodeId node, std::string path)
      : disk_{disk}, node_{node}, path_{std::move(path)} {}

  void write(std::span<const std::byte> bytes) override {
    const bool fails = disk_.count_operation();
    const std::span<const std::byte> kept = fails ? bytes.first(bytes.size() / 2) : bytes;
    std::vector<std::byte>& all = disk_.nodes_[node_].bytes;
    all.insert(all.end(), kept.begin(), kept.end());
    if (fails) disk_full(path_);
  }
  void sync() override {
    disk_.begin(path_);
    disk_.nodes_[node_].durable_bytes = disk_.nodes_[node_].bytes;
  }

 private:
  FileDouble& disk_;
  NodeId node_;
  std::string path_;
};

FileDouble::FileDouble() : nodes_(1) {
  nodes_[0].folder = true;
}

FileDouble FileDouble::crash(std::uint64_t seed) const {
  std::mt19937_64 random{seed};
  FileDouble found;
  found.nodes_ = nodes_;
  for (const std::vector<Change>& changes : pending_) {
    if (random() % 2 == 0) continue;
    for (const auto& [folder, name, node] : changes) {
      Names& names = found.nodes_[folder].durable_names;
      if (node)
        names[name] = *node;
      else
        names.erase(name);
    }
  }
  for (Node& node : found.nodes_) {
    node.bytes = node.durable_bytes = torn(node.durable_bytes, node.bytes, random);
    node.names = node.durable_names;
  }
  return found;
}

std::unique_ptr<OutputFile> FileDouble::create(const std::string& path) {
  begin(path);
  return std::make_unique<Writer>(*this, add_node(path, false), path);
}

std::unique_ptr<OutputFile> FileDouble::append(const std::string& path) {
  begin(path);
  const NodeId node = find(path) ? get(path, false) : add_node(path, false);
  return std::make_unique<Writer>(*this, node, path);
}

FileBytes FileDouble::read(const std::string& path, std::uint64_t limit_bytes) {
  check_power();
  const std::vector<std::byte>& bytes = nodes_[get(path, false)].bytes;
  if (bytes.size() > limit_bytes) throw Error{ErrorCode::exhausted, path + ": too large"};
  return FileBytes::copy(bytes);
}

FileBytes FileDouble::map(const std::string& path) {
  return read(path, UINT64_MAX);
}

PathKind FileDouble::kind(const std::string& path) {
  check_power();
  const std::optional<NodeId> node = find(path);
  if (!node) return PathKind::none;
  return nodes_[*node].folder ? PathKind::folder : PathKind::file;
}

std::uint64_t FileDouble::size_bytes(const std::string& path) {
  check_power();
  return nodes_[get(path, false)].bytes.size();
}

std::vector<std::string> FileDouble::list(const std::string& folder) {
  check_power();
  std::vector<std::string> names;
  for (const auto& [name, node] : nodes_[get(folder, true)].names) names.push_back(name);
  return names;
}

void FileDouble::create_folder(const std::string& path) {
  begin(path);
  add_node(path, true);
}

void FileDouble::rename(const std::string& from, const std::string& to) {
  begin(from);
  const std::optional<NodeId> node = find(from);
  if (!node) refuse(from, "rename: no such name");
  if (const std::optional<NodeId> old = find(to)) {
    const bool replaceable = nodes_[*node].folder
                                 ? nodes_[*old].folder && nodes_[*old].names.empty()
                                 : !nodes_[*old].folder;
    if (!replaceable) refuse(to, "rename: the name is taken");
  }
  apply({{get(parent_folder(from), true), base_name(from), std::nullopt},
         {get(parent_folder(to), true), base_name(to), node}});
}

void FileDouble::remove(const std::string& path) {
  begin(path);
  const std::optional<NodeId> node = find(path);
  if (!node) refuse(path, "remove: no such name");
  if (!nodes_[*node].names.empty()) refuse(path, "remove: folder not empty");
  apply({{get(parent_folder(path), true), base_name(path), std::nullopt}});
}

void FileDouble::truncate(const std::string& path, std::uint64_t size_bytes) {
  begin(path);
  nodes_[get(path, false)].bytes.resize(size_bytes);
}

void FileDouble::sync(const std::string& path) {
  begin(path);
  Node& node = nodes_[get(path, false)];
  node.durable_bytes = node.bytes;
}

void FileDouble::sync_folder(const std::string& path) {
  begin(path);
  const NodeId folder = get(path, true);
  nodes_[folder].durable_names = nodes_[folder].names;
  for (std::vector<Change>& changes : pending_) {
    std::erase_if(changes, [&](const Change& change) { return change.folder == folder; });
  }
  std::erase_if(pending_, [](const std::vector<Change>& changes) { return changes.empty(); });
}

bool FileDouble::count_operation() {
  check_power();
  if (cut_at_ == operations_) {
    dead_ = true;
    throw PowerCut{};
  }
  return fail_at_ == operations_++;
}

void FileDouble::begin(const std::string& path) {
  if (count_operation()) disk_full(path);
}

void FileDouble::check_power() const {
  if (dead_) throw PowerCut{};
}

std::optional<FileDouble::NodeId> FileDouble::find(const std::string& path) const {
  NodeId node = 0;
  for (std::size_t at = 1; at < path.size();) {
    const std::size_t end = std::min(path.find('/', at), path.size());
    const auto found = nodes_[node].names.find(path.substr(at, end - at));
    if (found == nodes_[node].names.end()) return std::nullopt;
    node = found->second;
    at = end + 1;
  }
  return node;
}

FileDouble::NodeId FileDouble::get(const std::string& path, bool folder) const {
  const std::optional<NodeId> node = find(path);
  if (!node) refuse(path, "no such name");
  if (nodes_[*node].folder != folder) refuse(path, folder ? "not a folder" : "not a file");
  return *node;
}

void FileDouble::apply(std::vector<Change> changes) {
  for (const auto& [folder, name, node] : changes) {
    if (node)
      nodes_[folder].names[name] = *node;
    else
      nodes_[folder].names.erase(name);
  }
  pending_.push_back(std::move(changes));
}

FileDouble::NodeId FileDouble::add_node(const std::string& path, bool folder) {
  if (find(path)) refuse(path, "create: the name is taken");
  const NodeId parent = get(parent_folder(path), true);
  nodes_.emplace_back().folder = folder;
  apply({{parent, base_name(path), nodes_.size() - 1}});
  return nodes_.size() - 1;
}

std::span<const std::byte> as_bytes(std::string_view text) {
  return std::as_bytes(std::span{text.data(), text.size()});
}

std::string text_of(FileSystem& files, const std::string& path) {
  const FileBytes bytes = files.read(path, UINT64_MAX);
  return {reinterpret_cast<const char*>(bytes.span().data()), bytes.span().size()};
}

}  // namespace troupe::test
