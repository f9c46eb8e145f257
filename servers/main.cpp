// A server: the one model and the one protocol that it is linked with.
#include <csignal>
#include <exception>

#include <fmt/format.h>

#include "common/listener.h"
#include "common/log.h"
#include "common/options.h"
#include "common/start.h"
#include "common/stop.h"
#include "models/model.h"
#include "protocols/protocol.h"

using namespace servers;

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
    announce(name, listener.address());
    model->serve(listener, *protocol, stop);
    return 0;
  } catch (const std::exception& error) {
    log_line(error.what());
    return 1;
  }
}
