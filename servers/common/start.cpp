#include "common/start.h"

#include <cerrno>
#include <string>
#include <sys/resource.h>
#include <unistd.h>

#include <fmt/format.h>

#include "common/log.h"

namespace servers {

void raise_file_limit() {
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur == files.rlim_max) return;
  files.rlim_cur = files.rlim_max;
  if (::setrlimit(RLIMIT_NOFILE, &files) != 0)
    log_line(failure_text("raise the limit of open files", errno, {}));
}

void announce(std::string_view name, std::string_view address) {
  const std::string line = fmt::format("{} listening on {}\n", name, address);
  if (::write(STDOUT_FILENO, line.data(), line.size()) != static_cast<ssize_t>(line.size()))
    log_line(failure_text("print \"listening on ...\" on stdout", errno, "serving all the same"));
}

}  // namespace servers
