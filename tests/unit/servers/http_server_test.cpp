// HTTP by every model: what clients do to it, and that it serves the next one.
#include <chrono>
#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "http_client.h"
#include "server_process.h"

namespace servers::test {
namespace {

using testing::HasSubstr;

class HttpTest : public ModelTest {
 protected:
  HttpTest() {
    folder_.file("index.html", "<p>index");
    // Bigger than all buffers on the way; takes no room on the disk.
    folder_.file("huge", "");
    std::filesystem::resize_file(folder_.path() + "/huge", huge_);
    folder_.file("big", big_);
  }

  [[nodiscard]] std::vector<std::string> options(std::vector<std::string> more = {}) const {
    more.insert(more.end(), {"--port", "0", "--folder", folder_.path()});
    return serving(30, more);
  }
  static void expect_served(std::uint16_t port) {
    Client next(port);
    EXPECT_EQ(ask(next, get("/")).body, "<p>index");
  }

  const std::size_t huge_ = too_much() + (8 << 20);
  const std::string big_ = pattern(1'000'000);
  SiteFolder folder_;
};

TEST_P(HttpTest, AnswersRequestAfterRequest) {
  ServerProcess server(HttpTest::server("http"), options());
  Client client(server.port());
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(ask(client, get("/")).body, "<p>index");
    EXPECT_EQ(ask(client, get("/none")).status, 404);
    EXPECT_TRUE(ask(client, get("/big")).body == big_);
    EXPECT_EQ(ask(client, get("/../secret")).status, 403);
    EXPECT_EQ(ask(client, "PUT / HTTP/1.1\r\nHost: x\r\n\r\n").status, 405);
    const Response page = ask(client, get("/"));
    EXPECT_EQ(
        ask(client, get("/", "If-Modified-Since: " + page.field("Last-Modified") + "\r\n")).status,
        304);
  }
  client.send("HEAD /big HTTP/1.1\r\nHost: x\r\n\r\n" + get("/"));
  std::string both = client.receive(1);
  while (both.find("<p>index") == std::string::npos)
    both += client.receive(1);
  EXPECT_EQ(take_response(both, true).field("Content-Length"), "1000000");
  EXPECT_EQ(take_response(both).body, "<p>index");
}

TEST_P(HttpTest, ManyRequestsAtOnce) {
  ServerProcess server(HttpTest::server("http"), options());
  Client client(server.port());
  std::string requests;
  for (int i = 0; i < 200; ++i)
    requests += get(i % 20 == 0 ? "/big" : "/");
  requests += get("/", "Connection: close\r\n");
  const auto responses = take_responses(client.exchange(requests, SIZE_MAX));
  ASSERT_EQ(responses.size(), 201U);
  for (std::size_t i = 0; i < 200; ++i)
    ASSERT_TRUE(responses[i].body == (i % 20 == 0 ? big_ : "<p>index")) << i;
}

TEST_P(HttpTest, ClosesWhereItSaysSo) {
  ServerProcess server(HttpTest::server("http"), options());
  for (const std::string& request :
       {std::string("GET / HTTP/1.0\r\n\r\n"), get("/", "Connection: close\r\n"),
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n" +
            std::string(1'000'000, 'b'),
        get("/" + std::string(10'000, 'l')), get("/", "A: " + std::string(40'000, 'a') + "\r\n"),
        get("/", "Transfer-Encoding: gzip\r\n"), std::string("\x16\x03\x01\x02garbage\0", 12),
        std::string("GET / HTTP/2.0\r\nHost: x\r\n\r\n")}) {
    Client client(server.port());
    std::string said = client.exchange(request, SIZE_MAX);
    const Response response = take_response(said);
    EXPECT_EQ(response.field("Connection"), "close") << response.head;
    EXPECT_EQ(said, "");
  }
  expect_served(server.port());
}

TEST_P(HttpTest, ADelayHoldsUpNobodyElse) {
  constexpr auto kDelay = std::chrono::milliseconds(300);
  const int count = serves_one() ? 1 : 20;
  ServerProcess server(HttpTest::server("http"), options({"--delay", "300"}));
  std::vector<Client> clients;
  for (int i = 0; i < count; ++i)
    clients.emplace_back(server.port());
  const auto start = std::chrono::steady_clock::now();
  for (Client& client : clients)
    client.send(get("/") + get("/none"));
  for (Client& client : clients) {
    EXPECT_EQ(receive_response(client).status, 200);
    EXPECT_EQ(receive_response(client).status, 404);
  }
  const auto took = std::chrono::steady_clock::now() - start;
  EXPECT_GE(took, 2 * kDelay) << "each answer is delayed";
  if (count > 1) {
    EXPECT_LT(took, 2 * count * kDelay) << "one after the other";
  }
}

TEST_P(HttpTest, AClientThatGoesDuringADelayIsNoMatter) {
  ServerProcess server(HttpTest::server("http"), options({"--delay", "100", "-v"}));
  if (!serves_one()) {
    std::optional<Client> first(Client(server.port()));
    Client second(server.port());
    EXPECT_EQ(ask(*first, get("/")).status, 200);
    static_cast<void>(server.next_error_line());
    second.send(get("/"));
    EXPECT_THAT(server.next_error_line(), HasSubstr("GET")) << "now it is held back";
    first.reset();
    EXPECT_EQ(receive_response(second).status, 200);
    EXPECT_EQ(ask(second, get("/")).status, 200) << "listened to after the delay";
  }
  for (int i = 0; i < 5; ++i) {
    Client client(server.port());
    client.send(get("/"));
    if (i % 2 == 0) client.reset();
  }
  expect_served(server.port());
}

// A byte now and then is not enough: the time for a whole request is bounded.
TEST_P(HttpTest, ASlowRequestIsCutOff) {
  ServerProcess server(HttpTest::server("http"), options({"--request-limit", "0.3"}));
  Client slow(server.port());
  slow.send("GET / HTTP/1.1\r\nHost: x\r\nA: ");
  int bytes = 0;
  while (!slow.readable(20) && ++bytes < 3000)
    slow.send("a");
  EXPECT_EQ(receive_response(slow).status, 408);
  expect_served(server.port());
}

TEST_P(HttpTest, SilentClientsAreLetGo) {
  ServerProcess server(HttpTest::server("http"), options({"--idle-limit", "0.2"}));
  Client silent(server.port());
  Client served(server.port());
  EXPECT_EQ(ask(served, get("/")).status, 200);
  silent.wait_for_end();
  served.wait_for_end();
  expect_served(server.port());
}

TEST_P(HttpTest, AClientThatDoesNotReadIsLetGo) {
  ServerProcess server(HttpTest::server("http"), options({"--idle-limit", "0.3"}));
  Client stuck(server.port());
  stuck.send(get("/huge"));
  ASSERT_TRUE(stuck.readable(60'000));
  expect_served(server.port());
  EXPECT_TRUE(eventually([&] { return server.connections() == 0; }));
  expect_served(server.port());
}

TEST_P(HttpTest, ABigFileHoldsUpNobodyElse) {
  ServerProcess server(HttpTest::server("http"), options());
  Client late(server.port());
  late.send(get("/huge"));
  ASSERT_TRUE(late.readable(60'000));
  if (!serves_one()) expect_served(server.port());
  EXPECT_EQ(receive_response(late).body.size(), huge_);
}

TEST_P(HttpTest, HalfRequestsAndResetsAreNoOtherClientsBusiness) {
  ServerProcess server(HttpTest::server("http"), options());
  const std::string request = get("/huge");
  for (std::size_t i = 0; i < request.size(); i += 3) {
    Client client(server.port());
    client.send(request.substr(0, i));
    if (i % 2 == 0) client.reset();
  }
  Client half(server.port());
  std::string said = half.exchange("GET / HT", SIZE_MAX, Client::After::kHalfClose);
  EXPECT_EQ(take_response(said).status, 400);
  Client stuck(server.port());
  stuck.send(request);
  ASSERT_TRUE(stuck.readable(60'000));
  stuck.reset();
  expect_served(server.port());
  EXPECT_TRUE(eventually([&] { return server.connections() == 0; })) << "descriptors leak";
}

TEST_P(HttpTest, ThousandsOfIdleClients) {
  if (!allow_open_files(kIdleClients + 200)) GTEST_SKIP() << "needs more open files (ulimit -Hn)";
  const std::size_t count = idle_clients();
  ServerProcess server(HttpTest::server("http"),
                       serving(count + 1, {"--port", "0", "--folder", folder_.path()}));
  std::vector<Client> idle;
  for (std::size_t i = 0; i < count; ++i)
    idle.emplace_back(server.port());
  expect_served(server.port());
  for (std::size_t i = 0; i < idle.size(); i += 100)
    EXPECT_EQ(ask(idle[i], get("/")).status, 200);
}

TEST_P(HttpTest, LogsOneLinePerRequest) {
  ServerProcess server(HttpTest::server("http"), options({"-v"}));
  Client client(server.port());
  EXPECT_EQ(ask(client, get("/none")).status, 404);
  EXPECT_THAT(server.next_error_line(), HasSubstr("GET \"/none\" 404 Not Found"));
}

INSTANTIATE_TEST_SUITE_P(, HttpTest, testing::ValuesIn(kModels), ModelTest::name);

TEST(HttpStartTest, AFolderThatIsNotThereIsOneLineAndExitCode1) {
  ServerProcess server(server_path("epoll", "http"), {"--port", "0", "--folder", "/nonexistent"});
  EXPECT_EQ(server.wait(), 1);
  EXPECT_THAT(server.rest_of_stderr(), AllOf(HasSubstr("/nonexistent"), HasSubstr("--folder")));
}

class HttpServerTest : public testing::TestWithParam<std::pair<const char*, const char*>> {};

TEST_P(HttpServerTest, BecomesTheServerThatWasChosen) {
  const auto& [concurrency, model] = GetParam();
  const SiteFolder folder;
  folder.file("index.html", "<p>index");
  const std::string chosen = server_path(model, "http");
  if (!std::filesystem::exists(chosen)) GTEST_SKIP() << "there is no " << chosen;
  ServerProcess server(server_path("http", "server"),
                       {"-p", "0", "-v", "-d", "1", "-f", folder.path(), "-c", concurrency});
  EXPECT_THAT(server.ready_line(), testing::StartsWith(std::string(model) + "_http listening on "));
  {
    Client client(server.port());
    EXPECT_EQ(ask(client, get("/", "Connection: close\r\n")).body, "<p>index");
    EXPECT_THAT(server.next_error_line(), HasSubstr("GET \"/\" 200"));
    client.wait_for_end();
  }
  server.signal(SIGINT);
  EXPECT_EQ(server.wait(), 0);
}

INSTANTIATE_TEST_SUITE_P(, HttpServerTest,
                         testing::Values(std::pair("thread", "thread"),
                                         std::pair("thread-pool", "threadpool"),
                                         std::pair("process", "fork"),
                                         std::pair("process-pool", "prefork"),
                                         std::pair("async", "coroutine")),
                         [](const auto& test) { return std::string(test.param.second); });

TEST(HttpServerOptionsTest, WrongUsageIsOneLineAndExitCode2) {
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"-c", "fibre"}, {"-p", "x"}, {"-d", "-1"}, {"--bogus"}, {"x"}}) {
    ServerProcess server(server_path("http", "server"), arguments);
    EXPECT_EQ(server.wait(), 2);
    EXPECT_THAT(server.rest_of_stderr(), testing::StartsWith("http_server: "));
  }
}

}  // namespace
}  // namespace servers::test
