#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "actors/loader/loader_messages.hpp"
#include "actors/loader/preparation.hpp"
#include "runtime/actor/message_type.hpp"

namespace troupe::actors {

/// A preparation whose parts are mapped by loaders: the questions to hand out, to any of them and in any order, and the
/// reduce of their answers. The bytes are those of prepare().
///
///     while (!preparation.done()) {
///       while (auto task = preparation.next()) … ask a loader; then take(task.number, answer) or again(task.number)
///       once stage_complete(): advance()           blocks: belongs on an executor
///     }
///
/// Plain logic, not thread-safe; loaders must see the same files. Whoever drives it bounds how often again() is tried.
class SharedPreparation {
 public:
  /// Blocks: hashes and opens the raw files. Done at once if the data was prepared before.
  /// @throws as prepare() does; so does advance().
  SharedPreparation(FileSystem& files, const DataSpec& data, const PreprocessSpec& preprocess,
                    std::uint64_t seed, const std::string& parent);

  struct Task {
    std::size_t number;
    runtime::MessageType type;
    Frame question;
  };
  /// A task that nobody has yet. None: wait for answers, or advance().
  std::optional<Task> next();
  /// The answer to a task; a second one for the same is dropped. @throws MalformedFrame: hand the task out again.
  void take(std::size_t number, const Frame& answer);
  /// Nobody will answer that task: next() gives it out again.
  void again(std::size_t number);

  bool stage_complete() const { return !done_ && answered_ == tasks_.size(); }
  /// Reduces what was answered, and begins the next stage.
  void advance();
  bool done() const { return done_; }
  /// Where the data is, once done().
  const std::string& folder() const { return folder_; }

 private:
  enum class Stage : std::uint8_t { columns, parts, measure };
  enum class State : std::uint8_t { open, handed_out, answered };

  void begin(Stage stage, std::size_t tasks);
  Frame question(std::size_t number) const;

  FileSystem& files_;
  std::string folder_;
  SectionTexts sections_;
  std::unique_ptr<RawData> raw_;
  std::unique_ptr<Preparation> preparation_;
  std::vector<RawPart> parts_;
  Stage stage_ = Stage::columns;
  std::vector<State> tasks_;
  std::size_t answered_ = 0;
  bool done_ = false;
  std::vector<float> means_;
  // The answers of a stage, by task.
  std::vector<ColumnSums> columns_;
  std::vector<PreparedPartFile> prepared_;
  std::vector<MeasuredPart> measured_;
};

}  // namespace troupe::actors
