// What does the client ask for? Requests from bytes, however these come apart.
//
// The parsing is http_parser's (Node.js's, for years). Here is what it leaves open: which of it is
// too long, and what else must not be answered as if it were understood.
#pragma once

#include <cstddef>
#include <cstdint>
#include <http_parser.h>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "protocols/http/status.h"

namespace servers::http {

inline constexpr std::size_t kMaxTarget = 8192;
inline constexpr std::uint32_t kMaxHead = 32768;  // request line and header fields

struct Request {
  std::string method;  // "GET"; empty until it is known
  std::string target;  // as it came
  std::string if_modified_since;
  // What is to be answered whatever it asks for.
  std::optional<Status> refused;
  bool keep_alive = false;  // else nothing more is to be read from this client
  bool http_1_0 = false;

  [[nodiscard]] bool is_head() const { return method == "HEAD"; }
};

class RequestParser {
 public:
  RequestParser();
  RequestParser(const RequestParser&) = delete;
  RequestParser& operator=(const RequestParser&) = delete;

  // Takes bytes up to the end of one request, and says how many. Not to be called for more once
  // done() tells of a refused one.
  std::size_t take(std::span<const std::byte> input);
  // A whole request, until take() is called again.
  [[nodiscard]] bool done() const { return done_; }
  // Bytes of the next request have come.
  [[nodiscard]] bool halfway() const { return !done_ && begun_; }
  [[nodiscard]] const Request& request() const { return request_; }

 private:
  // The fields that matter here.
  enum class Field : std::uint8_t { kOther, kHost, kExpect, kCoding, kModifiedSince, kNoneMatch };
  struct Callbacks;

  void clear();
  void refuse(Status status);
  void finish_name();
  void finish_field();
  int head_complete();

  http_parser parser_{};
  Request request_;
  bool begun_ = false;
  bool done_ = false;
  bool in_value_ = false;
  bool bad_name_ = false;
  bool none_match_ = false;
  Field field_ = Field::kOther;
  int hosts_ = 0;
  std::string name_;   // of the field under way
  std::string value_;  // only of a field that matters
  std::string expect_;
  std::string coding_;
};

}  // namespace servers::http
