#include "actors/loader/data_spec.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include "gpu/transform/make_transform.hpp"
#include "runtime/base/error.hpp"

namespace troupe::actors {
namespace {

constexpr double largest = std::numeric_limits<float>::max();
constexpr std::array<std::string_view, 3> missing_values{"drop", "zero", "mean"};
constexpr std::array<std::string_view, 2> actions{"clip", "drop"};

std::string resolve(const std::string& base, const std::string& file) {
  if (file.empty() || file.front() == '/' || base.empty()) return file;
  return base + '/' + file;
}

std::string read_file_name(SpecReader& reader, std::string_view key, const std::string& base) {
  const std::string file = reader.text(key);
  if (reader.has(key) && file.empty()) reader.problem(key, "expected a file, got an empty text");
  return resolve(base, file);
}

/// @param own  of a format of the application's own
DataFiles read_files(SpecReader reader, DataSpec::Format format, const DataFormat& own,
                     const std::string& base) {
  DataFiles files;
  if (format == DataSpec::Format::own) {
    files.open = own(reader, base);
  } else if (format == DataSpec::Format::idx) {
    files = {read_file_name(reader, "features", base), read_file_name(reader, "labels", base)};
  } else {
    files.features = read_file_name(reader, "file", base);
  }
  reader.finish();
  return files;
}

DataSpec::LabelColumn label_column(const std::string& text) {
  if (text == "last") return DataSpec::LastColumn{};
  std::size_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error == std::errc{} && stop == end && !text.empty()) return number;
  return text;
}

void read_csv(SpecReader& reader, DataSpec& spec) {
  spec.header = reader.boolean("header", true);
  const std::string separator = reader.text("separator", ",");
  if (separator == "tab" || separator == "\\t") {
    spec.separator = '\t';
  } else if (separator.size() == 1 && separator.find_first_of("\"\r\n") == std::string::npos) {
    spec.separator = separator[0];
  } else {
    reader.problem("separator",
                   "expected one character that is no quote and no line end, or \"tab\", got \"" +
                       separator + '"');
  }
  spec.label = label_column(reader.text("label", "last"));
  if (!spec.header && std::holds_alternative<std::string>(spec.label)) {
    reader.problem("label",
                   "expected a number or last, as a file without a header has no names, got \"" +
                       std::get<std::string>(spec.label) + '"');
  }
}

void read_transform(SpecReader::Named& named, PreprocessSpec& spec) {
  gpu::TransformAttributes attributes;
  for (const std::string& key : named.with.keys()) {
    attributes[key] = key == "subpixel" ? std::vector<double>{named.with.boolean(key) ? 1.0 : 0.0}
                                        : named.with.numbers(key);
  }
  if (named.name == "normalize" && attributes.empty()) {
    if (spec.measured_at) {
      named.with.problem("expected one normalize without values at most, got another");
    }
    spec.measured_at = spec.transforms.size();
    spec.transforms.emplace_back(gpu::Normalize{});
    return;
  }
  if (named.name == "one_hot") {
    named.with.problem("expected a transform of samples, got one of labels");
    return;
  }
  try {  // what is wrong with a transform is one of the problems to be told together
    spec.transforms.push_back(gpu::make_transform(named.name, attributes));
  } catch (const Error& error) {
    named.with.problem(error.what());
  }
}

}  // namespace

gpu::Shape read_shape(SpecReader& reader, std::string_view key) {
  const std::vector<std::int64_t> dims = reader.integers(key);
  constexpr std::int64_t most = 1 << 28;
  std::int64_t elements = 1;
  bool fits = dims.size() <= 3;
  for (const std::int64_t dim : dims) {
    fits = fits && dim >= 1 && dim <= most / elements;
    if (fits) elements *= dim;
  }
  if (fits) return gpu::Shape{dims};
  reader.problem(key, "expected up to 3 dimensions of 1 or more, with at most " +
                          std::to_string(most) + " elements, got others");
  return {};
}

DataSpec read_data_spec(SpecReader& reader, const std::string& base, const DataFormats& formats) {
  DataSpec spec;
  std::vector<std::string_view> names{"idx", "csv"};
  for (const auto& [name, format] : formats) names.push_back(name);
  spec.base = base;
  spec.json = reader.json();
  const std::size_t format = reader.choice("format", names);
  if (std::ranges::find(names, reader.text("format", "")) == names.end()) {
    reader.keys();  // what they mean depends on the format: they count as asked for
    return spec;
  }
  spec.format = static_cast<DataSpec::Format>(std::min<std::size_t>(format, 2));
  const DataFormat own = format < 2 ? DataFormat{} : formats.find(names[format])->second;
  if (!reader.has("train")) reader.problem("train", "expected the files to train on, got nothing");
  if (SpecReader train = reader.object("train"); reader.has("train")) {
    spec.train = read_files(train, spec.format, own, base);
  }
  if (SpecReader test = reader.object("test"); reader.has("test")) {
    spec.test = read_files(test, spec.format, own, base);
  }
  for (const std::string& file : reader.texts("extra")) {
    if (file.empty()) reader.problem("extra", "expected files, got an empty text");
    spec.extra.push_back(resolve(base, file));
  }
  if (spec.format == DataSpec::Format::csv) read_csv(reader, spec);
  spec.shape = read_shape(reader, "shape");
  spec.class_names = reader.texts("class_names");
  const auto named = static_cast<std::int64_t>(spec.class_names.size());
  spec.classes =
      reader.integer("classes", named > 0 ? std::optional{named} : std::nullopt, 0, most_classes);
  if (named > 0 && named != spec.classes) {
    reader.problem("class_names", "expected " + std::to_string(spec.classes) +
                                      " names, one a class, got " + std::to_string(named));
  }
  reader.finish();
  return spec;
}

namespace {

/// @param has_test  whether the data has test files; nothing: nobody knows
PreprocessSpec read_preprocess(SpecReader& reader, std::optional<bool> has_test) {
  PreprocessSpec spec;
  spec.json = reader.json();
  spec.missing = static_cast<PreprocessSpec::Missing>(reader.choice("missing", missing_values, 0));
  SpecReader outliers = reader.object("outliers");
  if (reader.has("outliers")) {
    PreprocessSpec::Outliers read{outliers.number("low", -largest, -largest, largest),
                                  outliers.number("high", largest, -largest, largest),
                                  outliers.choice("action", actions, 0) == 0};
    if (read.low > read.high) outliers.problem("low", "expected at most high, got more");
    spec.outliers = read;
    outliers.finish();
  }
  spec.deduplicate = reader.boolean("deduplicate", false);
  spec.max_rejected = reader.number("max_rejected", 0.01, 0, 1);
  SpecReader split = reader.object("split");
  spec.validation = split.number("validation", 0.1, 0, 0.99);
  spec.test = split.number("test", has_test.value_or(true) ? 0 : 0.1, 0, 0.99);
  if (has_test.value_or(false) && spec.test > 0) {
    split.problem("test", "expected 0, as the data has test files, got more");
  }
  if (spec.validation + spec.test >= 1) {
    split.problem("expected shares that leave something to train on, got " +
                  std::to_string(spec.validation + spec.test) + " together");
  }
  split.finish();
  for (SpecReader::Named& named : reader.named_list("transforms")) read_transform(named, spec);
  reader.finish();
  return spec;
}

}  // namespace

PreprocessSpec read_preprocess_spec(SpecReader& reader, const DataSpec& data) {
  return read_preprocess(reader, data.test.has_value());
}

PreprocessSpec read_preprocess_spec(SpecReader& reader) {
  return read_preprocess(reader, {});
}

DataSpec parse_data_spec(std::string_view json, const std::string& base,
                         const DataFormats& formats) {
  std::vector<SpecProblem> problems;
  SpecReader reader = SpecReader::parse(json, problems);
  DataSpec spec = read_data_spec(reader, base, formats);
  throw_if_any(problems, "data");
  return spec;
}

PreprocessSpec parse_preprocess_spec(std::string_view json, const DataSpec& data) {
  std::vector<SpecProblem> problems;
  SpecReader reader = SpecReader::parse(json, problems);
  PreprocessSpec spec = read_preprocess_spec(reader, data);
  throw_if_any(problems, "preprocess");
  return spec;
}

}  // namespace troupe::actors
