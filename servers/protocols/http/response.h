// What has the server answered? One response from bytes, however these come apart.
#pragma once

#include <cstddef>
#include <http_parser.h>
#include <span>
#include <string>

namespace servers::http {

class ResponseParser {
 public:
  // Bodies longer than this are failures.
  explicit ResponseParser(std::size_t longest);
  ResponseParser(const ResponseParser&) = delete;
  ResponseParser& operator=(const ResponseParser&) = delete;

  void take(std::span<const std::byte> input);
  // The connection has ended, which may be the end of the body.
  void end() { take({}); }

  [[nodiscard]] bool begun() const { return begun_; }
  // Either the whole response has come, or failed() tells why it never will.
  [[nodiscard]] bool done() const { return done_ || !failure_.empty(); }
  [[nodiscard]] const std::string& failure() const { return failure_; }
  [[nodiscard]] int status() const { return static_cast<int>(parser_.status_code); }
  [[nodiscard]] const std::string& body() const { return body_; }
  // Whether the connection may be used again.
  [[nodiscard]] bool keep_alive() const { return keep_alive_; }

 private:
  struct Callbacks;

  http_parser parser_{};
  std::size_t longest_;
  bool begun_ = false;
  bool done_ = false;
  bool keep_alive_ = false;
  std::string failure_;
  std::string body_;
};

}  // namespace servers::http
