#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "actors/model/predictor.hpp"
#include "apps/troupe/arguments.hpp"
#include "apps/troupe/commands.hpp"
#include "apps/troupe/find_checkpoint.hpp"
#include "runtime/base/error.hpp"
#include "serialization/formats/csv.hpp"

namespace troupe::apps {
namespace {

constexpr std::size_t rows_at_once = 256;

/// Rows of features from a table, each checked for its length.
class Rows {
 public:
  Rows(const std::string& file, bool header, std::size_t features)
      : features_{features},
        name_{file == "-" ? "standard input" : file},
        reader_{serialization::ByteSource{file == "-" ? "/dev/stdin" : file}, options(header)} {}

  /// The next ones, behind each other; none at the end.
  std::vector<double> next() {
    std::vector<double> values;
    for (std::size_t row = 0; row < rows_at_once && reader_.next(row_); ++row) {
      if (row_.size() != features_)
        throw Error{ErrorCode::bad_input, at() + ": expected " + std::to_string(features_) +
                                              " numbers, the features of one sample, got " +
                                              std::to_string(row_.size())};
      for (std::size_t i = 0; i < features_; ++i) {
        const std::optional<double> value = row_.f64(i);
        if (!value)
          throw Error{ErrorCode::bad_input, at() + ": expected a number in column " +
                                                std::to_string(i) + ", got nothing"};
        values.push_back(*value);
      }
    }
    return values;
  }

 private:
  static serialization::CsvOptions options(bool header) {
    serialization::CsvOptions options;
    options.header = header;
    return options;
  }
  std::string at() const { return name_ + ':' + std::to_string(row_.line()); }

  std::size_t features_;
  std::string name_;
  serialization::CsvReader reader_;
  serialization::CsvRow row_;
};

std::string class_name(const actors::Predictor& model, std::size_t index) {
  return model.class_names().empty() ? std::to_string(index) : model.class_names()[index];
}

void print_json(const actors::Predictor& model, std::span<const float> values, std::uint64_t row) {
  nlohmann::ordered_json line{{"row", row}};
  if (model.classes() == 0) {
    line["value"] = values[0];
  } else {
    const auto best = static_cast<std::size_t>(std::ranges::max_element(values) - values.begin());
    line["class"] = best;
    if (!model.class_names().empty()) line["name"] = class_name(model, best);
    line["probabilities"] = std::vector<float>(values.begin(), values.end());
  }
  std::puts(line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
}

void print_header(const actors::Predictor& model) {
  std::fputs(model.classes() == 0 ? "row\tvalue\n" : "row\tclass", stdout);
  if (model.classes() == 0) return;
  for (std::size_t i = 0; i < static_cast<std::size_t>(model.classes()); ++i)
    std::printf("\tP(%s)", class_name(model, i).c_str());
  std::putchar('\n');
}

void print_text(const actors::Predictor& model, std::span<const float> values, std::uint64_t row) {
  std::printf("%llu", static_cast<unsigned long long>(row));
  if (model.classes() == 0) {
    std::printf("\t%.9g\n", static_cast<double>(values[0]));
    return;
  }
  const auto best = static_cast<std::size_t>(std::ranges::max_element(values) - values.begin());
  std::printf("\t%s", class_name(model, best).c_str());
  for (const float value : values) std::printf("\t%.4f", static_cast<double>(value));
  std::putchar('\n');
}

}  // namespace

int predict(const Words& words) {
  const Arguments arguments{words, {}, {"--json", "--header"}};
  arguments.expect(2, 2, "a checkpoint or a run's folder, and a csv file or -");
  actors::Predictor model = actors::Predictor::load(find_checkpoint(arguments.rest()[0]));
  Rows rows{arguments.rest()[1], arguments.has("--header"),
            static_cast<std::size_t>(model.shape().elements())};
  const bool json = arguments.has("--json");
  const auto outputs = static_cast<std::size_t>(std::max<std::int64_t>(model.classes(), 1));
  std::uint64_t row = 0;
  for (std::vector<double> samples = rows.next(); !samples.empty(); samples = rows.next()) {
    const std::vector<float> predicted = model.predict(samples);
    if (!json && row == 0) print_header(model);
    for (std::size_t first = 0; first < predicted.size(); first += outputs) {
      const std::span<const float> values = std::span{predicted}.subspan(first, outputs);
      ++row;
      json ? print_json(model, values, row) : print_text(model, values, row);
    }
  }
  return 0;
}

}  // namespace troupe::apps
