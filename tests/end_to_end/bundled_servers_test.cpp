// Every bundled server, measured as a newcomer measures it.
#include <sched.h>

#include "trace_run.h"
#include "util/text.h"

namespace tr::end_to_end {
namespace {

constexpr std::uint64_t kConnections = 20;  // of short_run()

// How a server comes to a message.
enum class Waits : std::uint8_t {
  kInCalls,       // blocked in its receive
  kForReadiness,  // of any client; then it receives
  kForUring,      // without calls of its own for receiving and sending
};

struct Model {
  Words words;
  std::uint64_t threads;  // with so many clients
  Waits waits;
  std::uint64_t connections = kConnections;
};

std::string name_of(const Model& model) {
  std::string name = model.words.front().substr(sizeof "servers/" - 1) +
                     (model.words.back() == "--processes" ? "_processes" : "");
  std::replace(name.begin(), name.end(), '/', '_');
  return name;
}

void PrintTo(const Model& model, std::ostream* out) {
  *out << name_of(model);
}

class BundledServer : public EndToEnd, public testing::WithParamInterface<Model> {};

// A message under way at an edge of the window is on one side of it for the server and maybe on the
// other for its client.
void expect_near(std::uint64_t count, std::uint64_t expected, const std::string& what) {
  const double allowed = 0.005 * static_cast<double>(expected) + 2 * kConnections;
  EXPECT_NEAR(static_cast<double>(count), static_cast<double>(expected), allowed) << what;
}

TEST_P(BundledServer, is_counted_exactly) {
  const Model& model = GetParam();
  Words words{"--duration", "300ms",         "--warmup",
              "200ms",      "--connections", std::to_string(model.connections)};
  words.insert(words.end(), model.words.begin(), model.words.end());
  const Json report = measure(words);
  expect_sound(report);

  const auto messages = report["throughput"]["messages"].get<std::uint64_t>();
  ASSERT_GT(messages, 0U);
  EXPECT_EQ(report["throughput"]["counted_by"], "load");
  EXPECT_EQ(report["window_ns"], 300'000'000U);
  EXPECT_EQ(report["load"]["wrong_answers"], 0U);
  EXPECT_EQ(report["latency_ns"]["count"], messages);

  // The load and the kernel, independently.
  const auto by_kernel = report["throughput"]["messages_kernel"].get<std::uint64_t>();
  expect_near(by_kernel, messages, "messages by the kernel");
  const Json& sockets = report["sockets"];
  EXPECT_EQ(sockets["served_messages"], by_kernel);
  EXPECT_EQ(sockets["received_messages"], by_kernel);
  EXPECT_EQ(sockets["received_bytes"], 64 * by_kernel);
  EXPECT_EQ(sockets["sent_bytes"], 64 * sockets["sent_messages"].get<std::uint64_t>());

  // One receive and one send for each message, and for event loops now and then a wait; with
  // io_uring only that.
  std::uint64_t in_all = 0;
  for (const Json& call : report["syscalls"])
    in_all += call["calls"].get<std::uint64_t>();
  const std::uint64_t with_calls = model.waits == Waits::kForUring ? 0 : messages;
  expect_near(calls(report, "recvfrom"), with_calls, "recvfrom");
  expect_near(calls(report, "sendto"), with_calls, "sendto");
  const std::uint64_t waits = in_all - calls(report, "recvfrom") - calls(report, "sendto");
  EXPECT_LE(waits, (model.waits == Waits::kInCalls ? 0 : messages) + kConnections);
  EXPECT_NEAR(report["per_message"]["syscalls"].get<double>() * static_cast<double>(messages),
              static_cast<double>(in_all), 1);

  EXPECT_EQ(report["threads"].size(), model.threads);
  EXPECT_EQ(report["server_exit"]["code"], 0);
  EXPECT_EQ(report["server_exit"]["exited_by_itself"], false);
}

// Expects that each message was followed, and where its time went is known.
void expect_followed(const Json& report, std::uint64_t messages) {
  const Json& path = report["message_path"];
  expect_near(path["messages"].get<std::uint64_t>(), messages, "messages followed");
  std::uint64_t legs_ns = 0;
  for (const Json& leg : path["legs"])
    legs_ns += leg["total_ns"].get<std::uint64_t>();
  EXPECT_EQ(legs_ns, path["whole"]["total_ns"]);
  EXPECT_LE(path["whole"]["mean_ns"], report["latency_ns"]["mean"]);
  for (const char* note :
       {"no_receipt", "disordered", "crowded", "no_room", "no_memory", "unanswered"})
    EXPECT_EQ(path["notes"][note], 0U) << note;
}

TEST_P(BundledServer, has_its_messages_followed) {
  const Model& model = GetParam();
  Words words{"--messages",
              "--duration",
              "300ms",
              "--warmup",
              "200ms",
              "--connections",
              std::to_string(model.connections)};
  words.insert(words.end(), model.words.begin(), model.words.end());
  const Json report = measure(words);
  expect_sound(report);
  expect_followed(report, report["throughput"]["messages"].get<std::uint64_t>());
  EXPECT_EQ(report["message_path"]["matched_by"], "byte_offset");
  EXPECT_EQ(report["message_path"]["message_size"], 64);
}

TEST_F(EndToEnd, the_messages_of_other_protocols_are_turn_arounds) {
  for (const std::string server :
       {"servers/epoll_http", "servers/uring_http", "servers/python/thread_http"}) {
    const Json report = measure(short_run({"--messages", server, "--port", "0"}));
    expect_sound(report);
    expect_followed(report, report["throughput"]["messages"].get<std::uint64_t>());
    EXPECT_EQ(report["message_path"]["matched_by"], "turn_around") << server;
  }
}

INSTANTIATE_TEST_SUITE_P(
    , BundledServer,
    testing::Values(Model{{"servers/single_echo"}, 2, Waits::kInCalls, 1},
                    Model{{"servers/thread_echo"}, kConnections + 1, Waits::kInCalls},
                    Model{{"servers/threadpool_echo", "--workers", "30"}, 31, Waits::kInCalls},
                    Model{{"servers/fork_echo"}, kConnections + 1, Waits::kInCalls},
                    Model{{"servers/prefork_echo", "--workers", "30"}, 31, Waits::kInCalls},
                    Model{{"servers/selector_echo"}, 1, Waits::kForReadiness},
                    Model{{"servers/poll_echo"}, 1, Waits::kForReadiness},
                    Model{{"servers/epoll_echo"}, 1, Waits::kForReadiness},
                    Model{
                        {"servers/epoll_workers_echo", "--workers", "2"}, 3, Waits::kForReadiness},
                    Model{{"servers/epoll_workers_echo", "--workers", "2", "--processes"},
                          3,
                          Waits::kForReadiness},
                    Model{{"servers/coroutine_echo"}, 1, Waits::kForReadiness},
                    Model{{"servers/uring_echo"}, 1, Waits::kForUring},
                    Model{{"servers/python/selector"}, 1, Waits::kForReadiness}),
    [](const auto& model) { return name_of(model.param); });

// Each message is one request: the kernel sees its bytes, the load its answer.
TEST_F(EndToEnd, an_http_server_gets_an_http_load) {
  const std::string folder = path("site");
  std::filesystem::create_directory(folder);
  ASSERT_TRUE(write_file(folder + "/page.html", "<p>hello\n").ok());
  for (const std::string server : {"servers/epoll_http", "servers/python/thread_http"}) {
    const Json report =
        measure(short_run({"--path", "/page.html", server, "--port", "0", "--folder", folder}));
    expect_sound(report);
    EXPECT_EQ(report["config"]["load"], "http");
    EXPECT_EQ(report["config"]["path"], "/page.html");
    const auto messages = report["throughput"]["messages"].get<std::uint64_t>();
    ASSERT_GT(messages, 0U) << server;
    expect_near(report["throughput"]["messages_kernel"].get<std::uint64_t>(), messages, server);
    EXPECT_EQ(report["load"]["wrong_answers"], 0U);
  }
}

// The servers of the storm: a task for each message, counted to the last one.
TEST_F(EndToEnd, a_connection_for_each_message) {
  for (const std::string server :
       {"servers/thread_echo", "servers/fork_echo", "servers/epoll_http"}) {
    const bool http = server.ends_with("http");
    Words words{"--close", server};
    if (http) words.insert(words.end(), {"--port", "0"});
    const Json report = measure(short_run(words));
    expect_sound(report);
    EXPECT_EQ(report["config"]["close"], true);
    const auto messages = report["throughput"]["messages"].get<std::uint64_t>();
    ASSERT_GT(messages, 0U) << server;
    EXPECT_EQ(report["load"]["wrong_answers"], 0U);
    EXPECT_EQ(report["load"]["broken_connections"], 0U);
    expect_near(report["throughput"]["messages_kernel"].get<std::uint64_t>(), messages, server);
    if (http) continue;
    expect_near(report["threads"].size(), messages, server);
  }
}

// Each position is told to four servers, some of them by two neighbours: 8 floods at most, less
// where a newer one overtakes it.
TEST_F(EndToEnd, a_herd_is_one_tree_whose_floods_are_no_messages) {
  const Json report = measure(short_run({"servers/herd", "--port", "0"}));
  expect_sound(report);
  EXPECT_EQ(report["config"]["load"], "herd");
  const auto messages = report["throughput"]["messages"].get<std::uint64_t>();
  ASSERT_GT(messages, 0U);
  EXPECT_EQ(report["load"]["wrong_answers"], 0U);
  EXPECT_EQ(report["load"]["broken_connections"], 0U);
  expect_near(report["throughput"]["messages_kernel"].get<std::uint64_t>(), messages, "messages");
  const auto floods = report["sockets"]["inter_server_messages"].get<std::uint64_t>();
  EXPECT_GT(floods, messages);
  EXPECT_LE(floods, 8 * (messages + 2 * kConnections));
  EXPECT_EQ(report["threads"].size(), 7U) << "the launcher, five servers and Places";
}

// What is followed is all that is sent between servers, and no more.
TEST_F(EndToEnd, a_herds_floods_are_followed_from_server_to_server) {
  const Json report = measure(short_run({"--messages", "servers/herd", "--port", "0"}));
  expect_sound(report);
  const Json& between = report["message_hops"];
  std::uint64_t sent = between["uncertain"]["sent"].get<std::uint64_t>() +
                       between["notes"]["for_nobody"].get<std::uint64_t>();
  for (const Json& hop : between["hops"]) {
    sent += hop["sent"].get<std::uint64_t>();
    EXPECT_EQ(hop["times"]["whole"]["messages"], hop["received"]);
    EXPECT_EQ(hop["times"]["since_client"]["messages"], hop["received"]);
  }
  expect_near(sent, report["sockets"]["inter_server_messages"].get<std::uint64_t>(), "floods");
  ASSERT_GE(between["hops"].size(), 1U);
  EXPECT_GT(between["hops"][0]["received"], 0U);
  // Each of the five tells a message on once.
  EXPECT_LE(between["hops"].size(), 5U);
  for (const char* note : {"no_memory", "unknown", "late"})
    EXPECT_EQ(between["notes"][note], 0U) << note;
}

TEST_F(WithoutPrivilege, echo_and_http_options_are_not_mixed) {
  const auto said = [](Words words) {
    const Ended ended = run(trace_run(std::move(words)));
    EXPECT_EQ(ended.code, 2);
    return ended.err;
  };
  EXPECT_THAT(said({"--size", "5", "servers/epoll_http"}),
              OneLine(testing::HasSubstr("--size is for echo")));
  EXPECT_THAT(said({"--path", "/", "servers/epoll_echo"}),
              OneLine(testing::HasSubstr("--path is for http")));
  EXPECT_THAT(said({"--load", "echo", "--protocol", "http", "servers/epoll_http"}),
              OneLine(testing::HasSubstr("contradict")));
  EXPECT_THAT(said({"--connections", "5", "--load", "none", "/bin/true"}),
              OneLine(testing::HasSubstr("--connections is for the built-in load")));
}

TEST_F(EndToEnd, a_pinned_server_never_migrates) {
  // The last CPU that this test may use: not 0 wherever there are two.
  cpu_set_t usable;
  ASSERT_EQ(::sched_getaffinity(0, sizeof(usable), &usable), 0);
  int last = CPU_SETSIZE - 1;
  while (!CPU_ISSET(last, &usable))
    --last;
  const std::string cpu = std::to_string(last);
  const Json report = measure(short_run({"--pin", cpu, "servers/thread_echo"}));
  expect_sound(report);
  EXPECT_EQ(report["config"]["pin"], cpu);
  EXPECT_GT(report["throughput"]["messages"], 0U);
  EXPECT_EQ(report["scheduling"]["migrations"], 0U);
}

TEST_F(WithoutPrivilege, pinning_to_a_cpu_that_is_not_there_names_the_usable_ones) {
  const Ended ended = run(trace_run({"--pin", "999", "servers/epoll_echo"}));
  EXPECT_EQ(ended.code, 2);
  EXPECT_THAT(ended.err, OneLine(testing::ContainsRegex("999.*usable CPUs: [0-9]")));
}

// What system calls do not show: each message is a receive and a send there.
TEST_F(EndToEnd, what_goes_through_io_uring_is_counted_by_operation) {
  const Words words{"--duration", "300ms", "--warmup", "200ms", "--connections", "20"};
  const auto measured = [&](Words more) {
    more.insert(more.begin(), words.begin(), words.end());
    return measure(more);
  };
  const Json report = measured({"servers/uring_echo"});
  expect_sound(report);
  const auto messages = report["throughput"]["messages"].get<std::uint64_t>();
  ASSERT_GT(messages, 0U);
  const Json& uring = report["io_uring"];
  ASSERT_TRUE(uring.is_object());
  const Json& receive = uring["operations"]["RECV"];
  const Json& send = uring["operations"]["SEND"];
  expect_near(receive["completed"].get<std::uint64_t>(), messages, "receives");
  expect_near(receive["completed"].get<std::uint64_t>(),
              report["sockets"]["received_messages"].get<std::uint64_t>(), "receives, by sockets");
  expect_near(send["submitted"].get<std::uint64_t>(), messages, "sends");
  expect_near(send["submitted"].get<std::uint64_t>(),
              report["sockets"]["sent_messages"].get<std::uint64_t>(), "sends, by sockets");
  EXPECT_EQ(send["errors"], 0U);
  EXPECT_FALSE(uring["operations"].contains("unknown"));
  EXPECT_EQ(uring["overflowed"], 0U);
  EXPECT_EQ(uring["enters"], calls(report, "io_uring_enter"));

  EXPECT_TRUE(measured({"servers/epoll_echo"})["io_uring"].is_null());

  const Json counted = measured({"--counts-only", "servers/uring_echo"});
  EXPECT_TRUE(counted["io_uring"].is_null());
  EXPECT_EQ(counted["unmeasured"]["io_uring"], "left out by --counts-only");
}

}  // namespace
}  // namespace tr::end_to_end
