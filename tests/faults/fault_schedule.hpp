#pragma once

#include <array>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::faults {

/// Who is struck; of the aggregator also at two moments.
enum class Subject : std::uint8_t {
  coordinator,
  loader,
  aggregator,
  aggregator_in_step,    ///< some of a step's sums have arrived, and some have not
  aggregator_in_update,  ///< the next version is being written
  checkpointer,
  trainer,
  evaluator,
};
constexpr std::size_t subject_count = 8;
std::string_view to_string(Subject subject);
/// The child of /job that it is.
std::string_view role_of(Subject subject);

/// How. The last two need a process of its own.
enum class Kind : std::uint8_t { kill, exception, segfault, sigkill };
constexpr std::size_t kind_count = 4;
std::string_view to_string(Kind kind);

/// Handlers are what an exception is thrown in, and the update is in none.
constexpr bool possible(Subject subject, Kind kind) {
  return subject != Subject::aggregator_in_update || kind != Kind::exception;
}

struct Target {
  Subject subject{};
  Kind kind{};
};

/// How a job is shared out, and what ends meanwhile.
struct Schedule {
  std::uint64_t seed = 0;
  unsigned trainers = 1, shards = 8, loaders = 1;
  std::set<std::string_view> isolated = {};  ///< roles that run in processes of their own
  std::vector<Target> targets = {};          ///< each is struck in turn, then they are drawn

  bool is_isolated(Subject subject) const { return isolated.contains(role_of(subject)); }
};
std::string to_text(const Schedule& schedule);

/// The first twenty are chosen: each subject alone in a process of its own and struck in all ways, each role in the
/// node's process, then all at once; with 1, 2 and 4 trainers, and 3 for 6 shards. All others are drawn from the seed.
constexpr std::uint64_t chosen_schedules = 20;
Schedule make_schedule(std::uint64_t seed);

/// How often which fault struck.
class Coverage {
 public:
  void add(Target target) { ++at(target); }
  void add(const Coverage& other);
  std::uint64_t total() const;
  /// Every fault that is possible struck at least once.
  bool complete() const;
  /// A line a subject, a column a kind.
  std::string text() const;

 private:
  std::uint64_t& at(Target target) {
    return counts_[static_cast<std::size_t>(target.subject)][static_cast<std::size_t>(target.kind)];
  }
  std::array<std::array<std::uint64_t, kind_count>, subject_count> counts_{};
};

}  // namespace troupe::faults
