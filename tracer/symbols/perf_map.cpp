#include "symbols/perf_map.h"

#include <charconv>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "util/fd.h"
#include "util/text.h"

namespace tr::symbols {
namespace {

constexpr std::size_t kLargestMap = std::size_t{256} << 20;
constexpr std::size_t kMostFunctions = 1 << 21;
constexpr std::size_t kLongestName = 1024;

std::optional<std::uint64_t> take_hex(std::string_view& line) {
  if (line.starts_with("0x")) line.remove_prefix(2);
  std::uint64_t value = 0;
  const auto [at, error] = std::from_chars(line.data(), line.data() + line.size(), value, 16);
  if (error != std::errc{} || at == line.data() + line.size() || *at != ' ') return std::nullopt;
  line.remove_prefix(static_cast<std::size_t>(at - line.data()) + 1);
  return value;
}

// The number that a process has where its own files are: the last of NSpid.
std::string own_number(const std::string& proc, pid_t process) {
  const auto status = read_file(fmt::format("{}/{}/status", proc, process));
  if (status)
    for (const std::string_view line : split(*status, '\n'))
      if (line.starts_with("NSpid:")) return std::string(trim(line.substr(line.rfind('\t') + 1)));
  return std::to_string(process);
}

}  // namespace

PerfMap PerfMap::parse(std::string_view text) {
  PerfMap map;
  while (!text.empty() && map.functions_.size() < kMostFunctions) {
    const std::size_t length = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, length);
    text.remove_prefix(std::min(length + 1, text.size()));
    const auto start = take_hex(line);
    const auto size = start ? take_hex(line) : std::nullopt;
    line = trim(line).substr(0, kLongestName);
    if (!size || *size == 0 || *size > UINT64_MAX - *start || line.empty()) continue;
    const std::uint64_t end = *start + *size;
    auto at = map.functions_.lower_bound(*start);
    if (at != map.functions_.begin() && std::prev(at)->second.end > *start) --at;
    while (at != map.functions_.end() && at->first < end)
      at = map.functions_.erase(at);
    map.functions_[*start] = {end, std::string(line)};
  }
  return map;
}

PerfMap PerfMap::read(const std::string& proc, pid_t process) {
  const std::string own = fmt::format("{}/{}", proc, process);
  struct stat of_process {};
  if (::stat(own.c_str(), &of_process) != 0) return {};
  const Fd file(
      ::open(fmt::format("{}/root/tmp/perf-{}.map", own, own_number(proc, process)).c_str(),
             O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
  struct stat of_map {};
  if (!file || ::fstat(file.get(), &of_map) != 0 || !S_ISREG(of_map.st_mode)) return {};
  if (of_map.st_uid != of_process.st_uid && of_map.st_uid != 0) return {};
  std::string text;
  text.resize(std::min<std::size_t>(static_cast<std::size_t>(of_map.st_size), kLargestMap));
  std::size_t got = 0;
  while (got < text.size()) {
    const ssize_t more = ::read(file.get(), text.data() + got, text.size() - got);
    if (more <= 0) break;
    got += static_cast<std::size_t>(more);
  }
  text.resize(got);
  return parse(text);
}

std::optional<Symbol> PerfMap::find(std::uint64_t address) const {
  auto at = functions_.upper_bound(address);
  if (at == functions_.begin()) return std::nullopt;
  --at;
  if (address >= at->second.end) return std::nullopt;
  return Symbol{at->second.name, address - at->first};
}

}  // namespace tr::symbols
