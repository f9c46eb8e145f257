#include "planted_acts.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <linux/futex.h>
#include <numeric>
#include <poll.h>
#include <random>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <thread>
#include <unistd.h>

#include "common/fd.h"
#include "common/log.h"

namespace planted {
namespace {

using servers::Failure;
using servers::Fd;
using Word = std::atomic<std::uint32_t>;
static_assert(sizeof(Word) == sizeof(std::uint32_t));  // the kernel's futex

// As syscall(2): -1 with errno EAGAIN where the word is not `expected` any more.
long wait_while(Word& word, std::uint32_t expected) {
  return ::syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, expected, nullptr, nullptr, 0);
}

long wake_one(Word& word) {
  return ::syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
}

Fd make_eventfd() {
  Fd fd(::eventfd(0, EFD_CLOEXEC));
  if (!fd) throw Failure::from_errno("make an eventfd");
  return fd;
}

class None final : public Act {
 public:
  void perform() override {}
};

// A wake that finds nobody, and a wait that need not wait.
class FutexPair final : public Act {
 public:
  explicit FutexPair(std::uint64_t pairs) : pairs_(pairs) {}
  void perform() override {
    for (std::uint64_t i = 0; i < pairs_; ++i) {
      wake_one(word_);
      wait_while(word_, 1);
    }
  }

 private:
  const std::uint64_t pairs_;
  Word word_{0};
};

// System calls that do as little as one can.
class Calls final : public Act {
 public:
  explicit Calls(std::uint64_t calls) : calls_(calls) {}
  void perform() override {
    for (std::uint64_t i = 0; i < calls_; ++i)
      ::syscall(SYS_getppid);
  }

 private:
  const std::uint64_t calls_;
};

// The message goes to another thread and comes back, as by a lock and a condition variable.
class HandOff final : public Act {
 public:
  explicit HandOff(std::uint64_t times) : times_(times), other_([this] { give_back(); }) {}
  ~HandOff() override {
    word_.store(kEnd);
    wake_one(word_);
    other_.join();
  }
  void perform() override {
    for (std::uint64_t i = 0; i < times_; ++i) {
      word_.store(kThere);
      wake_one(word_);
      while (word_.load() == kThere)
        wait_while(word_, kThere);
    }
  }

 private:
  static constexpr std::uint32_t kHere = 0;
  static constexpr std::uint32_t kThere = 1;
  static constexpr std::uint32_t kEnd = 2;

  void give_back() {
    for (;;) {
      const std::uint32_t seen = word_.load();
      if (seen == kEnd) return;
      if (seen == kHere) {
        wait_while(word_, kHere);
        continue;
      }
      // Not an end that came meanwhile.
      std::uint32_t there = kThere;
      word_.compare_exchange_strong(there, kHere);
      wake_one(word_);
    }
  }

  const std::uint64_t times_;
  Word word_{kHere};
  std::thread other_;
};

// A stage that takes longer: in user code, by the clock.
class Spin final : public Act {
 public:
  explicit Spin(std::uint64_t ns) : time_(ns) {}
  void perform() override {
    const auto end = std::chrono::steady_clock::now() + time_;
    while (std::chrono::steady_clock::now() < end) {
    }
  }

 private:
  const std::chrono::nanoseconds time_;
};

// To the next of the CPUs that it may run on.
class Migrate final : public Act {
 public:
  explicit Migrate(std::uint64_t times) : times_(times) {
    cpu_set_t allowed;
    if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0)
      throw Failure::from_errno("ask on which CPUs the server may run");
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
      if (CPU_ISSET(cpu, &allowed)) {
        cpu_set_t& one = cpus_.emplace_back();
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
      }
    if (cpus_.size() < 2) throw Failure("cannot migrate: the server may run on one CPU only");
  }
  void perform() override {
    for (std::uint64_t i = 0; i < times_; ++i) {
      next_ = (next_ + 1) % cpus_.size();
      ::sched_setaffinity(0, sizeof(cpu_set_t), &cpus_[next_]);
    }
  }

 private:
  const std::uint64_t times_;
  std::vector<cpu_set_t> cpus_;
  std::size_t next_ = 0;
};

// Memory from the kernel and back, a page at a time. It is not used: page faults would be a cost of
// another kind, in user code.
class Map final : public Act {
 public:
  explicit Map(std::uint64_t times)
      : times_(times), page_(static_cast<std::size_t>(::sysconf(_SC_PAGESIZE))) {}
  void perform() override {
    for (std::uint64_t i = 0; i < times_; ++i) {
      void* const memory =
          ::mmap(nullptr, page_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      if (memory == MAP_FAILED) throw Failure::from_errno("map memory");
      ::munmap(memory, page_);
    }
  }

 private:
  const std::uint64_t times_;
  const std::size_t page_;
};

// Asks the kernel for each of N descriptors whether it is ready; none ever is.
class PollScan final : public Act {
 public:
  explicit PollScan(std::uint64_t descriptors) {
    for (std::uint64_t i = 0; i < descriptors; ++i)
      polled_.push_back({idle_.emplace_back(make_eventfd()).get(), POLLIN, 0});
  }
  void perform() override { ::poll(polled_.data(), polled_.size(), 0); }

 private:
  std::vector<Fd> idle_;
  std::vector<pollfd> polled_;
};

// Follows a list through N nodes that lie anywhere in memory: a scan in user code.
class Walk final : public Act {
 public:
  explicit Walk(std::uint64_t nodes) : next_(std::max<std::uint64_t>(nodes, 1)) {
    std::vector<std::uint32_t> order(next_.size());
    std::iota(order.begin(), order.end(), 0);
    std::shuffle(order.begin(), order.end(), std::mt19937(1));  // alike in each run
    for (std::size_t i = 0; i < order.size(); ++i)
      next_[order[i]].next = order[(i + 1) % order.size()];
  }
  void perform() override {
    for (std::size_t i = 0; i < next_.size(); ++i)
      at_ = next_[at_].next;
  }

 private:
  struct alignas(64) Node {  // a cache line each
    std::uint32_t next = 0;
  };
  std::vector<Node> next_;
  volatile std::uint32_t at_ = 0;
};

// Wakes a thread that finds that there is nothing to do.
class WakeUp final : public Act {
 public:
  explicit WakeUp(std::uint64_t times)
      : times_(times), bell_(make_eventfd()), sleeper_([this] { sleep(); }) {}
  ~WakeUp() override {
    end_.store(true);
    ring();
    sleeper_.join();
  }
  void perform() override {
    for (std::uint64_t i = 0; i < times_; ++i)
      ring();
  }

 private:
  void ring() { ::eventfd_write(bell_.get(), 1); }
  void sleep() {
    eventfd_t rung = 0;
    while (!end_.load())
      if (::eventfd_read(bell_.get(), &rung) != 0 && errno != EINTR) return;
  }

  const std::uint64_t times_;
  const Fd bell_;
  std::atomic<bool> end_{false};
  std::thread sleeper_;
};

struct Kind {
  std::string_view name;
  std::string_view size;
  std::unique_ptr<Act> (*make)(std::uint64_t size);
};

template <class T>
std::unique_ptr<Act> make(std::uint64_t size) {
  return std::make_unique<T>(size);
}

constexpr Kind kKinds[] = {
    {"none", "no matter",
     [](std::uint64_t) -> std::unique_ptr<Act> { return std::make_unique<None>(); }},
    {"futex", "pairs of a wake and a wait that both return at once", make<FutexPair>},
    {"calls", "system calls that do nothing", make<Calls>},
    {"handoff", "hand-offs to another thread and back", make<HandOff>},
    {"spin", "ns of the clock", make<Spin>},
    {"migrate", "moves to the next CPU", make<Migrate>},
    {"map", "mappings of a page that are made and undone", make<Map>},
    {"poll", "idle descriptors that are polled", make<PollScan>},
    {"walk", "nodes of a list that is walked", make<Walk>},
    {"wakeup", "times that an idle thread is woken", make<WakeUp>},
};

}  // namespace

std::vector<std::pair<std::string_view, std::string_view>> acts() {
  std::vector<std::pair<std::string_view, std::string_view>> all;
  for (const Kind& kind : kKinds)
    all.emplace_back(kind.name, kind.size);
  return all;
}

std::unique_ptr<Act> make_act(std::string_view name, std::uint64_t size) {
  const auto* const kind = std::ranges::find(kKinds, name, &Kind::name);
  if (kind == std::end(kKinds)) throw Failure("there is no such act");
  return kind->make(size);
}

}  // namespace planted
