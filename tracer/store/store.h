// Where are the runs that were measured, and which are meant?
//
// All runs lie in one SQLite file, each with its snapshot as a file would hold it. Several
// processes may use it at once; whatever is killed or fails, even for want of space, leaves what
// was there, and no half of a run: each call is one transaction. It has a rollback journal and no
// write-ahead log, so that it can be read where nothing can be written, and lies alone in its
// folder.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "snapshot/run_record.h"
#include "snapshot/snapshot.h"
#include "util/result.h"

namespace tr::store {

class Database;

enum class Access {
  kRead,   // a file that is not there is a store without runs; nothing is made
  kWrite,  // a file that is not there is made
};

inline constexpr std::uint64_t kNoLimit = UINT64_MAX;

// A run to be kept, and what its snapshot does not say by itself.
struct NewRun {
  const Snapshot& snapshot;
  std::string configuration;  // as in RunRecord, here and below
  std::optional<double> messages_per_second;
  std::optional<double> cpu_ns_per_message;
  std::optional<std::string> verdict;
  std::optional<RunId> group;  // of an earlier repeat of the same command
};

class Store {
 public:
  // Errors: the file cannot be opened; or, as usage errors, is no store, damaged, or a newer
  // trace-run's. None of them changes it.
  static Result<Store> open(const std::string& path, Access access);
  Store(Store&&) noexcept;
  Store& operator=(Store&&) noexcept;
  ~Store();

  // Keeps a run. Then removes the oldest runs without a tag until all of those take at most
  // `limit_bytes`; never one of the same group.
  Result<RunRecord> add(const NewRun& run, std::uint64_t limit_bytes);

  // The newest first, `most` of them.
  Result<std::vector<RunRecord>> newest(std::size_t most);
  Result<std::size_t> count();
  // Those with this tag, oldest first; perhaps none.
  Result<std::vector<RunRecord>> tagged(std::string_view name);

  // The runs that a selector means, oldest first, at least one:
  //   12, 12-15     by number
  //   @12           the group that began with run 12
  //   last, last~1  the newest group, the one before it
  //   NAME          those with this tag, or the newest group of the server of this name
  // Else a usage error that names the nearest there are.
  Result<std::vector<RunRecord>> select(std::string_view selector);

  // The snapshot's file form.
  Result<std::string> snapshot(RunId id);

  // A tag may name any number of runs. Names begin with a letter, go on with letters, digits and
  // any of ._+-, have at most 64 letters and are no selector otherwise.
  Status tag(const std::vector<RunRecord>& runs, const std::string& name);
  // A usage error where none of the runs has it.
  Status untag(const std::vector<RunRecord>& runs, const std::string& name);

  Status remove(const std::vector<RunRecord>& runs);

 private:
  explicit Store(std::unique_ptr<Database> database);

  Status prune(std::uint64_t limit_bytes, RunId spared_group);
  Status remove_one(RunId id);
  Result<std::vector<RunRecord>> select_numbers(RunId from, RunId to);
  Result<std::vector<RunRecord>> select_group(RunId group);
  Result<std::vector<RunRecord>> select_before_last(std::uint64_t back);
  Result<std::vector<RunRecord>> select_name(const std::string& name);
  Result<std::vector<std::string>> texts(std::string_view sql);

  std::unique_ptr<Database> database_;
};

// Whether a selector says which runs by itself, whatever is measured meanwhile: "last" and a
// server's name do not.
bool is_lasting(const std::vector<RunRecord>& selected, std::string_view selector);

// A server's name as runs are found by it: "servers/thread_echo" is "thread_echo".
std::string server_key(std::string_view name);

}  // namespace tr::store
