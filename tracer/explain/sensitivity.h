// Which stage of a server's work is on its bottleneck?
//
// Each stage in turn was made a little slower, by known delays, and the answers say what that cost:
// Coz's idea (Curtsinger and Berger, SOSP 2015) turned round. It speeds code up by slowing all
// else; here the stage itself is slowed, which needs no pauses of other threads. The slope of the
// time between answers over the delay per message is 1 where the stage is on the one thread that
// limits the server, 1/n where n do its work side by side, 0 where there is slack.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "compare/comparison.h"
#include "metrics/doubts.h"
#include "snapshot/snapshot.h"
#include "statistics/sample.h"
#include "util/result.h"

namespace tr::explain {

enum class Place {
  kBottleneck,  // all of the delay is between the answers
  kShared,      // a part of it
  kSlack,       // nothing of it
  kMultiplied,  // more than it: others are held up too
  kUndecided,   // the runs do not tell
  kNeverThere,  // the server has no such stage: no delay took place
};

// One run. Times in ns per message.
struct DelayedRun {
  std::uint64_t asked_ns = 0;    // per delay
  double delay_ns = 0;           // spent
  double delays = 0;             // how many, per message
  double answer_ns = 0;          // between answers: 1 / throughput
  std::optional<double> cpu_ns;  // of the server, the delay included
};

struct StageSensitivity {
  std::string stage;
  Place place = Place::kUndecided;
  double delays = 0;                           // per message
  statistics::Estimate answer;                 // ns of time between answers, per ns of delay
  std::optional<statistics::Estimate> cpu;     // the same of CPU time; 1: the delay, and no more
  std::optional<std::uint64_t> rounds_needed;  // of kUndecided, roughly
  std::vector<std::vector<DelayedRun>> rounds;
};

struct Sensitivity {
  std::string server;
  std::size_t rounds = 0;
  std::size_t runs = 0;               // fit, and used
  double answer_ns = 0;               // where nothing was put in
  std::optional<double> cpus_in_use;  // the same
  // By the gravest of what makes them unfit; left out, unless they are used all the same.
  std::map<metrics::Doubt::Kind, std::size_t> unfit;
  bool uses_unfit = false;
  std::vector<StageSensitivity> stages;  // in the order of kDelayStages
};

// `rounds`: runs with config.delay, of one server; those of a round were made near each other, and
// are held against each other only. Runs without a delay setting, without messages and unfit ones
// are left out, the latter only unless asked for. An error where nothing is left.
Result<Sensitivity> sensitivity(std::span<const std::vector<Snapshot>> rounds,
                                compare::Unfit unfit = compare::Unfit::kLeaveOut);

}  // namespace tr::explain
