// Requests, from bytes alone.
#include <gtest/gtest.h>

#include "protocols/http/path.h"
#include "protocols/http/request.h"

namespace servers::http {
namespace {

struct Case {
  std::string_view text;
  std::optional<Status> refused;
  bool keep_alive;
};

std::ostream& operator<<(std::ostream& out, const Case& c) {
  return out << c.text;
}

Request parse(std::string_view text) {
  RequestParser parser;
  parser.take(std::as_bytes(std::span(text)));
  if (!parser.done()) throw std::runtime_error("not a whole request");
  return parser.request();
}

class RefusedTest : public testing::TestWithParam<Case> {};

TEST_P(RefusedTest, TellsWhy) {
  const Request request = parse(GetParam().text);
  EXPECT_EQ(request.refused, GetParam().refused);
  EXPECT_EQ(request.keep_alive, GetParam().keep_alive);
}

using namespace std::literals;
INSTANTIATE_TEST_SUITE_P(
    , RefusedTest,
    testing::Values(
        Case{"GET / HTTP/1.1\r\nHost: x\r\n\r\n", {}, true},
        Case{"\r\n\r\nHEAD / HTTP/1.1\r\nhOST:x\r\n\r\n", {}, true},
        Case{"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", {}, false},
        Case{"GET / HTTP/1.0\r\n\r\n", {}, false},
        Case{"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", {}, true},
        Case{"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n", {}, true},
        Case{"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", {}, true},
        Case{"GET / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n\r\n", {}, true},
        // whom to answer 400, and believe nothing more
        Case{"GET / HTTP/1.1\r\n\r\n", Status::kBadRequest, false},
        Case{"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", Status::kBadRequest, false},
        Case{"GET / HTTP/1.1\r\nHost : x\r\n\r\n", Status::kBadRequest, false},
        Case{"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", Status::kBadRequest, false},
        Case{"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
             Status::kBadRequest, false},
        Case{"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
             Status::kBadRequest, false},
        Case{"GET /\0 HTTP/1.1\r\n"sv, Status::kBadRequest, false},
        Case{"GET / HTTP/1.1\r\nHost: x\0y\r\n\r\n"sv, Status::kBadRequest, false},
        Case{"GET / HTTP/1.1\r\nHo\0st: x\r\n\r\n"sv, Status::kBadRequest, false},
        Case{"\x16\x03\x01\x02\x00"sv, Status::kBadRequest, false},
        Case{"get / HTTP/1.1\r\n", Status::kBadRequest, false},
        Case{"GET / HTTP/x\r\n", Status::kBadRequest, false},
        Case{"GET / FTP/1.1\r\n", Status::kBadRequest, false},
        Case{"\0"sv, Status::kBadRequest, false},
        // what is meant well
        Case{"GET /\r\n\r\n", Status::kVersionNotSupported, false},
        Case{"GET / HTTP/2.0\r\nHost: x\r\n\r\n", Status::kVersionNotSupported, false},
        Case{"DELETE / HTTP/1.1\r\nHost: x\r\n\r\n", Status::kMethodNotAllowed, true},
        Case{"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n", Status::kMethodNotAllowed,
             false},
        Case{"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n", Status::kMethodNotAllowed, false},
        Case{"BREW / HTTP/1.1\r\n", Status::kNotImplemented, false},
        Case{"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n",
             Status::kNotImplemented, false},
        Case{"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
             Status::kNotImplemented, false},
        Case{"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n",
             Status::kContentTooLarge, false},
        Case{"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 18446744073709551615\r\n\r\n",
             Status::kBadRequest, false},
        Case{"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n", Status::kContentTooLarge,
             false},
        Case{"GET / HTTP/1.1\r\nHost: x\r\nExpect: a miracle\r\n\r\n", Status::kExpectationFailed,
             true}));

TEST(RequestTest, LimitsHoldHoweverTheBytesCome) {
  const std::string target = "GET /" + std::string(kMaxTarget, 'a');
  const std::string field = "GET / HTTP/1.1\r\nHost: x\r\nA: " + std::string(kMaxHead, 'a');
  const std::string name = "GET / HTTP/1.1\r\n" + std::string(kMaxHead, 'a');
  std::string many = "GET / HTTP/1.1\r\n";
  while (many.size() <= kMaxHead)
    many += "A: b\r\n";
  for (const std::size_t step : {1UL, 7UL, 100'000UL}) {
    for (const auto& [text, status] : {std::pair(target, Status::kUriTooLong),
                                       {field, Status::kFieldsTooLarge},
                                       {name, Status::kFieldsTooLarge},
                                       {many, Status::kFieldsTooLarge}}) {
      RequestParser parser;
      for (std::size_t at = 0; at < text.size() && !parser.done(); at += step)
        parser.take(std::as_bytes(std::span(text).subspan(at, std::min(step, text.size() - at))));
      ASSERT_TRUE(parser.done()) << text.substr(0, 20) << " by " << step;
      EXPECT_EQ(parser.request().refused, status) << text.substr(0, 20) << " by " << step;
    }
  }
}

TEST(RequestTest, TheLongestAllowedIsTaken) {
  const std::string target = "/" + std::string(kMaxTarget - 1, 'a');
  const Request request = parse("GET " + target + " HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_FALSE(request.refused);
  EXPECT_EQ(request.target, target);
}

TEST(RequestTest, TakesOneRequestAfterTheOtherAndForgetsTheFirst) {
  const std::string first = "GET /a HTTP/1.1\r\nHost: x\r\nIf-Modified-Since: now\r\n\r\n";
  const std::string second = "GET /b HTTP/1.1\r\nHost: x\r\n\r\n";
  const std::string both = first + second + "GET";
  RequestParser parser;
  EXPECT_EQ(parser.take(std::as_bytes(std::span(both))), first.size());
  ASSERT_TRUE(parser.done());
  EXPECT_EQ(parser.request().target, "/a");
  EXPECT_EQ(parser.request().if_modified_since, "now");
  EXPECT_EQ(parser.take(std::as_bytes(std::span(both).subspan(first.size()))), second.size());
  ASSERT_TRUE(parser.done());
  EXPECT_FALSE(parser.halfway());
  EXPECT_EQ(parser.request().target, "/b");
  EXPECT_EQ(parser.request().if_modified_since, "");
  parser.take(std::as_bytes(std::span(both).last(3)));
  EXPECT_FALSE(parser.done());
  EXPECT_TRUE(parser.halfway());
}

TEST(PathTest, IsDecodedOnceAndStaysInside) {
  EXPECT_EQ(path_of("/").file, "index.html");
  EXPECT_EQ(path_of("/a/b.txt").file, "a/b.txt");
  EXPECT_EQ(path_of("/a/").file, "a/index.html");
  EXPECT_EQ(path_of("/a%20b%C3%A4?q=../..").file, "a b\xC3\xA4");
  EXPECT_EQ(path_of("/%252e%252e/x").file, "%2e%2e/x");
  EXPECT_EQ(path_of("/a..b/...").file, "a..b/...");
  EXPECT_EQ(path_of("///etc/passwd").file, "etc/passwd");
  EXPECT_EQ(path_of("http://other.example:80/a/b.txt?q").file, "a/b.txt");
  EXPECT_EQ(path_of("http://other.example").file, "index.html");
  for (const char* target : {"/..", "/../x", "/a/..", "/a/../../x", "/%2e%2e/x", "/.%2E/x",
                             "/a%2f..%2f..%2fx", "/%2fetc/passwd", "/..%2f"})
    EXPECT_EQ(path_of(target).refused, Status::kForbidden) << target;
  for (const char* target : {"*", "x", "/%", "/%a", "/%zz", "/%+1", "/%-1", "/a%00", "/%00/..", ""})
    EXPECT_EQ(path_of(target).refused, Status::kBadRequest) << target;
}

// A folder's name may hold what the target encodes; two slashes would name a host.
TEST(PathTest, AFolderIsOneSlashAway) {
  EXPECT_EQ(path_of("/a%20b").as_folder, "/a%20b/");
  EXPECT_EQ(path_of("//evil.example?x=1").as_folder, "/evil.example/?x=1");
  EXPECT_EQ(path_of("/a/").as_folder, "");
}

TEST(PathTest, TypesGoByTheExtension) {
  EXPECT_EQ(content_type("index.html"), "text/html; charset=utf-8");
  EXPECT_EQ(content_type("a/B.JPG"), "image/jpeg");
  EXPECT_EQ(content_type("a.html/b"), "application/octet-stream");
  EXPECT_EQ(content_type("a.unknown"), "application/octet-stream");
  EXPECT_EQ(content_type(""), "application/octet-stream");
  EXPECT_EQ(content_type("a."), "application/octet-stream");
}

}  // namespace
}  // namespace servers::http
