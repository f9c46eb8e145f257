// Which answers are there?
#pragma once

#include <cstdint>
#include <string_view>

namespace servers::http {

// RFC 9110, section 15, and RFC 6585 (431).
enum class Status : std::uint16_t {
  kOk = 200,
  kMovedPermanently = 301,
  kNotModified = 304,
  kBadRequest = 400,
  kForbidden = 403,
  kNotFound = 404,
  kMethodNotAllowed = 405,
  kRequestTimeout = 408,
  kContentTooLarge = 413,
  kUriTooLong = 414,
  kExpectationFailed = 417,
  kFieldsTooLarge = 431,
  kServerError = 500,
  kNotImplemented = 501,
  kUnavailable = 503,
  kVersionNotSupported = 505,
};

// "404 Not Found"
[[nodiscard]] std::string_view status_text(Status status);

}  // namespace servers::http
