#include "capture/load_error.h"

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <optional>
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

// The last lines of the verifier's log, less its statistics; absent without a log.
std::optional<std::string> verdict(std::string_view warnings) {
  const std::size_t begins = warnings.find(kLogBegins);
  if (begins == std::string_view::npos) return std::nullopt;
  std::string_view log = warnings.substr(begins + kLogBegins.size());
  log = log.substr(0, log.find(kLogEnds));
  std::vector<std::string_view> lines;
  for (const std::string_view line : split(log, '\n'))
    if (!trim(line).empty() && !trim(line).starts_with("processed ")) lines.push_back(trim(line));
  if (lines.size() > kLastLines)
    lines.erase(lines.begin(), lines.end() - static_cast<std::ptrdiff_t>(kLastLines));
  return fmt::format("{}", fmt::join(lines, " | "));
}

}  // namespace

void listen_to_libbpf() {
  kept_warnings().clear();
  libbpf_set_print(keep_warning);
}

const std::string& libbpf_warnings() {
  return kept_warnings();
}

Error load_error(int code, std::string_view warnings) {
  Error error{.failure = Failure::kRun,
              .operation = "load the BPF probes",
              .object = {},
              .code = code,
              .why = first_of(warnings),
              .remedy = "trace-run doctor says what this machine allows"};
  if (const auto said = verdict(warnings)) {
    error.why = fmt::format("this kernel's verifier refuses a program: {}; its last words: {}",
                            error.why, *said);
    error.remedy = "please report this with the kernel's version: no privilege would help";
  } else if (code == EPERM || code == EACCES) {
    error.failure = Failure::kNotAllowed;
  }
  return error;
}

}  // namespace tr::capture
