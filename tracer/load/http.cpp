#include "load/http.h"

#include <algorithm>
#include <cstring>
#include <http_parser.h>
#include <optional>

#include <fmt/format.h>

namespace tr::load {
namespace {

constexpr unsigned kOk = 200;

class HttpDialogue final : public Dialogue {
 public:
  explicit HttpDialogue(const std::string& request) : request_(request) { start_parser(); }

  [[nodiscard]] std::size_t request_size(std::uint64_t) const override { return request_.size(); }

  std::size_t write_request(std::uint64_t, std::size_t offset,
                            std::span<char> room) const override {
    const std::size_t bytes = std::min(room.size(), request_.size() - offset);
    std::memcpy(room.data(), request_.data() + offset, bytes);
    return bytes;
  }

  Taken read_answer(std::uint64_t sequence, std::span<const char> bytes) override {
    static const http_parser_settings settings = callbacks();
    const std::size_t taken = http_parser_execute(&parser_, &settings, bytes.data(), bytes.size());
    const http_errno error = HTTP_PARSER_ERRNO(&parser_);
    if (error == HPE_OK) return {bytes.size(), State::kMore, {}};
    if (error != HPE_PAUSED)
      return wrong(sequence, difference_.empty() ? http_errno_description(error) : difference_);
    http_parser_pause(&parser_, 0);
    if (parser_.upgrade != 0) return wrong(sequence, "it changes to another protocol");
    if (length_ != first_length_.value_or(length_))
      return wrong(sequence,
                   fmt::format("it has {} bytes, the first one had {}", length_, *first_length_));
    if (closes_) start_parser();
    first_length_ = length_;
    length_ = 0;
    return {taken, State::kWhole, {}, closes_};
  }

 private:
  void start_parser() {
    http_parser_init(&parser_, HTTP_RESPONSE);
    parser_.data = this;
  }

  static HttpDialogue& self(http_parser* parser) {
    return *static_cast<HttpDialogue*>(parser->data);
  }

  static http_parser_settings callbacks() {
    http_parser_settings settings;
    http_parser_settings_init(&settings);
    settings.on_headers_complete = [](http_parser* parser) { return self(parser).head_complete(); };
    settings.on_body = [](http_parser* parser, const char*, std::size_t length) {
      self(parser).length_ += length;
      return 0;
    };
    settings.on_message_complete = [](http_parser* parser) {
      http_parser_pause(parser, 1);  // the next answer is another message's
      return 0;
    };
    return settings;
  }

  // Not 0: the rest of the answer is not looked at.
  int head_complete() {
    if (parser_.status_code != kOk)
      difference_ = fmt::format("its status is {}, not {}", unsigned{parser_.status_code}, kOk);
    else if (ends_with_connection(parser_))
      difference_ = "it does not say how long it is";
    closes_ = http_should_keep_alive(&parser_) == 0;
    return difference_.empty() ? 0 : -1;
  }

  // RFC 9112, 6.3: neither chunks nor a length, so that the end of the connection is its end.
  static bool ends_with_connection(const http_parser& parser) {
    return (parser.flags & F_CHUNKED) == 0 && parser.content_length == UINT64_MAX;
  }

  static Taken wrong(std::uint64_t sequence, const std::string& why) {
    return {0, State::kWrong, fmt::format("the answer to request {}: {}", sequence, why)};
  }

  const std::string& request_;
  http_parser parser_{};
  std::uint64_t length_ = 0;  // of the body so far
  std::optional<std::uint64_t> first_length_;
  bool closes_ = false;
  std::string difference_;
};

}  // namespace

Http::Http(const Target& target, const std::string& path, bool close)
    : request_(fmt::format("GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: trace-run\r\n{}\r\n", path,
                           target.text(), close ? "Connection: close\r\n" : "")) {}

std::unique_ptr<Dialogue> Http::open(std::uint32_t) const {
  return std::make_unique<HttpDialogue>(request_);
}

}  // namespace tr::load
