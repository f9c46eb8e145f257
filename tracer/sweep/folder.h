// What has been measured of a sweep, and where is it kept?
//
// A folder holds sweep.json, which says what the sweep is, and each run as a snapshot file of its
// own, written whole or not at all: a sweep that was killed goes on where it stopped. The file's
// name is CELL-NAME-REPEAT.run, with the number of the cell (from 0001 on) and of the repeat. What
// went wrong with a run stands in a file of its own until the run succeeds. Whatever is read may be
// damaged.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "snapshot/snapshot.h"
#include "sweep/grid.h"
#include "util/fd.h"
#include "util/result.h"

namespace tr::sweep {

inline constexpr std::size_t kMostCells = 10'000;
inline constexpr std::uint64_t kMostRepeats = 1'000;

struct PlannedCell {
  Cell cell;
  std::string skipped;  // why it cannot be measured here; empty: it can

  friend bool operator==(const PlannedCell&, const PlannedCell&) = default;
};

// What makes it this sweep and no other.
struct Manifest {
  std::vector<PlannedCell> cells;
  std::uint64_t repeats = 1;
  std::uint64_t order_seed = 1;
  std::vector<std::string> options;  // of all runs, as words: "--duration=1s"
  std::string tool_version;
  std::string kernel;
  std::string cpus;  // the usable ones, as a CPU list
};

struct RunId {
  std::size_t cell = 0;
  std::uint64_t repeat = 1;  // from 1 on
};

class Folder {
 public:
  // Makes the folder, or goes on with the sweep in it, if it is this one; nobody else may measure
  // into it meanwhile. Errors are usage errors: it holds another sweep or something else, is in
  // use, or cannot be written.
  static Result<Folder> begin(const std::string& path, const Manifest& manifest);
  // To read what is there.
  static Result<Folder> open(const std::string& path);

  [[nodiscard]] const Manifest& manifest() const { return manifest_; }
  [[nodiscard]] const std::string& path() const { return path_; }

  [[nodiscard]] bool has(RunId run) const;
  // Also forgets the run's failure.
  Status keep(RunId run, const Snapshot& snapshot) const;
  Status note_failure(RunId run, const std::string& why) const;

  // Absent if it has not been made. An error where the file is damaged, or of another cell.
  [[nodiscard]] Result<std::optional<Snapshot>> run(RunId run) const;
  // Why it failed when it was last tried; empty if it did not.
  [[nodiscard]] std::string failure(RunId run) const;

 private:
  Folder(std::string path, Manifest manifest)
      : path_(std::move(path)), manifest_(std::move(manifest)) {}

  [[nodiscard]] std::string file_of(RunId run, const char* ending) const;

  std::string path_;
  Manifest manifest_;
  Fd lock_;
};

}  // namespace tr::sweep
