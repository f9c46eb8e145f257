// What can make a message dear, how does it show, and which experiment tells whether it is so?
//
// One file per cause in causes/. A cause claims a part of the time that a run spends on CPUs per
// message, state by state of its budget. All causes together claim all of it, each nanosecond once:
// so their parts, and the differences of their parts between two servers, add up.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "explain/facts.h"

namespace tr::explain {

// Time per message in a state of the budget.
struct Part {
  std::string state;
  double ns = 0;
};

// What an experiment changes about a run, and about nothing else.
enum class Change {
  kOneCpu,         // the server runs on one CPU
  kWorkersAsCpus,  // as many workers as CPUs
  kOneWorker,
  kDeeperPipeline,     // 8 messages under way per connection
  kFewerConnections,   // half of them
  kConnectionsAsCpus,  // as many connections, and so threads that serve them, as CPUs
  kKeepConnections,    // messages share connections
  kMallocKeeps,        // malloc gives nothing back to the kernel, and takes no mappings of its own
};

struct Experiment {
  Change change = Change::kOneCpu;
  // The figure that the change must bring down, to `to` of what it was, or it was no experiment.
  std::string figure;
  double to = 0.5;
  // By how much CPU time per message then falls, if the cause is what it is held for.
  double least_ns = 0;
  double most_ns = 0;
};

class Cause {
 public:
  virtual ~Cause() = default;

  [[nodiscard]] virtual std::string_view name() const = 0;
  // What it says of a server, to be read behind the server's name.
  [[nodiscard]] virtual std::string_view claim() const = 0;
  // The figure that shows it, among those of Facts: the more of it the higher. Empty: only its
  // part.
  [[nodiscard]] virtual std::string_view figure() const = 0;
  // Whether a run shows it at all.
  [[nodiscard]] virtual bool shows(const Facts& run) const = 0;
  // What it claims, at most, of a run that shows it. Those asked before have taken theirs.
  [[nodiscard]] virtual std::vector<Part> parts(const Facts& run) const = 0;
  // In ns per message, where parts() cannot say which states pay: for the order in which
  // experiments are made, and their prediction. Never reported as measured.
  [[nodiscard]] virtual double guess_ns(const Facts&) const { return 0; }
  // Switches and moves per message that it makes: they also make other work dearer, by colder
  // caches and on the way out of calls, and no figure tells by how much; see spread.h.
  [[nodiscard]] virtual double switches(const Facts&) const { return 0; }
  // Absent: nobody knows how to take it away from outside.
  [[nodiscard]] virtual std::optional<Experiment> experiment(const Facts& run) const = 0;

  enum class Kind {
    kCost,     // makes messages dear
    kLimit,    // keeps the throughput down and claims no time: told where it is, never ranked by it
    kAccount,  // where time went and no more: what is left when all others have claimed theirs
    kTracing,  // nothing of the server's
  };
  [[nodiscard]] virtual Kind kind() const { return Kind::kCost; }
};

// In the order in which they claim: the more special first.
const std::vector<const Cause*>& causes();
const Cause* find_cause(std::string_view name);
// Its place among them.
std::size_t index_of(const Cause& cause);

// What a cause has of a run's CPU time per message, and in how many system calls.
struct Claim {
  double ns = 0;
  double calls = 0;
};
// What each has, in the order of causes(). The times add up to all of it.
std::vector<Claim> claim_all(const Facts& run);

// What a migration costs beside a switch, roughly: for guess_ns().
inline constexpr double kMigrationNs = 3000;
// The predicted range around a part that was measured, and around a guess.
inline constexpr double kPartLeast = 0.3;
inline constexpr double kPartMost = 3;
inline constexpr double kGuessLeast = 0.1;
inline constexpr double kGuessMost = 10;

// The experiment on what parts() say, or on the guess.
Experiment expecting(Change change, std::string_view figure, const std::vector<Part>& parts);
Experiment expecting_guess(Change change, std::string_view figure, double ns);

}  // namespace tr::explain
