// What does --delay ask for?
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "snapshot/delay.h"
#include "util/result.h"

namespace tr::commands {

// "receive=500ns": a stage of kDelayStages, and at most kMostDelayNs. Errors are usage errors.
Result<DelaySetting> parse_delay(std::string_view text);

// "receive,wake-up": stages of kDelayStages, each once, in that order. Errors are usage errors that
// begin with `option`.
Result<std::vector<std::string>> parse_stages(std::string_view option, std::string_view text);

inline constexpr std::size_t kMostDelays = 6;
// "1us,2us,4us": up to kMostDelays times in ns, each above 0 and at most kMostDelayNs; in rising
// order, each once. Errors are usage errors of --delays.
Result<std::vector<std::uint64_t>> parse_delays(std::string_view text);

}  // namespace tr::commands
