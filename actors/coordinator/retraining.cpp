#include "actors/coordinator/retraining.hpp"

#include <capnp/message.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <span>
#include <utility>

#include "actors/feedback/feedback_messages.hpp"
#include "actors/job/ends_job.hpp"
#include "runtime/actor/executor.hpp"
#include "runtime/actor/name_table.hpp"
#include "runtime/base/error.hpp"
#include "runtime/telemetry/log.hpp"
#include "serialization/frame_reader.hpp"
#include "serialization/make_frame.hpp"
#include "serialization/schema/feedback.capnp.h"

namespace troupe::actors {

using namespace runtime;
using namespace std::chrono_literals;
using serialization::make_frame;
using serialization::read_head;

namespace {

using Json = nlohmann::json;
using State = RetrainJob::State;

constexpr std::uint64_t most_bytes = std::uint64_t{16} << 20;
constexpr Duration freeze_within = 5min;
constexpr Duration try_again_after = 500ms;
constexpr unsigned most_refusals = 20;  // of one snapshot
constexpr std::array<const char*, 5> states{"wanted", "frozen", "promoted", "rejected", "failed"};

Json to_json(const RetrainJob& job) {
  return {{"number", job.number},     {"model", job.model},
          {"rowid", job.rowid},       {"reason", job.reason},
          {"feedback", job.feedback}, {"state", states.at(static_cast<std::size_t>(job.state))},
          {"records", job.records},   {"sha256", job.sha256},
          {"served", job.served},     {"why", job.why}};
}

RetrainJob job_of(const Json& json, const std::string& path) {
  RetrainJob job{json.at("number"),        json.at("model"), json.at("rowid"),   json.at("reason"),
                 json.at("feedback"),      State::wanted,    json.at("records"), json.at("sha256"),
                 json.value("served", ""), json.at("why")};
  const auto state = std::ranges::find(states, json.at("state").get<std::string>());
  if (state == states.end() || job.number == 0)
    throw Error{ErrorCode::corrupted, path + ": expected a job with a known state, got another"};
  job.state = static_cast<State>(state - states.begin());
  return job;
}

void make_folder(FileSystem& files, const std::string& path) {
  if (files.kind(path) != PathKind::none) return;
  if (const std::string parent = parent_folder(path); parent != path) make_folder(files, parent);
  files.create_folder(path);
  files.sync_folder(parent_folder(path));
}

std::string path_in(const std::string& run_folder) {
  return run_folder + "/retraining.json";
}

std::string snapshot_of(const std::string& folder) {
  return std::filesystem::absolute(folder).string() + "/feedback.csv";
}

}  // namespace

RetrainJobs RetrainJobs::read(FileSystem& files, const std::string& run_folder) {
  RetrainJobs read;
  const std::string path = path_in(run_folder);
  if (files.kind(path) != PathKind::file) return read;
  const FileBytes bytes = files.read(path, most_bytes);
  const auto* const text = reinterpret_cast<const char*>(bytes.span().data());
  try {
    const Json all = Json::parse(text, text + bytes.span().size());
    for (const Json& json : all.at("jobs")) {
      read.jobs_.push_back(job_of(json, path));
      read.last_number_ = std::max(read.last_number_, read.jobs_.back().number);
    }
  } catch (const Json::exception& error) {
    throw Error{ErrorCode::corrupted,
                path + ": expected what a coordinator wrote there, got " + error.what()};
  }
  return read;
}

std::string RetrainJobs::json() const {
  Json list = Json::array();
  for (const RetrainJob& job : jobs_) list.push_back(to_json(job));
  return Json{{"jobs", list}}.dump(1, ' ', false, Json::error_handler_t::replace) + '\n';
}

void RetrainJobs::forget_oldest() {
  while (jobs_.size() > most) {
    const RetrainJob* const keep = promoted();
    const auto oldest = std::ranges::find_if(jobs_, [&](const RetrainJob& job) {
      return &job != keep && job.state != State::wanted && job.state != State::frozen;
    });
    if (oldest == jobs_.end()) break;
    jobs_.erase(oldest);
  }
}

void RetrainJobs::want(RetrainJob job, std::uint64_t replace) {
  for (const RetrainJob& known : jobs_)
    if (known.model == job.model && known.rowid >= job.rowid) return;
  const auto old = std::ranges::find_if(jobs_, [&](const RetrainJob& known) {
    return known.number == replace && known.state == State::wanted && known.model == job.model;
  });
  job.state = State::wanted;
  if (old != jobs_.end()) {
    job.number = old->number;
    *old = std::move(job);
  } else {
    job.number = ++last_number_;
    jobs_.push_back(std::move(job));
  }
  forget_oldest();
}

void RetrainJobs::set(const RetrainJob& job) {
  const auto at = std::ranges::find(jobs_, job.number, &RetrainJob::number);
  if (at == jobs_.end()) throw Error{ErrorCode::bug, "retraining: expected a job that is known"};
  *at = job;
  forget_oldest();
}

const RetrainJob* RetrainJobs::frozen() const {
  const auto at = std::ranges::find(jobs_, State::frozen, &RetrainJob::state);
  return at == jobs_.end() ? nullptr : &*at;
}
const RetrainJob* RetrainJobs::wanted() const {
  const auto at = std::ranges::find(jobs_, State::wanted, &RetrainJob::state);
  return at == jobs_.end() ? nullptr : &*at;
}
const RetrainJob* RetrainJobs::promoted() const {
  const auto at = std::find_if(jobs_.rbegin(), jobs_.rend(),
                               [](const RetrainJob& job) { return job.state == State::promoted; });
  return at == jobs_.rend() ? nullptr : &*at;
}

Retraining::Retraining(Context& context, std::string run_folder, OnFrozen on_frozen,
                       std::function<std::string()> served,
                       std::function<void(const std::string&)> on_stuck)
    : context_{context},
      run_folder_{std::move(run_folder)},
      on_frozen_{std::move(on_frozen)},
      served_{std::move(served)},
      on_stuck_{std::move(on_stuck)},
      jobs_{RetrainJobs::read(posix_files(), run_folder_)} {}

void Retraining::handles(Handlers& on) {
  on.ask<wire::RetrainWanted>(
      [this](const Frame& frame, Reply reply) { hear(frame, std::move(reply)); });
}

void Retraining::hear(const Frame& frame, Reply reply) {
  RetrainJob job;
  read_head<wire::RetrainWanted>(frame, [&](wire::RetrainWanted::Reader head) {
    job.model = head.getModel();
    job.rowid = head.getRowid();
    job.reason = head.getReason();
  });
  job.feedback = context_.sender().path();
  if (job.feedback.empty() || job.rowid < 1)
    return reply.refuse("expected a rowid from 1, from an actor that can write its snapshot");
  // What a job that has not begun would train on is part of what this one does.
  const RetrainJob* const waiting = jobs_.wanted();
  const bool replace = waiting != nullptr && waiting->number != freezing_;
  const std::string reason = job.reason;
  jobs_.want(std::move(job), replace ? waiting->number : 0);
  keep([this, reason, reply = std::make_shared<Reply>(std::move(reply))] {
    reply->answer(done_frame());  // LOOP-1
    context_.log().info("it is wanted to train again", {{"why", reason}});
    freeze();
  });
}

void Retraining::write(std::string label, std::function<void()> what, std::function<void()> then) {
  context_.executor({.name = "retraining"})
      .run_as(std::move(label), std::move(what), std::move(then),
              [this](const std::exception_ptr& thrown) {
                try {
                  std::rethrow_exception(thrown);
                } catch (const Error& error) {
                  if (!ends_job(error.code())) throw;
                  if (std::exchange(stuck_, true)) return;
                  const std::string why =
                      one_line(error.what()) +
                      (error.code() == ErrorCode::exhausted
                           ? ": no job follows until there is room and the node is started again"
                           : ": no job follows until the node is started again");
                  context_.log().error(why);
                  on_stuck_(why);
                }
              });
}

/// Writes the jobs down as they are now, behind what is being written.
void Retraining::keep(std::function<void()> then) {
  write(
      "write down which jobs there are",
      [path = path_in(run_folder_), text = jobs_.json()] {
        write_atomically(posix_files(), path, std::as_bytes(std::span{text}));
      },
      std::move(then));
}

void Retraining::go_on() {
  idle_ = true;
  freeze();
}

void Retraining::freeze() {
  const RetrainJob* const wanted = jobs_.wanted();
  if (!idle_ || freezing_ != 0 || wanted == nullptr) return;
  freezing_ = wanted->number;
  write(
      "make the job's folder", [to = folder(freezing_)] { make_folder(posix_files(), to); },
      [this, job = *wanted] { ask_for_snapshot(job); });
}

void Retraining::ask_for_snapshot(const RetrainJob& wanted) {
  context_.ask<wire::Snapshot>(
      context_.ref(wanted.feedback), make_frame<wire::Snapshot>([&](wire::Snapshot::Builder head) {
        head.setN(wanted.rowid);
        head.setFile(snapshot_of(folder(wanted.number)));
      }),
      freeze_within, [this, job = wanted](const Answer& answer) mutable {
        if (!answer.ok())
          return again(answer.failure().text, answer.failure().kind == FailureKind::refused);
        read_head<wire::SnapshotWritten>(answer.frame(), [&](wire::SnapshotWritten::Reader head) {
          job.records = head.getRecords();
          job.sha256 = head.getSha256();
        });
        if (job.records == 0) return fail(job, "there are no labelled records to train on");
        job.state = State::frozen;
        job.served = served_();
        jobs_.set(job);
        freezing_ = 0;
        refusals_ = 0;
        idle_ = false;
        keep([this, job] { on_frozen_(job); });  // LOOP-2
      });
}

void Retraining::fail(RetrainJob job, const std::string& why) {
  job.state = State::failed;
  job.why = why;
  jobs_.set(job);
  freezing_ = 0;
  refusals_ = 0;
  keep([this] { freeze(); });
}

void Retraining::again(const std::string& why, bool refused) {
  context_.log().warning("the feedback was not frozen", {{"why", why}});
  if (refused && ++refusals_ > most_refusals)
    return fail(*std::ranges::find(jobs_.jobs(), freezing_, &RetrainJob::number), why);
  context_.after(try_again_after, [this] {
    freezing_ = 0;
    freeze();
  });
}

void Retraining::describe(std::uint64_t number, std::string job_json) {
  write(
      "describe the job",
      [path = folder(number) + "/job.json", text = std::move(job_json)] {
        write_atomically(posix_files(), path, std::as_bytes(std::span{text}));
      },
      [] {});
}

void Retraining::end(std::uint64_t number, State state, const std::string& why,
                     std::function<void()> then) {
  const auto at = std::ranges::find(jobs_.jobs(), number, &RetrainJob::number);
  if (at == jobs_.jobs().end()) return then();
  RetrainJob job = *at;
  job.state = state;
  job.why = why;
  jobs_.set(job);
  keep(std::move(then));
}

std::string Retraining::folder(std::uint64_t number) const {
  return number == 0 ? run_folder_ : run_folder_ + "/jobs/" + std::to_string(number);
}

JobSections Retraining::sections(JobSections first, const RetrainJob& job) const {
  Json data = Json::parse(first.data);
  Json& extra = data["extra"];
  if (extra.is_null()) extra = Json::array();
  if (!extra.is_array()) extra = Json::array({extra});
  extra.push_back(snapshot_of(folder(job.number)));
  first.data = data.dump();
  first.number = job.number;
  return first;
}

std::string job_json(const JobSections& sections) {
  const Json json = {{"data", Json::parse(sections.data)},
                     {"preprocess", Json::parse(sections.preprocess)},
                     {"model", Json::parse(sections.model)},
                     {"train", Json::parse(sections.train)},
                     {"evaluate", Json::parse(sections.evaluate)},
                     {"seed", sections.seed}};
  return Json{{"job", json}}.dump(1) + '\n';
}

}  // namespace troupe::actors
