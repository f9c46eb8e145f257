// Under which key is each member of a snapshot kept in its file?
//
// One list per type, walked by the writer and by the reader, so that they cannot drift apart. A
// member added later needs its default to be right for files without it, or a new kSnapshotVersion:
// every key listed here must be in a file of the present version, unless its type is std::optional.
#pragma once

#include "snapshot/fields.h"
#include "snapshot/locks_fields.h"
#include "snapshot/snapshot.h"
#include "snapshot/stacks_fields.h"
#include "snapshot/uring_fields.h"
#include "snapshot/waits_fields.h"

namespace tr {

template <MaybeConst<Environment> S, class Field>
void visit_fields(S& environment, Field&& field) {
  field("tool_version", environment.tool_version);
  field("date", environment.date);
  field("kernel", environment.kernel);
  field("architecture", environment.architecture);
  field("cpu_model", environment.cpu_model);
  field("cpus", environment.cpus);
  field("clocksource", environment.clocksource);
  field("memory_bytes", environment.memory_bytes);
  field("virtualization", environment.virtualization);
  field("switch_ns", environment.switch_ns);
}

template <MaybeConst<DelaySetting> S, class Field>
void visit_fields(S& delay, Field&& field) {
  field("stage", delay.stage);
  field("ns", delay.ns);
}

template <MaybeConst<Delays> S, class Field>
void visit_fields(S& delays, Field&& field) {
  field("count", delays.count);
  field("ns", delays.ns);
  field("longest_ns", delays.longest_ns);
}

template <MaybeConst<RunConfig> S, class Field>
void visit_fields(S& config, Field&& field) {
  field("server", config.server);
  field("argv", config.argv);
  field("attached_pid", config.attached_pid);
  field("mode", config.mode);
  field("pin", config.pin);
  field("pin_load", config.pin_load);
  field("load", config.load);
  field("port", config.port);
  field("connections", config.connections);
  field("size", config.size);
  field("path", config.path);
  field("pipeline", config.pipeline);
  field("close", config.close);
  field("duration_s", config.duration_s);
  field("warmup_s", config.warmup_s);
  field("rate", config.rate);
  field("rate_shape", config.rate_shape);
  field("delay", config.delay);
}

template <MaybeConst<AnswerBins> S, class Field>
void visit_fields(S& bins, Field&& field) {
  field("bin_ns", bins.bin_ns);
  field("answers", bins.answers);
}

template <MaybeConst<LoadResult> S, class Field>
void visit_fields(S& load, Field&& field) {
  field("connections", load.connections);
  field("connect_failures", load.connect_failures);
  field("messages", load.messages);
  field("bytes", load.bytes);
  field("sent", load.sent);
  field("wrong_answers", load.wrong_answers);
  field("broken_connections", load.broken_connections);
  field("silent_connections", load.silent_connections);
  field("reopened", load.reopened);
  field("first_failure", load.first_failure);
  field("latency", load.latency);
  field("service", load.service);
  field("bins", load.bins);
  field("unanswered", load.unanswered);
  field("longest_unanswered_ns", load.longest_unanswered_ns);
  field("fairness_p5", load.fairness_p5);
  field("fairness_p50", load.fairness_p50);
  field("fairness_p95", load.fairness_p95);
  field("fairness_jain", load.fairness_jain);
  field("user_ns", load.user_ns);
  field("system_ns", load.system_ns);
  field("runqueue_ns", load.runqueue_ns);
  field("cpus", load.cpus);
  field("late_sends", load.late_sends);
  field("saturated", load.saturated);
  field("saturation", load.saturation);
}

template <MaybeConst<SyscallStats> S, class Field>
void visit_fields(S& call, Field&& field) {
  field("number", call.number);
  field("compat", call.compat);
  field("name", call.name);
  field("calls", call.calls);
  field("carried_in", call.carried_in);
  field("in_flight", call.in_flight);
  field("errors", call.errors);
  field("total_ns", call.total_ns);
  field("errors_by_errno", call.errors_by_errno);
  field("latency", call.latency);
  field("cpu_ns", call.cpu_ns);
  field("returned", call.returned);
  field("empty", call.empty);
  field("in_vain", call.in_vain);
}

template <MaybeConst<Wait> S, class Field>
void visit_fields(S& wait, Field&& field) {
  field("call", wait.call);
  field("object", wait.object);
  field("waker", wait.waker);
  field("count", wait.count);
  field("ns", wait.ns);
}

template <MaybeConst<Budget> S, class Field>
void visit_fields(S& budget, Field&& field) {
  field("delivery_ns", budget.delivery_ns);
  field("interrupt_ns", budget.interrupt_ns);
  field("woken_ns", budget.woken_ns);
  field("preempted_ns", budget.preempted_ns);
  field("waking_ns", budget.waking_ns);
  field("waits", budget.waits);
  field("io_worker_ns", budget.io_worker_ns);
  field("sqpoll_ns", budget.sqpoll_ns);
}

template <MaybeConst<CpuTime> S, class Field>
void visit_fields(S& time, Field&& field) {
  field("cpus", time.cpus);
  field("server_ns", time.server_ns);
  field("load_ns", time.load_ns);
  field("other_ns", time.other_ns);
  field("kernel_ns", time.kernel_ns);
  field("idle_ns", time.idle_ns);
  field("unknown_ns", time.unknown_ns);
}

template <MaybeConst<Steal> S, class Field>
void visit_fields(S& steal, Field&& field) {
  field("ns", steal.ns);
  field("cpus", steal.cpus);
}

template <MaybeConst<PathLeg> S, class Field>
void visit_fields(S& leg, Field&& field) {
  field("name", leg.name);
  field("times", leg.times);
}

template <MaybeConst<PathBucket> S, class Field>
void visit_fields(S& bucket, Field&& field) {
  field("bucket", bucket.bucket);
  field("messages", bucket.messages);
  field("legs_ns", bucket.legs_ns);
}

template <MaybeConst<MessagePath> S, class Field>
void visit_fields(S& path, Field&& field) {
  field("message_size", path.message_size);
  field("legs", path.legs);
  field("buckets", path.buckets);
  field("notes", path.notes);
}

template <MaybeConst<HopTime> S, class Field>
void visit_fields(S& time, Field&& field) {
  field("name", time.name);
  field("ns", time.ns);
  field("times", time.times);
}

template <MaybeConst<MessageHop> S, class Field>
void visit_fields(S& hop, Field&& field) {
  field("sent", hop.sent);
  field("received", hop.received);
  field("times", hop.times);
}

template <MaybeConst<MessageHops> S, class Field>
void visit_fields(S& hops, Field&& field) {
  field("hops", hops.hops);
  field("uncertain", hops.uncertain);
  field("spread", hops.spread);
  field("notes", hops.notes);
}

template <MaybeConst<TaskCounts> S, class Field>
void visit_fields(S& counts, Field&& field) {
  field("voluntary_switches", counts.voluntary_switches);
  field("involuntary_switches", counts.involuntary_switches);
  field("migrations", counts.migrations);
  field("wakeups", counts.wakeups);
  field("user_ns", counts.user_ns);
  field("system_ns", counts.system_ns);
  field("runqueue_ns", counts.runqueue_ns);
  field("blocked_ns", counts.blocked_ns);
  field("received_messages", counts.received_messages);
  field("received_bytes", counts.received_bytes);
  field("sent_messages", counts.sent_messages);
  field("sent_bytes", counts.sent_bytes);
  field("served_messages", counts.served_messages);
  field("served_bytes", counts.served_bytes);
  field("inter_server_messages", counts.inter_server_messages);
  field("futex", counts.futex);
  field("woke_nobody", counts.woke_nobody);
  field("syscalls", counts.syscalls);
  field("budget", counts.budget);
  field("uring", counts.uring);
}

template <MaybeConst<Schedstat> S, class Field>
void visit_fields(S& schedstat, Field&& field) {
  field("cpu_ns", schedstat.cpu_ns);
  field("runqueue_ns", schedstat.runqueue_ns);
}

template <MaybeConst<ThreadCounts> S, class Field>
void visit_fields(S& thread, Field&& field) {
  field("tid", thread.tid);
  field("tgid", thread.tgid);
  field("comm", thread.comm);
  field("life_ns", thread.life_ns);
  field("exited", thread.exited);
  field("counts", thread.counts);
  field("schedstat", thread.schedstat);
}

template <MaybeConst<PerfCount> S, class Field>
void visit_fields(S& perf, Field&& field) {
  field("event", perf.event);
  field("value", perf.value);
  field("enabled_ns", perf.enabled_ns);
  field("running_ns", perf.running_ns);
  field("unsupported", perf.unsupported);
}

template <MaybeConst<MemoryReading> S, class Field>
void visit_fields(S& reading, Field&& field) {
  field("pss_bytes", reading.pss_bytes);
  field("page_table_bytes", reading.page_table_bytes);
  field("anonymous_bytes", reading.anonymous_bytes);
  field("processes", reading.processes);
  field("threads", reading.threads);
}

template <MaybeConst<Memory> S, class Field>
void visit_fields(S& memory, Field&& field) {
  field("before_load", memory.before_load);
  field("at_close", memory.at_close);
}

template <MaybeConst<ServerExit> S, class Field>
void visit_fields(S& exit, Field&& field) {
  field("exited_by_itself", exit.exited_by_itself);
  field("code", exit.code);
  field("signal", exit.signal);
  field("user_ns", exit.user_ns);
  field("system_ns", exit.system_ns);
  field("max_rss_bytes", exit.max_rss_bytes);
  field("minor_faults", exit.minor_faults);
  field("major_faults", exit.major_faults);
}

template <MaybeConst<ProgramCost> S, class Field>
void visit_fields(S& program, Field&& field) {
  field("program", program.program);
  field("runs", program.runs);
  field("ns_per_run", program.ns_per_run);
  field("untraced_runs", program.untraced_runs);
}

template <MaybeConst<BareRun> S, class Field>
void visit_fields(S& bare, Field&& field) {
  field("window_ns", bare.window_ns);
  field("messages", bare.messages);
  field("cpu_ns", bare.cpu_ns);
}

template <MaybeConst<Overhead> S, class Field>
void visit_fields(S& overhead, Field&& field) {
  field("probe_ns", overhead.probe_ns);
  field("probe_runs", overhead.probe_runs);
  field("share_of_cpu", overhead.share_of_cpu);
  field("calibration", overhead.calibration);
  field("programs", overhead.programs);
  field("tracer_peak_bytes", overhead.tracer_peak_bytes);
  field("bare", overhead.bare);
}

// Without the version, which comes before everything else; the threads, which can be many, last.
template <MaybeConst<Snapshot> S, class Field>
void visit_fields(S& snapshot, Field&& field) {
  field("environment", snapshot.environment);
  field("config", snapshot.config);
  field("window_open_ns", snapshot.window_open_ns);
  field("window_close_ns", snapshot.window_close_ns);
  field("interrupted", snapshot.interrupted);
  field("load", snapshot.load);
  field("total", snapshot.total);
  field("folded_threads", snapshot.folded_threads);
  field("folded_life_ns", snapshot.folded_life_ns);
  field("unmeasured", snapshot.unmeasured);
  field("cpu_time", snapshot.cpu_time);
  field("steal", snapshot.steal);
  field("message_path", snapshot.message_path);
  field("message_hops", snapshot.message_hops);
  field("wait_causes", snapshot.waits);
  field("delays", snapshot.delays);
  field("perf", snapshot.perf);
  field("memory", snapshot.memory);
  field("server_exit", snapshot.server_exit);
  field("lost", snapshot.lost);
  field("overhead", snapshot.overhead);
  field("notes", snapshot.notes);
  field("stacks", snapshot.stacks);
  field("locks", snapshot.locks);
  field("threads", snapshot.threads);
}

}  // namespace tr
