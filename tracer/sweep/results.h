// What does a sweep say: of each server under each load, of the servers under the same load, and of
// a server over its connections?
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "metrics/doubts.h"
#include "metrics/repeats.h"
#include "snapshot/snapshot.h"
#include "statistics/fit.h"
#include "sweep/folder.h"

namespace tr::sweep {

// Figures of a run that metrics::figures_of() leaves out where there are messages.
inline constexpr std::string_view kUserSeconds = "cpu.user_ns";      // of the window, in ns
inline constexpr std::string_view kSystemSeconds = "cpu.system_ns";  // as above
inline constexpr std::string_view kWindow = "window_ns";
inline constexpr std::string_view kJain = "fairness.jain";

struct CellResult {
  Cell cell;
  std::string skipped;                // why it was not measured; empty: it was to be
  std::vector<std::string> failures;  // of runs that gave nothing
  std::uint64_t runs = 0;             // that were made
  std::uint64_t fit = 0;              // of them to be compared: those behind the figures
  std::map<metrics::Doubt::Kind, std::uint64_t> unfit;  // how many runs for which reason
  std::vector<metrics::RepeatedFigure> figures;         // none without a fit run

  // nullptr where there is none of that name.
  [[nodiscard]] const metrics::RepeatedFigure* find(std::string_view name) const {
    return metrics::find(figures, name);
  }
  [[nodiscard]] std::optional<double> value(std::string_view name) const {
    const auto* found = find(name);
    return found == nullptr ? std::nullopt : std::optional(found->figure.value);
  }
};

// Where a server stands among those under the same load, by messages per second: from `first` to
// `last`, from 1 on, which differ where its 95 % interval overlaps with others'. One run has no
// interval, and may stand anywhere.
struct Place {
  std::size_t cell = 0;
  std::size_t first = 1;
  std::size_t last = 1;

  friend bool operator==(const Place&, const Place&) = default;
};

// The servers under one load: the most messages per second first; without those that have none.
using Ranking = std::vector<Place>;

// The universal scalability law over the connections of one server, the rest alike.
struct Scaling {
  std::size_t cell = 0;  // one of those that it was fitted to
  std::size_t points = 0;
  statistics::Scalability law;
};

struct Results {
  Environment environment;  // of the first run that there is
  RunConfig config;
  bool one_window = true;     // windows and warm-ups of all cells are as long as those there
  std::uint64_t repeats = 1;  // asked for
  std::vector<CellResult> cells;
  std::vector<Ranking> rankings;  // one per load, in the order of the cells
  std::vector<Scaling> scalings;  // where there are points enough
};

// What these runs say of their cell.
CellResult judge_cell(const PlannedCell& planned, std::span<const Snapshot> runs,
                      std::vector<std::string> failures);

std::vector<Ranking> rank(std::span<const CellResult> cells);
std::vector<Scaling> fit_scalings(std::span<const CellResult> cells);

// All that a folder holds. One cell's runs are in memory at a time. An error where there is no run
// at all, or one is damaged.
Result<Results> read_results(const Folder& folder);

}  // namespace tr::sweep
