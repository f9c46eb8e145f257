#include "capture/steal.h"

#include <unistd.h>
#include <vector>

#include "util/clock.h"
#include "util/text.h"

namespace tr::capture {
namespace {

// "cpu  USER NICE SYSTEM IDLE IOWAIT IRQ SOFTIRQ STEAL ...", then a line for each CPU that is
// online: "cpu0 ..." (proc_stat(5)).
constexpr std::size_t kStealField = 7;  // of the numbers

}  // namespace

std::optional<Steal> read_steal(const std::string& proc) {
  const auto content = read_file(proc + "/stat");
  const long ticks_per_second = ::sysconf(_SC_CLK_TCK);
  if (!content || ticks_per_second <= 0) return std::nullopt;
  std::optional<std::uint64_t> ticks;
  Steal steal;
  for (const std::string_view line : split(*content, '\n')) {
    if (!line.starts_with("cpu")) break;
    std::vector<std::string_view> words = split(line, ' ');
    std::erase(words, "");
    if (words.front() != "cpu")
      ++steal.cpus;
    else if (words.size() > kStealField + 1)
      ticks = parse_u64(words[kStealField + 1]);
  }
  if (!ticks || steal.cpus == 0) return std::nullopt;
  steal.ns = *ticks * (kNsPerSecond / static_cast<std::uint64_t>(ticks_per_second));
  return steal;
}

std::optional<Steal> since(const std::optional<Steal>& before, const std::optional<Steal>& after) {
  if (!before || !after || before->cpus != after->cpus || before->ns > after->ns)
    return std::nullopt;
  return Steal{.ns = after->ns - before->ns, .cpus = after->cpus};
}

}  // namespace tr::capture
