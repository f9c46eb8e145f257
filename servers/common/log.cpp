#include "common/log.h"

#include <cerrno>
#include <system_error>
#include <unistd.h>

#include <fmt/format.h>

namespace servers {
namespace {

std::string& program_name() {
  static std::string name;
  return name;
}

}  // namespace

void set_program_name(std::string_view name) {
  program_name() = name;
}

void log_line(std::string_view text) {
  const std::string line = fmt::format("{}: {}\n", program_name(), text);
  // Nowhere is left to complain when stderr itself fails.
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
}

void RareLine::say(std::string_view text) {
  constexpr std::chrono::seconds kQuiet{10};
  const auto now = std::chrono::steady_clock::now();
  if (now < quiet_until_) return;
  quiet_until_ = now + kQuiet;
  log_line(text);
}

std::string failure_text(std::string_view operation, int error, std::string_view remedy) {
  return fmt::format("cannot {}: {}{}{}", operation, std::generic_category().message(error),
                     remedy.empty() ? "" : "; ", remedy);
}

Failure Failure::from_errno(std::string_view operation, std::string_view remedy) {
  return Failure(failure_text(operation, errno, remedy));
}

}  // namespace servers
