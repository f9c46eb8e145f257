#include "protocols/http/request.h"

#include <algorithm>
#include <strings.h>

namespace servers::http {
namespace {

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return a.size() == b.size() && ::strncasecmp(a.data(), b.data(), a.size()) == 0;
}

Status status_of(http_errno error, std::string_view rest) {
  switch (error) {
    case HPE_HEADER_OVERFLOW:
      return Status::kFieldsTooLarge;
    case HPE_INVALID_METHOD:
      // A word that is no method of ours, or no HTTP at all, such as a TLS hello.
      return !rest.empty() && rest[0] >= 'A' && rest[0] <= 'Z' ? Status::kNotImplemented
                                                               : Status::kBadRequest;
    case HPE_INVALID_TRANSFER_ENCODING:
      return Status::kNotImplemented;
    default:
      return Status::kBadRequest;
  }
}

}  // namespace

struct RequestParser::Callbacks {
  static RequestParser& self(http_parser* parser) {
    return *static_cast<RequestParser*>(parser->data);
  }
  // The library is built without HTTP_PARSER_STRICT, which allows spaces in names: "Host : x" is a
  // way to have two servers on a path see different fields (RFC 9112, 5.1: answer 400).
  static int name(http_parser* parser, const char* at, std::size_t length) {
    RequestParser& me = self(parser);
    if (me.in_value_) me.finish_field();
    const std::string_view part(at, length);
    me.bad_name_ = me.bad_name_ || part.find(' ') != std::string_view::npos;
    me.name_.append(part);
    return 0;
  }
  static int value(http_parser* parser, const char* at, std::size_t length) {
    RequestParser& me = self(parser);
    if (!me.in_value_) me.finish_name();
    if (me.field_ != Field::kOther) me.value_.append(at, length);
    return 0;
  }
  static int target(http_parser* parser, const char* at, std::size_t length) {
    RequestParser& me = self(parser);
    me.request_.target.append(at, length);
    if (me.request_.target.size() <= kMaxTarget) return 0;
    me.refuse(Status::kUriTooLong);
    return 1;
  }
  static int head_complete(http_parser* parser) { return self(parser).head_complete(); }
  static int complete(http_parser* parser) {
    self(parser).done_ = true;
    http_parser_pause(parser, 1);  // the next request waits for its turn
    return 0;
  }
};

RequestParser::RequestParser() {
  // For the whole process, and the same each time.
  [[maybe_unused]] static const bool once = [] {
    http_parser_set_max_header_size(kMaxHead);
    return true;
  }();
  http_parser_init(&parser_, HTTP_REQUEST);
  parser_.data = this;
}

std::size_t RequestParser::take(std::span<const std::byte> input) {
  static const http_parser_settings settings = [] {
    http_parser_settings s;
    http_parser_settings_init(&s);
    s.on_url = Callbacks::target;
    s.on_header_field = Callbacks::name;
    s.on_header_value = Callbacks::value;
    s.on_headers_complete = Callbacks::head_complete;
    s.on_message_complete = Callbacks::complete;
    return s;
  }();
  if (done_) clear();
  begun_ = begun_ || !input.empty();
  const std::string_view text(reinterpret_cast<const char*>(input.data()), input.size());
  const std::size_t taken = http_parser_execute(&parser_, &settings, text.data(), text.size());
  const http_errno error = HTTP_PARSER_ERRNO(&parser_);
  if (error == HPE_PAUSED)
    http_parser_pause(&parser_, 0);
  else if (error != HPE_OK && !done_)
    refuse(status_of(error, text.substr(std::min(taken, text.size()))));
  return taken;
}

void RequestParser::clear() {
  request_.method.clear();
  request_.target.clear();
  request_.if_modified_since.clear();
  request_.refused.reset();
  begun_ = done_ = in_value_ = bad_name_ = none_match_ = false;
  hosts_ = 0;
  name_.clear();
  value_.clear();
  expect_.clear();
  coding_.clear();
}

void RequestParser::refuse(Status status) {
  request_.refused = status;
  request_.keep_alive = false;
  done_ = true;
}

void RequestParser::finish_name() {
  in_value_ = true;
  field_ = equal_ignoring_case(name_, "host")                ? Field::kHost
           : equal_ignoring_case(name_, "expect")            ? Field::kExpect
           : equal_ignoring_case(name_, "transfer-encoding") ? Field::kCoding
           : equal_ignoring_case(name_, "if-modified-since") ? Field::kModifiedSince
           : equal_ignoring_case(name_, "if-none-match")     ? Field::kNoneMatch
                                                             : Field::kOther;
}

void RequestParser::finish_field() {
  in_value_ = false;
  name_.clear();
  if (field_ == Field::kOther) return;
  hosts_ += field_ == Field::kHost ? 1 : 0;
  none_match_ = none_match_ || field_ == Field::kNoneMatch;
  if (field_ == Field::kExpect) expect_ = value_;
  if (field_ == Field::kCoding) coding_ += coding_.empty() ? value_ : ", " + value_;
  if (field_ == Field::kModifiedSince) request_.if_modified_since = value_;
  value_.clear();
}

// 0: go on to the end of the message; 1 ends the parsing.
int RequestParser::head_complete() {
  if (in_value_) finish_field();
  const auto method = static_cast<http_method>(parser_.method);
  request_.method = http_method_str(method);
  request_.http_1_0 = parser_.http_major == 1 && parser_.http_minor == 0;
  request_.keep_alive = http_should_keep_alive(&parser_) != 0;
  // Without ETags If-None-Match matches nothing, and it rules out the other (RFC 9110, 13.1.3).
  if (none_match_) request_.if_modified_since.clear();

  // A body means nothing to GET and HEAD. None is ever read: whoever announces one is answered and
  // the connection closed, so there can be no two opinions about where it ends.
  const bool has_body = !coding_.empty() || (parser_.flags & F_CHUNKED) != 0 ||
                        ((parser_.flags & F_CONTENTLENGTH) != 0 && parser_.content_length > 0);
  std::optional<Status> why;
  if (parser_.http_major != 1)
    why = Status::kVersionNotSupported;
  else if (bad_name_ || hosts_ > 1 || (hosts_ == 0 && !request_.http_1_0))
    why = Status::kBadRequest;  // RFC 9112, 3.2
  else if (!coding_.empty() && !equal_ignoring_case(coding_, "chunked"))
    why = Status::kNotImplemented;
  else if (method != HTTP_GET && method != HTTP_HEAD)
    why = Status::kMethodNotAllowed;
  else if (!expect_.empty() && !equal_ignoring_case(expect_, "100-continue"))
    why = Status::kExpectationFailed;
  else if (has_body)
    why = Status::kContentTooLarge;
  if (!why) return 0;

  // What follows is a request again only if the end of this one is certain.
  const bool keep_alive = request_.keep_alive && !has_body && method != HTTP_CONNECT &&
                          (why == Status::kMethodNotAllowed || why == Status::kExpectationFailed);
  if (!keep_alive) {
    refuse(*why);
    return -1;
  }
  request_.refused = why;
  return 0;
}

}  // namespace servers::http
