// An event loop per CPU: each worker, a thread or a process, is an epoll loop of its own
// (common/epoll_loop.h) and shares nothing with the others while it serves its clients.
//
// The main thread accepts clients and deals them out, each to the worker that has the fewest.
// Listeners for each worker (SO_REUSEPORT) would spare that, a context switch and two system calls
// for each client that comes and none per message, but they deal by hash: of 50 clients on eight
// workers one then serves about ten, another three, for as long as they stay connected. On one
// shared listener (EPOLLEXCLUSIVE) the worker that is woken most serves most. The workers are not
// bound to CPUs: the machine may have other work to do on them.
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <memory>
#include <mutex>
#include <new>
#include <sched.h>
#include <span>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <system_error>
#include <thread>
#include <unistd.h>
#include <vector>

#include <fmt/format.h>

#include "common/client_threads.h"
#include "common/command_line.h"
#include "common/epoll_loop.h"
#include "common/handoff.h"
#include "common/log.h"
#include "common/process_pool.h"
#include "models/model.h"

namespace servers {
namespace {

// CPUs that this process may use.
int usable_cpus() {
  cpu_set_t cpus;
  // Fails on machines with more CPUs than the set can name.
  return ::sched_getaffinity(0, sizeof cpus, &cpus) == 0
             ? CPU_COUNT(&cpus)
             : static_cast<int>(::sysconf(_SC_NPROCESSORS_ONLN));
}

// How many clients each worker has: the main thread adds, the workers take away. In memory that
// processes share, a cache line each.
class Counts {
 public:
  explicit Counts(std::size_t workers) : bytes_(workers * sizeof(Line)) {
    void* const memory =
        ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw Failure::from_errno("get memory to share with the workers");
    lines_ = {new (memory) Line[workers], workers};
  }
  Counts(const Counts&) = delete;
  Counts& operator=(const Counts&) = delete;
  ~Counts() { ::munmap(lines_.data(), bytes_); }

  void add(std::size_t worker) { lines_[worker].clients.fetch_add(1, std::memory_order_relaxed); }
  void take(std::size_t worker) { lines_[worker].clients.fetch_sub(1, std::memory_order_relaxed); }
  void clear(std::size_t worker) { lines_[worker].clients.store(0, std::memory_order_relaxed); }
  [[nodiscard]] std::size_t of(std::size_t worker) const {
    return lines_[worker].clients.load(std::memory_order_relaxed);
  }
  [[nodiscard]] std::size_t sum() const {
    std::size_t sum = 0;
    for (std::size_t worker = 0; worker < lines_.size(); ++worker)
      sum += of(worker);
    return sum;
  }

 private:
  struct alignas(64) Line {
    std::atomic<std::size_t> clients{0};
    static_assert(std::atomic<std::size_t>::is_always_lock_free);
  };

  std::size_t bytes_;
  std::span<Line> lines_;
};

// Sessions are opened by all threads.
class LockedProtocol final : public Protocol {
 public:
  explicit LockedProtocol(Protocol& protocol) : protocol_(protocol) {}
  [[nodiscard]] std::string_view name() const override { return protocol_.name(); }
  [[nodiscard]] std::string_view about() const override { return protocol_.about(); }
  [[nodiscard]] std::unique_ptr<Session> open() override {
    const std::lock_guard lock(mutex_);
    return protocol_.open();
  }

 private:
  std::mutex mutex_;
  Protocol& protocol_;
};

class WorkerLoop final : public EpollLoop {
 public:
  WorkerLoop(Listener& handed_over, Protocol& protocol, Stop& stop, Counts& counts,
             std::size_t number)
      : EpollLoop(handed_over, protocol, stop), counts_(counts), number_(number) {}

 private:
  void left() override { counts_.take(number_); }

  Counts& counts_;
  std::size_t number_;
};

// A loop, and what it stands on.
class Worker {
 public:
  // It takes clients from `handoff` and is told the end by `told`. Throws Failure.
  Worker(const Handoff& handoff, const Fd& told, const Stop& main_stop, Protocol& protocol,
         Counts& counts, std::size_t number)
      : handed_over_(Fd(::dup(handoff.taker_fd()))),
        stop_(main_stop, Fd(::dup(told.get()))),
        loop_(handed_over_, protocol, stop_, counts, number) {}

  // Until told, and until its clients have left or had their time.
  void run() { loop_.run(); }

 private:
  Listener handed_over_;
  Stop stop_;
  WorkerLoop loop_;
};

// Deals clients out to the workers, which a derived class runs.
class Dealer : public Service {
 protected:
  Dealer(Listener& listener, Protocol& protocol, Stop& stop, std::size_t workers, Handoff::To to)
      : Service(listener, protocol, stop),
        to_(to),
        counts_(workers),
        told_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE)) {
    if (!told_) throw Failure::from_errno("set up the workers");
    while (handoffs_.size() < workers)
      handoffs_.emplace_back(to_, Handoff::Taker::kDoesNotBlock);
  }

  [[nodiscard]] std::unique_ptr<Worker> make_worker(std::size_t number) {
    return std::make_unique<Worker>(handoffs_[number], told_, stop_, protocol_, counts_, number);
  }
  // A worker has died, and its clients with it.
  void replace(std::size_t number) {
    counts_.clear(number);
    if (!stop_.begun()) handoffs_[number] = Handoff(to_, Handoff::Taker::kDoesNotBlock);
  }
  // There are only so many workers.
  void have_only(std::size_t workers) {
    handoffs_.erase(handoffs_.begin() + workers, handoffs_.end());
  }
  void allow_each(std::size_t clients) { most_ = clients; }

 private:
  // Readable when a worker has ended: then worker_ended().
  [[nodiscard]] virtual int worker_fd() const = 0;
  virtual void worker_ended() = 0;
  virtual void stopping() {}

  void wait(int timeout_ms) override {
    pollfd polled[] = {
        {stop_.fd(), POLLIN, 0}, {listener_.fd(), POLLIN, 0}, {worker_fd(), POLLIN, 0}};
    if (poll_for(polled, timeout_ms) == 0) return;
    if (polled[2].revents != 0) worker_ended();
    if (polled[0].revents != 0) {
      stopping();
      begin_stop();
      ::eventfd_write(told_.get(), handoffs_.size());  // each reads one
    } else if (polled[1].revents != 0) {
      accept_clients();
    }
  }

  std::optional<Shortage> take(Fd& client) override {
    std::size_t fewest = 0;
    for (std::size_t worker = 1; worker < handoffs_.size(); ++worker)
      if (counts_.of(worker) < counts_.of(fewest)) fewest = worker;
    if (counts_.of(fewest) >= most_)
      return Shortage{"hand a client to a worker", EMFILE,
                      "raise the limit of open files (ulimit -n)"};
    counts_.add(fewest);
    while (!handoffs_[fewest].give(client)) {
      // It has not yet looked at the last few hundred.
      constexpr int kLongMs = 1000;
      pollfd giver[] = {{handoffs_[fewest].giver_fd(), POLLOUT, 0}};
      if (errno == EAGAIN && poll_for(giver, kLongMs) > 0) continue;
      counts_.take(fewest);
      return Shortage{"hand a client to a worker", errno, {}};
    }
    return {};
  }

  [[nodiscard]] std::size_t clients() const override { return counts_.sum(); }
  [[nodiscard]] int client_flags() const override { return SOCK_NONBLOCK; }

  Handoff::To to_;
  Counts counts_;
  Fd told_;
  std::vector<Handoff> handoffs_;  // by worker
  std::size_t most_ = SIZE_MAX;    // clients of each
};

class ThreadDealer final : public Dealer {
 public:
  ThreadDealer(Listener& listener, Protocol& protocol, Stop& stop, std::size_t workers)
      : Dealer(listener, locked_protocol_, stop, workers, Handoff::To::kThread),
        locked_protocol_(protocol),
        ended_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (!ended_) throw Failure::from_errno("set up the workers");
    for (std::size_t number = 0; number < workers; ++number)
      workers_.push_back(make_worker(number));
    for (const auto& worker : workers_)
      if (!start(*worker)) break;
    have_only(threads_.size());
  }
  ~ThreadDealer() override {
    for (std::thread& thread : threads_)
      thread.join();
  }

 private:
  // Goes on without it, and those after it, if it cannot be started; but not with none.
  bool start(Worker& worker) {
    try {
      threads_.emplace_back([this, &worker] {
        try {
          worker.run();
        } catch (const std::exception& error) {
          log_line(error.what());
          ::_exit(1);
        }
        ::eventfd_write(ended_.get(), 1);
      });
      return true;
    } catch (const std::system_error& error) {
      const Shortage why = thread_shortage(error.code().value());
      const std::string line = failure_text("start a worker thread", why.error, why.remedy);
      if (threads_.empty()) throw Failure(line);
      log_line(fmt::format("{}; going on with {} of {} --workers", line, threads_.size(),
                           workers_.size()));
      return false;
    }
  }

  [[nodiscard]] int worker_fd() const override { return ended_.get(); }
  void worker_ended() override {
    eventfd_t times = 0;
    ::eventfd_read(ended_.get(), &times);
  }

  LockedProtocol locked_protocol_;
  Fd ended_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<std::thread> threads_;
};

class ProcessDealer final : public Dealer {
 public:
  ProcessDealer(Listener& listener, Protocol& protocol, Stop& stop, std::size_t workers)
      : Dealer(listener, protocol, stop, workers, Handoff::To::kProcess),
        pool_(workers, [this](std::size_t number) {
          listener_.close();
          make_worker(number)->run();
        }) {
    // A worker that has no descriptor left would lose clients that are handed to it. It inherits
    // ours and needs a few of its own.
    constexpr rlim_t kItsOwn = 8;
    rlimit files{};
    const Fd lowest_free(::dup(STDERR_FILENO));
    const rlim_t taken = static_cast<rlim_t>(std::max(lowest_free.get(), 0)) + kItsOwn;
    if (::getrlimit(RLIMIT_NOFILE, &files) == 0)
      allow_each(files.rlim_cur > taken ? files.rlim_cur - taken : 1);
    pool_.fill();
  }

 private:
  [[nodiscard]] int worker_fd() const override { return pool_.fd(); }
  void worker_ended() override {
    pool_.reap([this](std::size_t number) { replace(number); });
  }
  void stopping() override { pool_.end(); }
  [[nodiscard]] int timers_ms() const override { return pool_.timeout_ms(); }
  void run_timers() override { pool_.fill(); }

  ProcessPool pool_;
};

class EpollWorkers final : public Model {
 public:
  [[nodiscard]] std::string_view name() const override { return "epoll_workers"; }
  [[nodiscard]] std::string_view about() const override {
    return "Several threads or processes, each an epoll(7) loop of its own; each new client goes\n"
           "to the one that has the fewest.";
  }
  void add_options(CommandLine& line) override {
    line.add_number("--workers", workers_, 1, 1024, "N",
                    "Event loops; the default is one for each CPU that\n"
                    "this process may use");
    line.add_flag("--processes", processes_, "The workers are processes, not threads");
  }
  void serve(Listener& listener, Protocol& protocol, Stop& stop) override {
    const auto workers = static_cast<std::size_t>(workers_);
    if (processes_)
      ProcessDealer(listener, protocol, stop, workers).run();
    else
      ThreadDealer(listener, protocol, stop, workers).run();
  }

 private:
  int workers_ = usable_cpus();
  bool processes_ = false;
};

}  // namespace

std::unique_ptr<Model> make_model() {
  return std::make_unique<EpollWorkers>();
}

}  // namespace servers
