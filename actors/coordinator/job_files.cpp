#include "actors/coordinator/job_files.hpp"

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <span>

#include "runtime/base/error.hpp"

namespace troupe::actors {
namespace {

using Json = nlohmann::json;
constexpr std::uint64_t most_bytes = std::uint64_t{64} << 20;

Json read(FileSystem& files, const std::string& path) {
  const FileBytes bytes = files.read(path, most_bytes);
  const auto* const text = reinterpret_cast<const char*>(bytes.span().data());
  return Json::parse(text, text + bytes.span().size());
}

/// JSON has no NaN: null stands for it.
double number(const Json& json) {
  return json.is_null() ? std::numeric_limits<double>::quiet_NaN() : json.get<double>();
}

template <class Read>
void verified(const std::string& path, Read&& read_file) {
  try {
    read_file();
  } catch (const Json::exception& error) {
    throw Error{ErrorCode::corrupted,
                path + ": expected what a job wrote there, got " + error.what()};
  }
}

}  // namespace

JobFiles::JobFiles(FileSystem& files, std::string folder)
    : files_{files}, folder_{std::move(folder)} {
  if (const std::string path = folder_ + "/evaluations.json"; files_.kind(path) == PathKind::file) {
    verified(path, [&] {
      for (const Json& entry : read(files_, path)) {
        MeasuredVersion measured{entry.at("step"), entry.at("split"), {}};
        for (const Json& metric : entry.at("metrics"))
          measured.metrics.emplace_back(metric.at(0), number(metric.at(1)));
        measured_.push_back(std::move(measured));
      }
    });
  }
  if (const std::string path = folder_ + "/result.json"; files_.kind(path) == PathKind::file) {
    verified(path, [&] {
      const Json json = read(files_, path);
      result_ = JobResult{json.at("step"), json.at("checkpoint"), json.at("state_hash"),
                          json.at("gate_passed"), json.at("gate")};
    });
  }
}

const MeasuredVersion* JobFiles::find(std::uint64_t step, const std::string& split) const {
  for (const MeasuredVersion& measured : measured_)
    if (measured.step == step && measured.split == split) return &measured;
  return nullptr;
}

JobFiles::Write JobFiles::writes(const char* name, std::string text) const {
  return [&files = files_, path = folder_ + '/' + name, text = std::move(text)] {
    write_atomically(files, path, std::as_bytes(std::span{text}));
  };
}

JobFiles::Write JobFiles::add(MeasuredVersion measured) {
  if (find(measured.step, measured.split) == nullptr) measured_.push_back(std::move(measured));
  Json all = Json::array();
  for (const MeasuredVersion& entry : measured_) {
    Json metrics = Json::array();
    for (const auto& [name, value] : entry.metrics) metrics.push_back({name, value});
    all.push_back({{"step", entry.step}, {"split", entry.split}, {"metrics", metrics}});
  }
  return writes("evaluations.json", all.dump(1) + '\n');
}

JobFiles::Write JobFiles::set_result(JobResult result) {
  result_ = std::move(result);
  const Json json{{"step", result_->step},
                  {"checkpoint", result_->checkpoint},
                  {"state_hash", result_->state_hash},
                  {"gate_passed", result_->gate_passed},
                  {"gate", result_->gate}};
  return writes("result.json", json.dump(1) + '\n');
}

}  // namespace troupe::actors
