#include "commands/delay_option.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "load/units.h"

namespace tr::commands {
namespace {

bool is_stage(std::string_view word) {
  return std::ranges::find(kDelayStages, word) != kDelayStages.end();
}

Error no_stage(std::string_view option, std::string_view word) {
  return usage_error(fmt::format("{}: \"{}\" is no stage", option, word),
                     fmt::format("the stages are {}", fmt::join(kDelayStages, ", ")));
}

}  // namespace

Result<DelaySetting> parse_delay(std::string_view text) {
  const std::size_t sign = text.find('=');
  if (sign == std::string_view::npos)
    return usage_error(fmt::format("--delay: \"{}\" names no time", text),
                       "write it as receive=500ns");
  const std::string_view stage = text.substr(0, sign);
  if (!is_stage(stage)) return no_stage("--delay", stage);
  const auto ns = load::parse_duration(text.substr(sign + 1));
  if (!ns || *ns > kMostDelayNs)
    return usage_error(fmt::format("--delay: \"{}\" is not a time from 0ns to {}",
                                   text.substr(sign + 1), load::format_duration(kMostDelayNs)),
                       "write it as receive=500ns");
  return DelaySetting{.stage = std::string(stage), .ns = *ns};
}

Result<std::vector<std::string>> parse_stages(std::string_view option, std::string_view text) {
  std::vector<std::string> named;
  while (true) {
    const std::size_t end = std::min(text.find(','), text.size());
    const std::string_view word = text.substr(0, end);
    if (!is_stage(word)) return no_stage(option, word);
    if (std::ranges::find(named, word) == named.end()) named.emplace_back(word);
    if (end == text.size()) return named;
    text.remove_prefix(end + 1);
  }
}

}  // namespace tr::commands
