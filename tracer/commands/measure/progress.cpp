#include "commands/measure/progress.h"

#include <algorithm>
#include <cstdio>
#include <unistd.h>

#include <fmt/format.h>

#include "util/clock.h"

namespace tr::commands {

Progress::Progress(bool enabled) : enabled_(enabled && ::isatty(STDERR_FILENO) == 1) {}

void Progress::show(const std::string& text) {
  if (!enabled_) return;
  fmt::print(stderr, "\r\033[K{}{}", lead_, text);
  std::fflush(stderr);
  shown_ = true;
}

void Progress::show_passing(const std::string& text, std::uint64_t from, std::uint64_t to) {
  if (!enabled_) return;
  const auto seconds = [](std::uint64_t ns) { return static_cast<double>(ns) / kNsPerSecond; };
  const std::uint64_t now = std::max(monotonic_ns(), from);
  if (to == UINT64_MAX)
    show(fmt::format("{}: {:.1f} s", text, seconds(now - from)));
  else
    show(fmt::format("{}: {:.1f} s of {:.1f} s", text, seconds(std::min(now, to) - from),
                     seconds(to - from)));
}

void Progress::clear() {
  if (!shown_) return;
  fmt::print(stderr, "\r\033[K");
  std::fflush(stderr);
  shown_ = false;
}

}  // namespace tr::commands
