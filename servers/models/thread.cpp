// A thread per connection, which blocks in recv and send. Stacks are small and explicit, so that
// 20,000 threads are a few gigabytes of addresses and a few pages of memory each. The threads are
// detached: the C library keeps the stacks of the last ones for the next.
#include <csignal>
#include <mutex>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

#include <CLI/CLI.hpp>

#include "common/blocking.h"
#include "common/log.h"
#include "common/number_between.h"
#include "common/service.h"
#include "models/model.h"

namespace servers {
namespace {

// The sockets being served: who must be waited for, or woken, at the end. Touched once when a
// client comes and once when it leaves. Shared with the threads, the last of which may outlive the
// service by a few instructions.
class Clients {
 public:
  Clients() : empty_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (!empty_) throw Failure::from_errno("set up the count of clients");
  }

  void enter(int client) {
    const std::lock_guard lock(mutex_);
    const auto index = static_cast<std::size_t>(client);
    if (index >= here_.size()) here_.resize(index + 1);
    here_[index] = true;
    ++count_;
  }
  // Before the descriptor is closed, so that cut_off() can never hit its next owner.
  void leave(int client) {
    const std::lock_guard lock(mutex_);
    here_[static_cast<std::size_t>(client)] = false;
    --count_;
    tell_if_empty();
  }
  [[nodiscard]] std::size_t count() const {
    const std::lock_guard lock(mutex_);
    return count_;
  }

  // Readable once there are no clients, after tell_when_empty().
  [[nodiscard]] int empty_fd() const { return empty_.get(); }
  void tell_when_empty() {
    const std::lock_guard lock(mutex_);
    tell_ = true;
    tell_if_empty();
  }

  // Ends every conversation: the threads wake from recv and send, and find the connection closed.
  void cut_off() {
    const std::lock_guard lock(mutex_);
    for (std::size_t client = 0; client < here_.size(); ++client)
      if (here_[client]) ::shutdown(static_cast<int>(client), SHUT_RDWR);
  }

 private:
  void tell_if_empty() {
    if (tell_ && count_ == 0) ::eventfd_write(empty_.get(), 1);
  }

  mutable std::mutex mutex_;
  std::vector<bool> here_;  // by descriptor
  std::size_t count_ = 0;
  bool tell_ = false;
  Fd empty_;
};

// What a thread is given, and owns.
struct Client {
  std::shared_ptr<Clients> clients;
  Fd socket;
  std::unique_ptr<Session> session;
};

void* serve_client(void* argument) {
  const std::unique_ptr<Client> client(static_cast<Client*>(argument));
  serve_blocking(client->socket.get(), *client->session);
  client->session.reset();  // the protocol may go once the last client has left
  client->clients->leave(client->socket.get());
  return nullptr;
}

// Attributes of detached threads with stacks of this size.
class ThreadAttributes {
 public:
  explicit ThreadAttributes(std::size_t stack_bytes) {
    pthread_attr_init(&attributes_);
    pthread_attr_setdetachstate(&attributes_, PTHREAD_CREATE_DETACHED);
    if (pthread_attr_setstacksize(&attributes_, stack_bytes) != 0)
      throw Failure("cannot make threads with stacks that small; raise --stack-kib");
  }
  ThreadAttributes(const ThreadAttributes&) = delete;
  ThreadAttributes& operator=(const ThreadAttributes&) = delete;
  ~ThreadAttributes() { pthread_attr_destroy(&attributes_); }

  [[nodiscard]] const pthread_attr_t* get() const { return &attributes_; }

 private:
  pthread_attr_t attributes_{};
};

class ThreadService final : public Service {
 public:
  ThreadService(Listener& listener, Protocol& protocol, Stop& stop, std::size_t stack_bytes)
      : Service(listener, protocol, stop), attributes_(stack_bytes) {}

  // Clients that have used up the grace period: their threads are woken and end by themselves.
  void cut_off() {
    clients_->tell_when_empty();
    clients_->cut_off();
    constexpr int kWakeUpMs = 1000;
    pollfd empty[] = {{clients_->empty_fd(), POLLIN, 0}};
    // A thread that does not even run cannot be waited for, and must not see the protocol go.
    if (poll_for(empty, kWakeUpMs) == 0) ::_exit(0);
  }

 private:
  void wait(int timeout_ms) override {
    if (stop_.begun()) clients_->tell_when_empty();
    pollfd polled[] = {{stop_.fd(), POLLIN, 0},
                       {listener_.fd(), POLLIN, 0},
                       {stop_.begun() ? clients_->empty_fd() : -1, POLLIN, 0}};
    if (poll_for(polled, timeout_ms) == 0) return;
    if (polled[0].revents != 0)
      begin_stop();
    else if (polled[1].revents != 0)
      accept_clients();
  }

  std::optional<Shortage> take(Fd& client) override {
    auto start = std::make_unique<Client>(Client{clients_, std::move(client), protocol_.open()});
    const int fd = start->socket.get();
    clients_->enter(fd);
    pthread_t thread{};
    if (const int error = pthread_create(&thread, attributes_.get(), serve_client, start.get())) {
      clients_->leave(fd);
      client = std::move(start->socket);
      return Shortage{"start a thread for a client", error,
                      "raise ulimit -u, ulimit -v, or sysctl kernel.threads-max, kernel.pid_max, "
                      "vm.max_map_count"};
    }
    [[maybe_unused]] const Client* owned_by_thread = start.release();
    return {};
  }

  [[nodiscard]] std::size_t clients() const override { return clients_->count(); }

  ThreadAttributes attributes_;
  std::shared_ptr<Clients> clients_ = std::make_shared<Clients>();
};

class Thread final : public Model {
 public:
  [[nodiscard]] std::string_view name() const override { return "thread"; }
  [[nodiscard]] std::string_view about() const override {
    return "Each client is served by a thread of its own, which blocks in recv(2) and send(2).";
  }

  void add_options(CLI::App& app) override {
    // glibc takes a thread's own data and the guard from the stack: leave room beside the buffer.
    const long smallest = (::sysconf(_SC_THREAD_STACK_MIN) + kBlockingBufferBytes) / 1024 + 16;
    app.add_option("--stack-kib", stack_kib_,
                   "Stack of each thread: address space, of which only\n"
                   "what messages reach becomes memory")
        ->check(number_between(smallest, 1024L * 1024))
        ->type_name("KIB")
        ->capture_default_str();
  }

  void serve(Listener& listener, Protocol& protocol, Stop& stop) override {
    ThreadService service(listener, protocol, stop, static_cast<std::size_t>(stack_kib_) * 1024);
    service.run();
    service.cut_off();
  }

 private:
  long stack_kib_ = 128;
};

}  // namespace

std::unique_ptr<Model> make_model() {
  return std::make_unique<Thread>();
}

}  // namespace servers
