// A fixed number of threads, each of which takes a client from a queue, serves it until it leaves,
// blocking in recv and send, and takes the next. The main thread accepts clients and queues them; a
// mutex and a condition variable hand one over, which wakes one thread at most, and only when a
// client comes: while it is served, a message costs its recv and its send.
//
// The queue is bounded. When it and all threads have clients, accepting pauses until the queue is
// half empty (one wake-up for many clients), and who comes meanwhile waits in the kernel's backlog.
#include <condition_variable>
#include <deque>
#include <mutex>
#include <pthread.h>
#include <unistd.h>

#include <fmt/format.h>

#include "common/client_threads.h"
#include "common/command_line.h"
#include "common/log.h"
#include "common/service.h"
#include "models/model.h"

namespace servers {
namespace {

// The clients that wait for a thread. Who may come is decided elsewhere.
class Queue {
 public:
  void push(Client client) {
    {
      const std::lock_guard lock(mutex_);
      waiting_.push_back(std::move(client));
    }
    changed_.notify_one();
  }

  // Waits for the next client; none once the queue is closed and empty.
  std::optional<Client> pop() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return closed_ || !waiting_.empty(); });
    if (waiting_.empty()) return {};
    Client client = std::move(waiting_.front());
    waiting_.pop_front();
    return client;
  }

  void close() {
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
    }
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Client> waiting_;
  bool closed_ = false;
};

// The threads. There may be fewer than asked for; at least one.
class Workers {
 public:
  Workers(std::size_t count, StackSize stack, Queue& queue, Clients& clients)
      : queue_(queue), clients_(clients) {
    const ThreadAttributes attributes(stack, ThreadAttributes::Kind::kJoinable);
    while (threads_.size() < count) {
      pthread_t thread{};
      const int error = pthread_create(
          &thread, attributes.get(),
          [](void* self) -> void* {
            static_cast<Workers*>(self)->work();
            return nullptr;
          },
          this);
      if (error != 0) {
        const Shortage why = thread_shortage(error);
        const std::string line = failure_text(why.operation, error, why.remedy);
        if (threads_.empty()) throw Failure(line);
        log_line(fmt::format("{}; going on with {} of {} --workers", line, threads_.size(), count));
        break;
      }
      threads_.push_back(thread);
    }
  }
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;
  ~Workers() {
    queue_.close();
    for (const pthread_t thread : threads_)
      pthread_join(thread, nullptr);
  }

  [[nodiscard]] std::size_t count() const { return threads_.size(); }

 private:
  void work() {
    while (auto client = queue_.pop())
      client->serve(clients_);
  }

  Queue& queue_;
  Clients& clients_;
  std::vector<pthread_t> threads_;
};

class ThreadPoolService final : public Service {
 public:
  ThreadPoolService(Listener& listener, Protocol& protocol, Stop& stop, std::size_t workers,
                    std::size_t queue, StackSize stack)
      : Service(listener, protocol, stop),
        workers_(workers, stack, queue_, clients_),
        full_at_(workers_.count() + queue),
        again_at_(queue == 0 ? full_at_ - 1 : full_at_ - (queue + 1) / 2) {}

  // Clients that have used up the grace period, or never had their turn: the threads find their
  // connections closed.
  ~ThreadPoolService() override {
    clients_.cut_off();
    clients_.tell_at(0);
    constexpr int kWakeUpMs = 1000;
    pollfd told[] = {{clients_.told_fd(), POLLIN, 0}};
    // A thread that does not even run cannot be waited for.
    while (clients_.count() > 0) {
      if (poll_for(told, kWakeUpMs) == 0) ::_exit(0);
      clients_.heard();
    }
  }

 private:
  void wait(int timeout_ms) override {
    if (!full_ && room() == 0 && !stop_.begun()) {
      full_ = true;
      clients_.tell_at(again_at_);
    }
    if (stop_.begun()) clients_.tell_at(0);
    pollfd polled[] = {{stop_.fd(), POLLIN, 0},
                       {full_ ? -1 : listener_.fd(), POLLIN, 0},
                       {clients_.told_fd(), POLLIN, 0}};
    if (poll_for(polled, timeout_ms) == 0) return;
    if (polled[2].revents != 0) {
      clients_.heard();
      full_ = false;
    }
    if (polled[0].revents != 0)
      begin_stop();
    else if (polled[1].revents != 0)
      accept_clients();
  }

  std::optional<Shortage> take(Fd& client) override {
    clients_.enter(client.get());
    queue_.push({std::move(client), protocol_.open()});
    return {};
  }

  [[nodiscard]] std::size_t clients() const override { return clients_.count(); }
  [[nodiscard]] std::size_t room() const override {
    const std::size_t here = clients_.count();
    return here < full_at_ ? full_at_ - here : 0;
  }

  Clients clients_;  // served or queued
  Queue queue_;
  Workers workers_;
  const std::size_t full_at_;   // so many clients
  const std::size_t again_at_;  // accepting goes on when there are so few again
  bool full_ = false;
};

class ThreadPool final : public Model {
 public:
  [[nodiscard]] std::string_view name() const override { return "threadpool"; }
  [[nodiscard]] std::string_view about() const override {
    return "A fixed number of threads; each serves one client until it leaves, blocking in "
           "recv(2)\n"
           "and send(2), and then takes the next from a queue.";
  }
  void add_options(CommandLine& line) override {
    // A client holds its thread while it is connected, so clients count, not CPUs. An idle thread
    // costs two or three pages of memory.
    line.add_number("--workers", workers_, 1, 30'000, "N",
                    "Threads: so many clients are served at once");
    line.add_number("--queue", queue_, 0, 1'000'000, "N",
                    "Clients beyond these that may be accepted already;\n"
                    "the others wait in the backlog");
    stack_.add_option(line);
  }
  void serve(Listener& listener, Protocol& protocol, Stop& stop) override {
    ThreadPoolService(listener, protocol, stop, static_cast<std::size_t>(workers_),
                      static_cast<std::size_t>(queue_), stack_)
        .run();
  }

 private:
  int workers_ = 256;
  int queue_ = 64;
  StackSize stack_;
};

}  // namespace

std::unique_ptr<Model> make_model() {
  return std::make_unique<ThreadPool>();
}

}  // namespace servers
