// How does a client's socket get from one process to another? As SCM_RIGHTS (unix(7)) over a socket
// pair, on whose other side one process waits, or several, of which each client goes to one.
#pragma once

#include <cstdint>

#include "common/fd.h"

namespace servers {

class Handoff {
 public:
  // Throws Failure.
  Handoff();

  // The giving side. Never blocks.
  enum class Given : std::uint8_t { kYes, kNotNow, kNever };
  // kNotNow: until giver_fd() is writable. kNever: nobody can take it, for example because there
  // are too many descriptors on their way; errno tells.
  [[nodiscard]] Given give(const Fd& client) const;
  [[nodiscard]] int giver_fd() const { return giver_.get(); }
  // No more clients come: once every process has closed its share.
  void close_giver() { giver_.reset(); }

  // The taking side. Waits for a client; none at the end, or if there is none now and the taker has
  // been made non-blocking.
  [[nodiscard]] Fd take() const;
  [[nodiscard]] int taker_fd() const { return taker_.get(); }
  void close_taker() { taker_.reset(); }

 private:
  Fd giver_;
  Fd taker_;
};

}  // namespace servers
