// Echo (RFC 862): what came in goes out, straight from the receive buffer.
#include "protocols/protocol.h"

namespace servers {
namespace {

class EchoSession final : public Session {
 public:
  Answer received(std::span<const std::byte> input) override { return {.bytes = input}; }
};

class Echo final : public Protocol {
 public:
  [[nodiscard]] std::string_view name() const override { return "echo"; }
  [[nodiscard]] std::string_view about() const override {
    return "Echo: every byte a client sends is sent back to it.";
  }
  [[nodiscard]] std::unique_ptr<Session> open() override { return std::make_unique<EchoSession>(); }
};

}  // namespace

std::unique_ptr<Protocol> make_protocol() {
  return std::make_unique<Echo>();
}

}  // namespace servers
