#include "herd/launcher.h"

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <fstream>
#include <poll.h>
#include <random>
#include <string>
#include <sys/prctl.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "common/children.h"
#include "common/listener.h"
#include "common/log.h"
#include "common/start.h"
#include "common/stop.h"
#include "herd/places.h"
#include "models/model.h"

namespace servers::herd {
namespace {

// Beyond what the clients have: for the processes to end.
constexpr std::chrono::milliseconds kToEnd{1000};

// The servers' in the config's order, then that of Places.
using Listeners = std::vector<Listener>;

// Binds all before it listens at any, so that it listens at all or none. The config learns which
// addresses it got: those without a port get the ports behind the first one's, which leaves room.
void listen_all(Config& config, int backlog, Listeners& listeners) {
  std::vector<Fd> bound;
  int next_port = 0;
  for (Node& node : config.servers) {
    if (node.address.port() == 0)
      node.address = node.address.with_port(static_cast<std::uint16_t>(next_port));
    bound.push_back(bind_to(node.address.host(), node.address.port()));
    if (const auto address = Address::of(bound.back().get())) node.address = *address;
    next_port = node.address.port() + 1;
  }
  for (Fd& socket : bound)
    listeners.emplace_back(std::move(socket), backlog);
}

// A port for the first of so many, at random: not one of those that connections get, of which there
// may be no five free ones in a row, and which somebody else may have when a server comes back.
std::uint16_t any_port(int count) {
  constexpr int kLowest = 10'000;  // below lie those that programs are known by
  constexpr int kHighest = UINT16_MAX;
  constexpr int kEnough = 1'000;
  int first_of_connections = 32'768;
  int last_of_connections = 60'999;
  std::ifstream("/proc/sys/net/ipv4/ip_local_port_range") >> first_of_connections >>
      last_of_connections;
  int low = kLowest;
  int high = kHighest;
  if (first_of_connections - low >= kEnough)
    high = first_of_connections - 1;
  else if (high - last_of_connections >= kEnough)
    low = last_of_connections + 1;
  std::random_device random;
  return static_cast<std::uint16_t>(
      std::uniform_int_distribution<int>(low, high - count + 1)(random));
}

void listen_anywhere(Config& config, int backlog, Listeners& listeners) {
  constexpr int kAttempts = 100;
  for (int attempt = 1;; ++attempt) {
    Config tried = config;
    Address& first = tried.servers.front().address;
    first = first.with_port(any_port(static_cast<int>(tried.servers.size())));
    try {
      listen_all(tried, backlog, listeners);
      config = std::move(tried);
      return;
    } catch (const Failure&) {
      listeners.clear();
      if (attempt == kAttempts) throw;
    }
  }
}

void listen_places(Config& config, int backlog, Listeners& listeners) {
  Fd bound = bind_to(config.places.host(), config.places.port());
  if (const auto address = Address::of(bound.get())) config.places = *address;
  listeners.emplace_back(std::move(bound), backlog);
}

std::string_view name_of(const Config& config, std::size_t number) {
  return number < config.servers.size() ? std::string_view(config.servers[number].name) : kPlaces;
}

// For the user and for whoever looks at processes.
void take_name(std::string_view name) {
  const std::string whole = fmt::format("herd-{}", name);
  set_program_name(whole);
  ::prctl(PR_SET_NAME, whole.c_str());
}

void serve(Listener& listener, const Config& config, std::string_view name,
           const Settings& settings) {
  take_name(name);
  Stop stop(settings.grace);
  if (const Node* const node = config.server(name)) {
    Server(listener, stop, config, *node, settings.limits).run();
  } else {
    Places places;
    make_model()->serve(listener, places, stop);
  }
}

class Herd {
 public:
  Herd(Config config, const Settings& settings)
      : config_(std::move(config)), settings_(settings), stop_(settings.grace + kToEnd) {}

  // They have the listeners then, and nobody else has: one that has died can be started again.
  void start(Listeners listeners) {
    for (std::size_t number = 0; number < listeners.size(); ++number) {
      const auto work = [&] {
        ::setpgid(0, 0);  // Ctrl-C is for us, who tell them; they would hear it twice
        Listener own = std::move(listeners[number]);
        listeners.clear();
        serve(own, config_, name_of(config_, number), settings_);
      };
      if (!children_.start(work, number))
        throw Failure::from_errno(fmt::format("start a process for {}", name_of(config_, number)),
                                  "raise ulimit -u, or sysctl kernel.pid_max");
    }
  }

  int wait() {
    while (children_.count() > 0 && !stop_.overdue()) {
      pollfd polled[] = {{stop_.fd(), POLLIN, 0}, {children_.fd(), POLLIN, 0}};
      if (::poll(polled, std::size(polled), stop_.overdue_ms()) < 0 && errno != EINTR)
        throw Failure::from_errno("wait for the servers");
      if (polled[0].revents != 0) {
        stop_.begin();
        children_.signal(SIGTERM, [this](std::size_t number) { return is_server(number); });
      }
      if (polled[1].revents != 0)
        children_.reap([this](std::size_t number, int status) { ended(number, status); });
      // Last, as clients may still be asking for places.
      if (stop_.begun() && servers_ == 0 && !std::exchange(places_told_, true))
        children_.signal(SIGTERM, [](std::size_t) { return true; });
    }
    if (children_.count() > 0) {
      failed_ = true;
      log_line(fmt::format("{} of the processes have not ended in time, and are killed",
                           children_.count()));
    }
    return failed_ ? 1 : 0;
  }

 private:
  [[nodiscard]] bool is_server(std::size_t number) const { return number < config_.servers.size(); }

  void ended(std::size_t number, int status) {
    if (is_server(number)) --servers_;
    failed_ = failed_ || status != 0;
    if (stop_.begun() && status == 0) return;
    log_line(fmt::format("{} {}{}", name_of(config_, number), end_text(status),
                         stop_.begun() ? "" : "; the others go on"));
  }

  Config config_;
  const Settings& settings_;
  Stop stop_;
  std::size_t servers_ = config_.servers.size();
  bool places_told_ = false;
  bool failed_ = false;
  Children children_;
};

}  // namespace

int run_all(Config config, bool ports, const Settings& settings) {
  Listeners listeners;
  if (!ports && settings.port != 0)
    config.servers.front().address = config.servers.front().address.with_port(settings.port);
  if (!ports && settings.port == 0)
    listen_anywhere(config, settings.backlog, listeners);
  else
    listen_all(config, settings.backlog, listeners);
  listen_places(config, settings.backlog, listeners);
  Herd herd(config, settings);
  announce("herd", config.servers.front().address.text());
  herd.start(std::move(listeners));
  return herd.wait();
}

int run_one(const Config& config, std::string_view name, const Settings& settings) {
  const Node* const node = config.server(name);
  const Address& address = node != nullptr ? node->address : config.places;
  Listener listener(address.host(), address.port(), settings.backlog);
  announce("herd", listener.address());
  serve(listener, config, name, settings);
  return 0;
}

}  // namespace servers::herd
