#include "actors/loader/shared_preparation.hpp"

#include <fstream>

#include "actors/loader/loader.hpp"
#include "actors/loader/prepared_data.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/random.hpp"
#include "runtime/testing/test_node.hpp"
#include "tests/actors/loader/support.hpp"
#include "tests/support/doctest_std.hpp"
#include "tests/support/error_code.hpp"
#include "tests/support/file_double.hpp"

using namespace troupe;
using namespace troupe::actors;
using namespace troupe::runtime;
using namespace troupe::test;

namespace {

constexpr const char* spec_json =
    R"({"missing": "mean", "deduplicate": true, "max_rejected": 0.1, "transforms": ["normalize"]})";

Registry loader_registry() {
  Registry registry;
  add_loader_types(registry);
  return registry;
}

std::string some_bad_records() {
  return many_records(9000) + "?,5,1,0\n,6,1,1\nx,1,1,1\n" + many_records(4200);
}

/// Has `loaders` loaders prepare, each task answered by one that `draw` picks, those handed out first not first.
void prepare_by(std::uint32_t loaders, SharedPreparation& preparation) {
  const Registry registry = loader_registry();
  TestNode node{registry};
  SupervisorSpec root;
  for (std::uint32_t i = 0; i < loaders; ++i) {
    root.children.push_back({std::to_string(i), "loader",
                             Parameters{{{"coordinator", std::string{}},
                                         {"corrupt", std::string{}},
                                         {"deadline", Duration{std::chrono::minutes{1}}},
                                         {"queue", std::int64_t{4}}}}});
  }
  node.start(root);
  const Draws draws{loaders, 0, Purpose::shuffle, 0};
  std::uint64_t drawn = 0;
  while (!preparation.done()) {
    std::vector<SharedPreparation::Task> tasks;
    while (auto task = preparation.next()) tasks.push_back(*std::move(task));
    preparation.again(tasks.front().number);  // one who was asked ends without an answer
    tasks.erase(tasks.begin());
    while (auto task = preparation.next()) tasks.push_back(*std::move(task));
    while (!tasks.empty()) {
      const auto at = static_cast<std::ptrdiff_t>(draws.bits(drawn++) % tasks.size());
      const SharedPreparation::Task task = tasks[static_cast<std::size_t>(at)];
      tasks.erase(tasks.begin() + at);
      const std::string path = '/' + std::to_string(draws.bits(drawn++) % loaders);
      const auto answer = node.ask(path, task.type, task.question, std::chrono::seconds{5});
      REQUIRE(answer);
      if (!answer->ok()) FAIL(answer->failure().text);
      preparation.take(task.number, answer->frame());
      preparation.take(task.number, answer->frame());  // a second copy changes nothing
    }
    REQUIRE(preparation.stage_complete());
    preparation.advance();
  }
}

}  // namespace

TEST_CASE("1, 2 and 5 loaders prepare the same bytes as one process alone, whoever does what") {
  const CsvCase from{some_bad_records(), R"("classes": 3, "extra": ["a.csv", "b.csv"])",
                     many_records(4500)};
  from.write("a.csv", many_records(4200));
  from.write("b.csv", "1,2,3,0\n1,2,x,0\n");
  const PreprocessSpec spec = from.preprocess(spec_json);
  FileDouble alone;
  const std::string expected = prepare(alone, from.data, spec, 9, "/data");
  for (const std::uint32_t loaders : {1U, 2U, 5U}) {
    const std::string parent = from.folder.path() + "/by-" + std::to_string(loaders);
    SharedPreparation preparation{posix_files(), from.data, spec, 9, parent};
    prepare_by(loaders, preparation);
    for (const char* const name : {"/manifest.json", "/train.records", "/validation.records",
                                   "/test.records", "/quarantine.csv"}) {
      CHECK(
          (text_of(posix_files(), preparation.folder() + name) == text_of(alone, expected + name)));
    }
    CHECK(posix_files().list(parent).size() == 1);
    CHECK(posix_files().list(preparation.folder()).size() == 5);
    CHECK(SharedPreparation{posix_files(), from.data, spec, 9, parent}.done());
  }
}

TEST_CASE(
    "a part's file that was damaged on its way is refused by name, and nothing is left behind") {
  const CsvCase from{many_records(100)};
  const std::string parent = from.folder.path() + "/data";
  {
    SharedPreparation preparation{posix_files(), from.data, from.preprocess("{}"), 9, parent};
    auto task = preparation.next();
    REQUIRE(task);
    const PreparePartQuestion question = read_prepare_part(task->question);
    const RawData raw{from.data, from.preprocess("{}")};
    const PreparedPartFile written =
        write_part(posix_files(), question.folder, clean_part(raw, question.part, {}));
    CHECK(read_part(posix_files(), written).records == clean_part(raw, question.part, {}).records);
    preparation.take(task->number, to_frame(written));
    std::fstream{written.file, std::ios::in | std::ios::out}.seekp(700).put('\x55');
    CHECK(code_of([&] { preparation.advance(); }) == ErrorCode::corrupted);
  }
  CHECK(posix_files().list(parent).empty());
}
