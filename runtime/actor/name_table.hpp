#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "runtime/actor/actor_status.hpp"
#include "runtime/actor/ref.hpp"
#include "runtime/exit.hpp"

namespace troupe::runtime {

class Mailbox;

/// What happened under a path.
struct Change {
  std::uint64_t incarnation = 0;
  bool up = false;
  Exit exit = {};  ///< if not up
};

/// One path of the tree, whether something runs under it or not. Lives as long as its table. Thread-safe.
///
/// - NAME-1: incarnations under a path only grow; what an older one does after a newer one began, or after
///   it was voided, does not count.
/// - NAME-2: every watcher hears every change in the order in which they happened, beginning with the state
///   when it began to watch.
class Name {
 public:
  /// Watchers are told under the name's lock: they only pass it on.
  using Watcher = std::function<void(const Change&)>;

  explicit Name(std::string path) : path_{std::move(path)} {}

  const std::string& path() const { return path_; }

  /// Grows with every change; what was looked up before is stale then.
  std::uint64_t changes() const { return changes_.load(std::memory_order_acquire); }
  /// Incarnations below it do not count.
  std::uint64_t void_below() const { return void_below_.load(std::memory_order_acquire); }
  bool counts(std::uint64_t incarnation) const { return incarnation >= void_below(); }

  struct Target {
    std::uint64_t changes = 0;
    std::uint64_t incarnation = 0;  ///< 0 with a mailbox: another process knows
    std::shared_ptr<Mailbox> mailbox;
  };
  Target target() const;

  /// This incarnation begins: older ones count no more. False, and nothing happens, if it is old itself.
  bool begin(std::uint64_t incarnation, std::shared_ptr<Mailbox> mailbox);
  /// It can be spoken to. Ignored for another than the one that began last.
  void up(std::uint64_t incarnation);
  /// It has ended. Told once for each incarnation that began; ignored for others.
  void down(std::uint64_t incarnation, Exit exit);
  /// From here on nothing that it does counts.
  void make_void(std::uint64_t incarnation);
  /// It is about to end: what its replies say.
  void set_exit(std::uint64_t incarnation, Exit exit);
  /// How it ended, if it did.
  std::optional<Exit> exit_of(std::uint64_t incarnation) const;

  bool is_up() const;
  /// How the newest incarnation ended; none while it lives, or if there was none.
  std::optional<Exit> last_exit() const;

  /// For a name whose actor lives behind a link that resolves it: before anything is known of it.
  void route_through(std::shared_ptr<Mailbox> mailbox);

  /// For `troupe ps`; nobody is told.
  void set_status(ActorStatus status);
  ActorStatus status() const;

  std::uint64_t watch(Watcher watcher);
  void unwatch(std::uint64_t id);

 private:
  void tell_watchers(const Change& change);

  const std::string path_;
  std::atomic<std::uint64_t> changes_{1};
  std::atomic<std::uint64_t> void_below_{0};
  mutable std::mutex mutex_;
  std::uint64_t incarnation_ = 0;  // the newest that began
  bool up_ = false;
  bool down_ = true;  // the newest has ended
  Exit exit_;         // of the newest, once set
  bool has_exit_ = false;
  std::shared_ptr<Mailbox> mailbox_;
  std::shared_ptr<Mailbox> resolver_;
  ActorStatus status_;
  std::uint64_t next_watcher_ = 1;
  std::map<std::uint64_t, Watcher> watchers_;
};

/// The paths of one process. Names are made once and stay, so their number is bounded: `limit`.
class NameTable {
 public:
  static constexpr std::size_t default_limit = 1'000'000;
  explicit NameTable(std::size_t limit = default_limit) : limit_{limit} {}

  /// @throws Error bad_input if the path is malformed, exhausted at the limit.
  Name& intern(std::string_view path);
  Name* find(std::string_view path) const;
  Ref ref(std::string_view path) { return Ref{intern(path)}; }
  /// By path.
  std::vector<Name*> all() const;

  /// Called once with each name that is made from here on, e.g. to ask another process about it.
  void on_new_name(std::function<void(Name&)> hook);

 private:
  const std::size_t limit_;
  mutable std::mutex mutex_;
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view path) const { return std::hash<std::string_view>{}(path); }
  };
  std::unordered_map<std::string, std::unique_ptr<Name>, Hash, std::equal_to<>> names_;
  std::function<void(Name&)> hook_;
};

/// "/a/b" as it is, "b" and "../b" from the supervisor of the actor at `from`.
/// @throws Error bad_input if that leads above the root or is malformed.
std::string absolute_path(std::string_view path, std::string_view from);
/// "/a/b" -> "/a"; of "/a": "/".
std::string parent_path(std::string_view path);
/// A child's: "/" and "a" -> "/a".
std::string child_path(std::string_view parent, std::string_view child);

}  // namespace troupe::runtime
