#include "capture/load_error.h"

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <sys/resource.h>
#include <vector>

#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "util/text.h"

namespace tr::capture {
namespace {

// Around the verifier's log: libbpf_prog_load() in libbpf.c.
constexpr std::string_view kLogBegins = "-- BEGIN PROG LOAD LOG --\n";
constexpr std::string_view kLogEnds = "-- END PROG LOAD LOG --";
constexpr std::string_view kPrefix = "libbpf: ";
constexpr std::size_t kLastLines = 3;

std::string& kept_warnings() {
  static std::string text;
  return text;
}

// A warning holds a whole log.
int keep_warning(libbpf_print_level level, const char* format, va_list arguments) {
  if (level != LIBBPF_WARN) return 0;
  va_list again;
  va_copy(again, arguments);
  const int length = std::vsnprintf(nullptr, 0, format, again);
  va_end(again);
  if (length <= 0) return length;
  std::string line(static_cast<std::size_t>(length) + 1, '\0');
  std::vsnprintf(line.data(), line.size(), format, arguments);
  line.pop_back();
  kept_warnings() += line;
  return length;
}

std::string_view without_prefix(std::string_view line) {
  if (line.starts_with(kPrefix)) line.remove_prefix(kPrefix.size());
  return trim(line);
}

// The first warning that names a cause.
std::string first_of(std::string_view warnings) {
  for (const std::string_view line : split(warnings, '\n'))
    if (!without_prefix(line).empty()) return std::string(without_prefix(line));
  return {};
}

bool is_good_news(std::string_view line) {
  return line.empty() || line.starts_with("processed ") || line.starts_with("Func#") ||
         line.starts_with("Validating ") || line.starts_with("verification time") ||
         line.starts_with("stack depth ");
}

// The last lines of the verifier's log, less its statistics; none without a verdict.
std::vector<std::string_view> verdict(std::string_view warnings) {
  std::vector<std::string_view> lines;
  const std::size_t begins = warnings.find(kLogBegins);
  if (begins == std::string_view::npos) return lines;
  std::string_view log = warnings.substr(begins + kLogBegins.size());
  log = log.substr(0, log.find(kLogEnds));
  for (const std::string_view line : split(log, '\n'))
    if (!is_good_news(trim(line))) lines.push_back(trim(line));
  if (lines.size() > kLastLines)
    lines.erase(lines.begin(), lines.end() - static_cast<std::ptrdiff_t>(kLastLines));
  return lines;
}

bool is_used_up(int code) {
  return code == EMFILE || code == ENFILE || code == ENOMEM || code == EAGAIN || code == ENOSPC ||
         code == EINTR;
}

std::string resource_remedy(int code) {
  rlimit files{};
  switch (code) {
    case EMFILE:
      ::getrlimit(RLIMIT_NOFILE, &files);
      return fmt::format("raise the limit of open files, which is {}: ulimit -n 1024",
                         files.rlim_cur);
    case ENFILE:
      return "the machine's limit of open files is reached: sysctl -w fs.file-max=1000000";
    case ENOMEM:
      return "free memory, raise the limit (ulimit -v, ulimit -l, the memory cgroup), or trace"
             " fewer threads: --max-threads";
    default:
      return "a limit is reached, such as that of processes (ulimit -u, the pids cgroup): raise it,"
             " and try again";
  }
}

}  // namespace

void listen_to_libbpf() {
  kept_warnings().clear();
  libbpf_set_print(keep_warning);
}

const std::string& libbpf_warnings() {
  return kept_warnings();
}

LoadFailure load_failure(int code, std::string_view warnings) {
  if (is_used_up(code)) return LoadFailure::kNoResources;
  if (!verdict(warnings).empty()) return LoadFailure::kRefused;
  if (code == EPERM || code == EACCES) return LoadFailure::kNotAllowed;
  return LoadFailure::kOther;
}

Error load_error(int code, std::string_view warnings) {
  Error error{.failure = Failure::kRun,
              .operation = "load the BPF probes",
              .object = {},
              .code = code,
              .why = first_of(warnings),
              .remedy = "trace-run doctor says what this machine allows"};
  switch (load_failure(code, warnings)) {
    case LoadFailure::kRefused:
      error.why = fmt::format("this kernel's verifier refuses a program: {}; its last words: {}",
                              error.why, fmt::join(verdict(warnings), " | "));
      error.remedy = "please report this with the kernel's version: no privilege would help";
      break;
    case LoadFailure::kNotAllowed:
      error.failure = Failure::kNotAllowed;
      break;
    case LoadFailure::kNoResources:
      error.remedy = resource_remedy(code);
      break;
    case LoadFailure::kOther:
      break;
  }
  return error;
}

std::string refusal(std::string_view what, int code, std::string_view warnings) {
  const std::string errno_text = std::strerror(code);
  if (load_failure(code, warnings) != LoadFailure::kRefused)
    return fmt::format("this kernel does not load {}: {}", what, errno_text);
  return fmt::format("this kernel's verifier refuses {}: {} ({})", what, verdict(warnings).back(),
                     errno_text);
}

}  // namespace tr::capture
