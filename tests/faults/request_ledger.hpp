#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include "runtime/actor/answer.hpp"
#include "tests/support/actors.hpp"

namespace troupe::test {

/// What one asker, the only one to add to its counters, says and hears: from the answers alone it proves that no
/// message takes effect twice (but those that are duplicated on purpose), none out of order, and none of an incarnation
/// whose successor has spoken.
class RequestLedger {
 public:
  struct Entry {
    std::int64_t sent = 0;  ///< of Add{1}, told or asked, to all incarnations
    std::uint64_t answers = 0;
    std::uint64_t incarnation = 0;
    std::int64_t total = 0;  ///< of that incarnation
  };

  /// What was counted is forgotten; what the actors said is not.
  void begin_counting() {
    ok_ = 0;
    failed_ = {};
    violations_.clear();
    for (auto& [path, entry] : entries_) entry.answers = 0;
  }

  void sent(const std::string& path) { ++entries_[path].sent; }

  /// To an ask of Add{1}. @param duplicates how many messages were duplicated on purpose until now, at most
  void answered(const std::string& path, const runtime::Answer& answer, std::int64_t duplicates) {
    count(answer);
    if (!answer.ok()) return;
    Entry& entry = entries_[path];
    ++entry.answers;
    const std::uint64_t incarnation = incarnation_of(answer);
    const std::int64_t total = total_of(answer);
    if (incarnation < entry.incarnation)
      broken(path, "an incarnation answered whose successor had answered before", total);
    if (incarnation == entry.incarnation && total <= entry.total)
      broken(path, "a total did not grow by an Add that was answered", total);
    if (total > entry.sent + duplicates) broken(path, "more was added than was sent", total);
    entry.incarnation = incarnation;
    entry.total = total;
  }

  /// Any request's outcome.
  void count(const runtime::Answer& answer) {
    if (answer.ok()) {
      ++ok_;
    } else {
      ++failed_[static_cast<std::size_t>(answer.failure().kind)];
    }
  }

  std::uint64_t ok() const { return ok_; }
  /// By FailureKind.
  const std::array<std::uint64_t, 5>& failed() const { return failed_; }
  const std::map<std::string, Entry>& entries() const { return entries_; }
  /// Empty if every rule held.
  const std::vector<std::string>& violations() const { return violations_; }

 private:
  void broken(const std::string& path, const char* rule, std::int64_t total) {
    if (violations_.size() < 10)
      violations_.push_back(path + ": " + rule + " (total " + std::to_string(total) + ")");
  }

  std::map<std::string, Entry> entries_;
  std::uint64_t ok_ = 0;
  std::array<std::uint64_t, 5> failed_{};
  std::vector<std::string> violations_;
};

}  // namespace troupe::test
