// Who wants to be served? The listening socket, and what to do when clients come faster than
// descriptors, threads or processes allow.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/clock.h"
#include "common/fd.h"
#include "common/log.h"

namespace servers {

// Why a client cannot be served just now: for the log.
struct Shortage {
  std::string_view operation;  // "start a thread for a client"
  int error;                   // errno
  std::string_view remedy;
};

// A socket on `host` (an IPv4 or IPv6 address of this machine, or a name for one) and `port` (0:
// the kernel picks a free one), at which nobody listens yet. Throws Failure with the remedy.
[[nodiscard]] Fd bind_to(const std::string& host, std::uint16_t port);

class Listener {
 public:
  // Listens there. Throws Failure with the remedy.
  Listener(const std::string& host, std::uint16_t port, int backlog);
  Listener(Fd bound, int backlog);

  // Takes the clients that somebody else has accepted and hands over: the taking side of a Handoff.
  explicit Listener(Fd handoff);

  // What to wait for; -1 while paused and once closed.
  [[nodiscard]] int fd() const { return paused_ ? -1 : socket_.get(); }
  [[nodiscard]] int backlog() const { return backlog_; }
  // "127.0.0.1:43211" or "[::1]:43211": the address really bound.
  [[nodiscard]] std::string address() const;

  // The next client's socket, with TCP_NODELAY, made with the given flags of accept4(2) beside
  // SOCK_CLOEXEC. None if no client waits, if another process has called end(), or if descriptors
  // have run out: then it has paused. Never blocks, unless let_block(true).
  [[nodiscard]] Fd accept(int flags);
  // For who accepts by other means: what accept() does when accepting has failed. It is worth
  // trying again at once if fd() is not paused then.
  void accept_failed(int error);
  // Whether accept() waits for a client: in all processes that share the listener.
  void let_block(bool block);
  // Gives back a client that cannot be served now: the next accept() returns it.
  void put_back(Fd client) { put_back_ = std::move(client); }

  // Stops taking clients for 100 ms (they wait in the backlog), so that a shortage is not asked
  // about in a busy loop. Says so on stderr, at most every 10 s.
  void pause(const Shortage& shortage);
  // Ends a pause that has lasted long enough; then true, and accept() is worth trying.
  [[nodiscard]] bool resume();
  // How long a pause still lasts; -1 if there is none.
  [[nodiscard]] int timeout_ms() const { return paused_ ? ms_until(paused_until_) : -1; }

  // New clients are refused, whoever else shares the listener; accept() wakes up there, and has
  // none.
  void end();
  // Gives up this process's share.
  void close();

 private:
  int backlog_;
  Fd socket_;
  bool handed_over_ = false;
  Fd put_back_;
  bool paused_ = false;
  Clock::time_point paused_until_;
  RareLine shortage_line_;
};

// The kernel's upper bound on a backlog, from sys/net/core/somaxconn below `proc`; SOMAXCONN of
// the C library if that cannot be read.
[[nodiscard]] int max_backlog(const std::string& proc = "/proc");

}  // namespace servers
