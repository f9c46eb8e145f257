// The echo protocol: the answer is the request, byte for byte.
//
// Each message begins with a word (8 bytes, less for smaller messages) that no other message of any
// connection has, and goes on with a piece of a fixed pattern that the word picks. So an answer
// that was sent to another connection, sent twice, lost or shifted is found, not only one with a
// broken byte.
#pragma once

#include <memory>
#include <vector>

#include "load/protocol.h"

namespace tr::load {

class Echo final : public Protocol {
 public:
  // Every message has `size` bytes, from 1 to kLargest.
  static constexpr std::size_t kLargest = std::size_t{64} << 20;
  explicit Echo(std::size_t size);

  [[nodiscard]] std::unique_ptr<Dialogue> open(std::uint32_t number) const override;

 private:
  std::size_t size_;
  std::vector<char> pattern_;
};

}  // namespace tr::load
