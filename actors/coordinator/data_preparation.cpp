#include "actors/coordinator/data_preparation.hpp"

#include <chrono>
#include <utility>

#include "actors/loader/data_spec.hpp"
#include "actors/loader/preparation.hpp"
#include "runtime/actor/executor.hpp"
#include "runtime/actor/name_table.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/file.hpp"
#include "runtime/telemetry/log.hpp"
#include "serialization/malformed_frame.hpp"

namespace troupe::actors {

using namespace runtime;
using namespace std::chrono_literals;

namespace {
constexpr Duration answer_within = 10min;
constexpr Duration try_again_after = 50ms;
constexpr unsigned most_refusals = 20;

}  // namespace

DataPreparation::DataPreparation(Context& context, JobSections sections, std::string cache,
                                 OnProgress on_progress, OnDone on_done, OnFailed on_failed)
    : context_{context},
      sections_{std::move(sections)},
      cache_{std::move(cache)},
      on_progress_{std::move(on_progress)},
      on_done_{std::move(on_done)},
      on_failed_{std::move(on_failed)} {}

DataPreparation::~DataPreparation() {
  for (const auto& [path, watch] : watches_) context_.unwatch(watch);
}

void DataPreparation::start() {
  reducing_ = true;
  context_.executor({.name = "prepare"})
      .run_as(
          "open the data",
          [sections = sections_, cache = cache_] {
            const DataSpec data =
                parse_data_spec(or_empty(sections.data), sections.base, sections.formats);
            const PreprocessSpec preprocess =
                parse_preprocess_spec(or_empty(sections.preprocess), data);
            FileSystem& files = posix_files();
            try {
              return std::make_shared<SharedPreparation>(files, data, preprocess, sections.seed,
                                                         cache);
            } catch (const Error& error) {
              if (error.code() != ErrorCode::corrupted) throw;
            }
            // Prepared data that is damaged is a cache of files that are still there.
            remove_all(files, cache + '/' + prepared_name(data, preprocess, sections.seed));
            return std::make_shared<SharedPreparation>(files, data, preprocess, sections.seed,
                                                       cache);
          },
          [this](std::shared_ptr<SharedPreparation> shared) {
            shared_ = std::move(shared);
            reducing_ = false;
            hand_out();
          },
          on_failed_);
}

void DataPreparation::join(const std::string& path) {
  if (done_ || !loaders_.emplace(path, context_.ref(path)).second) return;
  watches_[path] = context_.watch(loaders_.at(path), [this, path](const Change& change) {
    if (change.up) return;
    context_.unwatch(watches_.at(path));
    watches_.erase(path);
    loaders_.erase(path);
    busy_.erase(path);
  });
  hand_out();
}

void DataPreparation::hand_out() {
  if (!shared_ || reducing_ || done_) return;
  if (shared_->done()) return resolve();
  if (shared_->stage_complete()) return advance();
  for (const auto& [path, loader] : loaders_)
    if (!busy_.contains(path)) ask(path);
}

void DataPreparation::ask(const std::string& loader) {
  std::optional<SharedPreparation::Task> task = shared_->next();
  if (!task) return;
  busy_.insert(loader);
  context_.ask(loaders_.at(loader), task->type, task->question, answer_within,
               [this, loader, number = task->number](const Answer& answer) {
                 busy_.erase(loader);
                 std::string why;
                 if (answer.ok()) {
                   try {
                     shared_->take(number, answer.frame());
                     on_progress_(++answered_, 0);
                     return hand_out();
                   } catch (const serialization::MalformedFrame& error) {
                     why = error.what();
                   }
                 } else {
                   why = answer.failure().text;
                 }
                 shared_->again(number);
                 if (answer.ok() || answer.failure().kind == FailureKind::refused) {
                   if (!may_try_again(why)) return;
                 }
                 context_.after(try_again_after, [this] { hand_out(); });
               });
}

bool DataPreparation::may_try_again(const std::string& why) {
  context_.log().warning("a part of the data was not prepared", {{"why", why}});
  if (++failures_ <= most_refusals) return true;
  done_ = true;
  on_failed_(std::make_exception_ptr(Error{ErrorCode::bad_input, "preparing the data: " + why}));
  return false;
}

void DataPreparation::advance() {
  reducing_ = true;
  context_.executor({.name = "prepare"})
      .run_as(
          "reduce", [shared = shared_] { shared->advance(); },
          [this] {
            reducing_ = false;
            hand_out();
          },
          on_failed_);
}

void DataPreparation::resolve() {
  done_ = true;
  context_.executor({.name = "prepare"})
      .run_as(
          "resolve the job",
          [sections = sections_, cache = cache_] {
            return prepare_job(posix_files(), sections, cache);
          },
          [this](PreparedJob job) { on_done_(std::move(job)); }, on_failed_);
}

}  // namespace troupe::actors
