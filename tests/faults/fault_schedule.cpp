#include "tests/faults/fault_schedule.hpp"

#include <algorithm>
#include <cstdio>
#include <random>

namespace troupe::faults {
namespace {

constexpr std::array<std::string_view, subject_count> subject_names{
    "coordinator",  "loader",  "aggregator", "aggregator in mid-step", "aggregator in mid-update",
    "checkpointer", "trainer", "evaluator"};
constexpr std::array<std::string_view, kind_count> kind_names{"kill", "exception", "SIGSEGV",
                                                              "SIGKILL"};

constexpr Subject subject_at(std::size_t index) {
  return static_cast<Subject>(index);
}

std::vector<Target> all_ways(const Schedule& schedule, Subject subject) {
  std::vector<Target> ways;
  for (std::size_t k = 0; k < kind_count; ++k) {
    const auto kind = static_cast<Kind>(k);
    const bool needs_process = kind == Kind::segfault || kind == Kind::sigkill;
    if (possible(subject, kind) && (!needs_process || schedule.is_isolated(subject)))
      ways.push_back({subject, kind});
  }
  return ways;
}

void strike(Schedule& schedule, Subject subject) {
  const std::vector<Target> ways = all_ways(schedule, subject);
  schedule.targets.insert(schedule.targets.end(), ways.begin(), ways.end());
}

}  // namespace

std::string_view to_string(Subject subject) {
  return subject_names[static_cast<std::size_t>(subject)];
}
std::string_view to_string(Kind kind) {
  return kind_names[static_cast<std::size_t>(kind)];
}

std::string_view role_of(Subject subject) {
  const std::string_view name = to_string(subject);
  return name.substr(0, name.find(' '));
}

std::string to_text(const Schedule& s) {
  std::string text = "seed " + std::to_string(s.seed) + ", S = " + std::to_string(s.shards) + ", " +
                     std::to_string(s.trainers) + " trainers, " + std::to_string(s.loaders) +
                     " loaders, processes:";
  for (const std::string_view role : s.isolated) text.append(" ").append(role);
  if (s.isolated.empty()) text += " none";
  text += ", struck:";
  std::string_view last;
  for (const Target& target : s.targets)
    if (to_string(target.subject) != last)
      text.append(" ").append(last = to_string(target.subject));
  return text;
}

Schedule make_schedule(std::uint64_t seed) {
  std::minstd_rand random{static_cast<unsigned>(seed * 7919 + 1)};
  Schedule schedule;
  schedule.seed = seed;
  constexpr std::array<unsigned, 3> trainers{1, 2, 4};
  schedule.trainers = trainers[seed % trainers.size()];
  schedule.loaders = 1 + static_cast<unsigned>(random() % 2);
  if (seed % 5 == 4) {
    schedule.shards = 6;
    schedule.trainers = 3;
  }
  if (seed < subject_count) {
    schedule.isolated = {role_of(subject_at(seed))};
    strike(schedule, subject_at(seed));
  } else if (seed < 2 * subject_count - 2) {
    // The roles, in the node's process.
    constexpr std::array<Subject, subject_count - 2> roles{
        Subject::coordinator,  Subject::loader,  Subject::aggregator_in_step,
        Subject::checkpointer, Subject::trainer, Subject::evaluator};
    strike(schedule, roles[seed - subject_count]);
    if (seed == subject_count + 2) strike(schedule, Subject::aggregator_in_update);
  } else {
    for (std::size_t i = 0; i < subject_count; ++i)
      if (random() % 4 == 0) schedule.isolated.insert(role_of(subject_at(i)));
    for (std::size_t i = 0; i < subject_count; ++i) strike(schedule, subject_at(i));
    std::ranges::shuffle(schedule.targets, random);
    // All of them, or some.
    if (seed >= chosen_schedules && random() % 2 == 0)
      schedule.targets.resize(1 + random() % schedule.targets.size());
  }
  // One trainer alone sends a step's sum in one piece.
  const bool in_step = std::ranges::any_of(schedule.targets, [](const Target& target) {
    return target.subject == Subject::aggregator_in_step;
  });
  if (in_step && schedule.trainers == 1) schedule.trainers = 2;
  return schedule;
}

void Coverage::add(const Coverage& other) {
  for (std::size_t s = 0; s < subject_count; ++s)
    for (std::size_t k = 0; k < kind_count; ++k) counts_[s][k] += other.counts_[s][k];
}

std::uint64_t Coverage::total() const {
  std::uint64_t total = 0;
  for (const auto& row : counts_)
    for (const std::uint64_t count : row) total += count;
  return total;
}

bool Coverage::complete() const {
  for (std::size_t s = 0; s < subject_count; ++s)
    for (std::size_t k = 0; k < kind_count; ++k)
      if (counts_[s][k] == 0 && possible(subject_at(s), static_cast<Kind>(k))) return false;
  return true;
}

std::string Coverage::text() const {
  std::string text;
  const auto add = [&text](std::string_view name, const auto& cell) {
    std::array<char, 32> padded{};
    std::snprintf(padded.data(), padded.size(), "%-26.*s", static_cast<int>(name.size()),
                  name.data());
    text += padded.data();
    for (std::size_t k = 0; k < kind_count; ++k) {
      std::snprintf(padded.data(), padded.size(), "%11s", cell(k).c_str());
      text += padded.data();
    }
    text += '\n';
  };
  add("", [](std::size_t k) { return std::string{kind_names[k]}; });
  for (std::size_t s = 0; s < subject_count; ++s)
    add(subject_names[s], [&](std::size_t k) {
      return possible(subject_at(s), static_cast<Kind>(k)) ? std::to_string(counts_[s][k]) : "-";
    });
  return text;
}

}  // namespace troupe::faults
