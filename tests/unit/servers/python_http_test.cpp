// The HTTP servers in Python: does each answer what RFC 9112 asks, and nothing from outside its
// folder?
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <sys/resource.h>
#include <sys/stat.h>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client.h"
#include "http_client.h"
#include "server_process.h"

namespace servers::test {
namespace {

namespace fs = std::filesystem;
using testing::AnyOf;
using testing::HasSubstr;
using testing::Not;
using namespace std::string_literals;

constexpr const char* kHttp[] = {"python/thread_http", "python/threadpool_http",
                                 "python/process_http", "python/processpool_http",
                                 "python/asyncio_http"};
const std::string kSecret = "not for you";

// What is served, and what must not be.
class Folders {
 public:
  Folders() {
    std::string name = (fs::temp_directory_path() / "http_test.XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    root_ = name;
    fs::create_directories(root_ / "www/sub");
    fs::create_directories(root_ / "www-else");
    write("secret.txt", kSecret);
    write("www-else/secret.txt", kSecret);
    write("www/index.html", "<p>index\n");
    write("www/sub/index.html", "<p>sub\n");
    write("www/a b.txt", "spaces\n");
    write("www/empty", "");
    write("www/big.bin", big());
    fs::create_symlink("../secret.txt", root_ / "www/out.txt");
    fs::create_symlink(root_ / "www-else", root_ / "www/else");
    fs::create_symlink("index.html", root_ / "www/in.html");
    ::mkfifo((root_ / "www/fifo").c_str(), 0600);
  }
  Folders(const Folders&) = delete;
  Folders& operator=(const Folders&) = delete;
  ~Folders() { fs::remove_all(root_); }

  [[nodiscard]] std::string served() const { return (root_ / "www").string(); }
  static const std::string& big() {
    static const std::string bytes = pattern(3 << 20);
    return bytes;
  }

 private:
  void write(const std::string& name, const std::string& text) {
    std::ofstream(root_ / name, std::ios::binary) << text;
  }

  fs::path root_;
};

// Answers until the server has ended the connection.
std::vector<int> statuses(const std::string& everything) {
  std::vector<int> found;
  for (std::size_t at = 0; (at = everything.find("HTTP/1.1 ", at)) != std::string::npos; at += 9)
    found.push_back(std::atoi(everything.c_str() + at + 9));
  return found;
}

class PythonHttpTest : public ModelTest {
 protected:
  // One for all tests of a model that do it no harm; it is patient, for loaded machines.
  std::uint16_t port() {
    auto& server = shared_[GetParam()];
    if (!server) server = start({"--timeout", "60"});
    return server->port();
  }
  static std::unique_ptr<ServerProcess> start(std::vector<std::string> arguments,
                                              const std::function<void()>& before_exec = {}) {
    arguments.insert(arguments.end(), {"--port", "0", "--folder", folders().served()});
    return std::make_unique<ServerProcess>(PythonHttpTest::server(), arguments, before_exec);
  }
  static void TearDownTestSuite() { shared_.clear(); }

 private:
  static Folders& folders() {
    static Folders folders;
    return folders;
  }
  static inline std::map<std::string, std::unique_ptr<ServerProcess>> shared_;
};

TEST_P(PythonHttpTest, AnswersWithFiles) {
  Client client(port());
  const Response index = ask(client, get("/"));
  EXPECT_EQ(index.status, 200);
  EXPECT_EQ(index.body, "<p>index\n");
  EXPECT_EQ(index.fields.at("Content-Type"), "text/html; charset=utf-8");
  EXPECT_EQ(index.fields.count("Date"), 1U);
  EXPECT_FALSE(index.closes());

  const Response head = ask(client, "HEAD / HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.fields.at("Content-Length"), "9");
  EXPECT_EQ(ask(client, "HEAD /big.bin HTTP/1.1\r\nHost: x\r\n\r\n").fields.at("Content-Length"),
            std::to_string(Folders::big().size()));

  EXPECT_EQ(ask(client, get("/sub/")).body, "<p>sub\n");
  const Response redirect = ask(client, get("//sub"));
  EXPECT_EQ(redirect.status, 301);
  EXPECT_EQ(redirect.fields.at("Location"), "/sub/");
  EXPECT_EQ(ask(client, get("/a%20b.txt?query=/../x")).body, "spaces\n");
  EXPECT_EQ(ask(client, get("http://x/in.html")).body, "<p>index\n");
  EXPECT_EQ(ask(client, get("/empty")).body, "");
  const Response big = ask(client, get("/big.bin"));
  EXPECT_EQ(big.fields.at("Content-Type"), "application/octet-stream");
  EXPECT_TRUE(big.body == Folders::big());
  EXPECT_EQ(ask(client, get("/")).body, "<p>index\n");
  EXPECT_FALSE(client.readable()) << "more came than was asked for";
}

TEST_P(PythonHttpTest, NothingOutsideItsFolder) {
  for (const char* path : {"/../secret.txt",
                           "/%2e%2e/secret.txt",
                           "/%2e%2e%2fsecret.txt",
                           "/..%2fsecret.txt",
                           "/sub/../../secret.txt",
                           "/sub/..%2f..%2fsecret.txt",
                           "/.%2e/secret.txt",
                           "/out.txt",
                           "/else/secret.txt",
                           "/../www-else/secret.txt",
                           "/%252e%252e/secret.txt",
                           "/..%5csecret.txt",
                           "/..\\secret.txt",
                           "//../secret.txt",
                           "/sub//..//..//secret.txt",
                           "/etc/passwd",
                           "//etc/passwd",
                           "/%2fetc/passwd",
                           "/index.html/../../secret.txt",
                           "http://x/../secret.txt",
                           "/secret.txt%00",
                           "/index.html%00.txt",
                           "/out.txt/",
                           "/else",
                           "/fifo",
                           "../secret.txt",
                           "secret.txt",
                           "/..",
                           "/sub/..",
                           "/%c0%ae%c0%ae/secret.txt"}) {
    SCOPED_TRACE(path);
    Client client(port());
    const Response answer = ask(client, get(path));
    EXPECT_THAT(answer.status, AnyOf(400, 403, 404));
    EXPECT_THAT(answer.body, Not(HasSubstr(kSecret)));
    EXPECT_THAT(answer.body, Not(HasSubstr("root:")));
  }
}

TEST_P(PythonHttpTest, SaysWhatIsWrongWithARequest) {
  struct Case {
    std::string request;
    int status;
    bool last;  // nothing that follows may be taken for a request
  };
  const std::string host = "Host: x\r\n";
  const std::vector<Case> cases = {
      {get("/nope"), 404, false},
      {get("/index.html/x"), 404, false},
      {get("/" + std::string(1000, 'n')), 404, false},
      {get("/%zz"), 400, false},
      {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", 405, false},
      {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 35\r\n\r\n" + get("/"), 405, true},
      {get("/", "Transfer-Encoding: chunked\r\n") + "0\r\n\r\n", 200, true},
      {get("/", "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n"), 400, true},
      {get("/", "Content-Length: -1\r\n"), 400, true},
      {get("/", "Content-Length: 1\r\nContent-Length: 1\r\n"), 400, true},
      {get("/", "Host: y\r\n"), 400, true},
      {get("/", " folded: x\r\n"), 400, true},
      {get("/", "Space : x\r\n"), 400, true},
      {get("/", "no colon\r\n"), 400, true},
      {get("/", "Nul: \0x\r\n"s), 400, true},
      {get("/", "A: b\rX: c\r\n"), 400, true},
      {get("/", "A: b\nX: c\r\n"), 400, true},
      {"GET / HTTP/1.1\r\n\r\n", 400, true},
      {"GET / HTTP/1.1\n" + host + "\n", 400, true},
      {"GET  / HTTP/1.1\r\n" + host + "\r\n", 400, true},
      {"GET /\r\n\r\n", 400, true},
      {"\x16\x03\x01\x02\r\n\r\n", 400, true},
      {"GET / HTTP/2.0\r\n" + host + "\r\n", 505, true},
      {"GET / HTTP/11.1\r\n" + host + "\r\n", 505, true},
      {get("/", "Connection: close\r\n"), 200, true},
      {"GET / HTTP/1.0\r\n\r\n", 200, true},
      {"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", 200, false},
      {get("/" + std::string(9000, 'x')), 414, true},
      {get("/", "A: " + std::string(40000, 'x') + "\r\n"), 431, true},
  };
  for (const Case& wrong : cases) {
    SCOPED_TRACE(wrong.request.substr(0, 60));
    Client client(port());
    client.send(wrong.request + (wrong.last ? get("/after") : ""));
    const Response answer = receive_response(client);
    EXPECT_EQ(answer.status, wrong.status);
    EXPECT_EQ(answer.closes(), wrong.last);
    if (wrong.status == 405) {
      EXPECT_EQ(answer.fields.at("Allow"), "GET, HEAD");
    }
    if (wrong.last)
      EXPECT_EQ(client.receive_to_end(), "");
    else
      EXPECT_EQ(ask(client, get("/")).status, 200);
  }
  Client many(port());
  std::string fields;
  for (int i = 0; i < 101; ++i)
    fields += "A: b\r\n";
  EXPECT_EQ(ask(many, get("/", fields)).status, 431);
}

TEST_P(PythonHttpTest, AnswersWhoGoesOnSendingTooMuch) {
  // Were the connection closed with input unread, it would be reset and the answer lost.
  for (const std::string start : {"GET /", "GET / HTTP/1.1\r\nHost: x\r\nA: "}) {
    Client client(port());
    const std::string all =
        client.exchange(start + std::string(512 << 10, 'x'), SIZE_MAX, Client::After::kHalfClose);
    EXPECT_THAT(statuses(all), testing::ElementsAre(start.size() < 9 ? 414 : 431));
  }
}

TEST_P(PythonHttpTest, RequestsMayComeAllAtOnce) {
  Client client(port());
  std::string requests;
  for (int i = 0; i < 100; ++i)
    requests += get(i % 10 == 3 ? "/nope" : "/sub/");
  requests += get("/big.bin") + get("/", "Connection: close\r\n") + get("/never");
  // Answers are not taken before all is sent: 100 of them fit on the way.
  client.send(requests);
  for (int i = 0; i < 100; ++i)
    ASSERT_EQ(receive_response(client).status, i % 10 == 3 ? 404 : 200) << i;
  EXPECT_TRUE(receive_response(client).body == Folders::big());
  EXPECT_EQ(receive_response(client).body, "<p>index\n");
  EXPECT_EQ(client.receive_to_end(), "");
}

TEST_P(PythonHttpTest, RequestsMayComeByteByByte) {
  Client client(port());
  const std::string both = "\r\n" + get("/") + get("/sub/");
  for (const char byte : both)
    client.send({&byte, 1});
  EXPECT_EQ(receive_response(client).body, "<p>index\n");
  EXPECT_EQ(receive_response(client).body, "<p>sub\n");
}

TEST_P(PythonHttpTest, SaysWhenNothingHasChanged) {
  Client client(port());
  const std::string modified = ask(client, get("/")).fields.at("Last-Modified");
  EXPECT_EQ(ask(client, get("/", "If-Modified-Since: " + modified + "\r\n")).status, 304);
  for (const char* fields :
       {"If-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT\r\n", "If-Modified-Since: soon\r\n",
        "If-Modified-Since: Thu, 99 Jan 99999999999 00:00:00 GMT\r\n"})
    EXPECT_EQ(ask(client, get("/", fields)).status, 200) << fields;
  EXPECT_EQ(ask(client, get("/", "If-None-Match: \"x\"\r\nIf-Modified-Since: " + modified + "\r\n"))
                .status,
            200);
}

TEST_P(PythonHttpTest, ManyMoreClientsThanWorkers) {
  std::vector<Client> clients;
  for (int i = 0; i < 100; ++i)
    clients.emplace_back(port());
  clients.front().send("GET / HT");  // holds nobody up
  for (int round = 0; round < 2; ++round) {
    for (std::size_t i = 1; i < clients.size(); ++i)
      clients[i].send(get("/"));
    for (std::size_t i = 1; i < clients.size(); ++i)
      ASSERT_EQ(receive_response(clients[i]).status, 200);
  }
  EXPECT_EQ(ask(clients.front(), "TP/1.1\r\nHost: x\r\n\r\n").status, 200);
}

TEST_P(PythonHttpTest, DoesNotWaitForeverForARequestOrForItsAnswerToBeTaken) {
  const auto server = start({"--timeout", "0.2"});
  Client silent(server->port());
  Client half(server->port());
  half.send("GET / HTTP/1.1\r\nHo");
  Client stuck(server->port());
  std::string requests;
  for (int i = 0; i < 30; ++i)
    requests += get("/big.bin");
  stuck.send(requests);
  EXPECT_EQ(receive_response(half).status, 408);
  EXPECT_EQ(half.receive_to_end(), "");
  EXPECT_EQ(silent.receive_to_end(), "");
  // The server gives up on it, and then has no client.
  server->signal(SIGTERM);
  EXPECT_EQ(server->wait(), 0);
}

TEST_P(PythonHttpTest, ToldToEndItAnswersWhatWasAskedAndNoMore) {
  const auto server = start({"--timeout", "3600", "--grace", "3600"});
  Client idle(server->port());
  ASSERT_EQ(ask(idle, get("/")).status, 200);
  Client silent(server->port());
  Client half(server->port());
  ASSERT_EQ(ask(half, get("/")).status, 200);
  half.send("GET / HTTP/1.1\r\n");
  // One that blocks is woken by the end of its input, and may just have read the first half.
  const bool reads_on = GetParam() != "python/thread_http"s && GetParam() != "python/process_http"s;
  Client asked(server->port());
  asked.send(get("/big.bin"));
  server->signal(SIGINT);
  const Response answer = receive_response(asked);
  EXPECT_TRUE(answer.body == Folders::big());
  EXPECT_EQ(asked.receive_to_end(), "");
  EXPECT_EQ(idle.receive_to_end(), "");
  EXPECT_EQ(silent.receive_to_end(), "");
  if (reads_on) {
    const Response rest = ask(half, "Host: x\r\n\r\n");
    EXPECT_EQ(rest.status, 200);
    EXPECT_TRUE(rest.closes());
    EXPECT_EQ(half.receive_to_end(), "");
  }
  half.reset();
  asked.half_close();
  EXPECT_EQ(server->wait(), 0);
}

TEST_P(PythonHttpTest, GraceIsABound) {
  const auto server = start({"--timeout", "3600", "--grace", "0.2", "--delay", "3600000"});
  Client waits(server->port());
  waits.send(get("/"));
  Client half(server->port());
  half.send("GET");
  server->signal(SIGTERM);
  EXPECT_EQ(server->wait(), 0);
  half.wait_for_end();
}

TEST_P(PythonHttpTest, OutOfDescriptorsItGoesOn) {
  const auto server = start({"--timeout", "3600"}, [] {
    const rlimit few{30, 30};
    ::setrlimit(RLIMIT_NOFILE, &few);
  });
  {
    std::vector<Client> clients;
    for (int i = 0; i < 40; ++i) {
      clients.emplace_back(server->port());
      clients.back().send(get("/"));
    }
    EXPECT_THAT(receive_response(clients.front()).status, AnyOf(200, 503));
    if (GetParam() != std::string("python/process_http")) {  // whose parent keeps no client's
      EXPECT_THAT(server->next_error_line(), HasSubstr("ulimit -n"));
    }
  }
  Client client(server->port());
  EXPECT_EQ(ask(client, get("/")).status, 200);
}

TEST_P(PythonHttpTest, WritesALinePerAnswerIfAsked) {
  const auto server = start({"-v", "-d", "1"});
  Client client(server->port());
  ask(client, get("/nope\x1b[31m"));
  EXPECT_THAT(server->next_error_line(),
              testing::EndsWith(": \"GET /nope\\x1b[31m HTTP/1.1\" 400"));
}

TEST_P(PythonHttpTest, AFolderThatIsNotThereIsOneLineAndExitCode1) {
  ServerProcess server(PythonHttpTest::server(), {"--port", "0", "--folder", "/nowhere"});
  EXPECT_EQ(server.wait(), 1);
  EXPECT_THAT(server.rest_of_stderr(),
              testing::MatchesRegex("[a-z_]+: cannot serve the folder /nowhere: No such file.*\n"));
}

INSTANTIATE_TEST_SUITE_P(Python, PythonHttpTest, testing::ValuesIn(kHttp), ModelTest::name);

TEST(ProcessPoolTest, AWorkerThatDiesIsReplaced) {
  ServerProcess server(server_path("python/processpool_http"), {"--port", "0", "--workers", "1"});
  Client client(server.port());
  ASSERT_EQ(ask(client, get("/")).status, 200);
  const std::string pid = std::to_string(server.pid());
  pid_t worker = 0;
  if (!(std::ifstream("/proc/" + pid + "/task/" + pid + "/children") >> worker))
    GTEST_SKIP() << "this kernel does not list children (CONFIG_PROC_CHILDREN)";
  ::kill(worker, SIGKILL);
  EXPECT_THAT(server.next_error_line(), HasSubstr("a worker process ended (-9"));
  Client other(server.port());  // the worker may have died before it gave the first one back
  EXPECT_EQ(ask(other, get("/")).status, 200);
  EXPECT_EQ(server.children().size(), 1U);
}

TEST(ProcessHttpTest, LeavesNoZombies) {
  ServerProcess server(server_path("python/process_http"), {"--port", "0"});
  for (int i = 0; i < 5; ++i) {
    Client client(server.port());
    ASSERT_EQ(ask(client, get("/")).status, 200);
  }
  EXPECT_TRUE(eventually([&] { return server.children().empty(); }));
}

// Where a module is missing; and whoever runs a server from a checkout finds nothing new there.
TEST(PythonTest, AMissingModuleIsOneLineAndExitCode1) {
  std::string folder = (fs::temp_directory_path() / "python_test.XXXXXX").string();
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  for (const std::string module : {"uvloop", "gevent"}) {
    // Found before the real one, if that is there.
    std::ofstream(folder + "/" + module + ".py")
        << "raise ModuleNotFoundError('none', name='" << module << "')\n";
    const std::string name = module == "uvloop" ? "uvloop_proto" : "gevent";
    ServerProcess server(server_path("python/" + name), {},
                         [&] { ::setenv("PYTHONPATH", folder.c_str(), 1); });
    EXPECT_EQ(server.wait(), 1);
    EXPECT_EQ(server.rest_of_stderr(), name + ": cannot load the Python module " + module +
                                           ": it is not installed; install the Debian package "
                                           "python3-" +
                                           module + "\n");
    EXPECT_EQ(server.rest_of_stdout(), "");
  }
  fs::remove_all(folder);
}

TEST(PythonTest, WritesNothingBesideItsSources) {
  const fs::path sources = fs::path(server_path("python/thread")).parent_path();
  ServerProcess server(server_path("python/thread"));
  EXPECT_EQ(Client(server.port()).echo("x"), "x");
  for (const auto& entry : fs::recursive_directory_iterator(sources))
    EXPECT_NE(entry.path().filename(), "__pycache__") << entry.path();
}

}  // namespace
}  // namespace servers::test
