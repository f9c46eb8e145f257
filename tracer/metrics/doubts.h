// May the figures of this run be trusted?
//
// The measurement is judged before anyone reads it. A doubt is a fact with a threshold; what is
// said about it to people is the report's business.
#pragma once

#include <string>
#include <vector>

#include "metrics/metrics.h"
#include "snapshot/snapshot.h"

namespace tr::metrics {

// Load generator's and kernel's message counts further apart than this share, and than what may be
// under way at the window's edges.
inline constexpr double kMaxDisagreement = 0.001;
// A perf event that counted for less than this share of the time.
inline constexpr double kMinRunningShare = 0.95;
// Jain's index of messages per connection below this.
inline constexpr double kMinJain = 0.9;
// The probes' share of the traced tree's CPU time above this. An echo server, which does nothing
// but calls and switches, is near 10 %; the share itself stands in every report.
inline constexpr double kMaxProbeShare = 0.25;
// A server that is awake for this share of the CPU time it could get has not much more to give: a
// load that is at its own limit hides at most the rest.
inline constexpr double kAtItsLimit = 0.9;
// Open loop: share of messages sent more than 1 ms after their planned time above this.
inline constexpr double kMaxLateShare = 0.01;
// The oldest unanswered message's wait, as a share of the window, above this.
inline constexpr double kMaxUnansweredShare = 0.01;
// Other programs' share of all CPU time above this. trace-run itself is among them; what a desktop
// does on the side stays below.
inline constexpr double kMaxForeignShare = 0.1;
// The hypervisor's for other machines. It hits only CPUs that have work: all the rest pays for it.
inline constexpr double kMaxStealShare = 0.05;
// Probes and perf events count the same thing further apart than this share, and than these few:
// their windows open and close some microseconds apart.
inline constexpr double kMaxCrossCheckShare = 0.01;
inline constexpr std::uint64_t kCrossCheckSlack = 10;
// CPU times differ by more: perf starts and stops its clock inside the switch, some 100 ns from
// where the probes do, and what either costs falls into the other's time.
inline constexpr double kMaxCpuTimeShare = 0.05;
inline constexpr std::uint64_t kCrossCheckSlackNs = 1'000'000;
// Threads' times further from their lives than this share.
inline constexpr double kMaxLifeResidual = 0.001;

struct Doubt {
  enum class Kind {
    kWrongAnswers,       // answers differed from what was sent
    kNoMessages,         // a load ran, and not one message was answered
    kServerEnded,        // by itself, while it was measured, or killed by a signal
    kInterrupted,        // the window was closed early
    kMessagesDisagree,   // beyond kMaxDisagreement
    kConnectFailures,    // connections that could not be established
    kBrokenConnections,  // connections lost on the way
    kLoadSaturated,      // the load generator was itself the limit, and the server was not
    kLateSends,          // beyond kMaxLateShare
    kStalled,            // at the close the oldest message had waited longer than any latency, and
                         // than kMaxUnansweredShare of the window: no latency tells of it
    kUnfair,             // Jain below kMinJain, or 5 % of the connections got nothing
    kUnsteady,           // no part of the window at one level is long enough: metrics/steadiness.h
    kLost,               // events; `subjects`: the reasons
    kForeignWork,        // beside server and load, beyond kMaxForeignShare
    kSteal,              // beyond kMaxStealShare
    kMultiplexed,        // perf events below kMinRunningShare; `subjects`: the events
    kCountersDisagree,   // probes and perf beyond kMaxCrossCheckShare; `subjects`: the events
    kTimesDoNotAddUp,    // beyond kMaxLifeResidual
    kBothSaturated,      // server and load were both at their limit
    kProbesCostly,       // beyond kMaxProbeShare
    kSlowed,             // on purpose, by --delay
  };
  Kind kind;
  std::vector<std::string> subjects;

  friend bool operator==(const Doubt&, const Doubt&) = default;
};

// At most one of a kind, in the order of the kinds: gravest first.
std::vector<Doubt> doubts_about(const Snapshot& snapshot, const Metrics& metrics);

}  // namespace tr::metrics
