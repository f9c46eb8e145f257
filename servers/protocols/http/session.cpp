#include "protocols/http/session.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "common/log.h"

namespace servers::http {
namespace {

// What a session may hold between two requests: thousands may be idle.
constexpr std::size_t kKeptBuffer = 4096;
// How long a client that was told to go may stay.
constexpr Milliseconds kLinger{2000};

bool not_modified(const std::string& since, std::int64_t modified) {
  if (since.empty()) return false;
  const auto date = parse_date(since);
  return date && modified <= *date;
}

}  // namespace

// Answers what can be answered at once: many small ones become one piece, but a delayed one or a
// big one goes alone, and the requests behind it wait.
Answer HttpSession::serve(std::span<const std::byte> input) {
  said_.clear();
  const bool was_halfway = parser_.halfway();
  bool answered = false;
  while (!input.empty()) {
    input = input.subspan(parser_.take(input));
    if (!parser_.done()) break;
    const Page* const page = reply(parser_.request());
    answered = true;
    const bool alone = input.empty() || site_.delay > Milliseconds{0};
    if (page != nullptr && said_.empty() && alone) {
      postpone(input);
      return finish(page->answer);
    }
    if (page != nullptr) said_ += page->answer;
    if (body_.file) {
      postpone(input);
      return piece();
    }
    if (closing_ || alone || said_.size() >= kPiece) {
      postpone(input);
      return finish(said_);
    }
  }
  postpone({});
  if (answered) return finish(said_);
  // Half a request, and not more of one that was half here before.
  return {.patience = was_halfway ? kAsBefore : site_.request_limit};
}

Answer HttpSession::say(std::string_view bytes, Then then) const {
  Milliseconds patience = site_.idle_limit;
  if (then == Then::kReceive && parser_.halfway()) patience = site_.request_limit;
  if (then == Then::kClose && bytes.size() <= kKeptBuffer) patience = std::min(patience, kLinger);
  return {.bytes = std::as_bytes(std::span(bytes)),
          .then = then,
          .delay = bytes.empty() ? Milliseconds{0} : site_.delay,
          .patience = patience};
}

// The last of what there is to say for now, unless more requests wait.
Answer HttpSession::finish(std::string_view bytes) {
  if (closing_) return say(bytes, Then::kClose);
  // A big buffer is let go of when it has been sent, not when the next request comes.
  const bool more_to_do = !remaining_.empty() || said_.capacity() > kKeptBuffer;
  return say(bytes, more_to_do ? Then::kContinue : Then::kReceive);
}

Answer HttpSession::more() {
  if (body_.file) {
    said_.clear();
    Answer next = piece();
    next.delay = Milliseconds{0};  // the answer has begun
    return next;
  }
  if (!remaining_.empty()) return serve(remaining_);
  std::string().swap(said_);  // an assignment of a short string keeps the buffer
  return finish({});
}

// The next bytes of the file that is being sent, behind the head if that is still to be sent.
Answer HttpSession::piece() {
  const std::size_t head = said_.size();
  const auto left = body_.end - body_.offset;
  const auto want = static_cast<std::size_t>(std::min<std::int64_t>(left, kPiece));
  said_.resize(head + want);
  const auto got = read_at(body_.file.get(), std::span(said_).subspan(head), body_.offset);
  if (got < static_cast<std::ptrdiff_t>(want)) {
    // It has become shorter, or cannot be read. The length was promised: only a connection that
    // ends too early tells the client.
    closing_ = true;
    body_ = {};
    said_.resize(head + static_cast<std::size_t>(std::max<std::ptrdiff_t>(got, 0)));
    return finish(said_);
  }
  body_.offset += got;
  if (body_.offset < body_.end) return say(said_, Then::kContinue);
  body_ = {};
  return finish(said_);
}

void HttpSession::postpone(std::span<const std::byte> input) {
  const bool is_here = !remaining_.empty() && !input.empty() &&
                       input.data() + input.size() == remaining_.data() + remaining_.size();
  if (!is_here) postponed_.assign(input.begin(), input.end());
  if (input.empty()) postponed_ = std::vector<std::byte>();
  remaining_ = is_here ? input : std::span<const std::byte>(postponed_);
}

Answer HttpSession::ended() {
  if (!parser_.halfway()) return {};
  said_.clear();
  closing_ = true;
  reply_with_status({}, Status::kBadRequest);
  return finish(said_);
}

Answer HttpSession::timed_out() {
  said_.clear();
  closing_ = true;
  if (parser_.halfway()) reply_with_status({}, Status::kRequestTimeout);
  return finish(said_);
}

// Either a page that is the answer as it is, or none and the answer appended to said_.
const Page* HttpSession::reply(const Request& request) {
  closing_ = !request.keep_alive;
  if (!request.refused) return reply_with_file(request);
  reply_with_status(request, *request.refused);
  return nullptr;
}

const Page* HttpSession::reply_with_file(const Request& request) {
  const std::time_t now = clock_second();
  if (hot_.page == nullptr || hot_.target != request.target) {
    Path path = path_of(request.target);
    if (path.refused) {
      reply_with_status(request, *path.refused);
      return nullptr;
    }
    hot_ = {.target = request.target, .file = std::move(path.file), .page = nullptr};
  }
  hot_.page = find_page(hot_.file, now);
  File file;
  if (hot_.page == nullptr) {
    file = site_.folder.open(hot_.file);
    if (file.is_folder) {
      const std::string there = path_of(request.target).as_folder;
      reply_with_status(request, there.empty() ? Status::kNotFound : Status::kMovedPermanently,
                        there);
      return nullptr;
    }
    if (file.refused) {
      reply_with_status(request, *file.refused);
      return nullptr;
    }
    hot_.page = site_.pages.add(hot_.file, file, now);
  }

  const FileVersion& version = hot_.page ? hot_.page->version : file.version;
  Head head{.now = now,
            .length = version.size,
            .type = content_type(hot_.file),
            .modified = std::min<std::time_t>(version.modified_s, now),
            .location = {},
            .keep_alive = request.keep_alive,
            .http_1_0 = request.http_1_0};
  const bool unmodified = not_modified(request.if_modified_since, version.modified_s);
  if (unmodified) {
    head.status = Status::kNotModified;
    head.length.reset();
    head.type = {};
  }
  const bool with_body = !unmodified && !request.is_head();
  log(request, head.status, with_body ? version.size : 0);
  if (with_body && hot_.page && request.keep_alive && !request.http_1_0) return hot_.page.get();
  append_head(said_, head);
  if (with_body && hot_.page)
    said_ += hot_.page->body();
  else if (with_body && version.size > 0)
    body_ = {.file = std::move(file.fd), .offset = 0, .end = version.size};
  return nullptr;
}

PagePtr HttpSession::find_page(const std::string& file, std::time_t now) {
  const auto version = site_.folder.version(file);
  if (!version) return nullptr;
  if (hot_.page && hot_.page->second == now && hot_.page->version == *version) return hot_.page;
  return site_.pages.find(file, *version, now);
}

void HttpSession::reply_with_status(const Request& request, Status status,
                                    std::string_view location) {
  const std::string body = fmt::format("{}\n", status_text(status));
  append_head(said_, {.status = status,
                      .now = clock_second(),
                      .length = std::ssize(body),
                      .type = "text/plain; charset=utf-8",
                      .modified = {},
                      .location = location,
                      .keep_alive = !closing_,
                      .http_1_0 = request.http_1_0});
  if (!request.is_head()) said_ += body;
  log(request, status, request.is_head() ? 0 : std::ssize(body));
}

void HttpSession::log(const Request& request, Status status, std::int64_t length) const {
  if (!site_.verbose) return;
  // The target is quoted: it may hold anything, and must not write to a terminal.
  log_line(fmt::format("{} {:?} {} {}", request.method.empty() ? "-" : request.method,
                       request.target, status_text(status), length));
}

}  // namespace servers::http
