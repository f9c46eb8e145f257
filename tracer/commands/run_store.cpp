#include "commands/run_store.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "capture/launch/invoking_user.h"
#include "capture/launch/run_as.h"
#include "commands/output.h"
#include "commands/parser.h"
#include "load/units.h"
#include "metrics/metrics.h"
#include "report/run_list.h"
#include "snapshot/snapshot_file.h"

namespace tr::commands {
namespace {

// As the XDG Base Directory Specification 0.8 says: a relative path is to be ignored.
Result<std::string> default_path(const std::optional<capture::User>& user) {
  const auto absolute = [](const char* path) { return path != nullptr && *path == '/'; };
  std::string data;
  if (const char* const set = std::getenv("XDG_DATA_HOME"); absolute(set)) {
    data = set;
  } else {
    const char* const home = user ? user->home.c_str() : std::getenv("HOME");
    if (!absolute(home))
      return Error{.operation = "find",
                   .object = "the file of stored runs",
                   .why = "there is no home folder",
                   .remedy = "name one with --db"};
    data = std::string(home) + "/.local/share";
  }
  return data + "/trace-run/runs.db";
}

// Every folder above the file, for its owner alone as the specification wants it.
Status make_folders(const std::filesystem::path& file) {
  std::filesystem::path folder;
  for (const auto& part : file.parent_path()) {
    folder /= part;
    if (::mkdir(folder.c_str(), 0700) == 0 || errno == EEXIST) continue;
    const int code = errno;
    if (::access(folder.c_str(), F_OK) == 0) continue;  // as on a file system for reading only
    errno = code;
    return errno_error("create", folder, "name another file with --db");
  }
  return {};
}

// Snapshots one behind the other, each behind its length.
void append_part(std::string& parts, std::string_view bytes) {
  const std::uint64_t size = bytes.size();
  parts.append(reinterpret_cast<const char*>(&size), sizeof size);
  parts += bytes;
}

std::vector<std::string_view> parts_of(std::string_view bytes) {
  std::vector<std::string_view> parts;
  std::uint64_t size = 0;
  while (bytes.size() >= sizeof size) {
    std::memcpy(&size, bytes.data(), sizeof size);
    bytes.remove_prefix(sizeof size);
    parts.push_back(bytes.substr(0, size));
    bytes.remove_prefix(parts.back().size());
  }
  return parts;
}

bool is_file(const std::string& name) {
  return name == kStandardOutput || ::access(name.c_str(), F_OK) == 0;
}

}  // namespace

Option add_db_option(App& app, std::string& db) {
  return app
      .add_option("--db", db,
                  "The file of stored runs, in place of ~/.local/share/trace-run/runs.db")
      ->type_name("FILE");
}

Result<std::string> with_store(const std::string& db, store::Access access, const StoreWork& work) {
  const auto user = capture::invoking_user();
  if (!user) return user.error();
  auto path = db.empty() ? default_path(*user) : Result<std::string>(db);
  if (!path) return path;
  const auto open_and_work = [&]() -> Result<std::string> {
    if (db.empty() && access == store::Access::kWrite)
      if (Status made = make_folders(*path); !made) return std::move(made).error();
    auto store = store::Store::open(*path, access);
    if (!store) return std::move(store).error();
    return work(*store, *path);
  };
  return *user ? capture::run_as(**user, open_and_work) : open_and_work();
}

void add_keep_options(App& app, KeepOptions& options) {
  const char* const kGroup = "Stored runs";
  const Option db = add_db_option(app, options.db)->group(kGroup);
  const Option no_db =
      app.add_flag("!--no-db", options.keep, "Do not store this run for trace-run runs")
          ->group(kGroup);
  const Option limit =
      app.add_option("--db-limit", options.limit,
                     "Remove the oldest runs without a tag when all of those take more than this")
          ->type_name("SIZE")
          ->default_str("512M")
          ->group(kGroup);
  no_db->excludes(db)->excludes(limit);
}

Status check_keep_options(KeepOptions& options) {
  options.limit_bytes = kDefaultLimit;
  if (!options.limit.empty()) {
    const auto size = load::parse_size(options.limit);
    if (!size) return usage_error("--db-limit: " + size.error().text());
    options.limit_bytes = *size;
  }
  if (options.db.empty() || !options.keep) return {};
  const auto opened =
      with_store(options.db, store::Access::kWrite,
                 [](store::Store&, const std::string&) { return Result<std::string>(""); });
  return opened ? Status() : Status(opened.error());
}

Result<RunRecord> add_run(store::Store& store, const Snapshot& snapshot,
                          std::optional<std::string> verdict, std::optional<RunId> group,
                          std::uint64_t limit_bytes) {
  const metrics::Metrics figures = metrics::compute(snapshot);
  const store::NewRun run{
      .snapshot = snapshot,
      .configuration = report::configuration_text(snapshot.config),
      .messages_per_second = figures.messages.per_second,
      .cpu_ns_per_message = figures.per_message ? figures.per_message->cpu_ns : std::nullopt,
      .verdict = std::move(verdict),
      .group = group};
  return store.add(run, limit_bytes);
}

std::optional<RunId> keep_run(const KeepOptions& options, const Snapshot& snapshot,
                              std::optional<std::string> verdict, std::optional<RunId> group) {
  if (!options.keep) return std::nullopt;
  const auto kept = with_store(options.db, store::Access::kWrite,
                               [&](store::Store& store, const std::string&) -> Result<std::string> {
                                 const auto added =
                                     add_run(store, snapshot, verdict, group, options.limit_bytes);
                                 if (!added) return added.error();
                                 return std::to_string(added->id);
                               });
  if (kept) return std::stoll(*kept);
  fmt::print(stderr, "trace-run: warning: this run is not stored: {}\n", kept.error().text());
  return std::nullopt;
}

void RunKeeper::keep(const std::string& setting, const Snapshot& run,
                     std::optional<std::string> verdict) {
  std::optional<RunId>& group = groups_[setting];
  const auto kept = keep_run(options_, run, std::move(verdict), group);
  if (!group) group = kept;
}

Result<std::vector<Snapshot>> stored_runs(const std::string& selector, const std::string& db) {
  const auto found =
      with_store(db, store::Access::kRead,
                 [&](store::Store& store, const std::string&) -> Result<std::string> {
                   const auto runs = store.select(selector);
                   if (!runs) return runs.error();
                   std::string parts;
                   for (const RunRecord& run : *runs) {
                     const auto bytes = store.snapshot(run.id);
                     if (!bytes) return bytes.error();
                     append_part(parts, *bytes);
                   }
                   return parts;
                 });
  if (!found) return found.error();
  std::vector<Snapshot> snapshots;
  for (const std::string_view part : parts_of(*found)) {
    auto snapshot = decode_snapshot(part, selector);
    if (!snapshot) return std::move(snapshot).error();
    snapshots.push_back(*std::move(snapshot));
  }
  return snapshots;
}

Result<std::vector<Snapshot>> runs_of(const std::string& file_or_selector, const std::string& db) {
  const auto load = [&]() -> Result<std::vector<Snapshot>> {
    auto snapshot = load_snapshot(file_or_selector);
    if (!snapshot) return std::move(snapshot).error();
    std::vector<Snapshot> runs;
    runs.push_back(*std::move(snapshot));
    return runs;
  };
  if (is_file(file_or_selector)) return load();
  auto stored = stored_runs(file_or_selector, db);
  if (stored || stored.error().failure != Failure::kUsage) return stored;
  // Neither: what was typed tells which of the two was meant.
  if (file_or_selector.find('/') != std::string::npos) return load();
  const Error& error = stored.error();
  return usage_error(fmt::format("there is no such file, and {}", error.why), error.remedy);
}

Result<Snapshot> only_run(Result<std::vector<Snapshot>> runs, const std::string& selector) {
  if (!runs) return std::move(runs).error();
  if (runs->size() != 1)
    return usage_error(fmt::format("\"{}\" is {} runs, and one is wanted", selector, runs->size()),
                       "trace-run runs shows their numbers");
  return std::move(runs->front());
}

}  // namespace tr::commands
