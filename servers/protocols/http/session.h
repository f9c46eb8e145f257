// What is one HTTP client answered, request after request? HTTP/1.1 and 1.0 (RFC 9110, 9112), GET
// and HEAD of a folder's files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <ctime>
#include <span>
#include <string>
#include <vector>

#include "protocols/http/folder.h"
#include "protocols/http/head.h"
#include "protocols/http/pages.h"
#include "protocols/http/path.h"
#include "protocols/http/request.h"
#include "protocols/protocol.h"

namespace servers::http {

// What all sessions share.
struct Site {
  Folder folder;
  Pages pages;
  Milliseconds delay{0};               // before each answer
  Milliseconds idle_limit{60'000};     // of a client between two requests, or taking an answer
  Milliseconds request_limit{10'000};  // from a request's first byte to its last
  bool verbose = false;
};

class HttpSession final : public Session {
 public:
  explicit HttpSession(Site& site) : site_(site) {}

  [[nodiscard]] Milliseconds first_patience() const override { return site_.idle_limit; }
  Answer received(std::span<const std::byte> input) override { return serve(input); }
  Answer more() override;
  Answer ended() override;
  Answer timed_out() override;

 private:
  // A file that is being sent.
  struct Body {
    Fd file;
    std::int64_t offset = 0;
    std::int64_t end = 0;
  };
  // The last page, and what it was asked for by.
  struct Hot {
    std::string target;
    std::string file;
    PagePtr page;
  };

  Answer serve(std::span<const std::byte> input);
  Answer say(std::string_view bytes, Then then) const;
  Answer finish(std::string_view bytes);
  Answer piece();
  void postpone(std::span<const std::byte> input);

  const Page* reply(const Request& request);
  const Page* reply_with_file(const Request& request);
  void reply_with_status(const Request& request, Status status, std::string_view location = {});
  PagePtr find_page(const std::string& file, std::time_t now);
  void log(const Request& request, Status status, std::int64_t length) const;

  Site& site_;
  RequestParser parser_;
  bool closing_ = false;  // after the answer under way
  Hot hot_;
  Body body_;
  std::string said_;  // answers that are no page, or several; the model may still be sending them
  std::vector<std::byte> postponed_;      // input behind a request whose answer goes first
  std::span<const std::byte> remaining_;  // of postponed_
};

}  // namespace servers::http
