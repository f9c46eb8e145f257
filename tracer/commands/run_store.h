// Where do commands keep their runs, and where do they find them again?
//
// One file for each user. Through sudo it is that of the user who called sudo, and is read and
// written as that user alone (capture/launch/run_as.h).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "commands/parser.h"
#include "snapshot/run_record.h"
#include "snapshot/snapshot.h"
#include "store/store.h"
#include "util/result.h"

namespace tr::commands {

// Adds --db. The text must outlive the parsing; empty: the user's own file.
Option add_db_option(App& app, std::string& db);

// What is done with an open store whose file is named `path`; its outcome as bytes.
using StoreWork = std::function<Result<std::string>(store::Store& store, const std::string& path)>;
// Opens the store for it. May happen in another process: only the outcome comes back.
Result<std::string> with_store(const std::string& db, store::Access access, const StoreWork& work);

// For the commands that measure.
struct KeepOptions {
  std::string db;
  bool keep = true;
  std::string limit;  // as typed; empty: kDefaultLimit
  std::uint64_t limit_bytes = 0;
};
inline constexpr std::uint64_t kDefaultLimit = std::uint64_t{512} << 20;

// Adds --db, --no-db and --db-limit.
void add_keep_options(App& app, KeepOptions& options);
// Settles the options; before anything is measured. A --db that cannot be used is an error.
Status check_keep_options(KeepOptions& options);

// Keeps a run that has just been measured, as a repeat in the group of an earlier one where that is
// given; its number. A run that cannot be kept is reported all the same: a warning on standard
// error, and no number; silently none with --no-db. `verdict` is why it is not fit to be compared.
std::optional<RunId> keep_run(const KeepOptions& options, const Snapshot& snapshot,
                              std::optional<std::string> verdict,
                              std::optional<RunId> group = std::nullopt);

// Keeps runs that are measured in several settings: those of a setting as repeats of its first.
class RunKeeper {
 public:
  // The options must outlive it, and be checked.
  explicit RunKeeper(const KeepOptions& options) : options_(options) {}

  // As keep_run(). `setting` tells settings apart, and is not kept.
  void keep(const std::string& setting, const Snapshot& run, std::optional<std::string> verdict);

 private:
  const KeepOptions& options_;
  std::map<std::string, std::optional<RunId>> groups_;
};

// Adds a run to an open store, with the figures that lists show.
Result<RunRecord> add_run(store::Store& store, const Snapshot& snapshot,
                          std::optional<std::string> verdict, std::optional<RunId> group,
                          std::uint64_t limit_bytes);

// The stored runs that a selector means, in order.
Result<std::vector<Snapshot>> stored_runs(const std::string& selector, const std::string& db);

// The runs that are meant where both files and stored runs may be named: a file of that name is
// taken first ("-": standard input).
Result<std::vector<Snapshot>> runs_of(const std::string& file_or_selector, const std::string& db);

// The only one of them; several are a usage error that names how to choose.
Result<Snapshot> only_run(Result<std::vector<Snapshot>> runs, const std::string& selector);

}  // namespace tr::commands
