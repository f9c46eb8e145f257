// The end of a run: from the kernel's records and the programs' exits to a snapshot.
#include <fmt/format.h>

#include "capture/environment.h"
#include "capture/memory.h"
#include "capture/syscall_names.h"
#include "commands/measure/session.h"
#include "util/cpu_set.h"

namespace tr::commands {
namespace {

RunConfig config_of(const Plan& plan) {
  RunConfig config;
  config.server = plan.name;
  config.argv = plan.argv;
  config.attached_pid = plan.attach.value_or(0);
  config.mode = plan.counts_only ? "count" : "default";
  config.pin = format_cpu_list(plan.pin);
  config.warmup_s = static_cast<double>(plan.load.warmup_ns) / kNsPerSecond;
  if (plan.load_kind == LoadKind::kBuiltIn || plan.duration_given)
    config.duration_s = static_cast<double>(plan.load.duration_ns) / kNsPerSecond;
  config.load = plan.load_text;
  if (plan.load_kind != LoadKind::kNone) config.pin_load = format_cpu_list(plan.load.pin);
  if (plan.load_kind == LoadKind::kBuiltIn) {
    config.connections = plan.load.connections;
    if (plan.load.protocol == load::ProtocolKind::kHttp) config.path = plan.load.path;
    config.pipeline = plan.load.pipeline;
    config.close = plan.load.close;
    config.rate = plan.load.rate;
    if (plan.load.open_loop()) config.rate_shape = load::shape_name(plan.load.rate_shape);
  }
  config.delay = plan.delay;
  return config;
}

}  // namespace

void Session::detach_probes() {
  if (std::exchange(detached_, true)) return;
  learn_locks();
  probes_->detach();
}

Result<Measured> Session::take_snapshot() {
  progress_.show("collecting");
  detach_probes();
  const auto raw = probes_->raw_counts();
  if (!raw) return raw.error();
  const auto raw_waits = probes_->raw_waits(*raw);
  if (!raw_waits) return raw_waits.error();
  const capture::Names names{.syscall = capture::syscall_name,
                             .futex = capture::futex_operation_name};
  capture::Collected collected = capture::collect(*raw, names);

  Measured measured;
  Snapshot& snapshot = measured.snapshot;
  snapshot.window_open_ns = raw->window_open_ns;
  snapshot.window_close_ns = raw->window_close_ns;
  snapshot.interrupted = cut_short_;
  snapshot.total = std::move(collected.total);
  snapshot.threads = std::move(collected.threads);
  for (ThreadCounts& thread : snapshot.threads)
    if (const auto found = schedstat_.find(static_cast<pid_t>(thread.tid));
        found != schedstat_.end() && !thread.exited)
      thread.schedstat = found->second;
  snapshot.folded_threads = collected.folded_threads;
  if (raw->budget) snapshot.folded_life_ns = collected.folded_life_ns;
  snapshot.cpu_time = collected.cpu_time;
  snapshot.steal = steal_;
  snapshot.message_path = std::move(collected.message_path);
  snapshot.message_hops = std::move(collected.message_hops);
  if (*raw_waits) {
    snapshot.waits = capture::collect_waits(*raw, **raw_waits, names);
    for (WaitCause& cause : snapshot.waits->causes)
      if (cause.place == "address")
        cause.lies_in = capture::data_place(*symbols_, cause.tgid, cause.which);
  }
  if (plan_.counts_only)
    for (const Figures figures : {Figures::kSyscallResults, Figures::kScheduling, Figures::kSockets,
                                  Figures::kBudget, Figures::kUring})
      snapshot.unmeasured[figures] = "left out by --counts-only";
  else if (!plan_.budget)
    snapshot.unmeasured[Figures::kBudget] = "left out by --no-budget";
  snapshot.unmeasured.insert(probes_->unmeasured().begin(), probes_->unmeasured().end());
  if (raw->paths && !raw->paths->last_turns_unmeasured.empty())
    snapshot.unmeasured[Figures::kLastTurns] = raw->paths->last_turns_unmeasured;
  auto delays = probes_->delays();
  if (!delays) return std::move(delays).error();
  snapshot.delays = *std::move(delays);
  snapshot.memory = memory_;
  if (!memory_unmeasured_.empty()) snapshot.unmeasured[Figures::kMemory] = memory_unmeasured_;
  snapshot.lost = probes_->lost();
  const capture::UnseenEvents unseen = probes_->unseen();
  if (unseen.switches + unseen.wakeups > 0)
    notes_.push_back(fmt::format(
        "This kernel did not show {} switches and {} wake-ups of the traced threads; they were"
        " inferred from what followed, so the counts are whole, but the time of the states around"
        " them is not exact.",
        unseen.switches, unseen.wakeups));
  if (probes_->options().stacks) {
    progress_.show("looking up symbols");
    const capture::RawStacks stacks = probes_->raw_stacks();
    capture::StackTable table(stacks, *symbols_);
    snapshot.stacks = capture::collect_stacks(stacks, *raw, names, table);
  }
  if (watch_locks_) {
    auto locks = watch_locks_->take();
    if (!locks) return std::move(locks).error();
    snapshot.locks = *std::move(locks);
    if (!snapshot.locks->holds && !snapshot.locks->holds_unmeasured.empty())
      snapshot.unmeasured[Figures::kLockHolds] = snapshot.locks->holds_unmeasured;
  }
  if (perf_) {
    snapshot.perf = perf_->read();
    for (std::string& note : perf_->notes())
      notes_.push_back(std::move(note));
  }
  const std::optional<BareRun> bare = bare_run();
  if (outcome_) snapshot.load = std::move(outcome_->result);
  snapshot.overhead = costs_->overhead(snapshot.total.user_ns + snapshot.total.system_ns);
  snapshot.overhead.bare = bare;
  if (peak_forgotten_) snapshot.overhead.tracer_peak_bytes = capture::own_peak("/proc");

  // Nothing is measured any more: the programs may end.
  if (Status ended = end_programs(); !ended && !failure_) failure_ = std::move(ended).error();
  snapshot.server_exit = server_.exit;
  snapshot.environment = capture::read_environment();
  snapshot.environment.switch_ns = switch_ns_;
  snapshot.config = config_of(plan_);
  if (listening_) snapshot.config.port = listening_->port;
  snapshot.config.size = request_bytes_;
  for (std::string& note : probes_->notes())
    notes_.push_back(std::move(note));
  snapshot.notes = std::move(notes_);
  measured.failure = std::move(failure_);
  measured.stop_asked = finishing_ || interrupted();
  return measured;
}

Result<Measured> measure(const Plan& plan, Progress& progress, FirstInterrupt first) {
  return Session(plan, progress, first).run();
}

}  // namespace tr::commands
