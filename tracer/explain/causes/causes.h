// Each cause, one file beside this.
#pragma once

#include "explain/cause.h"

namespace tr::explain {

const Cause& allocator();
const Cause& process_per_connection();
const Cause& readiness_scan();
const Cause& accept_herd();
const Cause& wasted_calls();
const Cause& gil();
const Cause& locks();
const Cause& migration();
const Cause& oversubscription();
const Cause& wakeup_per_message();
const Cause& starvation();
const Cause& client_saturation();
const Cause& cpu_saturation();
const Cause& tracing();
const Cause& delivery();
const Cause& own_code();
const Cause& calls();
const Cause& interrupts();

// Of all states for which `takes(state)`, the whole.
template <class Takes>
std::vector<Part> whole_states(const Facts& run, Takes takes) {
  std::vector<Part> parts;
  for (const auto& [state, ns] : run.cpu_states())
    if (takes(std::string_view(state))) parts.push_back({state, ns});
  return parts;
}

// "poll" of "system:poll"; else empty.
constexpr std::string_view call_of(std::string_view state) {
  constexpr std::string_view kSystem = "system:";
  return state.starts_with(kSystem) ? state.substr(kSystem.size()) : std::string_view();
}

// What happens at least so often per message is worth a look.
inline constexpr double kOften = 0.01;

}  // namespace tr::explain
