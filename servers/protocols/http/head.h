// What stands before a body? Status line and header fields; and dates as HTTP writes them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>

#include "protocols/http/status.h"

namespace servers::http {

struct Head {
  Status status = Status::kOk;
  std::time_t now = 0;
  std::optional<std::int64_t> length;  // of the body; 304 tells none
  std::string_view type;
  std::optional<std::time_t> modified;
  std::string_view location;
  bool keep_alive = true;
  bool http_1_0 = false;  // which must be told that the connection is kept
};

void append_head(std::string& answer, const Head& head);

// Where append_head() has put the date, if it began at the answer's beginning.
inline constexpr std::size_t kDateAt = 23;  // after "HTTP/1.1 200 OK", "Date: "
inline constexpr std::size_t kDateSize = 29;
static_assert(kDateAt == std::string_view("HTTP/1.1 200 OK\r\nDate: ").size());

// "Sun, 06 Nov 1994 08:49:37 GMT"; made once per second and thread.
[[nodiscard]] std::string_view date_now(std::time_t now);
// Any of the three forms that RFC 9110, 5.6.7 knows.
[[nodiscard]] std::optional<std::time_t> parse_date(const std::string& text);

// The clock's second, as of the last timer tick: no more is needed, and it is cheaper.
[[nodiscard]] std::time_t clock_second();

}  // namespace servers::http
