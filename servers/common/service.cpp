#include "common/service.h"

#include <algorithm>
#include <cerrno>

#include "common/log.h"

namespace servers {

void Admission::run() {
  while (!(stop_.begun() && clients() == 0) && !stop_.overdue()) {
    stop_.report(clients());
    wait(sooner_ms(timers_ms(), sooner_ms(stop_.timeout_ms(), listener_.timeout_ms())));
    if (listener_.resume()) accept_clients();
    run_timers();
  }
}

int Admission::poll_for(std::span<pollfd> polled, int timeout_ms) {
  const int ready = ::poll(polled.data(), polled.size(), timeout_ms);
  if (ready < 0 && errno != EINTR) throw Failure::from_errno("wait for clients");
  return std::max(ready, 0);
}

void Admission::accept_clients(std::size_t at_most) {
  for (std::size_t i = 0; i < at_most; ++i) {
    Fd client = listener_.accept(client_flags());
    if (!client) return;
    if (const auto shortage = take(client)) {
      listener_.put_back(std::move(client));
      listener_.pause(*shortage);
      return;
    }
  }
}

void Admission::begin_stop() {
  // Those in the backlog are connected as far as they know: they are served too.
  accept_clients(static_cast<std::size_t>(listener_.backlog()));
  listener_.end();
  stop_.begin();
}

}  // namespace servers
