#include "protocols/http/response.h"

#include <string_view>

#include <fmt/format.h>

namespace servers::http {

struct ResponseParser::Callbacks {
  static ResponseParser& self(http_parser* parser) {
    return *static_cast<ResponseParser*>(parser->data);
  }
  static int body(http_parser* parser, const char* at, std::size_t length) {
    ResponseParser& me = self(parser);
    if (length > me.longest_ - me.body_.size()) {
      me.failure_ = fmt::format("the answer is longer than {} bytes", me.longest_);
      return 1;
    }
    me.body_.append(at, length);
    return 0;
  }
  static int complete(http_parser* parser) {
    ResponseParser& me = self(parser);
    me.done_ = true;
    me.keep_alive_ = http_should_keep_alive(parser) != 0;
    http_parser_pause(parser, 1);  // nothing more was asked for
    return 0;
  }
};

ResponseParser::ResponseParser(std::size_t longest) : longest_(longest) {
  http_parser_init(&parser_, HTTP_RESPONSE);
  parser_.data = this;
}

void ResponseParser::take(std::span<const std::byte> input) {
  static const http_parser_settings settings = [] {
    http_parser_settings s;
    http_parser_settings_init(&s);
    s.on_body = Callbacks::body;
    s.on_message_complete = Callbacks::complete;
    return s;
  }();
  if (done()) return;
  begun_ = begun_ || !input.empty();
  const std::string_view text(reinterpret_cast<const char*>(input.data()), input.size());
  const std::size_t taken = http_parser_execute(&parser_, &settings, text.data(), text.size());
  const http_errno error = HTTP_PARSER_ERRNO(&parser_);
  if (done_) {
    keep_alive_ = keep_alive_ && taken == text.size();
  } else if (failure_.empty() && error != HPE_OK) {
    failure_ = fmt::format("the answer is no HTTP ({})", http_errno_description(error));
  } else if (failure_.empty() && input.empty()) {
    failure_ = "the connection ended before the answer did";
  }
}

}  // namespace servers::http
