#include "store/store.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <filesystem>
#include <utility>

#include <fmt/format.h>

#include "snapshot/snapshot_file.h"
#include "store/database.h"
#include "store/deflate.h"
#include "store/rows.h"
#include "store/schema.h"
#include "util/text.h"

namespace tr::store {
namespace {

constexpr std::size_t kLongestTag = 64;

Status check_tag(const std::string& name) {
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  const auto fits = [&](char c) {
    return is_letter(c) || (c >= '0' && c <= '9') ||
           std::string_view("._+-").find(c) != std::string_view::npos;
  };
  const bool sound = !name.empty() && name.size() <= kLongestTag && is_letter(name.front()) &&
                     std::ranges::all_of(name, fits);
  if (!sound)
    return usage_error(
        "a tag begins with a letter, and goes on with up to 63 letters, digits and any of . _ + -");
  if (name == "last")
    return usage_error("\"last\" is the newest group of runs, and cannot be a tag");
  return {};
}

// Empty, or not there.
bool holds_nothing(const std::string& path) {
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  return error ? error == std::errc::no_such_file_or_directory : size == 0;
}

}  // namespace

std::string select_records(std::string_view rest) {
  return fmt::format(
      "SELECT id, run_group, date, server, configuration, tool_version, kernel, "
      "messages_per_second, cpu_ns_per_message, verdict, stored_bytes, "
      "(SELECT group_concat(name, ' ') FROM tags WHERE run = id) FROM runs {}",
      rest);
}

Result<std::vector<RunRecord>> all_records(Statement& statement) {
  std::vector<RunRecord> records;
  for (;;) {
    const auto row = statement.step();
    if (!row) return row.error();
    if (!*row) return records;
    RunRecord& record = records.emplace_back();
    record.id = statement.integer(0);
    record.group = statement.integer(1);
    record.date = statement.text(2);
    record.server = statement.text(3);
    record.configuration = statement.text(4);
    record.tool_version = statement.text(5);
    record.kernel = statement.text(6);
    record.messages_per_second = statement.number(7);
    record.cpu_ns_per_message = statement.number(8);
    record.verdict = statement.text_or_null(9);
    record.stored_bytes = static_cast<std::uint64_t>(statement.integer(10));
    const std::string tags = statement.text(11);
    for (const std::string_view tag : split(tags, ' '))
      if (!tag.empty()) record.tags.emplace_back(tag);
    std::ranges::sort(record.tags);
  }
}

Store::Store(std::unique_ptr<Database> database) : database_(std::move(database)) {}
Store::Store(Store&&) noexcept = default;
Store& Store::operator=(Store&&) noexcept = default;
Store::~Store() = default;

Result<Store> Store::open(const std::string& path, Access access) {
  Database::Open how =
      access == Access::kWrite ? Database::Open::kCreate : Database::Open::kExisting;
  if (access == Access::kRead && holds_nothing(path)) how = Database::Open::kInMemory;
  auto database = Database::open(path, how);
  if (!database) return std::move(database).error();
  if (Status current = bring_up_to_date(**database, schema_steps()); !current)
    return std::move(current).error();
  return Store(*std::move(database));
}

Result<RunRecord> Store::add(const NewRun& run, std::uint64_t limit_bytes) {
  const Snapshot& snapshot = run.snapshot;
  const std::string encoded = encode_snapshot(snapshot);
  if (encoded.size() > kMaxSnapshotBytes)
    return Error{.operation = "store", .object = "the run", .code = EFBIG};
  const std::string bytes = deflated(encoded);
  const std::string server = server_key(snapshot.config.server);

  auto transaction = Transaction::begin(*database_);
  if (!transaction) return std::move(transaction).error();
  auto row = database_->prepare(
      "INSERT INTO runs (run_group, date, server, configuration, tool_version, kernel, "
      "messages_per_second, cpu_ns_per_message, verdict, snapshot_bytes, stored_bytes) "
      "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  if (!row) return std::move(row).error();
  const auto encoded_bytes = static_cast<std::int64_t>(encoded.size());
  const auto stored_bytes = static_cast<std::int64_t>(bytes.size());
  row->bind(run.group.value_or(0), std::string_view(snapshot.environment.date),
            std::string_view(server), std::string_view(run.configuration),
            std::string_view(snapshot.environment.tool_version),
            std::string_view(snapshot.environment.kernel), run.messages_per_second,
            run.cpu_ns_per_message, run.verdict, encoded_bytes, stored_bytes);
  if (Status done = row->run(); !done) return std::move(done).error();
  const RunId id = database_->last_row();
  const RunId group = run.group.value_or(id);
  if (!run.group) {
    auto first = database_->prepare("UPDATE runs SET run_group = id WHERE id = ?");
    if (!first) return std::move(first).error();
    if (Status done = first->bind(id).run(); !done) return std::move(done).error();
  }
  auto blob = database_->prepare("INSERT INTO snapshots (run, deflated) VALUES (?, ?)");
  if (!blob) return std::move(blob).error();
  if (Status done = blob->bind(id, Bytes{bytes}).run(); !done) return std::move(done).error();
  if (Status pruned = prune(limit_bytes, group); !pruned) return std::move(pruned).error();
  if (Status done = transaction->commit(); !done) return std::move(done).error();

  auto added = records_where(*database_, "WHERE id = ?", id);
  if (!added) return std::move(added).error();
  return std::move(added->front());
}

Status Store::prune(std::uint64_t limit_bytes, RunId spared_group) {
  const auto all = database_->number("SELECT SUM(stored_bytes) FROM runs");
  if (!all) return all.error();
  if (static_cast<std::uint64_t>(*all) <= limit_bytes) return {};
  auto untagged = database_->prepare(
      "SELECT id, run_group, stored_bytes FROM runs WHERE id NOT IN (SELECT run FROM tags) "
      "ORDER BY id DESC");
  if (!untagged) return std::move(untagged).error();
  std::uint64_t kept = 0;
  std::vector<RunId> old;
  for (;;) {
    const auto row = untagged->step();
    if (!row) return row.error();
    if (!*row) break;
    kept += static_cast<std::uint64_t>(untagged->integer(2));
    if (kept > limit_bytes && untagged->integer(1) != spared_group)
      old.push_back(untagged->integer(0));
  }
  for (const RunId id : old)
    if (Status removed = remove_one(id); !removed) return removed;
  return {};
}

Result<std::vector<RunRecord>> Store::newest(std::size_t most) {
  const auto limit = static_cast<std::int64_t>(std::min<std::size_t>(most, INT32_MAX));
  return records_where(*database_, "ORDER BY id DESC LIMIT ?", limit);
}

Result<std::size_t> Store::count() {
  const auto count = database_->number("SELECT COUNT(*) FROM runs");
  if (!count) return count.error();
  return static_cast<std::size_t>(*count);
}

Result<std::string> Store::snapshot(RunId id) {
  auto row = database_->prepare(
      "SELECT snapshot_bytes, deflated FROM runs JOIN snapshots ON run = id WHERE id = ?");
  if (!row) return std::move(row).error();
  const auto found = row->bind(id).step();
  if (!found) return found.error();
  const std::int64_t size = *found ? row->integer(0) : -1;
  std::optional<std::string> bytes;
  if (size >= 0 && static_cast<std::uint64_t>(size) <= kMaxSnapshotBytes)
    bytes = inflated(row->bytes(1), static_cast<std::size_t>(size));
  if (!bytes)
    return Error{.operation = "read",
                 .object = fmt::format("run {} in {}", id, database_->path()),
                 .why = "it is damaged",
                 .remedy = fmt::format("trace-run runs remove {} takes it out", id)};
  return *std::move(bytes);
}

Status Store::tag(const std::vector<RunRecord>& runs, const std::string& name) {
  if (Status sound = check_tag(name); !sound) return sound;
  auto transaction = Transaction::begin(*database_);
  if (!transaction) return std::move(transaction).error();
  for (const RunRecord& run : runs) {
    auto row = database_->prepare("INSERT OR IGNORE INTO tags (name, run) VALUES (?, ?)");
    if (!row) return std::move(row).error();
    if (Status done = row->bind(std::string_view(name), run.id).run(); !done) return done;
  }
  return transaction->commit();
}

Status Store::untag(const std::vector<RunRecord>& runs, const std::string& name) {
  if (std::ranges::none_of(runs, [&](const RunRecord& run) {
        return std::ranges::find(run.tags, name) != run.tags.end();
      }))
    return usage_error("none of these runs has this tag", "trace-run runs shows which they have");
  auto transaction = Transaction::begin(*database_);
  if (!transaction) return std::move(transaction).error();
  for (const RunRecord& run : runs) {
    auto row = database_->prepare("DELETE FROM tags WHERE name = ? AND run = ?");
    if (!row) return std::move(row).error();
    if (Status done = row->bind(std::string_view(name), run.id).run(); !done) return done;
  }
  return transaction->commit();
}

Status Store::remove_one(RunId id) {
  for (const char* const sql :
       {"DELETE FROM tags WHERE run = ?", "DELETE FROM snapshots WHERE run = ?",
        "DELETE FROM runs WHERE id = ?"}) {
    auto statement = database_->prepare(sql);
    if (!statement) return std::move(statement).error();
    if (Status done = statement->bind(id).run(); !done) return done;
  }
  return {};
}

Status Store::remove(const std::vector<RunRecord>& runs) {
  auto transaction = Transaction::begin(*database_);
  if (!transaction) return std::move(transaction).error();
  for (const RunRecord& run : runs)
    if (Status removed = remove_one(run.id); !removed) return removed;
  if (Status done = transaction->commit(); !done) return done;
  return database_->execute("PRAGMA incremental_vacuum");
}

}  // namespace tr::store
