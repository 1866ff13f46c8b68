#pragma once

#include <fstream>
#include <string>
#include <string_view>

#include "actors/loader/data_spec.hpp"
#include "tests/support/temporary_folder.hpp"

namespace troupe::test {

/// A csv file of some lines, and how it is read.
struct CsvCase {
  explicit CsvCase(std::string_view text, const std::string& more = R"("classes": 3)",
                   std::string_view test = {}) {
    write("train.csv", text);
    if (!test.empty()) write("test.csv", test);
    data = actors::parse_data_spec(
        R"({"format": "csv", "header": false, "train": {"file": "train.csv"}, )" +
            (test.empty() ? "" : std::string{R"("test": {"file": "test.csv"}, )"}) + more + "}",
        folder.path());
  }
  void write(const std::string& name, std::string_view text) const {
    std::ofstream{folder.path() + '/' + name, std::ios::binary} << text;
  }
  actors::PreprocessSpec preprocess(const std::string& json) const {
    return actors::parse_preprocess_spec(json, data);
  }

  TemporaryFolder folder;
  actors::DataSpec data;
};

/// `count` records of three columns, all of them different, classes 0 to 2.
inline std::string many_records(std::uint64_t count) {
  std::string text;
  for (std::uint64_t i = 0; i < count; ++i) {
    text += std::to_string(i) + ',' + std::to_string(i * 7919 % 101) + ",0.5," +
            std::to_string(i % 3) + '\n';
  }
  return text;
}

}  // namespace troupe::test
