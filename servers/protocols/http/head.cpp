#include "protocols/http/head.h"

#include <array>
#include <iterator>

#include <fmt/format.h>

namespace servers::http {
namespace {

using Date = std::array<char, kDateSize + 1>;

// In the C locale, in which these servers run.
Date date_of(std::time_t time) {
  std::tm utc{};
  ::gmtime_r(&time, &utc);
  Date text{};
  std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &utc);
  return text;
}

}  // namespace

std::string_view status_text(Status status) {
  switch (status) {
    case Status::kOk:
      return "200 OK";
    case Status::kMovedPermanently:
      return "301 Moved Permanently";
    case Status::kNotModified:
      return "304 Not Modified";
    case Status::kBadRequest:
      return "400 Bad Request";
    case Status::kForbidden:
      return "403 Forbidden";
    case Status::kNotFound:
      return "404 Not Found";
    case Status::kMethodNotAllowed:
      return "405 Method Not Allowed";
    case Status::kRequestTimeout:
      return "408 Request Timeout";
    case Status::kContentTooLarge:
      return "413 Content Too Large";
    case Status::kUriTooLong:
      return "414 URI Too Long";
    case Status::kExpectationFailed:
      return "417 Expectation Failed";
    case Status::kFieldsTooLarge:
      return "431 Request Header Fields Too Large";
    case Status::kServerError:
      return "500 Internal Server Error";
    case Status::kNotImplemented:
      return "501 Not Implemented";
    case Status::kUnavailable:
      return "503 Service Unavailable";
    case Status::kVersionNotSupported:
      return "505 HTTP Version Not Supported";
  }
  return "500 Internal Server Error";
}

void append_head(std::string& answer, const Head& head) {
  auto out = std::back_inserter(answer);
  fmt::format_to(out, "HTTP/1.1 {}\r\nDate: {}\r\n", status_text(head.status), date_now(head.now));
  if (!head.type.empty()) fmt::format_to(out, "Content-Type: {}\r\n", head.type);
  if (head.length) fmt::format_to(out, "Content-Length: {}\r\n", *head.length);
  if (head.modified) fmt::format_to(out, "Last-Modified: {}\r\n", date_of(*head.modified).data());
  if (!head.location.empty()) fmt::format_to(out, "Location: {}\r\n", head.location);
  if (head.status == Status::kMethodNotAllowed) answer += "Allow: GET, HEAD\r\n";
  if (!head.keep_alive)
    answer += "Connection: close\r\n";
  else if (head.http_1_0)
    answer += "Connection: keep-alive\r\n";
  answer += "\r\n";
}

std::string_view date_now(std::time_t now) {
  thread_local std::time_t made = -1;
  thread_local Date text;
  if (made != now) {
    text = date_of(now);
    made = now;
  }
  return {text.data(), kDateSize};
}

std::optional<std::time_t> parse_date(const std::string& text) {
  for (const char* form :
       {"%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"}) {
    std::tm utc{};
    const char* const end = ::strptime(text.c_str(), form, &utc);
    if (end != nullptr && *end == '\0') return ::timegm(&utc);
  }
  return std::nullopt;
}

std::time_t clock_second() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME_COARSE, &now);
  return now.tv_sec;
}

}  // namespace servers::http
