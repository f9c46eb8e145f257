#include "commands/load.h"

#include <thread>
#include <unistd.h>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "../load/fake_server.h"
#include "commands/command.h"
#include "commands/load_options.h"
#include "commands/load_report.h"
#include "commands/parser.h"
#include "load/control.h"

namespace tr::commands {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

struct Ending {
  int code;
  std::string errors;
};

// Parses as main() does; `arguments` without the program's name.
Ending parse(std::vector<std::string> arguments) {
  App app("", "trace-run");
  int exit_code = 0;
  setup_load(app, exit_code);
  testing::internal::CaptureStderr();
  const bool parsed = app.parse_or_tell(std::move(arguments), exit_code);
  EXPECT_FALSE(parsed);
  return {exit_code, testing::internal::GetCapturedStderr()};
}

TEST(LoadCommand, RefusesBadOptionsInOneLine) {
  const std::vector<std::vector<std::string>> wrong = {
      {"--size", "0"},
      {"--size", "65M"},
      {"--size", "many"},
      {"--connections", "0"},
      {"--connections", "2.5"},
      {"--duration", "0"},
      {"--duration", "soon"},
      {"--warmup", "-1s"},
      {"--pipeline", "0"},
      {"--rate", "0"},
      {"--rate", "fast"},
      {"--rate-shape", "fixed"},
      {"--rate", "5", "--rate-shape", "bursts"},
      {"--seed", "3"},
      {"--threads", "0"},
      {"--pin", "9999"},
      {"--pin", "x"},
      {"--no-such-option"},
  };
  for (std::vector<std::string> arguments : wrong) {
    const std::string option = arguments[arguments.size() - (arguments.size() > 1 ? 2 : 1)];
    arguments.insert(arguments.begin(), {"load", "127.0.0.1:1"});
    const Ending ending = parse(arguments);
    EXPECT_EQ(ending.code, 2) << option;
    EXPECT_THAT(ending.errors, AllOf(HasSubstr("trace-run: "), HasSubstr(option)));
    EXPECT_EQ(std::count(ending.errors.begin(), ending.errors.end(), '\n'), 1) << ending.errors;
  }
}

TEST(LoadCommand, WantsAnAddress) {
  EXPECT_EQ(parse({"load"}).code, 2);
  EXPECT_THAT(parse({"load"}).errors, HasSubstr("see trace-run load --help"));
  EXPECT_THAT(parse({"load", "localhost"}).errors, HasSubstr("write it as HOST:PORT"));
}

TEST(LoadOptions, ComeBackFromTheArgumentsTheyAreHandedOnAs) {
  load::Settings given;
  given.target = {"::1", 8080};
  given.connections = 17;
  given.size = 1000;
  given.duration_ns = 1'234'567'891;
  given.warmup_ns = 0;
  given.pipeline = 3;
  given.rate = 1234.5;
  given.rate_shape = load::RateShape::kFixed;
  given.seed = 99;
  given.threads = 2;
  given.sleeps = true;
  given.pin = {*usable_cpus()->begin()};

  std::vector<std::string> arguments = load_arguments(given);
  ASSERT_EQ(arguments[0], "load");
  ASSERT_EQ(arguments[1], "[::1]:8080");
  arguments.erase(arguments.begin(), arguments.begin() + 2);
  load::Settings read;
  App app;
  add_load_options(app, read);
  add_load_placement(app, read, "--threads", "--pin");
  ASSERT_TRUE(app.parse(std::move(arguments)).ok());
  read.target = given.target;
  EXPECT_EQ(load_arguments(read), load_arguments(given));
  EXPECT_EQ(read.duration_ns, given.duration_ns);
  EXPECT_EQ(read.rate, given.rate);
  EXPECT_EQ(read.pin, given.pin);
}

TEST(LoadCommand, TalksToTheTracerOverItsDescriptor) {
  load::FakeServer server;
  auto pair = load::make_control_pair();
  ASSERT_TRUE(pair.ok());
  LoadOptions options;
  options.settings.target = server.target();
  options.settings.connections = 3;
  options.settings.duration_ns = 60'000'000'000;
  options.settings.warmup_ns = 0;
  options.control_fd = pair->load.release();
  int code = -1;
  // On a thread of its own: it blocks the signals of the one it runs on.
  std::thread command([&] { code = run_load(options); });
  load::TracerEnd tracer(std::move(pair->tracer));
  const auto window = tracer.read_window();
  ASSERT_TRUE(window.ok());
  server.set_milestone(window->open_ns, 3, 2 * options.settings.size);
  pollfd milestone{server.milestone_fd(), POLLIN, 0};
  EXPECT_EQ(::poll(&milestone, 1, -1), 1);
  EXPECT_TRUE(tracer.stop().ok());
  const auto over = tracer.read(-1);
  EXPECT_TRUE(over.ok() && std::holds_alternative<load::Held>(**over));
  EXPECT_TRUE(tracer.let_go().ok());
  const auto outcome = tracer.read_outcome();
  command.join();
  ASSERT_TRUE(outcome.ok()) << outcome.error().text();
  EXPECT_EQ(outcome->window.open_ns, window->open_ns);
  EXPECT_LT(outcome->window.close_ns, window->close_ns);
  EXPECT_TRUE(outcome->interrupted);
  EXPECT_EQ(outcome->result.connections, 3U);
  EXPECT_GE(outcome->result.messages, 3U);
  EXPECT_EQ(code, 0);
}

TEST(LoadCommand, TellsTheTracerWhyItFailed) {
  LoadOptions options;
  {
    const load::FakeServer gone;
    options.settings.target = gone.target();
  }
  auto pair = load::make_control_pair();
  ASSERT_TRUE(pair.ok());
  options.control_fd = pair->load.release();
  int code = -1;
  std::thread([&] { code = run_load(options); }).join();
  load::TracerEnd tracer(std::move(pair->tracer));
  EXPECT_THAT(tracer.read_window().error().text(), HasSubstr("Connection refused"));
  EXPECT_EQ(code, 1);
}

class LoadReport : public testing::Test {
 protected:
  LoadReport() {
    settings_.target = {"127.0.0.1", 80};
    outcome_.window = {1'000'000'000, 3'000'000'000};
    outcome_.result.connections = 200;
    outcome_.result.messages = 1'234'567;
    outcome_.result.bytes = 1'234'567 * 64;
    outcome_.result.latency.record(1500, 1'234'567);
    outcome_.result.user_ns = 1'000'000'000;
    outcome_.result.cpus = 1;
  }
  load::Settings settings_;
  load::Outcome outcome_;
};

TEST_F(LoadReport, SaysWhatWasMeasured) {
  EXPECT_THAT(
      load_report(settings_, outcome_),
      AllOf(HasSubstr("200 connections, 64-byte messages"), HasSubstr("2 s after 1 s"),
            HasSubstr("617,284 messages/s   1,234,567 messages, 79.0 MB"), HasSubstr("p50 1.50 us"),
            HasSubstr("50 % of 1 CPU, 810 ns per message"), HasSubstr("errors       none"),
            Not(HasSubstr("SATURATED")), Not(HasSubstr("service"))));
}

TEST_F(LoadReport, SaysWhatWentWrong) {
  settings_.rate = 700'000;
  outcome_.result.broken_connections = 2;
  outcome_.result.connect_failures = 1;
  outcome_.result.first_failure = "connection 5 broke: it did";
  outcome_.result.saturated = true;
  outcome_.result.saturation = "it used 99 %";
  EXPECT_THAT(load_report(settings_, outcome_),
              AllOf(HasSubstr("1 connections could not be established"),
                    HasSubstr("2 connections broke"), HasSubstr("the first: connection 5 broke"),
                    HasSubstr("the load generator itself was the limit: it used 99 %"),
                    HasSubstr("service"), HasSubstr("700000 planned per second (poisson)")));
}

TEST_F(LoadReport, HasTheSameValuesInJson) {
  const auto json = nlohmann::json::parse(load_json(settings_, outcome_));
  EXPECT_EQ(json["schema_version"], 1);
  EXPECT_EQ(json["window_ns"], 2'000'000'000);
  EXPECT_EQ(json["throughput"]["messages"], 1'234'567);
  EXPECT_EQ(json["throughput"]["messages_per_second"], 617283.5);
  EXPECT_EQ(json["latency_ns"]["max"], 1500);
  EXPECT_EQ(json["config"]["rate"], nullptr);
  EXPECT_FALSE(json.contains("service_ns"));
  EXPECT_FALSE(json["load"].contains("runqueue_ns"));
}

}  // namespace
}  // namespace tr::commands
