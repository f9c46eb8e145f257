#include "commands/load_report.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "load/make_protocol.h"
#include "report/units.h"

namespace tr::commands {
namespace {

constexpr int kLoadSchemaVersion = 1;

using report::count_text;

std::string time_text(std::uint64_t ns) {
  return report::duration_text(static_cast<double>(ns));
}

std::string plural(std::uint64_t count, std::string_view thing) {
  return fmt::format("{} {}{}", count_text(count), thing, count == 1 ? "" : "s");
}

double seconds(std::uint64_t ns) {
  return static_cast<double>(ns) / 1e9;
}

std::uint64_t window_ns(const load::Outcome& outcome) {
  return outcome.window.close_ns - outcome.window.open_ns;
}

double messages_per_second(const load::Outcome& outcome) {
  return static_cast<double>(outcome.result.messages) / seconds(window_ns(outcome));
}

std::string percentiles(const Histogram& times) {
  return fmt::format("p50 {}   p90 {}   p99 {}   p99.9 {}   max {}", time_text(times.quantile(0.5)),
                     time_text(times.quantile(0.9)), time_text(times.quantile(0.99)),
                     time_text(times.quantile(0.999)), time_text(times.max()));
}

nlohmann::json times_json(const Histogram& times) {
  return {{"p50", times.quantile(0.5)},  {"p90", times.quantile(0.9)},
          {"p99", times.quantile(0.99)}, {"p999", times.quantile(0.999)},
          {"max", times.max()},          {"mean", times.mean()}};
}

std::string messages(const load::Settings& settings) {
  switch (settings.protocol) {
    case load::ProtocolKind::kEcho:
      break;
    case load::ProtocolKind::kHttp:
      return "GET " + settings.path;
    case load::ProtocolKind::kHerd:
      return "IAMAT and WHATSAT";
  }
  return fmt::format("{}-byte messages", settings.size);
}

std::string pace(const load::Settings& settings) {
  if (settings.open_loop())
    return fmt::format("{:g} planned per second ({})", settings.rate,
                       shape_name(settings.rate_shape));
  return settings.close ? "one under way on each"
                        : fmt::format("{} under way on each", settings.pipeline);
}

// What went wrong, a line each.
std::string failures(const LoadResult& result) {
  std::string text;
  const auto line = [&](std::uint64_t count, std::string_view what) {
    if (count == 0) return;
    text += fmt::format("{:<13}{} {}\n", text.empty() ? "errors" : "", count_text(count), what);
  };
  line(result.wrong_answers, "wrong answers");
  line(result.connect_failures, "connections could not be established");
  line(result.broken_connections, "connections broke");
  line(result.silent_connections, "connections had no answer in the window");
  if (text.empty()) return fmt::format("{:<13}none\n", "errors");
  if (!result.first_failure.empty())
    text += fmt::format("{:<13}the first: {}\n", "", report::printable(result.first_failure));
  return text;
}

}  // namespace

std::string load_report(const load::Settings& settings, const load::Outcome& outcome) {
  const LoadResult& result = outcome.result;
  std::string text =
      fmt::format("{}: {}{}, {}, {}, {:.3g} s after {:.3g} s of warm-up{}\n\n",
                  settings.target.text(), plural(result.connections, "connection"),
                  settings.close ? ", opened anew for each message" : "", messages(settings),
                  pace(settings), seconds(window_ns(outcome)), seconds(settings.warmup_ns),
                  outcome.interrupted ? " (interrupted)" : "");
  const auto line = [&](std::string_view name, const std::string& value) {
    text += fmt::format("{:<13}{}\n", name, value);
  };
  line("throughput",
       fmt::format("{} messages/s   {} messages, {:.1f} MB",
                   report::whole_text(messages_per_second(outcome)), count_text(result.messages),
                   static_cast<double>(result.bytes) / 1e6));
  line("latency",
       percentiles(result.latency) + (settings.open_loop() ? "   (from the planned time)" : ""));
  if (settings.open_loop())
    line("service", percentiles(result.service) + "   (from the actual send)");
  line("unanswered",
       result.unanswered == 0
           ? std::string("none at the end of the window")
           : fmt::format("{} at the end of the window, the oldest for {}",
                         count_text(result.unanswered), time_text(result.longest_unanswered_ns)));
  line("fairness", fmt::format("messages per connection p5 {:.0f}   p50 {:.0f}   p95 {:.0f}   "
                               "Jain's index {:.3f}",
                               result.fairness_p5, result.fairness_p50, result.fairness_p95,
                               result.fairness_jain));
  const double cpu = seconds(result.user_ns + result.system_ns);
  line("load's CPU",
       fmt::format("{} of {}", report::percent_text(cpu / seconds(window_ns(outcome))),
                   plural(result.cpus, "CPU")) +
           (result.messages == 0
                ? std::string()
                : fmt::format(
                      ", {} per message",
                      report::duration_text(cpu * 1e9 / static_cast<double>(result.messages)))));
  if (settings.open_loop())
    line("late sends", fmt::format("{} of {} over 1 ms after the planned time",
                                   count_text(result.late_sends), count_text(result.sent)));
  text += failures(result);
  if (result.saturated)
    line("SATURATED", fmt::format("the load generator itself was the limit: {}; give it more CPUs "
                                  "and --threads, or less to do",
                                  result.saturation));
  return text;
}

std::string load_json(const load::Settings& settings, const load::Outcome& outcome) {
  const LoadResult& result = outcome.result;
  nlohmann::json config = {{"target", settings.target.text()},
                           {"connections", settings.connections},
                           {"protocol", load::protocol_name(settings.protocol)},
                           {"path", nullptr},
                           {"size", nullptr},
                           {"duration_s", seconds(settings.duration_ns)},
                           {"warmup_s", seconds(settings.warmup_ns)},
                           {"pipeline", settings.pipeline},
                           {"close", settings.close},
                           {"threads", settings.threads},
                           {"pin", format_cpu_list(settings.pin)},
                           {"rate", nullptr},
                           {"rate_shape", nullptr},
                           {"seed", nullptr}};
  if (settings.protocol == load::ProtocolKind::kHttp) config["path"] = settings.path;
  if (const std::uint64_t size = load::request_bytes(settings); size > 0) config["size"] = size;
  if (settings.open_loop()) {
    config["rate"] = settings.rate;
    config["rate_shape"] = shape_name(settings.rate_shape);
    config["seed"] = settings.seed;
  }
  nlohmann::json load = {{"connections", result.connections},
                         {"connect_failures", result.connect_failures},
                         {"broken_connections", result.broken_connections},
                         {"silent_connections", result.silent_connections},
                         {"reopened", result.reopened.value_or(0)},
                         {"wrong_answers", result.wrong_answers},
                         {"first_failure", result.first_failure},
                         {"sent", result.sent},
                         {"unanswered", result.unanswered},
                         {"longest_unanswered_ns", result.longest_unanswered_ns},
                         {"user_ns", result.user_ns},
                         {"system_ns", result.system_ns},
                         {"cpus", result.cpus},
                         {"saturated", result.saturated},
                         {"saturation", result.saturation}};
  if (result.runqueue_ns) load["runqueue_ns"] = *result.runqueue_ns;
  nlohmann::json json = {{"schema_version", kLoadSchemaVersion},
                         {"config", std::move(config)},
                         {"window_ns", window_ns(outcome)},
                         {"interrupted", outcome.interrupted},
                         {"throughput",
                          {{"messages", result.messages},
                           {"bytes", result.bytes},
                           {"messages_per_second", messages_per_second(outcome)}}},
                         {"latency_ns", times_json(result.latency)},
                         {"fairness",
                          {{"p5", result.fairness_p5},
                           {"p50", result.fairness_p50},
                           {"p95", result.fairness_p95},
                           {"jain", result.fairness_jain}}}};
  if (settings.open_loop()) {
    json["service_ns"] = times_json(result.service);
    load["late_sends"] = result.late_sends;
  }
  json["load"] = std::move(load);
  return json.dump(2) + "\n";
}

}  // namespace tr::commands
