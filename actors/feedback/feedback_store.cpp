#include "actors/feedback/feedback_store.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <utility>

#include "actors/feedback/database.hpp"
#include "runtime/base/error.hpp"
#include "runtime/base/file.hpp"
#include "serialization/xxh3.hpp"

namespace troupe::actors {
namespace {

constexpr std::int64_t application = 0x54524642;  // "TRFB", where SQLite keeps whose file it is
constexpr std::int64_t page_bytes = 4096;
constexpr std::size_t most_id_bytes = 64;
constexpr std::size_t most_note_bytes = std::size_t{16} << 20;

constexpr const char* tables = R"(
CREATE TABLE predictions(
  number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, time_us INTEGER NOT NULL,
  model TEXT NOT NULL, version TEXT NOT NULL, type INTEGER NOT NULL, input BLOB NOT NULL, outputs BLOB NOT NULL,
  predicted INTEGER NOT NULL, confidence REAL, hash BLOB NOT NULL, answered INTEGER NOT NULL DEFAULT 0);
CREATE INDEX unanswered ON predictions(number) WHERE answered = 0;
CREATE TABLE feedback(
  number INTEGER PRIMARY KEY AUTOINCREMENT, prediction INTEGER NOT NULL UNIQUE REFERENCES predictions(number),
  label INTEGER, rating REAL, time_us INTEGER NOT NULL, "right" INTEGER,
  CHECK((label IS NULL) <> (rating IS NULL)));
CREATE TABLE notes(name TEXT PRIMARY KEY, text TEXT NOT NULL) WITHOUT ROWID;
)";

constexpr const char* prediction_columns =
    "p.id, p.time_us, p.model, p.version, p.type, p.input, p.outputs, p.predicted, p.confidence, "
    "p.hash";

serialization::Xxh3Digest hash_of(const Prediction& of) {
  serialization::Xxh3_128 hash;
  const auto add_text = [&](std::string_view text) {
    const auto size = static_cast<std::uint64_t>(text.size());
    hash.update(std::as_bytes(std::span{&size, 1}));
    hash.update(std::as_bytes(std::span{text}));
  };
  add_text(of.id);
  add_text(of.model);
  add_text(of.version);
  const std::array<std::int64_t, 4> numbers{of.time_us, static_cast<std::int64_t>(of.type),
                                            static_cast<std::int64_t>(of.input.size()),
                                            of.predicted};
  hash.update(std::as_bytes(std::span{numbers}));
  hash.update(of.input);
  hash.update(std::as_bytes(of.outputs));
  return hash.finish();
}

void check_prediction(const Prediction& prediction) {
  const auto fail = [&](const std::string& what) {
    throw Error{
        ErrorCode::bad_input,
        "prediction \"" + std::string{prediction.id.substr(0, most_id_bytes)} + "\": " + what};
  };
  if (prediction.id.empty() || prediction.id.size() > most_id_bytes)
    fail("expected an id of 1 to 64 bytes, got " + std::to_string(prediction.id.size()));
  if (prediction.input.empty() || prediction.input.size() % element_bytes(prediction.type) != 0)
    fail("expected an input of whole elements, got " + std::to_string(prediction.input.size()) +
         " bytes");
  if (prediction.predicted < 0 ||
      static_cast<std::uint64_t>(prediction.predicted) >= prediction.outputs.size())
    fail("expected a class below " + std::to_string(prediction.outputs.size()) + ", got " +
         std::to_string(prediction.predicted));
}

}  // namespace

struct FeedbackStore::State {
  State(const std::string& path, const StoreOptions& with)
      : options{with}, database{path, with.busy} {}

  void open();
  void check_format();
  void prepare();
  void learn_rows();
  std::optional<std::string> misfit(RowType type, std::size_t bytes) const;
  std::string find_note(std::string_view name);
  void keep_note(std::string_view name, std::string_view text);
  Prediction read_prediction(const Statement& row, int from);
  VerdictOutcome add(const Verdict& verdict);

  StoreOptions options;
  Database database;
  std::optional<std::pair<RowType, std::size_t>> rows;  // STORE-3
  std::vector<float> outputs;                           // aligned, of the record that is being read

  Statement add_prediction, prune, find_prediction, find_verdict, add_verdict, set_answered,
      labelled, last_labelled, last_predictions, note, put_note;
};

void FeedbackStore::State::open() {
  check_format();
  database.run("PRAGMA page_size = " + std::to_string(page_bytes));
  database.run("PRAGMA journal_mode = WAL");
  database.run("PRAGMA synchronous = FULL");
  database.run("PRAGMA foreign_keys = ON");
  if (options.limit_bytes != 0)
    database.run("PRAGMA max_page_count = " +
                 std::to_string(std::max<std::uint64_t>(1, options.limit_bytes / page_bytes)));
  if (database.integer("PRAGMA user_version") == 0) {
    Transaction transaction{database};
    if (database.integer("PRAGMA user_version") == 0) {  // else another process was faster
      database.run(tables);
      database.run("PRAGMA application_id = " + std::to_string(application));
      database.run("PRAGMA user_version = " + std::to_string(format));
    }
    transaction.commit();
    posix_files().sync_folder(parent_folder(database.path()));
  }
  prepare();
  learn_rows();
  database.write_on_closing(true);
}

void FeedbackStore::State::check_format() {
  const std::int64_t version = database.integer("PRAGMA user_version");
  const std::int64_t owner = database.integer("PRAGMA application_id");
  const bool fresh = version == 0 && database.integer("SELECT count(*) FROM sqlite_schema") == 0;
  if (fresh) return;
  if (owner != application)
    throw Error{ErrorCode::bad_input,
                database.path() + ": expected a feedback store, got a database of something else"};
  if (version > format)
    throw Error{ErrorCode::unsupported, database.path() + ": expected a feedback store of format " +
                                            std::to_string(format) + ", got format " +
                                            std::to_string(version) + ", which is newer"};
  if (!options.verify) return;
  Statement check{database, "PRAGMA quick_check(1)"};
  const std::string found = check.step() ? std::string{check.text(0)} : "nothing";
  if (found != "ok")
    throw Error{ErrorCode::corrupted, database.path() + ": the feedback store is damaged: " +
                                          found.substr(0, found.find('\n'))};
}

void FeedbackStore::State::prepare() try {
  const auto make = [&](Statement& statement, const std::string& sql) {
    statement = Statement{database, sql};
  };
  make(add_prediction,
       "INSERT INTO predictions(id, time_us, model, version, type, input, outputs, predicted, "
       "confidence, hash) "
       "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT(id) DO NOTHING");
  make(prune,
       "DELETE FROM predictions WHERE answered = 0 AND number <= (SELECT number FROM predictions "
       "INDEXED BY unanswered "
       "WHERE answered = 0 ORDER BY number DESC LIMIT 1 OFFSET ?1)");
  make(find_prediction,
       "SELECT number, answered, predicted, length(outputs) / 4, version FROM predictions WHERE id "
       "= ?1");
  make(find_verdict,
       "SELECT count(*) FROM feedback WHERE prediction = ?1 AND label IS ?2 AND rating IS ?3");
  make(add_verdict,
       "INSERT INTO feedback(prediction, label, rating, time_us, \"right\") VALUES(?1, ?2, ?3, ?4, "
       "?5)");
  make(set_answered, "UPDATE predictions SET answered = 1 WHERE number = ?1");
  const std::string from_labelled =
      "SELECT f.number, f.label, " + std::string{prediction_columns} +
      " FROM feedback f JOIN predictions p ON p.number = f.prediction "
      "WHERE f.label IS NOT NULL AND ";
  make(labelled, from_labelled + "f.number <= ?1 ORDER BY f.number");
  make(last_labelled,
       from_labelled +
           "f.number IN (SELECT g.number FROM feedback g JOIN predictions q ON q.number = "
           "g.prediction "
           "WHERE g.number > ?1 AND g.label IS NOT NULL AND (?3 = '' OR q.version = ?3) "
           "ORDER BY g.number DESC LIMIT ?2) ORDER BY f.number");
  make(last_predictions,
       "SELECT " + std::string{prediction_columns} +
           " FROM predictions p WHERE p.number IN (SELECT number FROM predictions "
           "WHERE number > ?1 AND (?3 = '' OR version = ?3) ORDER BY number DESC LIMIT ?2) ORDER "
           "BY p.number");
  make(note, "SELECT text FROM notes WHERE name = ?1");
  make(put_note,
       "INSERT INTO notes(name, text) VALUES(?1, ?2) ON CONFLICT(name) DO UPDATE SET text = "
       "excluded.text");
} catch (const Error& error) {
  if (error.code() != ErrorCode::bad_input) throw;
  throw Error{
      ErrorCode::corrupted,
      std::string{error.what()} + ": the tables are not those of format " + std::to_string(format)};
}

std::string FeedbackStore::State::find_note(std::string_view name) {
  std::string text;
  if (note.reset().bind(1, name).step()) text = note.text(0);
  note.reset();
  return text;
}

void FeedbackStore::State::keep_note(std::string_view name, std::string_view text) {
  put_note.reset().bind(1, name).bind(2, text).run();
}

// Of the note "rows": "f32 784", type and bytes.
void FeedbackStore::State::learn_rows() {
  if (rows) return;
  const std::string text = find_note("rows");
  if (text.size() < 4) return;
  const bool is_u8 = text.starts_with("u8 ");
  std::size_t bytes = 0;
  for (const char c : text.substr(is_u8 ? 3 : 4)) {
    if (c < '0' || c > '9' || bytes > (std::size_t{1} << 40))
      throw Error{ErrorCode::corrupted,
                  database.path() + ": the note of the rows' size is damaged"};
    bytes = bytes * 10 + static_cast<std::size_t>(c - '0');
  }
  rows.emplace(is_u8 ? RowType::u8 : RowType::f32, bytes);
}

std::optional<std::string> FeedbackStore::State::misfit(RowType type, std::size_t bytes) const {
  if (!rows || *rows == std::pair{type, bytes}) return {};
  const auto shown = [](RowType of, std::size_t size) {
    return std::to_string(size / element_bytes(of)) + (of == RowType::u8 ? " u8" : " f32");
  };
  return "expected rows of " + shown(rows->first, rows->second) + ", as those in " +
         database.path() + ", got " + shown(type, bytes);
}

Prediction FeedbackStore::State::read_prediction(const Statement& row, int from) {
  Prediction result;
  result.id = row.text(from);
  result.time_us = row.integer(from + 1);
  result.model = row.text(from + 2);
  result.version = row.text(from + 3);
  result.type = row.integer(from + 4) == 0 ? RowType::u8 : RowType::f32;
  result.input = row.bytes(from + 5);
  const std::span<const std::byte> bytes = row.bytes(from + 6);
  outputs.resize(bytes.size() / sizeof(float));
  if (!outputs.empty()) std::memcpy(outputs.data(), bytes.data(), outputs.size() * sizeof(float));
  result.outputs = outputs;
  result.predicted = row.integer(from + 7);
  result.confidence = row.number(from + 8);
  if (!std::ranges::equal(row.bytes(from + 9), hash_of(result)))
    throw Error{ErrorCode::corrupted, database.path() + ": prediction \"" + std::string{result.id} +
                                          "\" does not verify: what was stored has changed"};
  return result;
}

VerdictOutcome FeedbackStore::State::add(const Verdict& verdict) {
  const bool rated = verdict.rating && *verdict.rating >= 0 && *verdict.rating <= 1;
  const bool malformed = verdict.label.has_value() == verdict.rating.has_value() ||
                         (verdict.rating && !rated) || verdict.label.value_or(0) < 0;
  if (verdict.id.empty() || verdict.id.size() > most_id_bytes) return {VerdictResult::unknown};
  if (!find_prediction.reset().bind(1, std::string_view{verdict.id}).step()) {
    find_prediction.reset();
    return {malformed ? VerdictResult::invalid : VerdictResult::unknown};
  }
  const std::int64_t number = find_prediction.integer(0);
  const bool answered = find_prediction.integer(1) != 0;
  const std::int64_t predicted = find_prediction.integer(2);
  const std::int64_t classes = find_prediction.integer(3);
  std::string version{find_prediction.text(4)};
  find_prediction.reset();
  if (malformed || (verdict.label && *verdict.label >= classes)) return {VerdictResult::invalid};
  if (answered) {
    find_verdict.reset().bind(1, number).bind(2, verdict.label).bind(3, verdict.rating);
    const bool same = find_verdict.step() && find_verdict.integer(0) != 0;
    find_verdict.reset();
    return {same ? VerdictResult::known : VerdictResult::repeated};
  }

  VerdictOutcome outcome;
  outcome.result = VerdictResult::accepted;
  outcome.version = std::move(version);
  if (verdict.label) outcome.right = *verdict.label == predicted;
  add_verdict.reset().bind(1, number).bind(2, verdict.label).bind(3, verdict.rating);
  add_verdict.bind(4, verdict.time_us);
  if (outcome.right) {
    add_verdict.bind(5, std::int64_t{*outcome.right});
  } else {
    add_verdict.bind_null(5);
  }
  add_verdict.run();
  outcome.rowid = database.last_row();
  set_answered.reset().bind(1, number).run();
  return outcome;
}

FeedbackStore::FeedbackStore(const std::string& path, const StoreOptions& options)
    : state_{std::make_unique<State>(path, options)} {
  state_->open();
}
FeedbackStore::~FeedbackStore() = default;
FeedbackStore::FeedbackStore(FeedbackStore&&) noexcept = default;
FeedbackStore& FeedbackStore::operator=(FeedbackStore&&) noexcept = default;

std::optional<std::string> FeedbackStore::misfit(RowType type, std::size_t bytes) const {
  return state_->misfit(type, bytes);
}

std::vector<bool> FeedbackStore::add_predictions(std::span<const Prediction> predictions) {
  if (predictions.empty()) return {};
  for (const Prediction& prediction : predictions) check_prediction(prediction);
  State& state = *state_;
  Transaction transaction{state.database};
  state.learn_rows();
  const auto rows =
      state.rows.value_or(std::pair{predictions.front().type, predictions.front().input.size()});
  if (!state.rows)
    state.keep_note("rows",
                    (rows.first == RowType::u8 ? "u8 " : "f32 ") + std::to_string(rows.second));
  std::vector<bool> added;
  for (const Prediction& prediction : predictions) {
    if (const auto why = state.misfit(prediction.type, prediction.input.size()))
      throw Error{ErrorCode::bad_input,
                  "prediction \"" + std::string{prediction.id} + "\": " + *why};
    if (rows != std::pair{prediction.type, prediction.input.size()})
      throw Error{ErrorCode::bad_input, "prediction \"" + std::string{prediction.id} +
                                            "\": expected rows of one type and size"};
    const serialization::Xxh3Digest hash = hash_of(prediction);
    state.add_prediction.reset().bind(1, prediction.id).bind(2, prediction.time_us);
    state.add_prediction.bind(3, prediction.model).bind(4, prediction.version);
    state.add_prediction.bind(5, static_cast<std::int64_t>(prediction.type))
        .bind(6, prediction.input);
    state.add_prediction.bind(7, std::as_bytes(prediction.outputs)).bind(8, prediction.predicted);
    state.add_prediction.bind(9, prediction.confidence).bind(10, std::span<const std::byte>{hash});
    state.add_prediction.run();
    added.push_back(state.database.changes() != 0);
  }
  state.prune.reset().bind(1, state.options.max_predictions).run();
  transaction.commit();
  state.rows = rows;
  return added;
}

std::vector<VerdictOutcome> FeedbackStore::add_feedback(std::span<const Verdict> verdicts) {
  std::vector<VerdictOutcome> outcomes;
  outcomes.reserve(verdicts.size());
  Transaction transaction{state_->database};
  for (const Verdict& verdict : verdicts) outcomes.push_back(state_->add(verdict));
  transaction.commit();
  return outcomes;
}

StoreCounts FeedbackStore::counts() const {
  Statement query{
      state_->database,
      "SELECT (SELECT count(*) FROM predictions), count(*), count(label), coalesce(sum(\"right\"), "
      "0), "
      "coalesce(max(number), 0), (SELECT coalesce(max(number), 0) FROM predictions) FROM feedback"};
  if (!query.step()) return {};
  return {query.integer(0), query.integer(1), query.integer(2),
          query.integer(3), query.integer(4), query.integer(5)};
}

namespace {

/// What a visitor throws must not leave the statement, and with it the moment that it sees, open.
class OpenRows {
 public:
  explicit OpenRows(Statement& statement) : statement_{statement} {}
  ~OpenRows() { statement_.reset(); }
  OpenRows(const OpenRows&) = delete;
  OpenRows& operator=(const OpenRows&) = delete;

 private:
  Statement& statement_;
};

}  // namespace

std::int64_t FeedbackStore::snapshot(std::int64_t n, const VisitRecord& visit) const {
  const std::int64_t last =
      state_->database.integer("SELECT coalesce(max(number), 0) FROM feedback");
  if (n < 0 || n > last)
    throw Error{ErrorCode::bad_input, state_->database.path() + ": expected a rowid from 0 to " +
                                          std::to_string(last) + ", got " + std::to_string(n)};
  Statement& row = state_->labelled;
  const OpenRows open{row};
  row.reset().bind(1, n);
  std::int64_t count = 0;
  for (; row.step(); ++count)
    visit({row.integer(0), row.integer(1), state_->read_prediction(row, 2)});
  return count;
}

void FeedbackStore::last_labelled(std::int64_t after, std::int64_t most, std::string_view version,
                                  const VisitRecord& visit) const {
  Statement& row = state_->last_labelled;
  const OpenRows open{row};
  row.reset().bind(1, after).bind(2, most).bind(3, version);
  while (row.step()) visit({row.integer(0), row.integer(1), state_->read_prediction(row, 2)});
}

void FeedbackStore::last_predictions(std::int64_t after, std::int64_t most,
                                     std::string_view version,
                                     const std::function<void(const Prediction&)>& visit) const {
  Statement& row = state_->last_predictions;
  const OpenRows open{row};
  row.reset().bind(1, after).bind(2, most).bind(3, version);
  while (row.step()) visit(state_->read_prediction(row, 0));
}

std::int64_t FeedbackStore::labels_behind(std::int64_t after) const {
  Statement query{state_->database, "SELECT count(label) FROM feedback WHERE number > ?1"};
  return query.bind(1, after).step() ? query.integer(0) : 0;
}

std::optional<std::string> FeedbackStore::find_note(std::string_view name) const {
  std::optional<std::string> result;
  Statement& note = state_->note;
  const OpenRows open{note};
  if (note.reset().bind(1, name).step()) result.emplace(note.text(0));
  return result;
}

void FeedbackStore::keep_notes(std::span<const Note> notes) {
  for (const Note& note : notes) {
    if (note.text.size() > most_note_bytes)
      throw Error{ErrorCode::bad_input, "note \"" + note.name +
                                            "\": expected at most 16 MiB, got " +
                                            std::to_string(note.text.size()) + " bytes"};
  }
  Transaction transaction{state_->database};
  for (const Note& note : notes) state_->keep_note(note.name, note.text);
  transaction.commit();
}

}  // namespace troupe::actors
