#include "common/options.h"

#include <string_view>

#include <fmt/format.h>

#include "common/command_line.h"

namespace servers {
namespace {

constexpr std::string_view kFooter =
    R"(When it is ready it prints one line, with the port it really has, and nothing else:
  {0} listening on 127.0.0.1:43211
Warnings and errors go to stderr.

SIGINT (Ctrl-C) and SIGTERM end it: it accepts no more clients, serves those it has until they leave
or --grace is over, and exits with 0. A second signal ends it at once.
The soft limit of open files is raised to the hard one (ulimit -Hn): a client takes one.

Exit codes: 0 ended by a signal; 1 it could not start or go on; 2 wrong usage.

Examples:
  {0} --port 7000                       for this machine only
  {0} --port 7000 --bind 0.0.0.0        for the network (IPv6 and IPv4: --bind ::)
)";

}  // namespace

std::optional<Options> parse_options(int argc, char** argv, const std::string& name, Model& model,
                                     Protocol& protocol, int& exit_code) {
  Options options;
  options.port = protocol.default_port();

  CommandLine line(fmt::format("{}\n{}", protocol.about(), model.about()), name,
                   fmt::format(kFooter, name));
  line.add_number("-p,--port", options.port, 0, 65535, "PORT",
                  "TCP port; 0 takes a free one and prints it");
  line.add_text("--bind", options.bind, "ADDRESS", "Address to listen on, IPv4 or IPv6 (::1)");
  line.add_backlog(options.backlog);
  line.add_seconds("--grace", options.grace, kGraceHelp);
  protocol.add_options(line);
  model.add_options(line);
  if (!line.parse(argc, argv, exit_code)) return std::nullopt;
  return options;
}

}  // namespace servers
