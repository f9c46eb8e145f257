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

// When it started, in ticks since the machine did: tells it from another with its number. Empty: it
// is gone.
std::string start_of(const std::string& proc, pid_t process) {
  constexpr std::size_t kStartTime = 19;  // behind the name: proc(5), field 22 of stat
  const auto stat = read_file(fmt::format("{}/{}/stat", proc, process));
  const std::size_t name_end = stat ? stat->rfind(')') : std::string::npos;
  if (name_end == std::string::npos) return {};
  const auto fields =
      split(std::string_view(*stat).substr(std::min(name_end + 2, stat->size())), ' ');
  return fields.size() > kStartTime ? std::string(fields[kStartTime]) : std::string();
}

std::optional<time_t> time_of_start(const std::string& proc, const std::string& start) {
  const auto ticks = parse_u64(start);
  const auto uptime = read_file(proc + "/uptime");
  const auto up = uptime ? parse_u64(uptime->substr(0, uptime->find('.'))) : std::nullopt;
  if (!ticks || !up) return std::nullopt;
  const auto per_second = static_cast<std::uint64_t>(std::max(::sysconf(_SC_CLK_TCK), 1L));
  return ::time(nullptr) - static_cast<time_t>(*up) + static_cast<time_t>(*ticks / per_second);
}

// Written by that user, or by root, and not before `since`.
PerfMap read_map(const std::string& path, uid_t owner, time_t since) {
  constexpr time_t kSlack = 2;  // of clocks in whole seconds
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
  struct stat status {};
  if (!file || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) return {};
  if ((status.st_uid != owner && status.st_uid != 0) || status.st_mtime + kSlack < since) return {};
  std::string text;
  text.resize(std::min<std::size_t>(static_cast<std::size_t>(status.st_size), kLargestMap));
  std::size_t got = 0;
  while (got < text.size()) {
    const ssize_t more = ::read(file.get(), text.data() + got, text.size() - got);
    if (more <= 0) break;
    got += static_cast<std::size_t>(more);
  }
  text.resize(got);
  return PerfMap::parse(text);
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

PerfMapFile::PerfMapFile(std::string proc, pid_t process)
    : proc_(std::move(proc)), process_(process), number_(own_number(proc_, process)) {
  const std::string own = fmt::format("{}/{}", proc_, process);
  struct stat status {};
  if (::stat(own.c_str(), &status) != 0) return;
  owner_ = status.st_uid;
  started_ = start_of(proc_, process);
  struct stat its_tmp {};
  struct stat our_tmp {};
  if (::stat((own + "/root/tmp").c_str(), &its_tmp) == 0 && ::stat("/tmp", &our_tmp) == 0 &&
      its_tmp.st_dev == our_tmp.st_dev && its_tmp.st_ino == our_tmp.st_ino)
    left_at_ = time_of_start(proc_, started_);
}

PerfMap PerfMapFile::read() const {
  if (!owner_) return {};
  if (start_of(proc_, process_) == started_) {
    PerfMap map =
        read_map(fmt::format("{}/{}/root/tmp/perf-{}.map", proc_, process_, number_), *owner_, 0);
    if (!map.empty()) return map;  // of a zombie the root is gone already
  }
  // Not what another process with that number had left.
  return left_at_ ? read_map(fmt::format("/tmp/perf-{}.map", number_), *owner_, *left_at_)
                  : PerfMap();
}

std::optional<Symbol> PerfMap::find(std::uint64_t address) const {
  auto at = functions_.upper_bound(address);
  if (at == functions_.begin()) return std::nullopt;
  --at;
  if (address >= at->second.end) return std::nullopt;
  return Symbol{at->second.name, address - at->first};
}

}  // namespace tr::symbols
