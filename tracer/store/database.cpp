#include "store/database.h"

#include <cerrno>
#include <sys/stat.h>
#include <utility>

#include <fmt/format.h>

#include "snapshot/snapshot_file.h"

namespace tr::store {
namespace {

constexpr int kBusyMilliseconds = 10'000;

// Of files that are none of ours, or no longer whole.
Error not_usable(const std::string& path, const std::string& why, const std::string& remedy) {
  return usage_error(fmt::format("cannot use {}: {}", path, why), remedy);
}

Error not_a_store(const std::string& path) {
  return not_usable(path, "it is no store of runs", "name another file with --db");
}

}  // namespace

Result<std::unique_ptr<Database>> Database::open(const std::string& path, Open how) {
  // SQLite gives names such as ":memory:" and "" a meaning of their own.
  std::string name = path.starts_with('/') ? path : "./" + path;
  if (how == Open::kInMemory) name = ":memory:";
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_EXRESCODE |
                    (how == Open::kExisting ? 0 : SQLITE_OPEN_CREATE);
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(name.c_str(), &handle, flags, nullptr);
  // SQLite takes a file of one byte for an empty one, and would write over it (unixFileSize in
  // os_unix.c, which says why).
  struct stat file {};
  const bool one_byte = how != Open::kInMemory && ::stat(name.c_str(), &file) == 0 &&
                        S_ISREG(file.st_mode) && file.st_size == 1;
  if (handle == nullptr) return Error{.operation = "open", .object = path, .code = ENOMEM};
  std::unique_ptr<Database> database(new Database(path, handle));
  if (code != SQLITE_OK) return database->error();
  if (one_byte) return not_a_store(path);
  sqlite3_busy_timeout(handle, kBusyMilliseconds);
  for (const auto& [option, value] :
       {std::pair{SQLITE_DBCONFIG_DEFENSIVE, 1}, std::pair{SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
        std::pair{SQLITE_DBCONFIG_ENABLE_TRIGGER, 0}, std::pair{SQLITE_DBCONFIG_ENABLE_VIEW, 0}})
    sqlite3_db_config(handle, option, value, nullptr);
  sqlite3_limit(handle, SQLITE_LIMIT_LENGTH, static_cast<int>(kMaxSnapshotBytes) + (1 << 20));
  return database;
}

Status Database::execute(const char* sql) {
  if (sqlite3_exec(handle_.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK) return error();
  return {};
}

Result<Statement> Database::prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v2(handle_.get(), sql.data(), static_cast<int>(sql.size()), &statement,
                         nullptr) != SQLITE_OK)
    return error();
  return Statement(*this, statement);
}

Result<std::int64_t> Database::number(std::string_view sql) {
  auto statement = prepare(sql);
  if (!statement) return std::move(statement).error();
  const auto row = statement->step();
  if (!row) return row.error();
  return *row ? statement->integer(0) : 0;
}

Error Database::error() const {
  const int code = sqlite3_extended_errcode(handle_.get());
  const int number = sqlite3_system_errno(handle_.get());
  Error error{.operation = "use", .object = path_, .code = number};
  switch (code & 0xff) {
    case SQLITE_NOTADB:
      return not_a_store(path_);
    case SQLITE_CORRUPT:
      return not_usable(path_, "it is damaged",
                        fmt::format("sqlite3 {} .recover shows what is left; move it away, or name "
                                    "another file with --db",
                                    path_));
    case SQLITE_FULL:
      error.operation = "write";
      error.code = number != 0 ? number : ENOSPC;
      error.remedy = "what is in it is safe; make room, or name another file with --db";
      return error;
    case SQLITE_READONLY:
      error.operation = "write";
      error.code = 0;
      error.why = "it may only be read";
      error.remedy = "name another file with --db";
      return error;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      error.code = 0;
      error.why =
          fmt::format("another process has held it for {} seconds", kBusyMilliseconds / 1000);
      return error;
    case SQLITE_CANTOPEN:
      error.operation = "open";
      error.remedy = "name another file with --db";
      if (number == 0) error.why = sqlite3_errmsg(handle_.get());
      return error;
    case SQLITE_IOERR:
      error.operation =
          (code == SQLITE_IOERR_READ || code == SQLITE_IOERR_SHORT_READ) ? "read" : "write";
      if (number == 0) error.why = sqlite3_errmsg(handle_.get());
      return error;
    case SQLITE_ERROR:  // our SQL does not fit what is in it
      return not_usable(path_, sqlite3_errmsg(handle_.get()), "name another file with --db");
    default:
      error.code = 0;
      error.why = sqlite3_errmsg(handle_.get());
      return error;
  }
}

Result<bool> Statement::step() {
  if (unbound_ != SQLITE_OK)
    return Error{.operation = "use", .object = database_->path(), .why = sqlite3_errstr(unbound_)};
  switch (sqlite3_step(statement_.get())) {
    case SQLITE_ROW:
      return true;
    case SQLITE_DONE:
      return false;
    default:
      return database_->error();
  }
}

Status Statement::run() {
  const auto row = step();
  return row ? Status() : Status(row.error());
}

std::int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

std::optional<double> Statement::number(int column) const {
  if (sqlite3_column_type(statement_.get(), column) == SQLITE_NULL) return std::nullopt;
  return sqlite3_column_double(statement_.get(), column);
}

std::string Statement::text(int column) const {
  return std::string(bytes(column));
}

std::optional<std::string> Statement::text_or_null(int column) const {
  if (sqlite3_column_type(statement_.get(), column) == SQLITE_NULL) return std::nullopt;
  return text(column);
}

std::string_view Statement::bytes(int column) const {
  // Of text too, as UTF-8. The length is to be asked for after the pointer.
  const void* const data = sqlite3_column_blob(statement_.get(), column);
  const int size = sqlite3_column_bytes(statement_.get(), column);
  return data == nullptr
             ? std::string_view()
             : std::string_view(static_cast<const char*>(data), static_cast<std::size_t>(size));
}

void Statement::bind_one(int at, std::int64_t value) {
  note(sqlite3_bind_int64(statement_.get(), at, value));
}

void Statement::bind_one(int at, const std::optional<double>& value) {
  note(value ? sqlite3_bind_double(statement_.get(), at, *value)
             : sqlite3_bind_null(statement_.get(), at));
}

void Statement::bind_one(int at, std::string_view text) {
  note(sqlite3_bind_text64(statement_.get(), at, text.data() == nullptr ? "" : text.data(),
                           text.size(), SQLITE_STATIC, SQLITE_UTF8));
}

void Statement::bind_one(int at, const std::optional<std::string>& text) {
  if (text)
    bind_one(at, std::string_view(*text));
  else
    note(sqlite3_bind_null(statement_.get(), at));
}

void Statement::bind_one(int at, const Bytes& bytes) {
  note(sqlite3_bind_blob64(statement_.get(), at, bytes.bytes.data(), bytes.bytes.size(),
                           SQLITE_STATIC));
}

Result<Transaction> Transaction::begin(Database& database) {
  if (Status begun = database.execute("BEGIN IMMEDIATE"); !begun) return std::move(begun).error();
  return Transaction(database);
}

Transaction::~Transaction() {
  // Where SQLite has rolled back by itself, as when the disk is full, this is refused: as well.
  if (database_ != nullptr) (void)database_->execute("ROLLBACK");
}

Status Transaction::commit() {
  Status done = database_->execute("COMMIT");
  if (done) database_ = nullptr;
  return done;
}

}  // namespace tr::store
