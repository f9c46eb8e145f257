// How does a coroutine talk to its client? Much as a thread would: what cannot be done at once
// suspends the coroutine until the socket is ready, its time is over, or both.
//
// Edge-triggered and optimistic: a send is tried first, and so is a receive if there may be
// something. There may not be after a recv that did not fill its buffer, until the next edge (or
// behind a hang-up, where the end waits). So a message costs its recv and its send, and its share
// in an epoll_wait.
#pragma once

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <span>
#include <sys/types.h>

#include "common/address.h"
#include "common/coroutine/buffer_pool.h"
#include "common/coroutine/reactor.h"
#include "common/fd.h"
#include "protocols/protocol.h"

namespace servers {

// At most one coroutine receives, one sends and one sleeps at a time.
class Socket {
  // What a coroutine waits for. Lies in its frame, and is gone when it goes on.
  class Operation {
   public:
    Operation(const Operation&) = delete;
    Operation& operator=(const Operation&) = delete;

   protected:
    explicit Operation(Socket& socket) : socket_(socket) {}
    virtual ~Operation() = default;

    Socket& socket_;

   private:
    friend Socket;
    // Tries again; false to wait on.
    virtual bool attempt() = 0;
    // The time is over.
    virtual void give_up() = 0;

    std::coroutine_handle<> waiter_;
  };

 public:
  // `fd` is non-blocking and has been given to reactor.watch().
  Socket(Reactor& reactor, Fd fd) : reactor_(reactor), fd_(std::move(fd)) {
    reactor_.enter(this, fd_.get());
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket() { reactor_.leave(fd_.get()); }

  class Receive final : public Operation {
   public:
    Receive(Socket& socket, Buffer& buffer, Milliseconds patience)
        : Operation(socket), buffer_(buffer), patience_(patience) {}
    bool await_ready() { return !socket_.take_turns_ && socket_.readable_ && attempt(); }
    void await_suspend(std::coroutine_handle<> waiter);
    ssize_t await_resume() const { return got_; }

   private:
    bool attempt() override;
    void give_up() override;

    Buffer& buffer_;
    Milliseconds patience_;
    ssize_t got_ = 0;
  };

  class Send final : public Operation {
   public:
    Send(Socket& socket, std::span<const std::byte> bytes, Milliseconds patience)
        : Operation(socket), rest_(bytes), patience_(patience) {}
    bool await_ready() { return attempt(); }
    void await_suspend(std::coroutine_handle<> waiter);
    bool await_resume() const { return rest_.empty(); }

   private:
    bool attempt() override;
    void give_up() override {}

    std::span<const std::byte> rest_;
    Milliseconds patience_;
  };

  class Connect final : public Operation {
   public:
    Connect(Socket& socket, const Address& address, Milliseconds patience)
        : Operation(socket), address_(address), patience_(patience) {}
    bool await_ready() { return attempt(); }
    void await_suspend(std::coroutine_handle<> waiter);
    int await_resume() const { return error_; }

   private:
    bool attempt() override;
    void give_up() override;

    const Address& address_;
    Milliseconds patience_;
    int error_ = 0;
  };

  class Sleep final : public Operation {
   public:
    Sleep(Socket& socket, Milliseconds time) : Operation(socket), time_(time) {}
    bool await_ready() const { return false; }
    void await_suspend(std::coroutine_handle<> waiter);
    void await_resume() const {}

   private:
    bool attempt() override { return false; }
    void give_up() override {}

    Milliseconds time_;
  };

  class Turn {
   public:
    explicit Turn(Socket& socket) : socket_(socket) {}
    bool await_ready() const { return false; }
    void await_suspend(std::coroutine_handle<> waiter);
    void await_resume() const {}

   private:
    Socket& socket_;
  };

  // Connects to this address, which must stay where it is: 0, or errno.
  [[nodiscard]] Connect connect(const Address& address, Milliseconds patience) {
    return {*this, address, patience};
  }
  // Waits for bytes: how many have come into the buffer, which has no memory while it waits; 0 at
  // the client's end; minus errno if it is gone, -ETIMEDOUT if nothing came in time.
  [[nodiscard]] Receive receive(Buffer& buffer, Milliseconds patience = kForEver) {
    return {*this, buffer, patience};
  }
  // Waits until all the bytes, which must stay where they are, are on their way. False if the
  // client is gone, or does not take them in time.
  [[nodiscard]] Send send(std::span<const std::byte> bytes, Milliseconds patience = kForEver) {
    return {*this, bytes, patience};
  }
  [[nodiscard]] Sleep sleep(Milliseconds time) { return {*this, time}; }
  // Waits until all others that can go on have done so.
  [[nodiscard]] Turn turn() { return Turn{*this}; }
  // Sends the end, behind all that was sent.
  void end_output() const;
  // Ends the conversation for whoever waits in it: a receive finds the end, a send fails.
  void cut() const;
  // Whether nothing has come from the other side since it was last asked, its end included: it is
  // worth sending to.
  [[nodiscard]] bool quiet() const { return !readable_ && !hung_up_; }

 private:
  friend Reactor;

  void wait(Operation*& place, Operation& operation, std::coroutine_handle<> waiter,
            Milliseconds patience);
  void note(std::uint32_t events);
  // These let a coroutine go on if it can, which may be this socket's end. True if it did.
  bool proceed(Operation*& place);
  void proceed_input();
  void take_turn();
  void timed_out();
  static void finish(Operation*& place);

  Reactor& reactor_;
  Fd fd_;
  bool readable_ = false;    // a recv is worth trying
  bool hung_up_ = false;     // the client has ended; behind the bytes there is something to come
  bool take_turns_ = false;  // the last recv filled its buffer: lest it hold up the others
  Operation* input_ = nullptr;
  Operation* output_ = nullptr;
  Operation* sleep_ = nullptr;
  std::coroutine_handle<> turn_;
};

}  // namespace servers
