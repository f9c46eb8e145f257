// How does a client's socket get from who has accepted it to who serves it? Over a socket pair, on
// whose taking side one thread or process waits, or several, of which each client goes to one.
#pragma once

#include <cstdint>

#include "common/fd.h"

namespace servers {

class Handoff {
 public:
  // To another process a descriptor goes as SCM_RIGHTS (unix(7)), within one its number will do.
  enum class To : std::uint8_t { kProcess, kThread };
  // The taking side blocks, or does not. Throws Failure.
  enum class Taker : std::uint8_t { kBlocks, kDoesNotBlock };
  Handoff(To to, Taker taker);

  // Gives the client away: it is not ours any more if that has worked. False, with errno, if not:
  // EAGAIN until giver_fd() is writable. Never blocks.
  [[nodiscard]] bool give(Fd& client) const;
  [[nodiscard]] int giver_fd() const { return giver_.get(); }
  // No more clients come, once every process has done this.
  void close_giver() { giver_.reset(); }

  // For take_handed_over().
  [[nodiscard]] int taker_fd() const { return taker_.get(); }

 private:
  To to_;
  Fd giver_;
  Fd taker_;
};

// The next client; none at the end, or with errno (EAGAIN if there is none now and it does not
// block; EMFILE if one is lost because this process had no free descriptor for it).
[[nodiscard]] Fd take_handed_over(int taker_fd);

}  // namespace servers
