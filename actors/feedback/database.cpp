#include "actors/feedback/database.hpp"

#include <sqlite3.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "runtime/base/error.hpp"

namespace troupe::actors {
namespace {

bool is_full(int system_error) {
  return system_error == ENOSPC || system_error == EFBIG || system_error == EDQUOT;
}

ErrorCode code_of(int code, int system_error) {
  switch (code & 0xFF) {
    case SQLITE_FULL:
    case SQLITE_NOMEM:
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_TOOBIG:
      return ErrorCode::exhausted;
    case SQLITE_IOERR:
      return is_full(system_error) ? ErrorCode::exhausted : ErrorCode::corrupted;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return ErrorCode::corrupted;
    case SQLITE_MISUSE:
    case SQLITE_RANGE:
      return ErrorCode::bug;
    default:
      return ErrorCode::bad_input;
  }
}

}  // namespace

Database::Database(std::string path, std::chrono::milliseconds busy)
    : path_{std::move(path)}, busy_{busy} {
  const int code = sqlite3_open_v2(
      path_.c_str(), &handle_,
      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
      nullptr);
  try {
    check(code);
    check(sqlite3_busy_timeout(handle_, static_cast<int>(busy.count())));
    write_on_closing(false);
  } catch (...) {
    close();
    throw;
  }
}

Database::~Database() {
  close();
}

void Database::close() noexcept {
  sqlite3_close_v2(handle_);
  handle_ = nullptr;
}

void Database::check(int code) const {
  if (code == SQLITE_OK || code == SQLITE_ROW || code == SQLITE_DONE) return;
  const int system_error = handle_ == nullptr ? 0 : sqlite3_system_errno(handle_);
  std::string why = handle_ == nullptr ? sqlite3_errstr(code) : sqlite3_errmsg(handle_);
  if ((code & 0xFF) == SQLITE_BUSY)
    why = "another writer has held it for " + std::to_string(busy_.count()) + " ms";
  if (((code & 0xFF) == SQLITE_IOERR || (code & 0xFF) == SQLITE_CANTOPEN) && system_error != 0)
    why.append(" (").append(std::strerror(system_error)).append(")");
  throw Error{code_of(code, system_error), path_ + ": " + why};
}

void Database::run(const std::string& sql) const {
  check(sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr));
}

std::int64_t Database::integer(std::string_view sql) const {
  Statement query{*this, sql};
  return query.step() ? query.integer(0) : 0;
}

void Database::write_on_closing(bool yes) const {
  check(sqlite3_db_config(handle_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, yes ? 0 : 1, nullptr));
}

std::int64_t Database::last_row() const {
  return sqlite3_last_insert_rowid(handle_);
}

int Database::changes() const {
  return sqlite3_changes(handle_);
}

Statement::Statement(const Database& database, std::string_view sql) : database_{&database} {
  check(sqlite3_prepare_v3(database.handle(), sql.data(), static_cast<int>(sql.size()),
                           SQLITE_PREPARE_PERSISTENT, &statement_, nullptr));
}

Statement::~Statement() {
  sqlite3_finalize(statement_);
}

Statement::Statement(Statement&& other) noexcept
    : database_{other.database_}, statement_{std::exchange(other.statement_, nullptr)} {}

Statement& Statement::operator=(Statement&& other) noexcept {
  std::swap(database_, other.database_);
  std::swap(statement_, other.statement_);
  return *this;
}

void Statement::check(int code) const {
  database_->check(code);
}

Statement& Statement::reset() {
  sqlite3_reset(statement_);  // what it returns is the last step's error, which was thrown
  return *this;
}

Statement& Statement::bind(int at, std::int64_t value) {
  check(sqlite3_bind_int64(statement_, at, value));
  return *this;
}

Statement& Statement::bind(int at, double value) {
  check(sqlite3_bind_double(statement_, at, value));
  return *this;
}

Statement& Statement::bind(int at, std::string_view text) {
  check(sqlite3_bind_text64(statement_, at, text.data() == nullptr ? "" : text.data(), text.size(),
                            SQLITE_STATIC, SQLITE_UTF8));
  return *this;
}

Statement& Statement::bind(int at, std::span<const std::byte> bytes) {
  check(bytes.empty()
            ? sqlite3_bind_zeroblob(statement_, at, 0)
            : sqlite3_bind_blob64(statement_, at, bytes.data(), bytes.size(), SQLITE_STATIC));
  return *this;
}

Statement& Statement::bind_null(int at) {
  check(sqlite3_bind_null(statement_, at));
  return *this;
}

bool Statement::step() {
  const int code = sqlite3_step(statement_);
  check(code);
  return code == SQLITE_ROW;
}

void Statement::run() {
  if (step())
    throw Error{ErrorCode::bug, database_->path() + ": a statement gave a row that nobody reads"};
  reset();
}

bool Statement::is_null(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}
std::int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(statement_, column);
}
double Statement::number(int column) const {
  return sqlite3_column_double(statement_, column);
}
std::string_view Statement::text(int column) const {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  return text == nullptr
             ? std::string_view{}
             : std::string_view{text,
                                static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}
std::span<const std::byte> Statement::bytes(int column) const {
  const auto* bytes = static_cast<const std::byte*>(sqlite3_column_blob(statement_, column));
  return {bytes, bytes == nullptr
                     ? 0
                     : static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

Transaction::~Transaction() {
  if (!open_) return;
  try {
    database_.run("ROLLBACK");
  } catch (const Error&) {  // SQLite has rolled back by itself, as on a full disk
  }
}

void Transaction::commit() {
  database_.run("COMMIT");
  open_ = false;
}

}  // namespace troupe::actors
