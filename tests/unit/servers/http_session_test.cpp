// The protocol alone: bytes in, bytes out, no socket and no clock.
#include <filesystem>
#include <fstream>
#include <regex>
#include <sys/stat.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "http_client.h"
#include "protocols/http/session.h"

namespace servers::http {
namespace {

using test::get;
using test::Response;
using test::take_response;
using test::take_responses;
namespace fs = std::filesystem;

constexpr std::time_t kLongAgo = -1'000'000;

class HttpSessionTest : public testing::Test {
 protected:
  HttpSessionTest() {
    folder_.file("index.html", "<p>index");
    folder_.file("a.txt", "text of a");
    folder_.file("empty", "");
    folder_.file("sub/index.html", "<p>sub");
    folder_.file("bare/x", "x");
    folder_.file("big", big_);
    folder_.file("../secret", "secret");
    fs::create_symlink("../secret", fs::path(folder_.path()) / "out");
    fs::create_symlink("a.txt", fs::path(folder_.path()) / "in");
    ::mkfifo((folder_.path() + "/fifo").c_str(), 0600);
    restart();
  }
  void restart() { session_ = std::make_unique<HttpSession>(site_); }

  // What the session says to these bytes, all of it. The last answer is kept in last_.
  std::string say(std::string_view input) {
    return rest(session_->received(std::as_bytes(std::span(input))));
  }
  std::string rest(Answer answer) {
    std::string said;
    for (;; answer = session_->more()) {
      said.append(reinterpret_cast<const char*>(answer.bytes.data()), answer.bytes.size());
      if (answer.then != Then::kContinue) break;
    }
    last_ = answer;
    return said;
  }
  Response ask(std::string_view request, bool is_head = false) {
    std::string said = say(request);
    Response response = take_response(said, is_head);
    EXPECT_EQ(said, "");
    return response;
  }
  static std::string without_dates(const std::string& text) {
    return std::regex_replace(text, std::regex("Date: [^\r]*\r\n"), "");
  }

  const std::string big_ = test::pattern(3 * kPiece + 1234);
  test::SiteFolder folder_;
  Site site_{.folder = Folder(folder_.path()), .pages = Pages(1 << 20, kLongAgo)};
  std::unique_ptr<HttpSession> session_;
  Answer last_;
};

TEST_F(HttpSessionTest, TargetsAndTheirStatuses) {
  for (const auto& [target, status] : {std::pair("/", 200),
                                       {"/index.html", 200},
                                       {"/a.txt?query#fragment", 200},
                                       {"http://any.example/a.txt", 200},
                                       {"/%61.txt", 200},
                                       {"/in", 200},
                                       {"/empty", 200},
                                       {"/big", 200},
                                       {"/sub/", 200},
                                       {"/sub", 301},
                                       {"/bare/", 404},
                                       {"/none", 404},
                                       {"/a.txt/", 404},
                                       {"/%252e%252e/secret", 404},
                                       {"/../secret", 403},
                                       {"/%2e%2e/secret", 403},
                                       {"/sub/..%2f..%2fsecret", 403},
                                       {"/out", 403},
                                       {"/fifo", 403},
                                       {"/%2Fetc/passwd", 403},
                                       {"/a.txt%00.html", 400},
                                       {"/%g0", 400},
                                       {"*", 400}}) {
    for (int again = 0; again < 2; ++again) {
      const Response response = ask(get(target));
      EXPECT_EQ(response.status, status) << target;
      EXPECT_THAT(response.body, testing::Not(testing::HasSubstr("secret"))) << target;
      EXPECT_EQ(last_.then, Then::kReceive) << target;
    }
  }
}

TEST_F(HttpSessionTest, AnAnswerSaysWhatItIs) {
  const Response page = ask(get("/index.html"));
  EXPECT_EQ(page.body, "<p>index");
  EXPECT_EQ(page.field("Content-Type"), "text/html; charset=utf-8");
  EXPECT_EQ(page.field("Content-Length"), "8");
  EXPECT_TRUE(parse_date(page.field("Date")));
  EXPECT_TRUE(parse_date(page.field("Last-Modified")));
  EXPECT_EQ(page.field("Connection"), "");
  EXPECT_EQ(ask(get("/big")).body, big_);
  EXPECT_EQ(ask(get("/sub?x")).field("Location"), "/sub/?x");
  EXPECT_EQ(ask("PUT / HTTP/1.1\r\nHost: x\r\n\r\n").field("Allow"), "GET, HEAD");
}

TEST_F(HttpSessionTest, HeadIsGetWithoutTheBody) {
  for (const std::string target : {"/", "/big", "/none", "/sub", "/empty"}) {
    const Response got = ask(get(target));
    const Response head = ask("HEAD " + target + " HTTP/1.1\r\nHost: x\r\n\r\n", true);
    EXPECT_EQ(without_dates(head.head), without_dates(got.head));
  }
}

TEST_F(HttpSessionTest, NotModified) {
  const std::string modified = ask(get("/a.txt")).field("Last-Modified");
  const auto status = [&](const std::string& fields, const char* target = "/a.txt") {
    const Response response = ask(get(target, fields));
    EXPECT_EQ(response.body.empty(), response.status == 304);
    return response.status;
  };
  EXPECT_EQ(status("If-Modified-Since: " + modified + "\r\n"), 304);
  EXPECT_EQ(status("If-Modified-Since: Fri, 31 Dec 2199 23:59:59 GMT\r\n", "/big"), 304);
  EXPECT_EQ(status("If-Modified-Since: Sunday, 06-Nov-94 08:49:37 GMT\r\n"), 200);
  EXPECT_EQ(status("If-Modified-Since: rubbish\r\n"), 200);
  EXPECT_EQ(status("If-Modified-Since: " + modified + "\r\nIf-None-Match: \"x\"\r\n"), 200);
  EXPECT_EQ(status("If-Modified-Since: " + modified + "\r\n", "/none"), 404);
  EXPECT_EQ(status(""), 200) << "what one request asked the next does not";
}

TEST_F(HttpSessionTest, KeepsAndEndsConnections) {
  EXPECT_EQ(ask("GET / HTTP/1.0\r\n\r\n").field("Connection"), "close");
  EXPECT_EQ(last_.then, Then::kClose);
  restart();
  EXPECT_EQ(ask("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").field("Connection"),
            "keep-alive");
  EXPECT_EQ(last_.then, Then::kReceive);
  EXPECT_EQ(ask(get("/big", "Connection: close\r\n")).body, big_);
  EXPECT_EQ(last_.then, Then::kClose);
  restart();
  // Nothing that came behind a request that ended the connection is a request.
  EXPECT_EQ(ask("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n" + get("/")).status, 405);
  EXPECT_EQ(last_.then, Then::kClose);
}

TEST_F(HttpSessionTest, AnyCutBetweenBytesMakesNoDifference) {
  const std::string requests = get("/a.txt") + "\r\n" + get("/none", "A: b\r\nC:\r\n") +
                               "DELETE /x HTTP/1.1\r\nHost: x\r\n\r\n" +
                               get("/sub/", "If-Modified-Since: Sun Nov  6 08:49:37 1994\r\n") +
                               get("/empty") + get("/in", "Connection: close\r\n");
  const std::string whole = without_dates(say(requests));
  EXPECT_EQ(last_.then, Then::kClose);
  for (std::size_t cut = 1; cut < requests.size(); ++cut) {
    restart();
    std::string said = say(requests.substr(0, cut));
    said += say(requests.substr(cut));
    ASSERT_EQ(without_dates(said), whole) << "cut at " << cut;
  }
  restart();
  std::string said;
  for (const char byte : requests)
    said += say({&byte, 1});
  EXPECT_EQ(without_dates(said), whole);
}

TEST_F(HttpSessionTest, ManyRequestsAtOnceAreAnsweredInOrder) {
  std::string requests;
  for (int i = 0; i < 500; ++i)
    requests += get(i % 50 == 7 ? "/big" : i % 3 == 0 ? "/a.txt" : "/");
  requests += "GET /half";
  const auto responses = take_responses(say(requests));
  ASSERT_EQ(responses.size(), 500U);
  for (std::size_t i = 0; i < responses.size(); ++i)
    ASSERT_EQ(responses[i].body, i % 50 == 7 ? big_ : i % 3 == 0 ? "text of a" : "<p>index") << i;
  EXPECT_EQ(last_.patience, site_.request_limit);
  EXPECT_EQ(ask(" HTTP/1.1\r\nHost: x\r\n\r\n").status, 404);
}

TEST_F(HttpSessionTest, NoPieceIsMuchBiggerThanPromised) {
  folder_.file("middle", std::string(kPiece, 'm'));
  std::string requests;
  for (int i = 0; i < 20; ++i)
    requests += get("/middle") + get("/big");
  std::size_t most = 0;
  Answer answer = session_->received(std::as_bytes(std::span(requests)));
  for (; answer.then == Then::kContinue; answer = session_->more())
    most = std::max(most, answer.bytes.size());
  EXPECT_LE(most, 2 * kPiece + 1024);
}

TEST_F(HttpSessionTest, AHotPageIsSentFromWhereItLies) {
  const std::string request = get("/a.txt");
  const auto answer = [&] { return session_->received(std::as_bytes(std::span(request))); };
  // Within one second.
  for (int tries = 0; tries < 100; ++tries) {
    const auto second = clock_second();
    const std::byte* const first = answer().bytes.data();
    HttpSession other(site_);
    const std::byte* const theirs = other.received(std::as_bytes(std::span(request))).bytes.data();
    const std::byte* const again = answer().bytes.data();
    if (clock_second() != second) continue;
    EXPECT_EQ(first, again);
    EXPECT_EQ(first, theirs);
    return;
  }
  FAIL() << "a second is never long enough";
}

TEST_F(HttpSessionTest, AChangedFileIsSeenAtOnce) {
  EXPECT_EQ(ask(get("/a.txt")).body, "text of a");
  folder_.file("a.txt", "another text");
  EXPECT_EQ(ask(get("/a.txt")).body, "another text");
  fs::remove(folder_.path() + "/a.txt");
  EXPECT_EQ(ask(get("/a.txt")).status, 404);
  fs::create_directory(folder_.path() + "/a.txt");
  EXPECT_EQ(ask(get("/a.txt")).field("Location"), "/a.txt/");
  fs::remove(folder_.path() + "/a.txt");
  fs::create_symlink("../secret", folder_.path() + "/a.txt");
  EXPECT_EQ(ask(get("/a.txt")).status, 403);
}

TEST_F(HttpSessionTest, AFileThatShrinksEndsTheConnection) {
  Answer answer =
      session_->received(std::as_bytes(std::span(std::string_view("GET /big HTTP/1.1\r\n"
                                                                  "Host: x\r\n\r\n"))));
  ASSERT_EQ(answer.then, Then::kContinue);
  const std::size_t first = answer.bytes.size();
  fs::resize_file(folder_.path() + "/big", kPiece + 10);
  EXPECT_EQ(rest(session_->more()), big_.substr(kPiece, 10));
  EXPECT_EQ(last_.then, Then::kClose);
  EXPECT_GT(first, kPiece);
}

TEST_F(HttpSessionTest, AFileThatGrowsIsSentAsPromised) {
  Answer answer =
      session_->received(std::as_bytes(std::span(std::string_view("GET /big HTTP/1.1\r\n"
                                                                  "Host: x\r\n\r\n"))));
  std::string said(reinterpret_cast<const char*>(answer.bytes.data()), answer.bytes.size());
  std::ofstream(folder_.path() + "/big", std::ios::app) << "more";
  said += rest(session_->more());
  EXPECT_EQ(take_response(said).body, big_);
  EXPECT_EQ(said, "");
}

TEST_F(HttpSessionTest, SaysHowLongTheClientMayTake) {
  EXPECT_EQ(session_->first_patience(), site_.idle_limit);
  EXPECT_EQ(say("GET / HT"), "");
  EXPECT_EQ(last_.patience, site_.request_limit);
  EXPECT_EQ(say("TP/1.1\r\n"), "");
  EXPECT_EQ(last_.patience, kAsBefore) << "more bytes are no more time";
  EXPECT_EQ(ask("Host: x\r\n\r\n").status, 200);
  EXPECT_EQ(last_.patience, site_.idle_limit);
  say("G");
  EXPECT_EQ(last_.patience, site_.request_limit) << "each request has its own time";
}

TEST_F(HttpSessionTest, TheEndOfPatience) {
  EXPECT_EQ(rest(session_->timed_out()), "") << "nothing was asked";
  EXPECT_EQ(last_.then, Then::kClose);
  restart();
  say("GET / HTTP/1.1\r\nA");
  std::string said = rest(session_->timed_out());
  EXPECT_EQ(take_response(said).status, 408);
  EXPECT_EQ(last_.then, Then::kClose);
}

TEST_F(HttpSessionTest, HalfARequestIsABadOne) {
  EXPECT_EQ(rest(session_->ended()), "");
  restart();
  say(get("/") + "GET / HTTP/1.1\r\nA");
  std::string said = rest(session_->ended());
  EXPECT_EQ(take_response(said).status, 400);
}

TEST_F(HttpSessionTest, EachAnswerIsDelayedOnce) {
  site_.delay = Milliseconds(5);
  const std::string requests = get("/") + get("/big") + get("/none");
  int delays = 0;
  std::string said;
  Answer answer = session_->received(std::as_bytes(std::span(requests)));
  for (;; answer = session_->more()) {
    delays += answer.delay == site_.delay ? 1 : 0;
    said.append(reinterpret_cast<const char*>(answer.bytes.data()), answer.bytes.size());
    if (answer.then != Then::kContinue) break;
  }
  EXPECT_EQ(delays, 3);
  EXPECT_EQ(take_responses(said).size(), 3U);
}

TEST_F(HttpSessionTest, VerboseIsOneSafeLinePerRequest) {
  site_.verbose = true;
  testing::internal::CaptureStderr();
  say(get("/a.txt") + get("/\x1b[2J\xff") + get("/none"));
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_EQ(std::count(log.begin(), log.end(), '\n'), 2) << log;
  EXPECT_THAT(log, testing::HasSubstr("GET \"/a.txt\" 200 OK 9\n"));
  EXPECT_EQ(log.find('\x1b'), std::string::npos);
  EXPECT_EQ(log.find('\xff'), std::string::npos);
}

// Every answer to anything is whole: found by chance, the same each time.
TEST_F(HttpSessionTest, RubbishIsAnsweredOrWaitedFor) {
  const std::string good = get("/a.txt") + get("/sub", "Content-Length: 3\r\n");
  for (std::uint64_t seed = 0; seed < 3000; ++seed) {
    restart();
    const std::string chance = test::pattern(64, seed);
    std::string text = good;
    for (std::size_t i = 0; i < 1 + seed % 8; ++i)
      text[static_cast<unsigned char>(chance[2 * i]) % text.size()] = chance[2 * i + 1];
    if (seed % 10 == 0) text = chance;
    ASSERT_NO_THROW(static_cast<void>(take_responses(say(text)))) << seed;
  }
}

}  // namespace
}  // namespace servers::http
