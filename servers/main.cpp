// A server: the one model and the one protocol that it is linked with.
#include <cerrno>
#include <csignal>
#include <exception>
#include <sys/resource.h>
#include <unistd.h>

#include <fmt/format.h>

#include "common/listener.h"
#include "common/log.h"
#include "common/options.h"
#include "common/stop.h"
#include "models/model.h"
#include "protocols/protocol.h"

namespace {

using namespace servers;

// A soft limit of 1024 is for programs that use fd_set; none of ours does.
void raise_file_limit() {
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur == files.rlim_max) return;
  files.rlim_cur = files.rlim_max;
  if (::setrlimit(RLIMIT_NOFILE, &files) != 0)
    log_line(failure_text("raise the limit of open files", errno, {}));
}

// The one line on stdout; whoever started the server waits for it.
void announce(const std::string& name, const Listener& listener) {
  const std::string line = fmt::format("{} listening on {}\n", name, listener.address());
  if (::write(STDOUT_FILENO, line.data(), line.size()) != static_cast<ssize_t>(line.size()))
    log_line(failure_text("print \"listening on ...\" on stdout", errno, "serving all the same"));
}

}  // namespace

int main(int argc, char** argv) {
  const auto model = make_model();
  const auto protocol = make_protocol();
  const std::string name = fmt::format("{}_{}", model->name(), protocol->name());
  set_program_name(name);
  int exit_code = 0;
  const auto options = parse_options(argc, argv, name, *model, *protocol, exit_code);
  if (!options) return exit_code;
  try {
    std::signal(SIGPIPE, SIG_IGN);  // a closed stdout
    raise_file_limit();
    protocol->prepare();
    Stop stop(options->grace);
    Listener listener(options->bind, options->port, options->backlog);
    announce(name, listener);
    model->serve(listener, *protocol, stop);
    return 0;
  } catch (const std::exception& error) {
    log_line(error.what());
    return 1;
  }
}
