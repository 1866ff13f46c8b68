#include "actors/pipeline/section_checks.hpp"

#include <optional>
#include <string>
#include <utility>

#include "actors/evaluator/evaluate_spec.hpp"
#include "actors/job/spec_reader.hpp"
#include "actors/job/train_spec.hpp"
#include "actors/loader/data_spec.hpp"
#include "actors/loader/input_chain.hpp"
#include "actors/loader/raw_source.hpp"
#include "actors/model/model_spec.hpp"
#include "runtime/base/error.hpp"

namespace troupe::actors {
namespace {

void read_layers(SpecReader& list) {
  const gpu::nn::ModelDescription model = read_model(list, gpu::Shape{1}, 1);
  for (const SpecProblem& problem : check_layers(model)) {
    // The pointer is "/INDEX", or nothing for the list.
    list.problem(std::string_view{problem.pointer}.substr(problem.pointer.empty() ? 0 : 1),
                 problem.what);
  }
}

class Checks {
 public:
  Checks(const runtime::Sections& sections, const DataFormats& formats)
      : sections_{sections}, formats_{formats} {}

  std::vector<SpecProblem> result() && {
    const auto data = read<DataSpec>(
        "data", [this](SpecReader& section) { return read_data_spec(section, {}, formats_); });
    if (!data) return {};
    const auto evaluate = check_evaluate(*data);
    const auto preprocess = check_preprocess(*data);
    if (evaluate && preprocess) check_gate(*data, *preprocess, *evaluate);
    if (preprocess) check_model_fits(*data, *preprocess);
    return std::move(problems_);
  }

 private:
  /// The section, read; none if it is absent or at fault.
  template <class T, class Read>
  std::optional<T> read(const char* name, Read how) {
    std::vector<SpecProblem> found;
    T spec = read_with(name, how, found);
    if (!found.empty()) return {};
    return spec;
  }
  template <class Read>
  auto read_with(const char* name, Read how, std::vector<SpecProblem>& found) {
    const auto section = sections_.find(name);
    const bool given = section != sections_.end() && section->second != "null";
    SpecReader reader = SpecReader::parse(given ? section->second : "{}", found);
    return how(reader);
  }

  /// Tells what a section's reader finds that knows of the data, if it finds nothing by itself.
  template <class Alone, class Together>
  auto read_together(const char* name, Alone alone, Together together)
      -> std::optional<decltype(together(std::declval<SpecReader&>()))> {
    std::vector<SpecProblem> by_itself, found;
    read_with(
        name, [&](SpecReader& section) { return alone(section), 0; }, by_itself);
    if (!by_itself.empty()) return {};
    auto spec = read_with(name, together, found);
    for (SpecProblem& problem : found)
      problems_.push_back({'/' + (name + problem.pointer), std::move(problem.what)});
    if (!found.empty()) return {};
    return spec;
  }

  std::optional<EvaluateSpec> check_evaluate(const DataSpec& data) {
    return read_together("evaluate", read_evaluate_of_any_task,
                         [&](SpecReader& section) { return read_evaluate(section, data.classes); });
  }

  /// Else it would be known only when all is trained that nothing can pass.
  void check_gate(const DataSpec& data, const PreprocessSpec& preprocess,
                  const EvaluateSpec& evaluate) {
    if (evaluate.gate.conditions.empty() || data.test || preprocess.validation > 0 ||
        preprocess.test > 0)
      return;
    problems_.push_back({"/evaluate/gate",
                         "expected records to measure it on, got neither test files nor a "
                         "preprocess/split above 0"});
  }

  std::optional<PreprocessSpec> check_preprocess(const DataSpec& data) {
    return read_together(
        "preprocess", [](SpecReader& section) { read_preprocess_spec(section); },
        [&](SpecReader& section) { return read_preprocess_spec(section, data); });
  }

  void check_model_fits(const DataSpec& data, const PreprocessSpec& preprocess) {
    if (data.shape.rank() == 0) return;
    // An application's own format has the shape as it says; files have a channel.
    const gpu::Shape shape =
        data.format == DataSpec::Format::own ? data.shape : sample_shape(data, data.shape, "data");
    gpu::Shape features;
    try {
      raw_chain(preprocess, shape, gpu::DType::f32, gpu::Normalize{}, ChainUse::evaluation);
      features = raw_chain(preprocess, shape, gpu::DType::f32, gpu::Normalize{}, ChainUse::training)
                     .out_shape();
    } catch (const Error& error) {
      problems_.push_back({"/preprocess/transforms", one_line(error.what())});
      return;
    }
    const auto train = read<TrainSpec>("train", [](SpecReader& section) {
      TrainSpec spec = read_train(section);
      section.finish();
      return spec;
    });
    const auto layers = sections_.find("model");
    if (layers == sections_.end()) return;
    std::vector<SpecProblem> found;
    SpecReader list = SpecReader::parse(layers->second, found);
    const gpu::nn::ModelDescription model = read_model(list, features, data.classes);
    if (!found.empty() || !check_layers(model).empty()) return;
    found = check_model(model, data.classes, "/model", train ? shard_rows(*train) : 0);
    problems_.insert(problems_.end(), found.begin(), found.end());
  }

  const runtime::Sections& sections_;
  const DataFormats& formats_;
  std::vector<SpecProblem> problems_;
};

}  // namespace

SectionReaders section_readers(const DataFormats& formats) {
  return {{"data", [formats](SpecReader& section) { read_data_spec(section, {}, formats); }},
          {"preprocess", [](SpecReader& section) { read_preprocess_spec(section); }},
          {"model", read_layers},
          {"train",
           [](SpecReader& section) {
             read_train(section);
             section.finish();
           }},
          {"evaluate", read_evaluate_of_any_task}};
}

std::vector<SpecProblem> check_sections(const runtime::Sections& sections,
                                        const DataFormats& formats) {
  return Checks{sections, formats}.result();
}

}  // namespace troupe::actors
