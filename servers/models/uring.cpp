// One thread, io_uring(7): requests are queued in memory shared with the kernel, and one system
// call submits all of them and brings what has completed. The busier the server, the more messages
// share it. A multishot accept brings all clients, a multishot receive per client all its input, in
// buffers that the kernel picks from a ring (common/uring/ring.h).
//
// An answer is sent straight from that buffer, which goes back to the ring when it has left.
// Clients who are slow must not keep buffers from the others: the send does not wait, and what the
// socket does not take is copied, as are bytes that come while an answer is under way. When there
// are too many of those, the receive is cancelled until they have been answered.
//
// A send that has worked has no completion, which would end the wait for the next message: so even
// for a single client a message costs one system call. It has worked if it was submitted and there
// is no word of it.
#include <algorithm>
#include <cerrno>
#include <map>
#include <optional>
#include <sys/socket.h>
#include <utility>
#include <vector>

#include "common/client_timers.h"
#include "common/command_line.h"
#include "common/service.h"
#include "common/uring/ring.h"
#include "models/model.h"

namespace servers {
namespace {

// What a completion is of; the client's descriptor stands beside it in the tag.
enum class Request : std::uint32_t { kUnanswered, kStop, kAccept, kReceive, kSend };

std::uint64_t tag(Request request, int fd = 0) {
  return static_cast<std::uint64_t>(request) << 32 | static_cast<std::uint32_t>(fd);
}

Request request_of(const io_uring_cqe& completion) {
  return static_cast<Request>(completion.user_data >> 32);
}
int client_of(const io_uring_cqe& completion) {
  return static_cast<int>(completion.user_data & UINT32_MAX);
}

// One client: makes its requests, and is told what has completed.
class Client {
 public:
  Client() = default;
  Client(Ring& ring, Fd socket, std::unique_ptr<Session> session)
      : ring_(&ring),
        socket_(std::move(socket)),
        session_(std::move(session)),
        timer_(session_->first_patience()) {
    go_on();
  }

  // A receive has completed, or a send; there are buffers again; the time of take_timer() is over.
  void received(const io_uring_cqe& completion);
  void sent(int result);
  void has_buffers();
  void due();
  // To be asked after each of them: call due() that long from now.
  [[nodiscard]] Milliseconds take_timer() { return std::exchange(timer_, kAsBefore); }

  // True once for each send that says nothing if it works: call submitted() when it is submitted.
  [[nodiscard]] bool take_silent() { return std::exchange(silent_is_new_, false); }
  // Something has come that must be done when it has worked: do not wait for more.
  [[nodiscard]] bool is_impatient() const { return over_ || ended_ || !waiting_.empty(); }
  // It has worked, unless send_fails() was called before.
  void submitted();
  void send_fails() { failing_ = true; }

  // A receive has found no buffer.
  [[nodiscard]] bool starved() const { return starved_; }
  // The conversation is over, and nothing is under way.
  [[nodiscard]] bool over() const { return over_ && !receiving_ && !sending_; }
  // Its socket, to be closed.
  [[nodiscard]] int release() { return socket_.release(); }

 private:
  // So much input may wait while an answer is under way.
  static constexpr std::size_t kMaxWaiting = 65536;

  [[nodiscard]] bool busy() const { return sending_ || delayed_ || over_; }
  // Does whatever can be done now.
  void go_on();
  void listen();
  void answer(const Answer& answer);
  void send();
  void answered();
  void break_off();
  void free_buffer();

  Ring* ring_ = nullptr;
  Fd socket_;
  std::unique_ptr<Session> session_;

  bool receiving_ = false;  // under way
  bool sending_ = false;    // under way
  bool silent_ = false;     // the send that is under way
  bool silent_is_new_ = false;
  bool failing_ = false;    // a completion of the send has come
  bool cancelled_ = false;  // the receive that is under way
  bool starved_ = false;
  bool ended_ = false;    // the client has sent its last byte
  bool told_ = false;     // ... and the session knows
  bool delayed_ = false;  // the answer is held back
  bool slow_ = false;     // the client does not take the answer at once
  bool closing_ = false;  // we have sent our last byte
  bool over_ = false;
  Then then_ = Then::kReceive;        // after the answer that is being sent
  Milliseconds patience_ = kForEver;  // of that answer
  Milliseconds timer_ = kAsBefore;    // the change that take_timer() tells

  std::optional<Ring::BufferId> buffer_;  // the input that is being answered,
  std::vector<std::byte> input_;          // or here, if it had to wait
  std::vector<std::byte> waiting_;        // input that has come meanwhile
  std::span<const std::byte> unsent_;     // of the answer
  std::vector<std::byte> kept_;           // its place, if it was in a buffer and had to be copied
};

void Client::received(const io_uring_cqe& completion) {
  receiving_ = Ring::goes_on(completion);
  if (!receiving_) cancelled_ = false;
  if (completion.res > 0) {
    const Ring::BufferId id = ring_->take_buffer(completion);
    const auto input = ring_->bytes(id, static_cast<std::size_t>(completion.res));
    if (!busy() && !closing_) {
      buffer_ = id;
      answer(session_->received(input));
    } else {
      if (!closing_ && !over_) waiting_.insert(waiting_.end(), input.begin(), input.end());
      ring_->give_back(id);
    }
  } else if (completion.res == 0) {
    ended_ = true;
  } else if (completion.res == -ENOBUFS) {
    starved_ = true;
  } else if (completion.res != -ECANCELED && completion.res != -EINTR) {
    break_off();
  }
  go_on();
}

void Client::sent(int result) {
  sending_ = silent_ = failing_ = false;
  if (over_) return free_buffer();
  if (result < 0 && result != -EAGAIN && result != -EINTR) return break_off();
  if (result > 0) unsent_ = unsent_.subspan(static_cast<std::size_t>(result));
  if (!unsent_.empty()) {
    slow_ = true;
    free_buffer();
    return send();
  }
  if (std::exchange(slow_, false)) timer_ = patience_;
  answered();
  go_on();
}

void Client::submitted() {
  if (silent_ && !failing_) sent(static_cast<int>(unsent_.size()));
}

void Client::has_buffers() {
  starved_ = false;
  go_on();
}

void Client::due() {
  if (over_) return;
  if (delayed_) {
    delayed_ = false;
    timer_ = patience_;
    unsent_.empty() ? answered() : send();
  } else if (sending_ || closing_) {
    break_off();
  } else {
    answer(session_->timed_out());
  }
  go_on();
}

void Client::go_on() {
  while (!busy()) {
    if (then_ == Then::kContinue) {
      answer(session_->more());
    } else if (closing_ ? ended_ : told_) {
      over_ = true;
    } else if (!waiting_.empty()) {
      input_ = std::exchange(waiting_, {});
      answer(session_->received(input_));
    } else if (ended_) {
      told_ = true;
      answer(session_->ended());
    } else {
      break;
    }
  }
  if (!over_) listen();
}

void Client::listen() {
  const bool enough = waiting_.size() >= kMaxWaiting;
  if (!receiving_ && !enough && !starved_ && !ended_) {
    receiving_ = true;
    ring_->receive(socket_.get(), tag(Request::kReceive, socket_.get()));
  } else if (receiving_ && enough && !cancelled_) {
    cancelled_ = true;
    ring_->cancel(tag(Request::kReceive, socket_.get()), tag(Request::kUnanswered));
  }
}

void Client::answer(const Answer& answer) {
  then_ = answer.then;
  patience_ = timer_ = answer.patience;
  unsent_ = answer.bytes;
  if (answer.delay > Milliseconds{0}) {
    delayed_ = true;
    timer_ = answer.delay;
    free_buffer();
  } else {
    unsent_.empty() ? answered() : send();
  }
}

void Client::send() {
  sending_ = true;
  // If nothing is to be done when it has left.
  silent_ = silent_is_new_ =
      ring_->can_be_silent() && !slow_ && then_ == Then::kReceive && !ended_ && waiting_.empty();
  ring_->send(socket_.get(), unsent_,
              slow_     ? Ring::Send::kWait
              : silent_ ? Ring::Send::kNowOrTell
                        : Ring::Send::kNow,
              tag(Request::kSend, socket_.get()));
}

void Client::answered() {
  free_buffer();
  // `= {}` would keep their memory.
  if (!input_.empty()) input_ = std::vector<std::byte>();
  if (!kept_.empty()) kept_ = std::vector<std::byte>();
  if (then_ != Then::kClose) return;
  then_ = Then::kReceive;
  closing_ = true;
  waiting_ = std::vector<std::byte>();
  // Closing with input unread would reset the connection and could destroy the answer on its way:
  // send the end, and throw away what still comes until the client ends too.
  if (!ended_) ::shutdown(socket_.get(), SHUT_WR);
}

// The client is gone, or has used up its time. Whatever is under way completes.
void Client::break_off() {
  over_ = true;
  ::shutdown(socket_.get(), SHUT_RDWR);
  if (!sending_) free_buffer();
}

// Before the answer has left, it is copied if it lies there.
void Client::free_buffer() {
  if (!buffer_) return;
  if (!over_ && ring_->holds(*buffer_, unsent_)) {
    kept_.assign(unsent_.begin(), unsent_.end());
    unsent_ = kept_;
  }
  ring_->give_back(*buffer_);
  buffer_.reset();
}

class UringService final : public Service {
 public:
  UringService(Listener& listener, Protocol& protocol, Stop& stop, Ring::Level level)
      : Service(listener, protocol, stop), ring_(level) {
    listener_.let_block(true);  // else before Linux 5.19 accept fails instead of waiting
    ring_.wait_for_input(stop_.fd(), tag(Request::kStop));
  }

 private:
  void wait(int timeout_ms) override {
    if (!accepting_ && listener_.fd() >= 0) {
      accepting_ = true;
      ring_.accept(listener_.fd(), tag(Request::kAccept));
    }
    feed_starved();
    // Nothing may wait for what silent sends do not tell, or for the buffers that they hold.
    const bool impatient =
        !starved_.empty() || std::any_of(silent_.begin(), silent_.end(),
                                         [this](int fd) { return client(fd).is_impatient(); });
    ring_.wait(
        impatient ? 0 : timeout_ms, [this] { submitted(); },
        [this](const io_uring_cqe& completion) { completed(completion); });
  }

  // First the sends of which there is word are marked, then the other silent ones have worked.
  void submitted() {
    if (silent_.empty()) return;
    ring_.peek([this](const io_uring_cqe& completion) {
      if (request_of(completion) == Request::kSend) client(client_of(completion)).send_fails();
    });
    for (const int fd : std::exchange(silent_, {})) {
      client(fd).submitted();
      finish_turn(fd);
    }
  }

  void completed(const io_uring_cqe& completion) {
    const int fd = client_of(completion);
    switch (request_of(completion)) {
      case Request::kUnanswered:
        return;
      case Request::kStop:
        listener_.let_block(false);
        return begin_stop();
      case Request::kAccept:
        return accepted(completion);
      case Request::kReceive:
        client(fd).received(completion);
        if (client(fd).starved()) starved_.push_back(fd);
        return finish_turn(fd);
      case Request::kSend:
        client(fd).sent(completion.res);
        return finish_turn(fd);
    }
  }

  void accepted(const io_uring_cqe& completion) {
    accepting_ = Ring::goes_on(completion);
    if (completion.res >= 0) {
      Fd client(completion.res);
      take(client);
    } else if (!stop_.begun()) {
      listener_.accept_failed(-completion.res);
    }
  }

  std::optional<Shortage> take(Fd& socket) override {
    const int fd = socket.get();
    const auto index = static_cast<std::size_t>(fd);
    if (index >= clients_.size()) clients_.resize(index + 1);
    clients_[index] = Client(ring_, std::move(socket), protocol_.open());
    ++count_;
    finish_turn(fd);
    return {};
  }

  void finish_turn(int fd) {
    Client& client = this->client(fd);
    if (client.over()) {
      timers_.cancel(fd);
      ring_.close(client.release(), tag(Request::kUnanswered));
      client = {};
      --count_;
    } else {
      timers_.set(fd, client.take_timer());
      if (client.take_silent()) silent_.push_back(fd);
    }
  }

  // Those who found no buffer: there may be some now.
  void feed_starved() {
    if (starved_.empty() || !ring_.has_buffers()) return;
    for (const int fd : std::exchange(starved_, {}))
      if (client(fd).starved()) client(fd).has_buffers();
  }

  [[nodiscard]] int timers_ms() const override { return timers_.timeout_ms(); }
  void run_timers() override {
    timers_.run([this](int fd) {
      client(fd).due();
      finish_turn(fd);
    });
  }

  // The kernel accepts them, up to the end. The last may still come then.
  [[nodiscard]] std::size_t room() const override { return 0; }
  [[nodiscard]] std::size_t clients() const override {
    return count_ + (stop_.begun() && accepting_ ? 1 : 0);
  }

  [[nodiscard]] Client& client(int fd) { return clients_[static_cast<std::size_t>(fd)]; }

  std::vector<Client> clients_;  // by descriptor
  std::size_t count_ = 0;
  std::vector<int> starved_;
  std::vector<int> silent_;  // with such a send
  ClientTimers timers_;
  bool accepting_ = false;
  Ring ring_;  // the first to go
};

const std::map<std::string, Ring::Level> kLevels = {{"5.15", Ring::Level::kLinux5_15},
                                                    {"5.19", Ring::Level::kLinux5_19},
                                                    {"6.1", Ring::Level::kLinux6_1}};

class Uring final : public Model {
 public:
  [[nodiscard]] std::string_view name() const override { return "uring"; }
  [[nodiscard]] std::string_view about() const override {
    return "One thread serves all clients: io_uring(7) takes requests and brings completions\n"
           "through shared memory, many of them with one system call.";
  }
  void add_options(CommandLine& line) override {
    std::vector<std::string> releases;
    for (const auto& [release, level] : kLevels)
      releases.push_back(release);
    line.add_word("--as-linux", release_, releases, "RELEASE",
                  "Use no more of io_uring than this release of Linux\n"
                  "had, for comparison");
  }
  void serve(Listener& listener, Protocol& protocol, Stop& stop) override {
    UringService(listener, protocol, stop, kLevels.at(release_)).run();
  }

 private:
  std::string release_ = "6.1";
};

}  // namespace

std::unique_ptr<Model> make_model() {
  return std::make_unique<Uring>();
}

}  // namespace servers
