#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace troupe::runtime {

class Mailbox;
class Name;

/// An actor by its path in the tree ("/train/loader"): whoever runs under it now, wherever that is. Small
/// to copy, valid as long as its node; each actor keeps copies of its own, one copy is for one thread.
class Ref {
 public:
  /// Names nobody; requests through it fail.
  Ref() = default;

  /// "" if it names nobody.
  const std::string& path() const;
  explicit operator bool() const { return name_ != nullptr; }
  friend bool operator==(const Ref& a, const Ref& b) { return a.name_ == b.name_; }

 private:
  friend class Cell;
  friend class NodeCore;
  friend class NameTable;
  explicit Ref(Name& name) : name_{&name} {}

  /// Where to send to now; empty if nothing runs there. Looked up again only after a change.
  const std::shared_ptr<Mailbox>& mailbox() const;

  Name* name_ = nullptr;
  mutable std::uint64_t seen_ = 0;  // the name's change count when the lines below were read
  mutable std::shared_ptr<Mailbox> mailbox_;
  mutable std::uint64_t incarnation_ = 0;
};

}  // namespace troupe::runtime
