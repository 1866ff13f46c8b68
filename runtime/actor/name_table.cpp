#include "runtime/actor/name_table.hpp"

#include <algorithm>
#include <utility>

#include "runtime/actor/mailbox.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/name.hpp"

namespace troupe::runtime {
namespace {

void check_path(std::string_view path) {
  constexpr std::size_t longest = 1024;
  bool good = !path.empty() && path.front() == '/' && path.size() <= longest;
  for (std::size_t at = 1; good && path != "/" && at <= path.size();) {
    const std::size_t end = std::min(path.find('/', at), path.size());
    good = is_name(path.substr(at, end - at));
    at = end + 1;
  }
  if (!good)
    throw Error{ErrorCode::bad_input,
                "path \"" + std::string{path.substr(0, 80)} +
                    "\": expected \"/\" or names of letters, digits, '_', '-' and '.', "
                    "each behind a '/'"};
}

}  // namespace

Name::Target Name::target() const {
  const std::lock_guard lock{mutex_};
  const std::uint64_t changes = changes_.load(std::memory_order_relaxed);
  if (mailbox_) return {changes, incarnation_, mailbox_};
  if (incarnation_ == 0) return {changes, 0, resolver_};
  return {changes, 0, nullptr};
}

bool Name::begin(std::uint64_t incarnation, std::shared_ptr<Mailbox> mailbox) {
  std::shared_ptr<Mailbox> old;  // dies without the lock: its actor's end may want this name
  const std::lock_guard lock{mutex_};
  if (incarnation <= incarnation_ || !counts(incarnation)) return false;
  if (!down_) {
    has_exit_ = true;
    exit_ = {ExitKind::killed, "a newer incarnation began"};
    tell_watchers({incarnation_, false, exit_});
  }
  incarnation_ = incarnation;
  up_ = down_ = has_exit_ = false;
  old = std::exchange(mailbox_, std::move(mailbox));
  void_below_.store(incarnation, std::memory_order_release);
  changes_.fetch_add(1, std::memory_order_release);
  return true;
}

void Name::up(std::uint64_t incarnation) {
  const std::lock_guard lock{mutex_};
  if (incarnation != incarnation_ || up_ || down_) return;
  up_ = true;
  tell_watchers({incarnation, true, {}});
}

void Name::down(std::uint64_t incarnation, Exit exit) {
  std::shared_ptr<Mailbox> old;
  const std::lock_guard lock{mutex_};
  if (incarnation != incarnation_ || down_) return;
  up_ = false;
  down_ = true;
  if (!has_exit_) exit_ = std::move(exit);
  has_exit_ = true;
  old = std::exchange(mailbox_, nullptr);
  changes_.fetch_add(1, std::memory_order_release);
  tell_watchers({incarnation, false, exit_});
}

void Name::make_void(std::uint64_t incarnation) {
  const std::lock_guard lock{mutex_};
  if (void_below_.load(std::memory_order_relaxed) <= incarnation)
    void_below_.store(incarnation + 1, std::memory_order_release);
}

void Name::set_exit(std::uint64_t incarnation, Exit exit) {
  const std::lock_guard lock{mutex_};
  if (incarnation != incarnation_ || has_exit_) return;
  exit_ = std::move(exit);
  has_exit_ = true;
}

std::optional<Exit> Name::exit_of(std::uint64_t incarnation) const {
  const std::lock_guard lock{mutex_};
  if (incarnation != 0 && incarnation < incarnation_)
    return Exit{ExitKind::lost, "it was replaced"};
  if (has_exit_) return exit_;
  return {};
}

bool Name::is_up() const {
  const std::lock_guard lock{mutex_};
  return up_;
}

std::optional<Exit> Name::last_exit() const {
  const std::lock_guard lock{mutex_};
  if (incarnation_ == 0 || !down_) return {};
  return exit_;
}

void Name::route_through(std::shared_ptr<Mailbox> mailbox) {
  const std::lock_guard lock{mutex_};
  resolver_ = std::move(mailbox);
  changes_.fetch_add(1, std::memory_order_release);
}

void Name::set_status(ActorStatus status) {
  const std::lock_guard lock{mutex_};
  status_ = std::move(status);
}

ActorStatus Name::status() const {
  const std::lock_guard lock{mutex_};
  return status_;
}

std::uint64_t Name::watch(Watcher watcher) {
  const std::lock_guard lock{mutex_};
  if (up_) {
    watcher({incarnation_, true, {}});
  } else if (down_ && incarnation_ != 0) {
    watcher({incarnation_, false, exit_});
  }
  watchers_.emplace(next_watcher_, std::move(watcher));
  return next_watcher_++;
}

void Name::unwatch(std::uint64_t id) {
  const std::lock_guard lock{mutex_};
  watchers_.erase(id);
}

void Name::tell_watchers(const Change& change) {
  for (const auto& [id, watcher] : watchers_) watcher(change);
}

Name& NameTable::intern(std::string_view path) {
  std::function<void(Name&)> hook;
  Name* name = nullptr;
  {
    const std::lock_guard lock{mutex_};
    if (const auto at = names_.find(path); at != names_.end()) return *at->second;
    check_path(path);
    if (names_.size() >= limit_)
      throw Error{ErrorCode::exhausted, "path \"" + std::string{path} +
                                            "\": " + std::to_string(limit_) +
                                            " paths are known already, and no more are allowed"};
    name = names_.emplace(std::string{path}, std::make_unique<Name>(std::string{path})).first->second.get();
    hook = hook_;
  }
  if (hook) hook(*name);
  return *name;
}

Name* NameTable::find(std::string_view path) const {
  const std::lock_guard lock{mutex_};
  const auto at = names_.find(path);
  return at == names_.end() ? nullptr : at->second.get();
}

std::vector<Name*> NameTable::all() const {
  const std::lock_guard lock{mutex_};
  std::vector<Name*> names;
  names.reserve(names_.size());
  for (const auto& [path, name] : names_) names.push_back(name.get());
  std::ranges::sort(names, {}, [](const Name* name) -> const std::string& { return name->path(); });
  return names;
}

void NameTable::on_new_name(std::function<void(Name&)> hook) {
  const std::lock_guard lock{mutex_};
  hook_ = std::move(hook);
}

std::string absolute_path(std::string_view path, std::string_view from) {
  if (path.starts_with('/')) {
    check_path(path);
    return std::string{path};
  }
  std::string base = parent_path(from);
  std::string_view rest = path;
  while (rest.starts_with("../")) {
    if (base == "/")
      throw Error{ErrorCode::bad_input, "path \"" + std::string{path} +
                                            "\" leads above the root from " + std::string{from}};
    base = parent_path(base);
    rest.remove_prefix(3);
  }
  std::string whole = child_path(base, rest);
  check_path(whole);
  return whole;
}

std::string parent_path(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == 0 || slash == std::string_view::npos ? "/" : std::string{path.substr(0, slash)};
}

std::string child_path(std::string_view parent, std::string_view child) {
  std::string path{parent == "/" ? "" : parent};
  path += '/';
  path += child;
  return path;
}

const std::string& Ref::path() const {
  static const std::string nobody;
  return name_ ? name_->path() : nobody;
}

const std::shared_ptr<Mailbox>& Ref::mailbox() const {
  if (name_ && name_->changes() != seen_) {
    Name::Target target = name_->target();
    seen_ = target.changes;
    incarnation_ = target.incarnation;
    mailbox_ = std::move(target.mailbox);
  }
  return mailbox_;
}

}  // namespace troupe::runtime
