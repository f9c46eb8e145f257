#include "commands/delay_option.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "load/units.h"
#include "util/text.h"

namespace tr::commands {
namespace {

bool is_stage(std::string_view word) {
  return std::ranges::find(kDelayStages, word) != kDelayStages.end();
}

Error no_stage(std::string_view option, std::string_view word) {
  return usage_error(fmt::format("{}: \"{}\" is no stage", option, word),
                     fmt::format("the stages are {}", fmt::join(kDelayStages, ", ")));
}

Result<std::uint64_t> parse_time(std::string_view option, std::string_view word,
                                 std::uint64_t least, std::string_view example) {
  const auto ns = load::parse_duration(word);
  if (!ns || *ns < least || *ns > kMostDelayNs)
    return usage_error(fmt::format("{}: \"{}\" is not a time from {}ns to {}", option, word, least,
                                   load::format_duration(kMostDelayNs)),
                       fmt::format("write it as {}", example));
  return *ns;
}

}  // namespace

Result<DelaySetting> parse_delay(std::string_view text) {
  const std::size_t sign = text.find('=');
  if (sign == std::string_view::npos)
    return usage_error(fmt::format("--delay: \"{}\" names no time", text),
                       "write it as receive=500ns");
  const std::string_view stage = text.substr(0, sign);
  if (!is_stage(stage)) return no_stage("--delay", stage);
  const auto ns = parse_time("--delay", text.substr(sign + 1), 0, "receive=500ns");
  if (!ns) return ns.error();
  return DelaySetting{.stage = std::string(stage), .ns = *ns};
}

Result<std::vector<std::string>> parse_stages(std::string_view option, std::string_view text) {
  std::vector<std::string> named;
  for (const std::string_view word : split(text, ',')) {
    if (!is_stage(word)) return no_stage(option, word);
    if (std::ranges::find(named, word) == named.end()) named.emplace_back(word);
  }
  return named;
}

Result<std::vector<std::uint64_t>> parse_delays(std::string_view text) {
  std::vector<std::uint64_t> delays;
  for (const std::string_view word : split(text, ',')) {
    const auto ns = parse_time("--delays", word, 1, "1us,2us,4us");
    if (!ns) return ns.error();
    delays.push_back(*ns);
  }
  std::ranges::sort(delays);
  delays.erase(std::unique(delays.begin(), delays.end()), delays.end());
  if (delays.size() > kMostDelays)
    return usage_error(
        fmt::format("--delays: {} delays are more than {}", delays.size(), kMostDelays));
  return delays;
}

}  // namespace tr::commands
