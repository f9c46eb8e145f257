#include "explain/cause.h"

#include <algorithm>
#include <map>

#include "explain/causes/causes.h"

namespace tr::explain {

const std::vector<const Cause*>& causes() {
  static const std::vector<const Cause*> all{&allocator(),
                                             &process_per_connection(),
                                             &readiness_scan(),
                                             &accept_herd(),
                                             &wasted_calls(),
                                             &gil(),
                                             &locks(),
                                             &migration(),
                                             &oversubscription(),
                                             &wakeup_per_message(),
                                             &starvation(),
                                             &client_saturation(),
                                             &cpu_saturation(),
                                             &tracing(),
                                             &delivery(),
                                             &own_code(),
                                             &calls(),
                                             &interrupts()};
  return all;
}

const Cause* find_cause(std::string_view name) {
  const auto found = std::ranges::find(causes(), name, [](const Cause* c) { return c->name(); });
  return found == causes().end() ? nullptr : *found;
}

std::size_t index_of(const Cause& cause) {
  return static_cast<std::size_t>(std::ranges::find(causes(), &cause) - causes().begin());
}

std::vector<Claim> claim_all(const Facts& run) {
  std::map<std::string, double, std::less<>> left = run.cpu_states();
  std::vector<Claim> claims;
  for (const Cause* cause : causes()) {
    Claim claimed;
    if (cause->shows(run))
      for (const Part& part : cause->parts(run)) {
        const auto state = left.find(part.state);
        if (state == left.end()) continue;
        // Below 0 by chance, where it is a difference that was measured: the tracing's.
        const double ns = std::min(part.ns, state->second);
        const double share = ns / run.cpu_states().find(part.state)->second;
        state->second -= ns;
        claimed.ns += ns;
        claimed.calls += share * run.calls_in(part.state);
      }
    claims.push_back(claimed);
  }
  return claims;
}

Experiment expecting(Change change, std::string_view figure, const std::vector<Part>& parts) {
  double ns = 0;
  for (const Part& part : parts)
    ns += part.ns;
  return {.change = change,
          .figure = std::string(figure),
          .least_ns = kPartLeast * ns,
          .most_ns = kPartMost * ns};
}

Experiment expecting_guess(Change change, std::string_view figure, double ns) {
  return {.change = change,
          .figure = std::string(figure),
          .least_ns = kGuessLeast * ns,
          .most_ns = kGuessMost * ns};
}

}  // namespace tr::explain
