#include "store/schema.h"

#include <array>
#include <string>

#include <fmt/format.h>

namespace tr::store {
namespace {

// Snapshots lie apart from what lists show, which stay quick however large they get. AUTOINCREMENT:
// a number that somebody noted down never comes to mean another run.
constexpr std::array<const char*, 1> kSteps = {R"(
  CREATE TABLE runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    run_group INTEGER NOT NULL,
    date TEXT NOT NULL,
    server TEXT NOT NULL,
    configuration TEXT NOT NULL,
    tool_version TEXT NOT NULL,
    kernel TEXT NOT NULL,
    messages_per_second REAL,
    cpu_ns_per_message REAL,
    verdict TEXT,
    snapshot_bytes INTEGER NOT NULL,
    stored_bytes INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX runs_by_group ON runs (run_group);
  CREATE INDEX runs_by_server ON runs (server, run_group);
  CREATE INDEX runs_by_size ON runs (stored_bytes);
  CREATE TABLE snapshots (
    run INTEGER PRIMARY KEY,
    deflated BLOB NOT NULL
  ) STRICT;
  CREATE TABLE tags (
    name TEXT NOT NULL,
    run INTEGER NOT NULL,
    PRIMARY KEY (name, run)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX tags_by_run ON tags (run);
)"};

struct State {
  std::int64_t application = 0;
  std::int64_t version = 0;
  std::int64_t objects = 0;

  [[nodiscard]] bool is_new() const { return application == 0 && version == 0 && objects == 0; }
};

Result<State> state_of(Database& database) {
  State state;
  for (const auto& [pragma, number] :
       {std::pair{"PRAGMA application_id", &state.application},
        std::pair{"PRAGMA user_version", &state.version},
        std::pair{"SELECT COUNT(*) FROM sqlite_schema", &state.objects}}) {
    const auto value = database.number(pragma);
    if (!value) return value.error();
    *number = *value;
  }
  return state;
}

// All of one moment: another process may be making the file just now.
Result<State> state_at_once(Database& database) {
  if (Status begun = database.execute("BEGIN"); !begun) return std::move(begun).error();
  auto state = state_of(database);
  (void)database.execute("COMMIT");  // it has only read
  return state;
}

Status check(const State& state, std::size_t newest, const Database& database) {
  if (!state.is_new() && state.application != kApplicationId)
    return usage_error(
        fmt::format("cannot use {}: it is another program's database", database.path()),
        "name another file with --db");
  if (state.version < 0 || static_cast<std::uint64_t>(state.version) > newest)
    return usage_error(fmt::format("cannot use {}: a newer trace-run has made it (format {}, and "
                                   "this one knows {})",
                                   database.path(), state.version, newest),
                       "install that one, or name another file with --db");
  return {};
}

}  // namespace

std::span<const char* const> schema_steps() {
  return kSteps;
}

Status bring_up_to_date(Database& database, std::span<const char* const> steps) {
  auto state = state_at_once(database);
  if (!state) return std::move(state).error();
  if (Status ours = check(*state, steps.size(), database); !ours) return ours;
  if (static_cast<std::size_t>(state->version) == steps.size()) return {};
  if (database.read_only())
    return Error{.operation = "use",
                 .object = database.path(),
                 .why = "an older trace-run has made it, and it may only be read",
                 .remedy = "make a copy, and name that with --db"};
  // So that the file gets smaller when runs are removed; only a new file takes it.
  if (state->is_new())
    if (Status set = database.execute("PRAGMA auto_vacuum = INCREMENTAL"); !set) return set;

  auto transaction = Transaction::begin(database);
  if (!transaction) return std::move(transaction).error();
  // Another trace-run may have done it meanwhile; from here on none can.
  state = state_of(database);
  if (!state) return std::move(state).error();
  if (Status ours = check(*state, steps.size(), database); !ours) return ours;
  for (auto version = static_cast<std::size_t>(state->version); version < steps.size(); ++version)
    if (Status done = database.execute(steps[version]); !done) return done;
  const std::string header = fmt::format("PRAGMA application_id = {}; PRAGMA user_version = {};",
                                         kApplicationId, steps.size());
  if (Status done = database.execute(header.c_str()); !done) return done;
  return transaction->commit();
}

}  // namespace tr::store
