#include "commands/load_options.h"

#include <string_view>

#include <fmt/format.h>

#include "commands/parser.h"
#include "load/echo.h"
#include "load/make_protocol.h"
#include "load/units.h"

namespace tr::commands {
namespace {

using load::RateShape;

// An option whose text goes through one of our parsers, and whose errors are therefore ours.
template <class T, class Parse>
Option add_parsed(App& app, const std::string& name, T& value, Parse parse,
                  const std::string& description) {
  return app.add_option(
      name,
      [name, &value, parse](const std::string& text) -> std::string {
        auto parsed = parse(text);
        if (!parsed) return fmt::format("{}: {}", name, parsed.error().text());
        value = *std::move(parsed);
        return {};
      },
      description);
}

auto count_between(std::uint64_t least, std::uint64_t most) {
  return [=](std::string_view text) { return load::parse_count(text, least, most); };
}

Result<std::uint64_t> parse_message_size(std::string_view text) {
  auto size = load::parse_size(text);
  if (size && (*size < 1 || *size > load::Echo::kLargest))
    return usage_error(fmt::format("\"{}\" is not a size from 1 byte to 64 MiB", text));
  return size;
}

Result<std::uint64_t> parse_window(std::string_view text) {
  auto duration = load::parse_duration(text);
  if (duration && *duration == 0) return usage_error("a window of no length measures nothing");
  return duration;
}

Result<RateShape> parse_shape(std::string_view text) {
  for (const RateShape shape : {RateShape::kPoisson, RateShape::kFixed})
    if (text == shape_name(shape)) return shape;
  return usage_error(fmt::format("\"{}\" is neither poisson nor fixed", text));
}

}  // namespace

void add_load_options(App& app, load::Settings& settings) {
  add_parsed(app, "--protocol", settings.protocol, load::parse_protocol,
             "What the built-in load speaks: echo, http or herd")
      ->type_name("NAME")
      ->default_str(std::string(load::protocol_name(settings.protocol)));
  add_parsed(app, "--path", settings.path, load::parse_path, "What is asked for with http")
      ->type_name("PATH")
      ->default_str(settings.path);
  add_parsed(app, "--connections", settings.connections, count_between(1, 1'000'000),
             "Connections kept open; with --close, at once")
      ->type_name("N")
      ->default_str(std::to_string(settings.connections));
  add_parsed(app, "--size", settings.size, parse_message_size,
             "Bytes per message with echo: 64, 1KiB, 1M")
      ->type_name("BYTES")
      ->default_str(std::to_string(settings.size));
  add_parsed(app, "--duration", settings.duration_ns, parse_window,
             "Length of the measurement: 10s, 500ms, 2m")
      ->type_name("TIME")
      ->default_str(load::format_duration(settings.duration_ns));
  add_parsed(app, "--warmup", settings.warmup_ns, load::parse_duration,
             "Load before it that is not measured")
      ->type_name("TIME")
      ->default_str(load::format_duration(settings.warmup_ns));
  add_parsed(app, "--pipeline", settings.pipeline, count_between(1, 1024),
             "Messages under way at once on each connection")
      ->type_name("N")
      ->default_str(std::to_string(settings.pipeline));
  app.add_flag("--close", settings.close,
               "Open a connection for each message, and close it after the answer (default: keep "
               "them)")
      ->excludes("--pipeline");
  Option rate = add_parsed(app, "--rate", settings.rate, load::parse_rate,
                           "Plan so many messages per second in all, and count latency from "
                           "the planned times (default: each answer starts the next)")
                    ->type_name("PER_SECOND");
  add_parsed(app, "--rate-shape", settings.rate_shape, parse_shape,
             "Gaps of the plan: poisson or fixed")
      ->type_name("SHAPE")
      ->default_str(std::string(shape_name(settings.rate_shape)))
      ->needs(rate);
  add_parsed(app, "--seed", settings.seed, count_between(0, UINT64_MAX),
             "Of the plan's random gaps: the same seed, the same plan")
      ->type_name("N")
      ->default_str(std::to_string(settings.seed))
      ->needs(rate);
}

Status settle_load_options(const App& app, load::Settings& settings) {
  const auto given = [&](const char* option) { return app.get_option(option)->count() > 0; };
  const auto protocol = settings.protocol;
  if (given("--size") && protocol != load::ProtocolKind::kEcho)
    return usage_error(fmt::format("--size is for echo: the messages of {} have sizes of their own",
                                   load::protocol_name(protocol)));
  if (given("--path") && protocol != load::ProtocolKind::kHttp)
    return usage_error(
        fmt::format("--path is for http: {} has none", load::protocol_name(protocol)));
  if (!load::closes(protocol)) return {};
  if (given("--pipeline"))
    return usage_error(fmt::format("--pipeline: {} ends the connection after each answer",
                                   load::protocol_name(protocol)));
  settings.close = true;
  return {};
}

void add_load_placement(App& app, load::Settings& settings, const std::string& threads,
                        const std::string& pin) {
  add_parsed(app, threads, settings.threads, count_between(1, 32),
             "Threads of the load generator, which share its connections")
      ->type_name("N")
      ->default_str(std::to_string(settings.threads));
  app.add_option(
         pin,
         [pin, &settings](const std::string& text) -> std::string {
           const auto usable = usable_cpus();
           auto cpus = usable ? parse_usable_cpus(pin, text, *usable) : usable;
           if (!cpus) return cpus.error().text();
           settings.pin = *std::move(cpus);
           return {};
         },
         "CPUs of the load generator, as in taskset: 0,2-5")
      ->type_name("CPUS");
  app.add_flag("--no-poll", settings.sleeps,
               "Sleep until the next planned message, even on CPUs of its own");
}

std::vector<std::string> load_arguments(const load::Settings& settings) {
  std::vector<std::string> arguments = {"load", settings.target.text()};
  const auto add = [&](std::string name, std::string value) {
    arguments.push_back(std::move(name));
    arguments.push_back(std::move(value));
  };
  add("--protocol", std::string(load::protocol_name(settings.protocol)));
  if (settings.protocol == load::ProtocolKind::kHttp) add("--path", settings.path);
  add("--connections", std::to_string(settings.connections));
  if (settings.protocol == load::ProtocolKind::kEcho) add("--size", std::to_string(settings.size));
  add("--duration", load::format_duration(settings.duration_ns));
  add("--warmup", load::format_duration(settings.warmup_ns));
  if (settings.after_ns > 0) add("--after-ns", std::to_string(settings.after_ns));
  if (settings.close)
    arguments.emplace_back("--close");
  else
    add("--pipeline", std::to_string(settings.pipeline));
  if (settings.open_loop()) {
    add("--rate", fmt::format("{:f}", settings.rate));
    add("--rate-shape", std::string(shape_name(settings.rate_shape)));
    add("--seed", std::to_string(settings.seed));
  }
  add("--threads", std::to_string(settings.threads));
  if (!settings.pin.empty()) add("--pin", format_cpu_list(settings.pin));
  if (settings.sleeps) arguments.emplace_back("--no-poll");
  return arguments;
}

}  // namespace tr::commands
