#include "report/warnings.h"

#include <algorithm>

#include <fmt/format.h>

#include "report/names.h"
#include "report/units.h"

namespace tr::report {
namespace {

using Kind = metrics::Doubt::Kind;

bool contains(const std::vector<std::string>& list, const std::string& text) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

std::string_view noun(const JudgedRun& run) {
  return run.snapshot.config.load == "none" ? "program" : "server";
}

std::string messages_disagree(const JudgedRun& run) {
  const metrics::Messages& messages = run.metrics.messages;
  const RunConfig& config = run.snapshot.config;
  return fmt::format(
      "the message counts disagree by {}: {} by the load generator, {} by the kernel ({} at most "
      "may be under way at each edge of the window); the figures per message are off by as much",
      percent_text(*messages.disagreement), count_text(messages.by_load.value_or(0)),
      count_text(messages.by_kernel.value_or(0)), count_text(config.connections * config.pipeline));
}

std::string no_messages(const JudgedRun& run) {
  const RunConfig& config = run.snapshot.config;
  if (run.snapshot.load)
    return "not one message was answered inside the window: there is nothing to divide by";
  return fmt::format(
      "the kernel saw no data received on port {}: is it the port that the load goes to? There is "
      "nothing to divide by",
      config.port);
}

std::string server_ended(const JudgedRun& run) {
  const ServerExit& exit = *run.snapshot.server_exit;
  const std::string how = exit.signal != 0
                              ? fmt::format("was killed by {}", signal_name(exit.signal))
                              : fmt::format("ended by itself with status {}", exit.code);
  return fmt::format("the {} {} while it was measured", noun(run), how);
}

std::string interrupted(const JudgedRun& run) {
  const RunConfig& config = run.snapshot.config;
  const double window_ns = static_cast<double>(run.snapshot.window_ns());
  const std::string planned =
      config.duration_s > 0 ? fmt::format(" of {}", duration_text(config.duration_s * 1e9)) : "";
  return fmt::format("stopped early by a signal: the figures cover {}{}", duration_text(window_ns),
                     planned);
}

// The first failure is told once, where the first kind of it is.
std::string connections(const JudgedRun& run, std::uint64_t count, std::string_view what) {
  const LoadResult& load = *run.snapshot.load;
  const bool told = count != load.connect_failures && load.connect_failures > 0;
  const std::string first = told || load.first_failure.empty()
                                ? ""
                                : fmt::format("; the first: {}", printable(load.first_failure));
  return fmt::format("{} of {} connections {}{}", count_text(count),
                     count_text(run.snapshot.config.connections), what, first);
}

std::string unfair(const JudgedRun& run) {
  const LoadResult& load = *run.snapshot.load;
  return fmt::format(
      "connections were served unevenly (Jain {:.3f}): 5 % of them got at most {} messages, half "
      "at most {}; percentiles of latency speak for the favoured ones",
      load.fairness_jain, whole_text(load.fairness_p5), whole_text(load.fairness_p50));
}

std::string unsteady(const JudgedRun& run) {
  const metrics::Steadiness& longest = *run.metrics.steadiness;
  const auto length = static_cast<double>(longest.end_ns - longest.begin_ns);
  return fmt::format(
      "throughput was not steady: the longest part at one level took {} of the window ({}, from {} "
      "on); a longer --warmup or --duration may give it the time",
      percent_text(longest.share), duration_text(length),
      duration_text(static_cast<double>(longest.begin_ns)));
}

std::string multiplexed(const JudgedRun& run, const std::vector<std::string>& events) {
  std::vector<std::string> shares;
  for (const metrics::PerfRow& row : run.metrics.perf)
    if (row.running_share && contains(events, row.count.event))
      shares.push_back(fmt::format("{} counted {} of the time", printable(row.count.event),
                                   percent_text(*row.running_share)));
  return fmt::format(
      "perf events had to share a counter ({}): their values are not scaled and not comparable; "
      "ask for fewer events at once",
      joined(shares));
}

std::string counters_disagree(const JudgedRun& run, const std::vector<std::string>& events) {
  std::vector<std::string> pairs;
  for (const metrics::CrossCheck& check : run.metrics.cross_checks) {
    if (!contains(events, check.event)) continue;
    const auto text = [time = check.is_time()](std::uint64_t value) {
      return time ? duration_text(static_cast<double>(value)) : count_text(value);
    };
    pairs.push_back(fmt::format("{} ({} and {})", printable(check.event), text(check.probes),
                                text(check.other)));
  }
  return fmt::format("the probes and perf disagree on {}", joined(pairs));
}

std::string lost(const JudgedRun& run, const std::vector<std::string>& reasons) {
  std::vector<std::string> texts;
  texts.reserve(reasons.size());
  for (const std::string& reason : reasons)
    texts.push_back(
        fmt::format("{} ({})", count_text(run.snapshot.lost.at(reason)), printable(reason)));
  return fmt::format("something was lost, so the counts are too low: {}", joined(texts));
}

std::string times_do_not_add_up(const JudgedRun& run) {
  const metrics::LifeBudget& life = *run.metrics.life;
  return fmt::format(
      "the threads' times do not add up to their lives: off by {} of {} (thread {} by {}); CPU and "
      "run-queue times are not exact",
      duration_text(static_cast<double>(life.residual_ns)),
      duration_text(static_cast<double>(life.life_ns)), life.worst_tid,
      duration_text(static_cast<double>(life.worst_residual_ns)));
}

std::string both_saturated(const JudgedRun& run) {
  const double awake = run.metrics.server_awake_share.value_or(1);
  constexpr double kNothing = 0.995;
  return fmt::format(
      "server and load were both at their limit (the load: {}; the server was awake for {} of the "
      "CPU time it could get): a faster load would show {}",
      printable(run.snapshot.load->saturation), percent_text(awake),
      awake > kNothing ? "no more" : fmt::format("at most {} more", percent_text(1 / awake - 1)));
}

}  // namespace

std::string_view warning_kind(Kind kind) {
  switch (kind) {
    case Kind::kWrongAnswers:
      return "wrong_answers";
    case Kind::kNoMessages:
      return "no_messages";
    case Kind::kServerEnded:
      return "server_ended";
    case Kind::kInterrupted:
      return "interrupted";
    case Kind::kMessagesDisagree:
      return "messages_disagree";
    case Kind::kConnectFailures:
      return "connect_failures";
    case Kind::kBrokenConnections:
      return "broken_connections";
    case Kind::kLoadSaturated:
      return "load_saturated";
    case Kind::kLateSends:
      return "late_sends";
    case Kind::kStalled:
      return "stalled";
    case Kind::kUnfair:
      return "unfair";
    case Kind::kUnsteady:
      return "unsteady";
    case Kind::kLost:
      return "lost_events";
    case Kind::kForeignWork:
      return "foreign_work";
    case Kind::kSteal:
      return "stolen_time";
    case Kind::kMultiplexed:
      return "multiplexed";
    case Kind::kCountersDisagree:
      return "counters_disagree";
    case Kind::kTimesDoNotAddUp:
      return "times_do_not_add_up";
    case Kind::kBothSaturated:
      return "both_saturated";
    case Kind::kSlowed:
      return "slowed";
    case Kind::kProbesCostly:
      break;
  }
  return "probes_costly";
}

std::string doubt_name(Kind kind) {
  std::string name(warning_kind(kind));
  std::ranges::replace(name, '_', ' ');
  return name;
}

std::string unfit_text(const metrics::Verdict& verdict) {
  std::vector<std::string> reasons;
  for (const Kind kind : verdict.unfit)
    reasons.push_back(doubt_name(kind));
  return joined(reasons);
}

std::string verdict_text(const JudgedRun& run) {
  if (run.verdict.fit()) {
    std::string fit = "fit to be compared";
    const auto& steady = run.metrics.steadiness;
    if (!steady) return fit;
    if (steady->share == 1) return fit + ": steady throughout";
    const double begin = static_cast<double>(steady->begin_ns);
    return fmt::format("{}: steady from {} to {} of the window, at {} messages/s", fit,
                       duration_text(begin), duration_text(static_cast<double>(steady->end_ns)),
                       number_text(steady->per_second));
  }
  return "not fit to be compared: " + unfit_text(run.verdict);
}

std::string warning_text(const metrics::Doubt& doubt, const JudgedRun& run) {
  const Snapshot& snapshot = run.snapshot;
  switch (doubt.kind) {
    case Kind::kWrongAnswers:
      return fmt::format(
          "{} differed from what was sent: the server corrupts data, its speed says nothing",
          snapshot.load->wrong_answers == 1
              ? "an answer"
              : count_text(snapshot.load->wrong_answers) + " answers");
    case Kind::kNoMessages:
      return no_messages(run);
    case Kind::kServerEnded:
      return server_ended(run);
    case Kind::kInterrupted:
      return interrupted(run);
    case Kind::kMessagesDisagree:
      return messages_disagree(run);
    case Kind::kConnectFailures:
      return connections(run, snapshot.load->connect_failures, "could not be established");
    case Kind::kBrokenConnections:
      return connections(run, snapshot.load->broken_connections, "broke on the way");
    case Kind::kLoadSaturated:
      return fmt::format(
          "the load generator was itself the limit ({}): the server may be faster than this; give "
          "the load more CPUs with --pin-load",
          printable(snapshot.load->saturation));
    case Kind::kLateSends:
      return fmt::format(
          "{} messages were sent more than 1 ms after their planned time: the planned rate was not "
          "kept; latency counts from the planned time all the same",
          count_text(snapshot.load->late_sends));
    case Kind::kStalled:
      return fmt::format(
          "{} messages were unanswered when the window closed, one for {} already: longer than any "
          "latency in this report",
          count_text(snapshot.load->unanswered),
          duration_text(static_cast<double>(snapshot.load->longest_unanswered_ns)));
    case Kind::kUnfair:
      return unfair(run);
    case Kind::kUnsteady:
      return unsteady(run);
    case Kind::kLost:
      return lost(run, doubt.subjects);
    case Kind::kForeignWork:
      return fmt::format(
          "other programs used {} of all CPUs' time beside server and load: what they took is "
          "missing in the throughput, and waited for in the latency",
          percent_text(run.metrics.foreign_share.value_or(0)));
    case Kind::kSteal:
      return fmt::format(
          "the hypervisor gave {} of all CPUs' time to other machines: every time here is longer "
          "by a share of it",
          percent_text(run.metrics.steal_share.value_or(0)));
    case Kind::kMultiplexed:
      return multiplexed(run, doubt.subjects);
    case Kind::kCountersDisagree:
      return counters_disagree(run, doubt.subjects);
    case Kind::kTimesDoNotAddUp:
      return times_do_not_add_up(run);
    case Kind::kBothSaturated:
      return both_saturated(run);
    case Kind::kSlowed:
      return fmt::format(
          "the {} was slowed on purpose, by {} ns of CPU time at each {}: without --delay it is "
          "faster than this",
          noun(run), count_text(snapshot.config.delay->ns),
          printable(snapshot.config.delay->stage));
    case Kind::kProbesCostly:
      break;
  }
  return fmt::format("tracing took {} of the {}'s CPU time: untraced it is faster than this",
                     percent_text(snapshot.overhead.share_of_cpu.value_or(0)), noun(run));
}

}  // namespace tr::report
