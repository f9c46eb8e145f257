#include "load/generate.h"

#include <algorithm>
#include <cerrno>
#include <memory>
#include <poll.h>
#include <sys/eventfd.h>
#include <system_error>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "load/connect.h"
#include "load/fairness.h"
#include "load/limits.h"
#include "load/loop.h"
#include "load/saturation.h"
#include "util/clock.h"

namespace tr::load {
namespace {

// So that who listens for the window has the time to get ready for it.
constexpr std::uint64_t kShortestWarmupNs = 20'000'000;
// A SYN that meets a full backlog is sent again after 1 and 3 seconds.
constexpr std::uint64_t kConnectPatienceNs = 5 * kNsPerSecond;

Error run_error(std::string why, std::string remedy = {}) {
  return Error{.failure = Failure::kRun,
               .operation = {},
               .object = {},
               .code = 0,
               .why = std::move(why),
               .remedy = std::move(remedy)};
}

// Where messages that each have a connection of their own come from: a closed connection keeps its
// port for a minute (TIME_WAIT, tcp(7)) wherever the kernel does not use it again sooner
// (net.ipv4.tcp_tw_reuse).
constexpr std::uint64_t kSourcesOfShortConnections = 16;

Result<Route> plan_route(const Settings& settings, const Protocol& protocol, const Address& address,
                         PortRange ports) {
  Route route;
  for (std::uint16_t i = 0; i < protocol.servers(); ++i)
    route.targets.push_back(address.port_after(i));
  std::uint64_t needed = settings.connections;
  if (settings.close && address.is_ipv4_loopback())
    needed = std::max(needed, kSourcesOfShortConnections * ports.count());
  auto sources = plan_sources(address, needed, ports);
  if (!sources) return std::move(sources).error();
  route.sources = *std::move(sources);
  return route;
}

struct Reached {
  Route route;
  Connected connected;
};

// To the first of the target's addresses that accepts any. Where each message has a connection of
// its own, one to each server only finds that out.
Result<Reached> connect_to_target(const Settings& settings, const Protocol& protocol,
                                  const Hooks& hooks) {
  if (Status status = allow_open_files(settings.connections); !status)
    return std::move(status).error();
  const auto ports = read_port_range(hooks.root);
  if (!ports) return ports.error();
  const auto addresses = resolve(settings.target);
  if (!addresses) return addresses.error();
  std::vector<int> cancel_fds;
  for (const Stop& stop : hooks.stops)
    cancel_fds.push_back(stop.fd);
  std::optional<Error> first_failure;
  for (const Address& address : *addresses) {
    auto route = plan_route(settings, protocol, address, *ports);
    if (!route) {
      if (!first_failure) first_failure = route.error();
      continue;
    }
    auto connected =
        connect_all({.route = *route,
                     .count = settings.close ? protocol.servers() : settings.connections,
                     .patience_ns = kConnectPatienceNs,
                     .cancel_fds = cancel_fds});
    if (!connected) return std::move(connected).error();
    if (!connected->sockets.empty()) return Reached{*std::move(route), *std::move(connected)};
    if (!first_failure) first_failure = connected->first_failure;
  }
  return *first_failure;
}

// Runs every loop on a thread of its own until all have ended, and passes stops on meanwhile.
class Conductor {
 public:
  Conductor(LiveWindow& window, const Hooks& hooks) : window_(window), hooks_(hooks) {}

  Status run(std::vector<std::unique_ptr<Loop>>& loops, std::uint64_t start_ns) {
    ended_.reset(eventfd(0, EFD_CLOEXEC | EFD_SEMAPHORE));
    if (!ended_) return errno_error("create", "an eventfd");
    std::vector<Status> statuses(loops.size());
    Status status;
    {
      std::vector<std::jthread> threads;
      try {
        for (std::size_t i = 0; i < loops.size(); ++i)
          threads.emplace_back([=, this, &loop = *loops[i], &status_of_it = statuses[i]] {
            status_of_it = loop.run(start_ns);
            if (!status_of_it) window_.close_early(0);
            eventfd_write(ended_.get(), 1);
          });
      } catch (const std::system_error& error) {
        status = Error{.failure = Failure::kNotAllowed,
                       .operation = "start",
                       .object = "a thread",
                       .code = error.code().value(),
                       .why = {},
                       .remedy = "use fewer --threads"};
      }
      if (status) status = wait_for(threads.size());
      if (!status) window_.close_early(0);
    }
    for (Status& of_one : statuses)
      if (status && !of_one) status = std::move(of_one);
    return status;
  }

  [[nodiscard]] bool interrupted() const { return interrupted_; }

 private:
  Status wait_for(std::size_t threads) {
    std::vector<pollfd> polled = {{ended_.get(), POLLIN, 0}};
    for (const Stop& stop : hooks_.stops)
      polled.push_back({stop.fd, POLLIN, 0});
    while (threads > 0) {
      if (::poll(polled.data(), polled.size(), -1) < 0) {
        if (errno == EINTR) continue;
        return errno_error("wait for", "the load's threads");
      }
      eventfd_t one = 0;
      if (polled[0].revents != 0 && eventfd_read(ended_.get(), &one) == 0) --threads;
      for (std::size_t i = 1; i < polled.size(); ++i) {
        if (polled[i].revents == 0) continue;
        interrupted_ |= window_.close_early(hooks_.stops[i - 1].close_ns());
        polled[i].fd = -1;  // poll() leaves it out: once is enough
      }
    }
    return {};
  }

  LiveWindow& window_;
  const Hooks& hooks_;
  Fd ended_;
  bool interrupted_ = false;
};

// All loops have bins of one length, of one window.
void add(AnswerBins& sum, const AnswerBins& part) {
  sum.bin_ns = part.bin_ns;
  sum.answers.resize(std::max(sum.answers.size(), part.answers.size()));
  for (std::size_t i = 0; i < part.answers.size(); ++i)
    sum.answers[i] += part.answers[i];
}

void add(std::optional<AnswerBins>& sum, const std::optional<AnswerBins>& part) {
  if (sum && part)
    add(*sum, *part);
  else if (part)
    sum = part;
}

void add(LoadResult& sum, const LoadResult& part) {
  sum.messages += part.messages;
  sum.bytes += part.bytes;
  sum.sent += part.sent;
  sum.wrong_answers += part.wrong_answers;
  sum.broken_connections += part.broken_connections;
  if (part.reopened) sum.reopened = sum.reopened.value_or(0) + *part.reopened;
  sum.latency.merge(part.latency);
  sum.service.merge(part.service);
  add(sum.bins, part.bins);
  sum.unanswered += part.unanswered;
  sum.longest_unanswered_ns = std::max(sum.longest_unanswered_ns, part.longest_unanswered_ns);
  sum.late_sends += part.late_sends;
}

// A wrong answer before a broken connection, and the earliest of each.
bool tells_more(const Tally& a, const Tally& b) {
  if (a.result.first_failure.empty() || b.result.first_failure.empty())
    return b.result.first_failure.empty() && !a.result.first_failure.empty();
  if ((a.result.wrong_answers > 0) != (b.result.wrong_answers > 0))
    return a.result.wrong_answers > 0;
  return a.first_failure_ns < b.first_failure_ns;
}

LoadResult summarise(const std::vector<Tally>& tallies, std::uint64_t cpus) {
  LoadResult result;
  std::vector<std::uint64_t> messages;
  Effort effort{.threads = {}, .cpus = cpus};
  std::optional<std::uint64_t> runqueue_ns = 0;
  const Tally* failed = &tallies.front();
  for (const Tally& tally : tallies) {
    add(result, tally.result);
    messages.insert(messages.end(), tally.messages.begin(), tally.messages.end());
    effort.threads.push_back(tally.cpu);
    effort.late_by_load += tally.late_by_load;
    result.user_ns += tally.cpu.user_ns;
    result.system_ns += tally.cpu.system_ns;
    if (!tally.cpu.runqueue_ns)
      runqueue_ns.reset();
    else if (runqueue_ns)
      *runqueue_ns += *tally.cpu.runqueue_ns;
    if (tells_more(tally, *failed)) failed = &tally;
  }
  result.first_failure = failed->result.first_failure;
  result.runqueue_ns = runqueue_ns;
  result.silent_connections =
      static_cast<std::uint64_t>(std::count(messages.begin(), messages.end(), 0));
  const Fairness fair = fairness(std::move(messages));
  result.fairness_p5 = fair.p5;
  result.fairness_p50 = fair.p50;
  result.fairness_p95 = fair.p95;
  result.fairness_jain = fair.jain;
  effort.sent = result.sent;
  result.cpus = cpus;
  result.saturation = saturation(effort);
  result.saturated = !result.saturation.empty();
  return result;
}

}  // namespace

Result<Outcome> generate(const Settings& asked, const Protocol& protocol, const Hooks& hooks) {
  if (!asked.pin.empty())
    if (Status status = pin_thread(0, asked.pin); !status) return std::move(status).error();
  const auto usable = usable_cpus();
  if (!usable) return usable.error();
  auto reached = connect_to_target(asked, protocol, hooks);
  if (!reached) return std::move(reached).error();
  Connected& connected = reached->connected;

  Settings settings = asked;
  if (settings.close)
    connected.sockets = std::vector<Fd>(settings.connections);
  else
    settings.connections = connected.sockets.size();  // an asked-for rate is for those there are
  settings.threads = std::min(asked.threads, settings.connections);
  LiveWindow window(settings.connections);
  std::vector<std::unique_ptr<Loop>> loops;
  for (std::uint64_t i = 0; i < settings.threads; ++i) {
    auto loop = Loop::make(settings, reached->route, window, hooks.root);
    if (!loop) return std::move(loop).error();
    loops.push_back(*std::move(loop));
  }
  for (std::size_t i = 0; i < connected.sockets.size(); ++i)
    if (Status status = loops[i % loops.size()]->add(std::move(connected.sockets[i]),
                                                     static_cast<std::uint32_t>(i), protocol);
        !status)
      return std::move(status).error();
  // Last, because with many connections the steps before take longer than the shortest warm-up.
  const std::uint64_t start_ns = monotonic_ns();
  const std::uint64_t open_ns = start_ns + std::max(settings.warmup_ns, kShortestWarmupNs);
  window.plan({open_ns, open_ns + settings.duration_ns}, settings.after_ns);
  if (hooks.window_planned)
    if (Status status = hooks.window_planned(window.window()); !status)
      return std::move(status).error();

  Conductor conductor(window, hooks);
  if (Status status = conductor.run(loops, start_ns); !status) return std::move(status).error();
  std::vector<Tally> tallies;
  tallies.reserve(loops.size());
  for (const auto& loop : loops)
    tallies.push_back(loop->tally());

  Outcome outcome{
      .window = window.window(),
      .interrupted = conductor.interrupted(),
      .result = summarise(tallies, std::min<std::uint64_t>(loops.size(), usable->size())),
      .after = {}};
  for (const Tally& tally : tallies)
    add(outcome.after, tally.after);
  outcome.result.connections = settings.connections;
  outcome.result.connect_failures = connected.failures;
  if (connected.first_failure && outcome.result.first_failure.empty())
    outcome.result.first_failure = connected.first_failure->text();
  if (outcome.window.close_ns <= outcome.window.open_ns) {
    if (!outcome.interrupted)
      if (Status status = check(outcome.result, settings.target.text()); !status)
        return std::move(status).error();
    return run_error("interrupted before the measurement window opened",
                     "nothing was measured; a shorter --warmup opens it sooner");
  }
  // The loops, and with them the connections, are there until this returns.
  if (hooks.window_over)
    if (Status status = hooks.window_over(); !status) return std::move(status).error();
  return outcome;
}

Status check(const LoadResult& result, const std::string& target) {
  if (result.wrong_answers > 0)
    return run_error(fmt::format("{} answers wrongly: {}", target, result.first_failure));
  if (result.broken_connections == result.connections)
    return run_error(fmt::format("all {} connections to {} broke, the first: {}",
                                 result.connections, target, result.first_failure),
                     "did the server end or crash?");
  if (result.messages == 0)
    return run_error(fmt::format("{} answered nothing inside the window on {} connections", target,
                                 result.connections),
                     "does it speak the load's protocol, and has it taken the connections? With "
                     "answers that slow, a longer "
                     "--duration helps");
  return {};
}

}  // namespace tr::load
