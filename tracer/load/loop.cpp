#include "load/loop.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <numeric>
#include <optional>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <utility>

#include <fmt/format.h>

#include "load/arrival.h"
#include "util/clock.h"

namespace tr::load {
namespace {

constexpr std::size_t kBufferBytes = 1 << 18;
constexpr std::size_t kEventsAtOnce = 256;
constexpr std::uint32_t kEarlyClose = UINT32_MAX;  // in place of a slot's index
constexpr std::uint64_t kDrainNs = kNsPerSecond;
constexpr std::uint64_t kLateNs = 1'000'000;
// So many overdue messages are sent before answers are looked at again: else a loop that has fallen
// behind its plan would only send, and time stamp the answers late.
constexpr int kSendsInARow = 8;

// To those of a window of this length. What came at the moment of an early close is of the last.
void cut(AnswerBins& bins, std::uint64_t window_ns) {
  const std::uint64_t kept = window_ns / bins.bin_ns + (window_ns % bins.bin_ns == 0 ? 0 : 1);
  while (bins.answers.size() > kept) {
    const std::uint64_t beyond = bins.answers.back();
    bins.answers.pop_back();
    if (!bins.answers.empty()) bins.answers.back() += beyond;
  }
}

std::string broken_text(int code) {
  return code == 0 ? "the server closed it" : std::strerror(code);
}

}  // namespace

Loop::Loop(const Settings& settings, const Route& route, LiveWindow& window, std::string root)
    : settings_(settings),
      route_(route),
      window_(window),
      root_(std::move(root)),
      send_buffer_(kBufferBytes),
      receive_buffer_(kBufferBytes) {}

Result<std::unique_ptr<Loop>> Loop::make(const Settings& settings, const Route& route,
                                         LiveWindow& window, std::string root) {
  std::unique_ptr<Loop> loop(new Loop(settings, route, window, std::move(root)));
  loop->epoll_.reset(epoll_create1(EPOLL_CLOEXEC));
  if (!loop->epoll_) return errno_error("create", "an epoll instance");
  const auto sleeper = window.add_sleeper();
  if (!sleeper) return sleeper.error();
  loop->early_close_ = *sleeper;
  if (!loop->watch(loop->early_close_, kEarlyClose)) return errno_error("watch", "an eventfd");
  return loop;
}

Status Loop::add(Fd socket, std::uint32_t number, const Protocol& protocol) {
  if (socket && !watch(socket.get(), static_cast<std::uint32_t>(slots_.size())))
    return errno_error("watch", "a connection", "use fewer --connections");
  std::optional<Schedule> schedule;
  if (settings_.open_loop())
    schedule.emplace(Schedule::Plan{.rate = settings_.rate,
                                    .shape = settings_.rate_shape,
                                    .seed = settings_.seed,
                                    .connections = settings_.connections},
                     number);
  slots_.push_back({.connection = {protocol.open(number), settings_.pipeline, schedule},
                    .socket = std::move(socket),
                    .number = number});
  return {};
}

Status Loop::run(std::uint64_t start_ns) {
  // Sleeps end on time: the default slack of 50 us would make every planned send late by as much.
  prctl(PR_SET_TIMERSLACK, 1);
  tally_.result.latency.prepare(kNsPerSecond);
  if (settings_.open_loop()) tally_.result.service.prepare(kNsPerSecond);
  tally_.result.bins = window_.empty_bins();
  tally_.after = window_.empty_bins_after();
  alive_ = slots_.size();
  now_ns_ = monotonic_ns();
  if (!settings_.open_loop() && !settings_.close) {
    phase_ = Phase::kGreet;
    ungreeted_ = slots_.size();
    greet_end_ns_ = std::midpoint(start_ns, window_.open_ns());
  }
  pass_deadlines();
  for (std::uint32_t i = 0; i < slots_.size(); ++i) {
    slots_[i].connection.start(start_ns);
    pump(i);
    if (now_ns_ >= deadline_ns_) pass_deadlines();
  }
  Status status;
  while (status && !finished())
    status = wait();
  stop_measuring(Phase::kDrain);
  return status;
}

bool Loop::finished() const {
  return alive_ == 0 || (phase_ == Phase::kDrain && (in_flight_ == 0 || now_ns_ >= drain_end_ns_));
}

Status Loop::wait() {
  const std::uint64_t before_ns = std::exchange(now_ns_, monotonic_ns());
  if (std::exchange(idle_, false)) idle_ns_ += now_ns_ - before_ns;
  if (now_ns_ >= deadline_ns_) pass_deadlines();
  if (finished()) return {};
  const bool nothing_due = deadline_ns_ > now_ns_;
  const std::uint64_t left = nothing_due && !settings_.polls() ? deadline_ns_ - now_ns_ : 0;
  timespec timeout{};
  timeout.tv_sec = static_cast<time_t>(left / kNsPerSecond);
  timeout.tv_nsec = static_cast<long>(left % kNsPerSecond);
  std::array<epoll_event, kEventsAtOnce> events;
  const int ready = epoll_pwait2(epoll_.get(), events.data(), events.size(), &timeout, nullptr);
  if (ready < 0) {
    if (errno == EINTR) return {};
    return errno_error("wait for", "the connections",
                       errno == ENOSYS ? "this needs Linux 5.11 or newer" : "");
  }
  idle_ = ready == 0 && nothing_due && left == 0;
  for (int i = 0; i < ready; ++i) {
    handle(events[static_cast<std::size_t>(i)].events,
           events[static_cast<std::size_t>(i)].data.u32);
    if (now_ns_ >= deadline_ns_) pass_deadlines();
  }
  return {};
}

void Loop::handle(std::uint32_t events, std::uint32_t index) {
  if (index == kEarlyClose) {
    eventfd_t times = 0;
    eventfd_read(early_close_, &times);
    deadline_ns_ = 0;
    return;
  }
  // Sending on one connection's turn can break another whose event is still to come.
  if (!slots_[index].socket) return;
  if ((events & EPOLLOUT) != 0 && slots_[index].blocked) {
    slots_[index].ready_ns = monotonic_ns();
    pump(index);
  }
  if ((events & ~static_cast<std::uint32_t>(EPOLLOUT)) != 0 && slots_[index].socket) receive(index);
}

void Loop::pass_deadlines() {
  pass_edges();
  if (phase_ == Phase::kDrain) {
    deadline_ns_ = drain_end_ns_;
    return;
  }
  send_due();
  deadline_ns_ = phase_ == Phase::kAfter ? window_.end_ns() : window_.close_ns();
  if (phase_ == Phase::kWarmup) deadline_ns_ = std::min(deadline_ns_, window_.open_ns());
  if (phase_ == Phase::kGreet) deadline_ns_ = std::min(deadline_ns_, greet_end_ns_);
  if (!due_.empty()) deadline_ns_ = std::min(deadline_ns_, due_.top().first);
}

void Loop::note_greeted(Slot& slot) {
  if (!std::exchange(slot.greeted, true) && --ungreeted_ == 0) end_greeting();
}

void Loop::end_greeting() {
  phase_ = Phase::kWarmup;
  deadline_ns_ = 0;
  for (std::uint32_t i = 0; i < slots_.size(); ++i)
    if (!slots_[i].broken && !slots_[i].blocked) pump(i);
}

void Loop::pass_edges() {
  if (phase_ == Phase::kGreet && now_ns_ >= greet_end_ns_) end_greeting();
  if (phase_ == Phase::kWarmup && now_ns_ >= window_.open_ns() &&
      window_.open_ns() < window_.close_ns()) {
    phase_ = Phase::kMeasure;
    cpu_at_open_ = read_cpu();
  }
  if (phase_ != Phase::kDrain && now_ns_ >= window_.close_ns()) stop_measuring(Phase::kAfter);
  if (phase_ == Phase::kAfter && now_ns_ >= window_.end_ns()) {
    phase_ = Phase::kDrain;
    drain_end_ns_ = now_ns_ + kDrainNs;
  }
}

void Loop::stop_measuring(Phase next) {
  if (phase_ == Phase::kMeasure) tally_.cpu = cpu_use(cpu_at_open_, read_cpu());
  phase_ = next;
}

CpuReading Loop::read_cpu() const {
  CpuReading reading = read_thread_cpu(root_);
  reading.idle_ns = idle_ns_;
  return reading;
}

void Loop::send_due() {
  for (int i = 0; i < kSendsInARow && !due_.empty() && due_.top().first <= now_ns_; ++i) {
    const std::uint32_t index = due_.top().second;
    due_.pop();
    slots_[index].queued = false;
    if (!slots_[index].broken) pump(index);
  }
}

// Sends what is to be sent on this connection now. Not for one that is queued: its time will come.
void Loop::pump(std::uint32_t index) {
  Slot& slot = slots_[index];
  for (;;) {
    const bool over = now_ns_ >= window_.end_ns();
    const std::size_t filled = slot.connection.fill(send_buffer_, now_ns_, over);
    if (filled == 0) break;
    const std::uint64_t planned_ns = slot.connection.next_due_ns();
    now_ns_ = monotonic_ns();
    if (!slot.socket && !open(index)) return;
    const ssize_t sent = ::send(slot.socket.get(), send_buffer_.data(), filled, MSG_NOSIGNAL);
    if (sent < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN) return lose(slot, broken_text(errno));
    } else {
      const std::uint64_t began_ns = settings_.close ? slot.opened_ns : now_ns_;
      const std::size_t begun = slot.connection.sent(static_cast<std::size_t>(sent), began_ns);
      slot.opening = false;
      in_flight_ += begun;
      count_sends(slot, begun, planned_ns, began_ns);
    }
    if (sent < static_cast<ssize_t>(filled)) return watch_writable(index, true);
  }
  if (slot.blocked) watch_writable(index, false);
  queue_if_idle(index);
}

// Opens a connection for the next message. What is then sent at once waits in no queue of ours: on
// loopback the connection is often established when connect() returns.
bool Loop::open(std::uint32_t index) {
  Slot& slot = slots_[index];
  slot.opening = true;
  slot.opened_ns = now_ns_;
  auto socket = begin_connect(route_, slot.number, turn_++);
  if (!socket) {
    lose(slot, socket.error().text());
    return false;
  }
  slot.socket = *std::move(socket);
  if (watch(slot.socket.get(), index)) return true;
  lose(slot, broken_text(errno));
  return false;
}

bool Loop::watch(int fd, std::uint32_t index) {
  if (settings_.open_loop() && index != kEarlyClose) note_arrivals(fd);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u32 = index;
  return epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0;
}

void Loop::count_sends(const Slot& slot, std::size_t begun, std::uint64_t planned_ns,
                       std::uint64_t began_ns) {
  if (begun == 0 || !counts(began_ns)) return;
  tally_.result.sent += begun;
  if (!settings_.open_loop() || began_ns - planned_ns <= kLateNs) return;
  ++tally_.result.late_sends;
  if (began_ns - std::max(planned_ns, slot.ready_ns) > kLateNs) ++tally_.late_by_load;
}

// A busy connection is not queued: its answer, or room in its socket, brings it back to pump().
void Loop::queue_if_idle(std::uint32_t index) {
  Slot& slot = slots_[index];
  if (!settings_.open_loop() || phase_ == Phase::kDrain || slot.connection.full()) return;
  slot.queued = true;
  due_.emplace(slot.connection.next_due_ns(), index);
  deadline_ns_ = std::min(deadline_ns_, due_.top().first);
}

void Loop::watch_writable(std::uint32_t index, bool on) {
  Slot& slot = slots_[index];
  if (slot.blocked == on) return;
  slot.blocked = on;
  epoll_event event{};
  event.events = on ? EPOLLIN | EPOLLOUT : EPOLLIN;
  event.data.u32 = index;
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, slot.socket.get(), &event) != 0)
    lose(slot, broken_text(errno));
}

void Loop::receive(std::uint32_t index) {
  Slot& slot = slots_[index];
  const Arrival arrival = receive_bytes(slot.socket.get(), receive_buffer_, settings_.open_loop());
  now_ns_ = arrival.read_ns;
  if (arrival.code == EAGAIN || arrival.code == EINTR) return;
  if (arrival.bytes <= 0) return lose(slot, broken_text(arrival.code));
  std::span<const char> rest(receive_buffer_.data(), static_cast<std::size_t>(arrival.bytes));
  const bool was_full = slot.connection.full();
  bool answered = false;
  bool last = false;
  while (!rest.empty() && !last) {
    const Connection::Answer answer = slot.connection.receive(rest);
    if (answer.taken.state == Dialogue::State::kWrong)
      return end_run_as_wrong(slot, answer.taken.difference);
    rest = rest.subspan(answer.taken.bytes);
    if (answer.taken.state != Dialogue::State::kWhole) break;
    answered = true;
    last = answer.taken.last;
    --in_flight_;
    count_answer(slot, answer, std::max(arrival.came_ns, answer.flight.sent_ns));
  }
  if (!answered) return;
  if (settings_.close || last) {
    slot.socket.reset();
    slot.blocked = false;
  }
  if (last && !settings_.close) {
    if (counts(now_ns_)) tally_.result.reopened = tally_.result.reopened.value_or(0) + 1;
    slot.connection.begin_again();
  }
  if (was_full && !slot.blocked) slot.ready_ns = now_ns_;
  if (phase_ == Phase::kGreet)
    note_greeted(slot);
  else if (!slot.blocked && !slot.queued)
    pump(index);
}

void Loop::count_answer(Slot& slot, const Connection::Answer& answer, std::uint64_t came_ns) {
  LoadResult& result = tally_.result;
  if (counts(came_ns)) {
    ++slot.messages;
    ++result.messages;
    result.bytes += answer.size;
    ++result.bins->answers[(came_ns - window_.open_ns()) / result.bins->bin_ns];
    result.latency.record(came_ns - answer.flight.planned_ns);
    if (settings_.open_loop()) result.service.record(came_ns - answer.flight.sent_ns);
    return;
  }
  const std::uint64_t close_ns = window_.close_ns();
  if (came_ns < close_ns) return;
  if (answer.flight.planned_ns < close_ns) count_unanswered(close_ns - answer.flight.planned_ns);
  const std::uint64_t bin = (came_ns - close_ns) / tally_.after.bin_ns;
  if (bin < tally_.after.answers.size()) ++tally_.after.answers[bin];
}

void Loop::count_unanswered(std::uint64_t waited_ns) {
  LoadResult& result = tally_.result;
  ++result.unanswered;
  result.longest_unanswered_ns = std::max(result.longest_unanswered_ns, waited_ns);
}

// What breaks after the window has closed no longer matters.
void Loop::lose(Slot& slot, const std::string& why) {
  if (now_ns_ < window_.close_ns()) {
    ++tally_.result.broken_connections;
    if (tally_.result.first_failure.empty()) note_failure(slot, fmt::format("broke: {}", why));
    window_.lose_connection(now_ns_);
  }
  close_slot(slot);
}

void Loop::end_run_as_wrong(Slot& slot, const std::string& difference) {
  // Worse than any broken connection before it.
  if (++tally_.result.wrong_answers == 1)
    note_failure(slot, fmt::format("got a wrong answer: {}", difference));
  window_.close_early(now_ns_);
  close_slot(slot);
}

void Loop::close_slot(Slot& slot) {
  in_flight_ -= slot.connection.in_flight();
  --alive_;
  slot.broken = true;
  slot.socket.reset();
  if (phase_ == Phase::kGreet) note_greeted(slot);
}

void Loop::note_failure(const Slot& slot, const std::string& what) {
  tally_.result.first_failure = fmt::format("connection {} {}", slot.number, what);
  tally_.first_failure_ns = now_ns_;
}

Tally Loop::tally() {
  const std::uint64_t close_ns = window_.close_ns();
  if (tally_.result.bins)
    cut(*tally_.result.bins, close_ns - std::min(close_ns, window_.open_ns()));
  for (Slot& slot : slots_) {
    tally_.messages.push_back(slot.messages);
    if (slot.opening && !settings_.open_loop() && slot.opened_ns < close_ns)
      count_unanswered(close_ns - slot.opened_ns);
    slot.connection.unanswered(
        close_ns, [&](std::uint64_t planned_ns) { count_unanswered(close_ns - planned_ns); });
  }
  return std::move(tally_);
}

}  // namespace tr::load
