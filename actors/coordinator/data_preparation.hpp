#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "actors/coordinator/prepared_job.hpp"
#include "actors/loader/shared_preparation.hpp"
#include "runtime/actor/context.hpp"
#include "runtime/actor/ref.hpp"

namespace troupe::actors {

/// A member of the coordinator that has the data prepared by the loaders that are there: a map-reduce over parts of
/// fixed record ranges, whose result does not depend on how many loaders there are (JOB-7). Reducing is done on the
/// executor "prepare".
class DataPreparation {
 public:
  using OnDone = std::function<void(PreparedJob)>;
  using OnFailed = std::function<void(const std::exception_ptr&)>;
  using OnProgress = std::function<void(std::size_t done, std::size_t tasks)>;

  DataPreparation(runtime::Context& context, JobSections sections, std::string cache,
                  OnProgress on_progress, OnDone on_done, OnFailed on_failed);
  ~DataPreparation();
  DataPreparation(const DataPreparation&) = delete;
  DataPreparation& operator=(const DataPreparation&) = delete;

  void start();
  /// A loader that is there.
  void join(const std::string& path);

 private:
  void hand_out();
  void ask(const std::string& loader);
  void advance();
  void resolve();
  /// Counts what went wrong; false: it goes wrong for ever.
  bool may_try_again(const std::string& why);

  runtime::Context& context_;
  JobSections sections_;
  std::string cache_;
  OnProgress on_progress_;
  OnDone on_done_;
  OnFailed on_failed_;
  std::shared_ptr<SharedPreparation> shared_;  // of the executor's thread while `reducing_`
  std::map<std::string, runtime::Ref> loaders_;
  std::map<std::string, std::uint64_t> watches_;
  std::set<std::string> busy_;
  std::size_t answered_ = 0;
  unsigned failures_ = 0;
  bool reducing_ = false, done_ = false;
};

}  // namespace troupe::actors
