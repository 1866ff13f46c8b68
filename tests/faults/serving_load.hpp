#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "actors/model/predictor.hpp"
#include "tests/actors/deployer/raw_client.hpp"

namespace troupe::test {

/// A request of some rows, and what each version predicts of them.
struct ServingExample {
  std::int64_t rows = 0;
  std::string json;    ///< of the body, behind the id
  std::string tensor;  ///< the rows behind the JSON; empty: they are in it, and so is the answer
  std::map<std::uint64_t, std::vector<float>> expected;  ///< by the version's number
};

/// Rows of pixels from 0 to 16, fractions too, one to five a request, every other one with binary tensors.
/// @throws Error bug if two versions predict the same of one of them: it could not tell them apart.
std::vector<ServingExample> make_examples(std::map<std::uint64_t, actors::Predictor>& versions,
                                          std::size_t count, std::uint64_t seed);

/// What is wrong with the answer to `example` asked under `id`; empty if it is, bit for bit, what the version predicts
/// that it names, which is then in `version`.
std::string fault_of(const RawResponse& response, const ServingExample& example,
                     const std::string& id, std::uint64_t& version);

/// Connections that ask without a pause, and check each answer. Its methods are for one thread.
class ServingLoad {
 public:
  /// @param port  where the server is; asked again when a connection ended
  /// @param may_cut_off  whether a connection may end without an answer: then it asks again
  ServingLoad(std::function<std::uint16_t()> port, const std::vector<ServingExample>& examples,
              unsigned connections, bool may_cut_off);
  /// Stops it.
  ~ServingLoad();
  ServingLoad(const ServingLoad&) = delete;
  ServingLoad& operator=(const ServingLoad&) = delete;

  /// From here on either of two versions may answer.
  void moving() { settled_ = 0; }
  /// What is asked from here on must be answered by this one.
  void settle(std::uint64_t version) { settled_ = ++changes_ << 32 | version; }
  void stop();

  std::uint64_t answered() const { return answered_; }
  std::uint64_t overloaded() const { return overloaded_; }  ///< 503 with Retry-After
  std::uint64_t cut_off() const { return cut_off_; }
  /// What was wrong with others; a connection ends with its first one.
  std::set<std::string> faults() const;

 private:
  void run(unsigned number);
  void check(const RawResponse& response, const ServingExample& example, const std::string& id,
             std::uint64_t settled_before);
  void fail(const std::string& what);

  const std::function<std::uint16_t()> port_;
  const std::vector<ServingExample>& examples_;
  const bool may_cut_off_;
  std::atomic<bool> stop_ = false;
  std::atomic<std::uint64_t> answered_ = 0, overloaded_ = 0, cut_off_ = 0;
  std::atomic<std::uint64_t> settled_ =
      0;  // how many changes came before it, and the version; 0: none
  std::uint64_t changes_ = 0;
  mutable std::mutex mutex_;
  std::set<std::string> faults_;
  std::vector<std::thread> threads_;
};

}  // namespace troupe::test
