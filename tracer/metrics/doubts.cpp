#include "metrics/doubts.h"

#include <algorithm>
#include <cmath>

namespace tr::metrics {
namespace {

using Kind = Doubt::Kind;

bool server_ended(const Snapshot& snapshot) {
  if (!snapshot.server_exit || !snapshot.server_exit->exited_by_itself) return false;
  // A program that nobody loads may end when it is done.
  return snapshot.config.load != "none" || snapshot.server_exit->signal != 0;
}

bool beyond(double value, std::uint64_t of, double share) {
  return std::abs(value) > static_cast<double>(of) * share;
}

bool counters_disagree(const CrossCheck& check) {
  if (check.witness != CrossCheck::Witness::kPerf) return false;
  const bool time = check.is_time();
  const std::uint64_t slack = time ? kCrossCheckSlackNs : kCrossCheckSlack;
  return std::max(check.probes, check.other) - std::min(check.probes, check.other) > slack &&
         (!check.share || *check.share > (time ? kMaxCpuTimeShare : kMaxCrossCheckShare));
}

void add_about(Kind kind, std::vector<std::string> subjects, std::vector<Doubt>& doubts) {
  if (!subjects.empty()) doubts.push_back({kind, std::move(subjects)});
}

void judge_load(const LoadResult& load, bool server_has_room, std::uint64_t window_ns,
                std::vector<Doubt>& doubts) {
  if (load.connect_failures > 0) doubts.push_back({Kind::kConnectFailures, {}});
  if (load.broken_connections > 0) doubts.push_back({Kind::kBrokenConnections, {}});
  if (load.saturated && server_has_room) doubts.push_back({Kind::kLoadSaturated, {}});
  if (beyond(static_cast<double>(load.late_sends), load.messages, kMaxLateShare))
    doubts.push_back({Kind::kLateSends, {}});
  if (load.longest_unanswered_ns > load.latency.max() &&
      beyond(static_cast<double>(load.longest_unanswered_ns), window_ns, kMaxUnansweredShare))
    doubts.push_back({Kind::kStalled, {}});
  if (load.connections > 1 && load.messages > 0 &&
      (load.fairness_jain < kMinJain || load.fairness_p5 == 0))
    doubts.push_back({Kind::kUnfair, {}});
}

// What is under way at an edge of the window is in one count and not in the other: that is no
// disagreement.
bool messages_disagree(const Snapshot& snapshot, const Messages& messages) {
  if (messages.disagreement.value_or(0) <= kMaxDisagreement) return false;
  const std::uint64_t more = std::max(*messages.by_kernel, *messages.by_load);
  const std::uint64_t less = std::min(*messages.by_kernel, *messages.by_load);
  return more - less > snapshot.config.connections * snapshot.config.pipeline;
}

}  // namespace

std::vector<Doubt> doubts_about(const Snapshot& snapshot, const Metrics& metrics) {
  std::vector<Doubt> doubts;
  const std::optional<LoadResult>& load = snapshot.load;
  if (load && load->wrong_answers > 0) doubts.push_back({Kind::kWrongAnswers, {}});
  if (snapshot.config.load != "none" && !metrics.messages.count &&
      (load || !snapshot.unmeasured.contains(Figures::kSockets)))
    doubts.push_back({Kind::kNoMessages, {}});
  if (server_ended(snapshot)) doubts.push_back({Kind::kServerEnded, {}});
  if (snapshot.interrupted) doubts.push_back({Kind::kInterrupted, {}});
  if (messages_disagree(snapshot, metrics.messages))
    doubts.push_back({Kind::kMessagesDisagree, {}});
  const bool server_has_room = metrics.server_awake_share.value_or(0) < kAtItsLimit;
  if (load) judge_load(*load, server_has_room, snapshot.window_ns(), doubts);
  if (metrics.steadiness && !metrics.steadiness->steady) doubts.push_back({Kind::kUnsteady, {}});
  std::vector<std::string> lost;
  for (const auto& [reason, count] : snapshot.lost)
    if (count > 0) lost.push_back(reason);
  add_about(Kind::kLost, std::move(lost), doubts);
  // Who loads a server that is only looked at is among the others.
  if (snapshot.config.load != "none" && metrics.foreign_share.value_or(0) > kMaxForeignShare)
    doubts.push_back({Kind::kForeignWork, {}});
  if (metrics.steal_share.value_or(0) > kMaxStealShare) doubts.push_back({Kind::kSteal, {}});
  std::vector<std::string> multiplexed;
  for (const PerfRow& row : metrics.perf)
    if (row.running_share && *row.running_share < kMinRunningShare)
      multiplexed.push_back(row.count.event);
  add_about(Kind::kMultiplexed, std::move(multiplexed), doubts);
  std::vector<std::string> disagreeing;
  for (const CrossCheck& check : metrics.cross_checks)
    if (counters_disagree(check)) disagreeing.push_back(check.event);
  add_about(Kind::kCountersDisagree, std::move(disagreeing), doubts);
  if (metrics.life && (beyond(static_cast<double>(metrics.life->residual_ns), metrics.life->life_ns,
                              kMaxLifeResidual) ||
                       beyond(static_cast<double>(metrics.life->worst_residual_ns),
                              snapshot.window_ns(), kMaxLifeResidual)))
    doubts.push_back({Kind::kTimesDoNotAddUp, {}});
  if (load && load->saturated && !server_has_room) doubts.push_back({Kind::kBothSaturated, {}});
  if (snapshot.overhead.share_of_cpu.value_or(0) > kMaxProbeShare)
    doubts.push_back({Kind::kProbesCostly, {}});
  if (snapshot.config.delay && snapshot.config.delay->ns > 0) doubts.push_back({Kind::kSlowed, {}});
  return doubts;
}

}  // namespace tr::metrics
