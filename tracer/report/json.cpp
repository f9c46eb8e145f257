#include "report/json.h"

#include "metrics/overhead.h"
#include "report/json_parts.h"
#include "report/names.h"
#include "report/warnings.h"

namespace tr::report {

Json environment_json(const Environment& environment) {
  return {{"tool_version", environment.tool_version},
          {"date", environment.date},
          {"kernel", environment.kernel},
          {"architecture", environment.architecture},
          {"cpu_model", maybe(environment.cpu_model)},
          {"cpus", environment.cpus},
          {"clocksource", maybe(environment.clocksource)},
          {"memory_bytes", unless_zero(environment.memory_bytes)},
          {"virtualization", maybe(environment.virtualization)},
          {"switch_ns", maybe(environment.switch_ns)}};
}

namespace {

Json delay_setting(const std::optional<DelaySetting>& delay) {
  if (!delay) return {};
  return {{"stage", delay->stage}, {"ns", delay->ns}};
}

Json delays_json(const std::optional<Delays>& delays) {
  if (!delays) return {};
  return {{"count", delays->count}, {"ns", delays->ns}, {"longest_ns", delays->longest_ns}};
}

}  // namespace

Json config_json(const RunConfig& config) {
  return {{"server", config.server},
          {"argv", config.argv},
          {"attached_pid", unless_zero(config.attached_pid)},
          {"mode", config.mode},
          {"pin", maybe(config.pin)},
          {"pin_load", maybe(config.pin_load)},
          {"load", config.load},
          {"port", unless_zero(config.port)},
          {"connections", unless_zero(config.connections)},
          {"size", unless_zero(config.size)},
          {"path", maybe(config.path)},
          {"pipeline", unless_zero(config.connections == 0 ? 0 : config.pipeline)},
          {"close", maybe(config.close)},
          {"duration_s", unless_zero(config.duration_s)},
          {"warmup_s", config.warmup_s},
          {"rate", unless_zero(config.rate)},
          {"rate_shape", maybe(config.rate_shape)},
          {"delay", delay_setting(config.delay)}};
}

namespace {

Json throughput_json(const metrics::Metrics& metrics) {
  const metrics::Messages& messages = metrics.messages;
  const bool by_load = messages.source == metrics::MessageSource::kLoad;
  return {{"messages", maybe(messages.count)},
          {"messages_per_second", maybe(messages.per_second)},
          {"counted_by", messages.count ? Json(by_load ? "load" : "kernel") : Json()},
          {"messages_load", maybe(messages.by_load)},
          {"messages_kernel", maybe(messages.by_kernel)},
          {"disagreement", maybe(messages.disagreement)},
          {"steady_part", steady_part_json(metrics)}};
}

Json bins(const std::optional<AnswerBins>& bins) {
  if (!bins) return {};
  return {{"bin_ns", bins->bin_ns}, {"answers", bins->answers}};
}

Json latency(const std::optional<metrics::Latency>& latency) {
  if (!latency) return {};
  return {{"p50", latency->p50_ns},   {"p90", latency->p90_ns}, {"p99", latency->p99_ns},
          {"p999", latency->p999_ns}, {"max", latency->max_ns}, {"mean", latency->mean_ns},
          {"count", latency->count}};
}

Json fairness(const std::optional<LoadResult>& load) {
  if (!load || load->messages == 0) return {};
  return {{"p5", load->fairness_p5},
          {"p50", load->fairness_p50},
          {"p95", load->fairness_p95},
          {"jain", load->fairness_jain}};
}

Json load(const JudgedRun& run) {
  const auto& load = run.snapshot.load;
  if (!load) return {};
  return {{"connections", load->connections},
          {"connect_failures", load->connect_failures},
          {"broken_connections", load->broken_connections},
          {"first_failure", maybe(load->first_failure)},
          {"wrong_answers", load->wrong_answers},
          {"silent_connections", load->silent_connections},
          {"reopened", load->reopened.value_or(0)},
          {"sent", load->sent},
          {"bytes", load->bytes},
          {"answers_over_time", bins(load->bins)},
          {"unanswered", load->unanswered},
          {"longest_unanswered_ns", load->longest_unanswered_ns},
          {"late_sends", run.snapshot.config.rate > 0 ? Json(load->late_sends) : Json()},
          {"user_ns", load->user_ns},
          {"system_ns", load->system_ns},
          {"runqueue_ns", maybe(load->runqueue_ns)},
          {"cpus", load->cpus},
          {"cpu_share", maybe(run.metrics.load_cpu_share)},
          {"saturated", load->saturated},
          {"saturation", maybe(load->saturation)}};
}

Json if_measured(bool measured, std::uint64_t value) {
  return measured ? Json(value) : Json();
}

Json cpu(const metrics::Metrics& metrics, const TaskCounts& counts) {
  if (!metrics.total.cpu_ns) return {};
  return {{"user_ns", counts.user_ns},
          {"system_ns", counts.system_ns},
          {"runqueue_ns", if_measured(metrics.total.runqueue_ns.has_value(), counts.runqueue_ns)},
          {"blocked_ns", if_measured(metrics.total.blocked_ns.has_value(), counts.blocked_ns)},
          {"awake_share", maybe(metrics.server_awake_share)}};
}

Json scheduling(const metrics::Costs& total, const TaskCounts& counts) {
  if (!total.cpu_ns) return {};
  return {{"context_switches", counts.voluntary_switches + counts.involuntary_switches},
          {"voluntary_switches", counts.voluntary_switches},
          {"involuntary_switches", counts.involuntary_switches},
          {"migrations", if_measured(total.migrations.has_value(), counts.migrations)},
          {"wakeups", if_measured(total.wakeups.has_value(), counts.wakeups)}};
}

Json sockets(const metrics::Costs& total, const TaskCounts& counts) {
  if (!total.receives) return {};
  return {{"received_messages", counts.received_messages},
          {"received_bytes", counts.received_bytes},
          {"sent_messages", counts.sent_messages},
          {"sent_bytes", counts.sent_bytes},
          {"served_messages", counts.served_messages},
          {"served_bytes", counts.served_bytes},
          {"inter_server_messages", maybe(counts.inter_server_messages)}};
}

Json costs(const std::optional<metrics::Costs>& costs) {
  if (!costs) return {};
  return {{"context_switches", maybe(costs->context_switches)},
          {"voluntary_switches", maybe(costs->voluntary_switches)},
          {"involuntary_switches", maybe(costs->involuntary_switches)},
          {"migrations", maybe(costs->migrations)},
          {"wakeups", maybe(costs->wakeups)},
          {"cpu_ns", maybe(costs->cpu_ns)},
          {"user_ns", maybe(costs->user_ns)},
          {"system_ns", maybe(costs->system_ns)},
          {"runqueue_ns", maybe(costs->runqueue_ns)},
          {"socket_receives", maybe(costs->receives)},
          {"socket_received_bytes", maybe(costs->received_bytes)},
          {"socket_sends", maybe(costs->sends)},
          {"socket_sent_bytes", maybe(costs->sent_bytes)},
          {"inter_server_messages", maybe(costs->inter_server)},
          {"syscalls", costs->syscalls},
          {"futex", costs->futex}};
}

Json per_message(const metrics::Metrics& metrics) {
  Json object = costs(metrics.per_message);
  if (!metrics.per_message) return object;
  // The two that everybody asks for are there even where another call does their work.
  object["recvfrom"] = metrics.calls_per_message("recvfrom");
  object["sendto"] = metrics.calls_per_message("sendto");
  // `futex` is there already: the sum of its family.
  for (const metrics::SyscallRow& row : metrics.syscalls)
    if (!object.contains(row.name)) object[row.name] = row.per_message.value_or(0);
  object["probe_ns"] = maybe(metrics.probe_ns_per_message);
  return object;
}

Json syscalls(const metrics::Metrics& metrics) {
  Json object = Json::object();
  for (const metrics::SyscallRow& row : metrics.syscalls) {
    Json call{{"calls", row.calls}};
    const auto& results = row.results;
    Json errors;
    if (results) {
      errors = Json::object();
      for (const auto& [number, count] : results->errors_by_errno)
        errors[errno_name(number)] = count;
    }
    call["errors"] = results ? Json(results->errors) : Json();
    call["errors_by_errno"] = std::move(errors);
    call["total_ns"] = results ? Json(results->total_ns) : Json();
    call["cpu_ns"] = results ? maybe(results->cpu_ns) : Json();
    call["returned"] = results ? maybe(results->returned) : Json();
    call["empty"] = results ? maybe(results->empty) : Json();
    call["in_vain"] = results ? maybe(results->in_vain) : Json();
    call["p50_ns"] = results ? maybe(results->p50_ns) : Json();
    call["p99_ns"] = results ? maybe(results->p99_ns) : Json();
    call["carried_in"] = results ? Json(results->carried_in) : Json();
    call["in_flight"] = results ? Json(results->in_flight) : Json();
    object[row.name] = std::move(call);
  }
  return object;
}

Json perf(const metrics::Metrics& metrics) {
  Json object = Json::object();
  for (const metrics::PerfRow& row : metrics.perf) {
    const PerfCount& count = row.count;
    object[count.event] = count.unsupported.empty() ? Json{{"value", count.value},
                                                           {"enabled_ns", count.enabled_ns},
                                                           {"running_ns", count.running_ns}}
                                                    : Json{{"unsupported", count.unsupported}};
  }
  return object;
}

const char* quantity_name(metrics::CrossCheck::Quantity quantity) {
  using Quantity = metrics::CrossCheck::Quantity;
  switch (quantity) {
    case Quantity::kContextSwitches:
      return "context_switches";
    case Quantity::kMigrations:
      return "migrations";
    case Quantity::kCpuTime:
      return "cpu_ns";
    case Quantity::kRunQueueTime:
      return "runqueue_ns";
    case Quantity::kMessages:
      break;
  }
  return "messages";
}

const char* witness_name(metrics::CrossCheck::Witness witness) {
  using Witness = metrics::CrossCheck::Witness;
  switch (witness) {
    case Witness::kPerf:
      return "perf";
    case Witness::kSchedstat:
      return "schedstat";
    case Witness::kLoad:
      break;
  }
  return "load";
}

Json cross_check(const metrics::Metrics& metrics) {
  Json list = Json::array();
  for (const metrics::CrossCheck& check : metrics.cross_checks)
    list.push_back({{"quantity", quantity_name(check.quantity)},
                    {"by", witness_name(check.witness)},
                    {"event", maybe(check.event)},
                    {"probes", check.probes},
                    {"other", check.other},
                    {"difference", check.difference},
                    {"share", maybe(check.share)}});
  return list;
}

Json threads(const JudgedRun& run) {
  const bool scheduling = run.measured(Figures::kScheduling);
  const bool sockets = run.measured(Figures::kSockets);
  const bool wakeups = scheduling && run.measured(Figures::kWakeups);
  const bool migrations = scheduling && run.measured(Figures::kMigrations);
  Json list = Json::array();
  for (const metrics::ThreadRow& row : run.metrics.threads)
    list.push_back({{"tid", row.tid},
                    {"pid", row.tgid},
                    {"comm", row.comm},
                    {"exited", row.exited},
                    {"life_ns", row.life_ns},
                    {"user_ns", if_measured(scheduling, row.user_ns)},
                    {"system_ns", if_measured(scheduling, row.system_ns)},
                    {"runqueue_ns", if_measured(wakeups, row.runqueue_ns)},
                    {"blocked_ns", if_measured(wakeups, row.blocked_ns)},
                    {"voluntary_switches", if_measured(scheduling, row.voluntary_switches)},
                    {"involuntary_switches", if_measured(scheduling, row.involuntary_switches)},
                    {"migrations", if_measured(migrations, row.migrations)},
                    {"wakeups", if_measured(wakeups, row.wakeups)},
                    {"syscalls", row.syscalls},
                    {"futex", row.futex},
                    {"received_messages", if_measured(sockets, row.received_messages)},
                    {"sent_messages", if_measured(sockets, row.sent_messages)}});
  return list;
}

Json bare(const std::optional<BareRun>& run, const metrics::Metrics& metrics) {
  if (!run) return {};
  return {{"window_ns", run->window_ns},
          {"messages", run->messages},
          {"cpu_ns_per_message", maybe(metrics.bare_cpu_ns)},
          {"tracing_ns_per_message", maybe(metrics.tracing_ns)}};
}

Json overhead(const Overhead& overhead, const metrics::Metrics& metrics) {
  Json programs = Json::object();
  for (const ProgramCost& program : overhead.programs)
    programs[program.program] = {{"runs", program.runs},
                                 {"ns_per_run", maybe(program.ns_per_run)},
                                 {"untraced_runs", program.untraced_runs}};
  Json groups = Json::object();
  for (const metrics::ProbeGroup& group : metrics::probe_groups(overhead, metrics.messages.count)) {
    Json names = Json::array();
    for (const ProgramCost& program : group.programs)
      names.push_back(program.program);
    groups[std::string(group.name)] = {{"ns", maybe(group.ns)},
                                       {"per_message_ns", maybe(group.per_message_ns)},
                                       {"runs", group.runs},
                                       {"untraced_runs", group.untraced_runs},
                                       {"programs", std::move(names)}};
  }
  return {{"probe_ns", maybe(overhead.probe_ns)},
          {"probe_runs", overhead.probe_runs},
          {"share_of_cpu", maybe(overhead.share_of_cpu)},
          {"others_probe_ns", maybe(metrics.others_probe_ns)},
          {"calibration", maybe(overhead.calibration)},
          {"tracer_peak_bytes", maybe(overhead.tracer_peak_bytes)},
          {"bare", bare(overhead.bare, metrics)},
          {"groups", std::move(groups)},
          {"programs", std::move(programs)}};
}

Json memory_reading(const std::optional<MemoryReading>& reading) {
  if (!reading) return {};
  return {{"pss_bytes", reading->pss_bytes},
          {"page_table_bytes", reading->page_table_bytes},
          {"anonymous_bytes", maybe(reading->anonymous_bytes)},
          {"processes", reading->processes},
          {"threads", reading->threads}};
}

Json memory(const JudgedRun& run) {
  const auto& memory = run.snapshot.memory;
  if (!memory) return {};
  return {{"before_load", memory_reading(memory->before_load)},
          {"at_close", memory_reading(memory->at_close)},
          {"per_connection_bytes", maybe(run.metrics.memory_per_connection)}};
}

Json server_exit(const std::optional<ServerExit>& exit) {
  if (!exit) return {};
  return {{"exited_by_itself", exit->exited_by_itself},
          {"code", exit->signal == 0 ? Json(exit->code) : Json()},
          {"signal", exit->signal == 0 ? Json() : Json(signal_name(exit->signal))},
          {"user_ns", exit->user_ns},
          {"system_ns", exit->system_ns},
          {"max_rss_bytes", exit->max_rss_bytes},
          {"minor_faults", exit->minor_faults},
          {"major_faults", exit->major_faults}};
}

Json steal(const JudgedRun& run) {
  const auto& steal = run.snapshot.steal;
  if (!steal) return {};
  return {
      {"ns", steal->ns}, {"cpus", steal->cpus}, {"share_of_cpu", maybe(run.metrics.steal_share)}};
}

Json unmeasured(const Snapshot& snapshot) {
  Json object = Json::object();
  for (const auto& [figures, name] : kFigureNames)
    if (const auto reason = snapshot.unmeasured.find(figures); reason != snapshot.unmeasured.end())
      object[std::string(name)] = reason->second;
  return object;
}

Json life(const std::optional<metrics::LifeBudget>& life) {
  if (!life) return {};
  return {{"threads_ns", life->life_ns},
          {"residual_ns", life->residual_ns},
          {"worst_residual_ns", life->worst_residual_ns}};
}

}  // namespace

Json warnings_json(const JudgedRun& run) {
  Json list = Json::array();
  for (const metrics::Doubt& doubt : run.doubts)
    list.push_back({{"kind", warning_kind(doubt.kind)}, {"text", warning_text(doubt, run)}});
  return list;
}

Json steady_part_json(const metrics::Metrics& metrics) {
  const auto& part = metrics.steadiness;
  if (!part) return {};
  return {{"steady", part->steady},
          {"begin_ns", part->begin_ns},
          {"end_ns", part->end_ns},
          {"share", part->share},
          {"messages_per_second", part->per_second},
          {"deviation", part->deviation}};
}

Json verdict_json(const JudgedRun& run) {
  Json reasons = Json::array();
  for (const metrics::Doubt::Kind kind : run.verdict.unfit)
    reasons.push_back(warning_kind(kind));
  return {{"fit", run.verdict.fit()}, {"unfit_because", std::move(reasons)}};
}

std::string render_json(const JudgedRun& run) {
  const Snapshot& snapshot = run.snapshot;
  const metrics::Metrics& metrics = run.metrics;
  Json report;
  report["schema_version"] = kReportSchemaVersion;
  report["environment"] = environment_json(snapshot.environment);
  report["config"] = config_json(snapshot.config);
  report["window_ns"] = snapshot.window_ns();
  report["interrupted"] = snapshot.interrupted;
  report["warnings"] = warnings_json(run);
  report["verdict"] = verdict_json(run);
  report["throughput"] = throughput_json(metrics);
  report["latency_ns"] = latency(metrics.latency);
  report["service_latency_ns"] = latency(metrics.service_latency);
  report["fairness"] = fairness(snapshot.load);
  report["load"] = load(run);
  report["cpu"] = cpu(metrics, snapshot.total);
  report["per_message"] = per_message(metrics);
  report["per_second"] = costs(metrics.per_second);
  report["scheduling"] = scheduling(metrics.total, snapshot.total);
  report["sockets"] = sockets(metrics.total, snapshot.total);
  report["syscalls"] = syscalls(metrics);
  report["futex"] = snapshot.total.futex;
  report["perf"] = perf(metrics);
  report["cross_check"] = cross_check(metrics);
  report["threads"] = threads(run);
  report["folded_threads"] = metrics.folded_threads;
  report["life"] = life(metrics.life);
  report["budget"] = budget_json(metrics);
  report["waits"] = waits_json(run);
  report["waste"] = waste_json(metrics);
  report["locks"] = locks_json(run);
  report["delays"] = delays_json(run.snapshot.delays);
  report["message_path"] = message_path_json(metrics);
  report["message_hops"] = message_hops_json(metrics);
  report["stacks"] = stacks_json(snapshot, metrics);
  report["io_uring"] = uring_json(metrics);
  report["unmeasured"] = unmeasured(snapshot);
  report["lost"] = snapshot.lost;
  report["steal"] = steal(run);
  report["overhead"] = overhead(snapshot.overhead, metrics);
  report["memory"] = memory(run);
  report["server_exit"] = server_exit(snapshot.server_exit);
  report["notes"] = snapshot.notes;
  // Names of threads may be any bytes: what is no UTF-8 becomes U+FFFD.
  return report.text();
}

}  // namespace tr::report
