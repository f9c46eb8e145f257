// Which clients do threads serve that block, and how are the threads told that it is over? Shared
// by the models with blocking threads.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <pthread.h>
#include <vector>

#include "common/fd.h"
#include "common/listener.h"
#include "protocols/protocol.h"

namespace servers {

class CommandLine;

// The sockets of these clients. Touched once when a client comes and once when it leaves.
class Clients {
 public:
  // Throws Failure.
  Clients();

  void enter(int client);
  // Before the descriptor is closed, so that cut_off() can never hit its next owner.
  void leave(int client);
  [[nodiscard]] std::size_t count() const;

  // Makes told_fd() readable, once, when there are at most so many.
  void tell_at(std::size_t count);
  [[nodiscard]] int told_fd() const { return told_.get(); }
  // Makes it unreadable again.
  void heard() const;

  // Ends every conversation: the threads wake from recv and send, and find the connection closed.
  void cut_off();

 private:
  void tell_if_due();

  mutable std::mutex mutex_;
  std::vector<bool> here_;  // by descriptor
  std::size_t count_ = 0;
  std::optional<std::size_t> tell_at_;
  Fd told_;
};

// A client and what a thread needs to serve it.
struct Client {
  Fd socket;
  std::unique_ptr<Session> session;

  // Blocks until the conversation is over.
  void serve(Clients& clients);
};

// The threads' --stack-kib.
class StackSize {
 public:
  void add_option(CommandLine& line);
  [[nodiscard]] std::size_t bytes() const { return static_cast<std::size_t>(kib_) * 1024; }

 private:
  long kib_ = 128;
};

// Attributes of threads with stacks of this size. Throws Failure.
class ThreadAttributes {
 public:
  enum class Kind { kJoinable, kDetached };
  ThreadAttributes(StackSize stack, Kind kind);
  ThreadAttributes(const ThreadAttributes&) = delete;
  ThreadAttributes& operator=(const ThreadAttributes&) = delete;
  ~ThreadAttributes() { pthread_attr_destroy(&attributes_); }

  [[nodiscard]] const pthread_attr_t* get() const { return &attributes_; }

 private:
  pthread_attr_t attributes_{};
};

// Why pthread_create failed.
[[nodiscard]] Shortage thread_shortage(int error);

}  // namespace servers
