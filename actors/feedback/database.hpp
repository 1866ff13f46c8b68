#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

namespace troupe::actors {

class Database;

/// One prepared statement. Parameters are numbered from 1, columns from 0. What a column gives as text or bytes lives
/// until the next step or reset.
class Statement {
 public:
  Statement() = default;
  Statement(const Database& database, std::string_view sql);
  ~Statement();
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&& other) noexcept;

  /// Takes back the last run, so that new values may be bound.
  Statement& reset();
  Statement& bind(int at, std::int64_t value);
  Statement& bind(int at, double value);
  // The bytes must live until the statement has run.
  Statement& bind(int at, std::string_view text);
  Statement& bind(int at, std::span<const std::byte> bytes);
  Statement& bind_null(int at);
  template <class T>
  Statement& bind(int at, const std::optional<T>& value) {
    return value ? bind(at, *value) : bind_null(at);
  }

  /// Whether there is a row.
  bool step();
  /// Runs to the end; there must be no row.
  void run();

  bool is_null(int column) const;
  std::int64_t integer(int column) const;
  double number(int column) const;
  std::string_view text(int column) const;
  std::span<const std::byte> bytes(int column) const;

 private:
  void check(int code) const;

  const Database* database_ = nullptr;
  sqlite3_stmt* statement_ = nullptr;
};

/// A connection to an SQLite file, which it makes if there is none. Not thread-safe, but may move between threads.
///
/// What SQLite says becomes an Error with the file's name: exhausted (disk full, memory, the file's limit, locked by
/// another writer for longer than `busy`), corrupted (no database, a damaged page, a device that fails), else bad_input.
class Database {
 public:
  Database(std::string path, std::chrono::milliseconds busy);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  void run(const std::string& sql) const;
  /// The one value that a query gives; 0 if it gives none.
  std::int64_t integer(std::string_view sql) const;
  /// Whether closing may move what the log holds into the file itself. Not before the file was found to be sound.
  void write_on_closing(bool yes) const;
  std::int64_t last_row() const;
  int changes() const;

  const std::string& path() const { return path_; }
  sqlite3* handle() const { return handle_; }
  /// @throws Error for any code that is no success.
  void check(int code) const;

 private:
  void close() noexcept;

  std::string path_;
  std::chrono::milliseconds busy_;
  sqlite3* handle_ = nullptr;
};

/// What is done while it lives happens whole, with commit(), or not at all. Takes the write lock at its start.
class Transaction {
 public:
  explicit Transaction(const Database& database) : database_{database} {
    database.run("BEGIN IMMEDIATE");
  }
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  /// Returns when all is on the disk.
  void commit();

 private:
  const Database& database_;
  bool open_ = true;
};

}  // namespace troupe::actors
