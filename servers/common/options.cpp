#include "common/options.h"

#include <climits>
#include <iostream>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "common/log.h"
#include "common/number_between.h"

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

  CLI::App app(fmt::format("{}\n{}", protocol.about(), model.about()), name);
  app.footer(fmt::format(kFooter, name));
  app.add_option("-p,--port", options.port, "TCP port; 0 takes a free one and prints it")
      ->check(number_between(0, 65535))
      ->type_name("PORT")
      ->capture_default_str();
  app.add_option("--bind", options.bind, "Address to listen on, IPv4 or IPv6 (::1)")
      ->type_name("ADDRESS")
      ->capture_default_str();
  add_backlog_option(app, options.backlog);
  add_seconds_option(app, "--grace", options.grace, kGraceHelp);
  protocol.add_options(app);
  model.add_options(app);
  if (!parse_arguments(app, argc, argv, exit_code)) return std::nullopt;
  return options;
}

void add_backlog_option(CLI::App& app, int& backlog) {
  backlog = max_backlog();
  app.add_option("--backlog", backlog,
                 "Connections that may wait to be accepted; the kernel\n"
                 "allows no more than net.core.somaxconn, the default")
      ->check(number_between(1, INT_MAX))
      ->type_name("N")
      ->capture_default_str();
}

void add_seconds_option(CLI::App& app, const std::string& name, std::chrono::milliseconds& value,
                        const std::string& help, double least) {
  const auto set = [&value](const double& seconds) {
    value = std::chrono::ceil<std::chrono::milliseconds>(std::chrono::duration<double>(seconds));
  };
  app.add_option_function<double>(name, set, help)
      ->check(number_between(least, 86400.0))
      ->type_name("SECONDS")
      ->default_str(fmt::format("{:g}", std::chrono::duration<double>(value).count()));
}

bool parse_arguments(CLI::App& app, int argc, char** argv, int& exit_code) {
  try {
    app.parse(argc, argv);
    return true;
  } catch (const CLI::CallForHelp&) {
    std::cout << app.help() << std::flush;
    exit_code = 0;
  } catch (const CLI::ParseError& error) {
    log_line(fmt::format("{}; see {} --help", error.what(), app.get_name()));
    exit_code = 2;
  }
  return false;
}

}  // namespace servers
