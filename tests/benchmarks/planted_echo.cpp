// The bundled servers' echo with an act planted in it: what does the act cost, known without a
// tracer?
//
// Any model drives it, as it is: only the protocol differs from the bundled one. Each message's act
// stands between two readings of the clock; both sides of a comparison read it, one around nothing.
// At the end a line is appended to the file that --truth names:
//   {"act": NAME, "messages": N, "act_ns": NS, "kept": SHARE, "cpu_ns": NS, "task_clock_ns": NS}
// act_ns: the mean of the readings without those above ten times their median, which the scheduler
// or an interrupt has made; `kept`: the share of the others. cpu_ns: CPU time of the whole process,
// by the kernel's own account, from the first message to the end, per message. task_clock_ns: the
// same by the perf event task-clock; null without --task-clock.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <ctime>
#include <fcntl.h>
#include <limits>
#include <linux/perf_event.h>
#include <numeric>
#include <string>
#include <sys/syscall.h>
#include <unistd.h>
#include <vector>

#include <fmt/format.h>

#include "common/command_line.h"
#include "common/fd.h"
#include "common/log.h"
#include "planted_acts.h"
#include "protocols/protocol.h"

namespace servers {
namespace {

std::uint64_t process_cpu_ns() {
  timespec time{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 +
         static_cast<std::uint64_t>(time.tv_nsec);
}

// Of this process and all threads that it starts afterwards.
class TaskClock {
 public:
  void open() {
    perf_event_attr attributes{};
    attributes.type = PERF_TYPE_SOFTWARE;
    attributes.size = sizeof attributes;
    attributes.config = PERF_COUNT_SW_TASK_CLOCK;
    attributes.inherit = 1;
    fd_ = Fd(static_cast<int>(
        ::syscall(SYS_perf_event_open, &attributes, 0, -1, -1, PERF_FLAG_FD_CLOEXEC)));
    if (!fd_) throw Failure::from_errno("open the perf event task-clock");
  }
  [[nodiscard]] bool is_open() const { return static_cast<bool>(fd_); }
  // 0 if it is not open.
  [[nodiscard]] std::uint64_t ns() const {
    std::uint64_t ns = 0;
    if (fd_ && ::read(fd_.get(), &ns, sizeof ns) != sizeof ns)
      throw Failure::from_errno("read the perf event task-clock");
    return ns;
  }

 private:
  Fd fd_;
};

// How long each act took. May be added to by several threads.
class Readings {
 public:
  Readings() : ns_(kMost) {}  // written to, so that no page of it is missing later

  void open_task_clock() { task_clock_.open(); }

  void add(std::chrono::nanoseconds time) {
    const std::size_t at = messages_.fetch_add(1, std::memory_order_relaxed);
    if (at == 0) {
      cpu_before_ = process_cpu_ns();
      task_clock_before_ = task_clock_.ns();
    }
    if (at < kMost)
      ns_[at] = static_cast<std::uint32_t>(
          std::min<std::int64_t>(time.count(), std::numeric_limits<std::uint32_t>::max()));
  }

  // As one line of JSON. Once, when all is over.
  std::string line(const std::string& act) {
    const std::size_t messages = messages_.load();
    if (messages == 0) return fmt::format("{{\"act\": \"{}\", \"messages\": 0}}\n", act);
    const double cpu_ns =
        static_cast<double>(process_cpu_ns() - cpu_before_) / static_cast<double>(messages);
    std::string task_clock_ns = "null";
    if (task_clock_.is_open())
      task_clock_ns =
          fmt::format("{:.1f}", static_cast<double>(task_clock_.ns() - task_clock_before_) /
                                    static_cast<double>(messages));
    ns_.resize(std::min(messages, kMost));
    std::ranges::sort(ns_);
    const std::uint64_t most = kInterrupted * std::uint64_t{ns_[ns_.size() / 2]};
    const auto end = std::ranges::upper_bound(ns_, most);
    const auto kept = static_cast<double>(end - ns_.begin());
    const double mean = std::accumulate(ns_.begin(), end, 0.0) / kept;
    return fmt::format(
        "{{\"act\": \"{}\", \"messages\": {}, \"act_ns\": {:.1f}, \"kept\": {:.5f}, "
        "\"cpu_ns\": {:.1f}, \"task_clock_ns\": {}}}\n",
        act, messages, mean, kept / static_cast<double>(ns_.size()), cpu_ns, task_clock_ns);
  }

 private:
  static constexpr std::size_t kMost = 1 << 20;
  static constexpr std::uint64_t kInterrupted = 10;

  std::vector<std::uint32_t> ns_;
  std::atomic<std::size_t> messages_{0};
  std::uint64_t cpu_before_ = 0;
  TaskClock task_clock_;
  std::uint64_t task_clock_before_ = 0;
};

class PlantedSession final : public Session {
 public:
  PlantedSession(planted::Act& stage, planted::Act& act, Readings& readings, Milliseconds held_back)
      : stage_(stage), act_(act), readings_(readings), held_back_(held_back) {}

  Answer received(std::span<const std::byte> input) override {
    stage_.perform();
    const auto before = std::chrono::steady_clock::now();
    act_.perform();
    readings_.add(std::chrono::steady_clock::now() - before);
    return {.bytes = input, .delay = held_back_};
  }

 private:
  planted::Act& stage_;
  planted::Act& act_;
  Readings& readings_;
  const Milliseconds held_back_;
};

class PlantedEcho final : public Protocol {
 public:
  PlantedEcho() = default;
  PlantedEcho(const PlantedEcho&) = delete;
  PlantedEcho& operator=(const PlantedEcho&) = delete;
  ~PlantedEcho() override {
    if (truth_.empty()) return;
    const std::string line = readings_.line(act_name_);
    // One write: a line of another server cannot come between.
    const Fd file(::open(truth_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644));
    if (!file || ::write(file.get(), line.data(), line.size()) != std::ssize(line))
      log_line(Failure::from_errno("write " + truth_).what());
  }

  [[nodiscard]] std::string_view name() const override { return "planted"; }
  [[nodiscard]] std::string_view about() const override {
    return "Echo, and with each message an act whose cost is known.";
  }
  void add_options(CommandLine& line) override {
    std::string help = "What is done with each message, and what its size is:";
    std::vector<std::string> names;
    for (const auto& [name, size] : planted::acts()) {
      help += fmt::format("\n{}: {}", name, size);
      names.emplace_back(name);
    }
    line.add_word("--act", act_name_, names, "ACT", help);
    line.add_number("--size", size_, 1, 1'000'000'000, "N", "How much of it");
    line.add_number("--stage", stage_ns_, 0, 1'000'000'000, "NS",
                    "Other work with each message: on both sides of a comparison, so that the\n"
                    "server is the limit, not the load");
    line.add_number("--hold-back", held_back_ms_, 0, 60'000, "MS",
                    "Every second client has each answer only so much later");
    line.add_flag("--task-clock", with_task_clock_,
                  "Read the CPU time from perf's task-clock too, which makes switches dearer");
    line.add_text("--truth", truth_, "FILE", "Append the line with what it has cost to this file");
  }

  void prepare() override {
    if (with_task_clock_) readings_.open_task_clock();
  }

  [[nodiscard]] std::unique_ptr<Session> open() override {
    // Not before: signals are the server's main thread's alone from when it accepts.
    if (!act_) {
      stage_ = planted::make_act("spin", stage_ns_);
      act_ = planted::make_act(act_name_, size_);
    }
    const bool slow = ++opened_ % 2 == 0;
    return std::make_unique<PlantedSession>(*stage_, *act_, readings_,
                                            Milliseconds(slow ? held_back_ms_ : 0));
  }

 private:
  std::string act_name_ = "none";
  std::uint64_t size_ = 1;
  std::uint64_t stage_ns_ = 0;
  int held_back_ms_ = 0;
  bool with_task_clock_ = false;
  std::string truth_;
  Readings readings_;
  std::unique_ptr<planted::Act> stage_;
  std::unique_ptr<planted::Act> act_;
  std::uint64_t opened_ = 0;
};

}  // namespace

std::unique_ptr<Protocol> make_protocol() {
  return std::make_unique<PlantedEcho>();
}

}  // namespace servers
