#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::actors {

/// What the elements of an input row are.
enum class RowType : std::uint8_t { u8 = 0, f32 = 1 };
constexpr std::size_t element_bytes(RowType type) {
  return type == RowType::u8 ? 1 : 4;
}

/// One answered request. Views: they live as long as the call that takes or gives it.
struct Prediction {
  std::string_view id;       ///< 1 … 64 bytes, unique in the store
  std::int64_t time_us = 0;  ///< since 1970, when it was answered
  std::string_view model = {};
  std::string_view version = {};
  RowType type = RowType::f32;
  std::span<const std::byte> input = {};  ///< the row as it came, before any transform
  std::span<const float> outputs = {};    ///< one for each class
  std::int64_t predicted = 0;             ///< the class, below outputs.size()
  double confidence = 0;
};

/// What somebody says of a prediction: the true class, or a rating from 0 (bad) to 1 (good). Exactly one of them.
struct Verdict {
  std::string id;
  std::optional<std::int64_t> label = {};
  std::optional<double> rating = {};
  std::int64_t time_us = 0;
};

enum class VerdictResult : std::uint8_t {
  accepted,
  unknown,   ///< no such prediction, or not any more (404)
  repeated,  ///< there is another one already, which stays (409)
  invalid,   ///< no such class, no rating from 0 to 1, none or both (400)
  known,     ///< it is there already, and stays: who did not hear so may say it again (200)
};

struct VerdictOutcome {
  VerdictResult result = VerdictResult::invalid;
  // If accepted:
  std::int64_t rowid = 0;          ///< grows with each accepted one
  std::optional<bool> right = {};  ///< of a label: whether it is what was predicted
  std::string version = {};        ///< whose prediction it was
};

/// A prediction whose true class is known. Views, as above.
struct LabelledRecord {
  std::int64_t rowid = 0;  ///< of the feedback
  std::int64_t label = 0;
  Prediction prediction;
};

struct StoreCounts {
  std::int64_t predictions = 0;
  std::int64_t feedback = 0;  ///< labels and ratings
  std::int64_t labels = 0;
  std::int64_t right = 0;            ///< labels that are what was predicted
  std::int64_t last_feedback = 0;    ///< greatest rowid; 0: none
  std::int64_t last_prediction = 0;  ///< greatest number; 0: none
};

struct StoreOptions {
  std::int64_t max_predictions =
      100'000;                    ///< of those without feedback; the oldest are given up first
  std::uint64_t limit_bytes = 0;  ///< of the file, without its log; 0: what the disk holds
  std::chrono::milliseconds busy{5000};  ///< how long to wait for another writer
  bool verify =
      true;  ///< look at all pages on opening: no, if another connection of this process has done so
};

/// Predictions and what was said of them, in one SQLite file that any number of processes may use at once.
///
/// - STORE-1: what a call has acknowledged by returning is on the disk (write-ahead log, synchronous = FULL), and
///   stays if the process is killed or the power fails in the next moment. What throws has changed nothing.
/// - STORE-2: rowids of feedback grow in the order in which they became visible, and no labelled record is ever changed
///   or removed: those with a rowid <= n are one frozen set (JOB-7).
/// - STORE-3: all rows of one store have one type and size, which the first decides.
///
/// Each prediction carries a hash (XXH3-128) that is verified when it is read again. One thread at a time.
///
/// All calls throw Error: exhausted (the disk or limit_bytes is full, another writer holds the lock too long),
/// corrupted (a page or a record does not verify), else bad_input.
class FeedbackStore {
 public:
  /// The number of the format that this version writes.
  static constexpr std::int64_t format = 1;

  /// Makes the file if there is none. @throws Error unsupported if its format is newer, corrupted if it is damaged (it
  /// is left as it is then), bad_input if it is a database of something else.
  explicit FeedbackStore(const std::string& path, const StoreOptions& options = {});
  ~FeedbackStore();
  FeedbackStore(FeedbackStore&&) noexcept;
  FeedbackStore& operator=(FeedbackStore&&) noexcept;

  /// Why a row of that type and size cannot be kept here (STORE-3).
  std::optional<std::string> misfit(RowType type, std::size_t bytes) const;
  /// All in one transaction. Those whose id is there already are passed over, so a repetition does no harm.
  /// @return which of them were new. @throws Error bad_input for one that is malformed or does not fit: none is kept then.
  std::vector<bool> add_predictions(std::span<const Prediction> predictions);

  /// All in one transaction, so one wait for the disk. The outcomes stand in the order of `verdicts`.
  std::vector<VerdictOutcome> add_feedback(std::span<const Verdict> verdicts);
  VerdictOutcome add_feedback(const Verdict& verdict) {
    return add_feedback({&verdict, 1}).front();
  }

  StoreCounts counts() const;

  using VisitRecord = std::function<void(const LabelledRecord&)>;
  /// The labelled records of the feedback with a rowid <= n, in order of rowid, as of one moment: the same ones with the
  /// same bytes whenever it is asked (STORE-2). @return how many. @throws Error bad_input if n is not given yet.
  std::int64_t snapshot(std::int64_t n, const VisitRecord& visit) const;
  /// Of the labelled records behind rowid `after`, the last `most`, in order of rowid. With a version, those of its
  /// predictions only.
  void last_labelled(std::int64_t after, std::int64_t most, std::string_view version,
                     const VisitRecord& visit) const;
  /// Of the predictions behind number `after`, the last `most`, in the order in which they came; likewise.
  void last_predictions(std::int64_t after, std::int64_t most, std::string_view version,
                        const std::function<void(const Prediction&)>& visit) const;
  /// How many labels there are behind rowid `after`.
  std::int64_t labels_behind(std::int64_t after) const;

  /// Small texts that the store's owner keeps with it.
  std::optional<std::string> find_note(std::string_view name) const;
  /// All of them or none. @throws Error bad_input past 16 MiB.
  struct Note {
    std::string name, text;
  };
  void keep_notes(std::span<const Note> notes);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace troupe::actors
