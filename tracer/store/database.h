// How is SQLite used, so that nothing leaks and every refusal is one line?
//
// A thin layer over its C interface; only the store uses it. The file may be anybody's: SQL that
// lies in it (triggers, views, functions in its schema) is never run.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <sqlite3.h>
#include <string>
#include <string_view>

#include "util/result.h"

namespace tr::store {

class Database;

// A prepared statement. Must not outlive its database.
class Statement {
 public:
  // Values for the parameters, from the first on. Text and bytes must live until the last step.
  template <class... Values>
  Statement& bind(const Values&... values) {
    int at = 0;
    (bind_one(++at, values), ...);
    return *this;
  }
  // To the next row; false behind the last one.
  Result<bool> step();
  // For statements without rows.
  Status run();

  [[nodiscard]] std::int64_t integer(int column) const;
  [[nodiscard]] std::optional<double> number(int column) const;
  [[nodiscard]] std::string text(int column) const;
  [[nodiscard]] std::optional<std::string> text_or_null(int column) const;
  // Until the next step.
  [[nodiscard]] std::string_view bytes(int column) const;

 private:
  friend class Database;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  Statement(const Database& database, sqlite3_stmt* statement)
      : database_(&database), statement_(statement) {}

  void note(int code) {
    if (code != SQLITE_OK) unbound_ = code;
  }
  void bind_one(int at, std::int64_t value);
  void bind_one(int at, const std::optional<double>& value);
  void bind_one(int at, std::string_view text);
  void bind_one(int at, const std::optional<std::string>& text);
  void bind_one(int at, const struct Bytes& bytes);

  const Database* database_;
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
  int unbound_ = SQLITE_OK;  // why a value could not be bound; the next step says so
};

struct Bytes {
  std::string_view bytes;
};

// An open database file, or one in memory. Stays where it is: statements point to it.
class Database {
 public:
  enum class Open {
    kExisting,  // read and, where the file allows it, written
    kCreate,    // made if it is not there
    kInMemory,
  };
  // `path` is also what errors name; a file that is not SQLite's shows only when it is first used.
  static Result<std::unique_ptr<Database>> open(const std::string& path, Open how);
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  Status execute(const char* sql);
  Result<Statement> prepare(std::string_view sql);
  // The one number that a statement yields.
  Result<std::int64_t> number(std::string_view sql);
  // Of the last row that was put in.
  [[nodiscard]] std::int64_t last_row() const { return sqlite3_last_insert_rowid(handle_.get()); }
  [[nodiscard]] bool read_only() const { return sqlite3_db_readonly(handle_.get(), "main") == 1; }

  [[nodiscard]] const std::string& path() const { return path_; }
  // Of the last call that failed.
  [[nodiscard]] Error error() const;

 private:
  struct Close {
    void operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }
  };
  Database(std::string path, sqlite3* handle) : path_(std::move(path)), handle_(handle) {}

  std::string path_;
  std::unique_ptr<sqlite3, Close> handle_;
};

// What is done until commit() is done as a whole or, if that does not come, not at all.
class Transaction {
 public:
  // Takes the file for writing at once, waiting for others that do: it is not upgraded later, which
  // two at once could not both.
  static Result<Transaction> begin(Database& database);
  Transaction(Transaction&& other) noexcept : database_(std::exchange(other.database_, nullptr)) {}
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();
  Status commit();

 private:
  explicit Transaction(Database& database) : database_(&database) {}
  Database* database_;  // null: it is over
};

}  // namespace tr::store
