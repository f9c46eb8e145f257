// The proxy herd: clients that tell one of its servers where they are (IAMAT), and ask what is near
// them (WHATSAT, every fifth message).
//
// Five servers at ports one after the other; client n talks to server n modulo 5. An IAMAT's answer
// is right if it is the AT line of that server with the client's own words in it; a WHATSAT's if it
// repeats the line that the client's last IAMAT got, and goes on with as many places as JSON as
// were asked for, or fewer.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>

#include "load/protocol.h"

namespace tr::load {

class Herd final : public Protocol {
 public:
  // By port, from the lowest.
  static constexpr std::array<std::string_view, 5> kServers = {"Hill", "Jaquez", "Smith",
                                                               "Campbell", "Singleton"};

  // `start_ns`: CLOCK_REALTIME; the clients' own times go on from there.
  explicit Herd(std::uint64_t start_ns) : start_ns_(start_ns) {}

  [[nodiscard]] std::uint16_t servers() const override { return kServers.size(); }
  [[nodiscard]] std::unique_ptr<Dialogue> open(std::uint32_t number) const override;

 private:
  std::uint64_t start_ns_;
};

}  // namespace tr::load
