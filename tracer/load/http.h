// HTTP/1.1: the same page again and again, over connections that are kept or with one for each.
//
// An answer is right if it is HTTP with status 200, says how long it is, and is as long as the
// first one of its conversation.
#pragma once

#include <memory>
#include <string>

#include "load/protocol.h"
#include "load/target.h"

namespace tr::load {

class Http final : public Protocol {
 public:
  // Asks the target for `path`, which begins with a slash and has neither spaces nor control
  // characters. `close`: each request is the last one on its connection, and says so.
  Http(const Target& target, const std::string& path, bool close = false);

  [[nodiscard]] std::unique_ptr<Dialogue> open(std::uint32_t number) const override;

  [[nodiscard]] std::size_t request_size() const { return request_.size(); }

 private:
  bool close_;
  std::string request_;
};

}  // namespace tr::load
