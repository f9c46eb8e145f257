// herd: five servers that pass on to each other where clients are.
#include <csignal>
#include <exception>
#include <string>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "common/log.h"
#include "common/number_between.h"
#include "common/options.h"
#include "common/start.h"
#include "herd/launcher.h"

namespace {

using namespace servers;

constexpr const char* kAbout =
    "A herd of servers (Hill, Jaquez, Smith, Campbell, Singleton), each a process with a C++20\n"
    "coroutine per client, that tell each other where clients are; and Places, a stand-in for a\n"
    "service that knows what is near them.";

constexpr const char* kFooter =
    R"(A client sends one line, gets one answer, and is disconnected:
  IAMAT kiwi.example +34.068930-118.445127 1614209128.918963997
      where it is (ISO 6709, degrees) and when; answered with
      AT Hill +0.263873386 kiwi.example +34.068930-118.445127 1614209128.918963997
  WHATSAT kiwi.example 10 5
      what is within 10 km (50 at most), 5 places of it (20 at most): the client's
      newest AT line, then the places as a line of JSON, then an empty line
Anything else, a client that nobody knows, and places that cannot be found out are answered
with "? " and the line. Lines end with LF or CR LF and have 4096 bytes at most.

All servers answer the same: each change is passed on from neighbour to neighbour, and the newest
time of a client wins. A server that dies is not missed by the others; one that comes back is told
everything.

When it is ready it prints one line, with the first server's address, and nothing else:
  herd listening on 127.0.0.1:43211
The others listen at the four ports behind it, unless --config says where.

SIGINT (Ctrl-C) and SIGTERM end all of them, once their clients are finished or --grace is over.
A second signal ends them at once.

Exit codes: 0 ended by a signal; 1 it could not start, or one of them failed; 2 wrong usage.

Examples:
  herd --port 7000                          Hill at 7000, Singleton at 7004
  herd --config herd.toml                   all that the file names
  herd --config herd.toml --only Hill       one of them
)";

}  // namespace

int main(int argc, char** argv) {
  set_program_name("herd");
  herd::Settings settings;
  std::string file;
  std::string only;
  constexpr int kLastPort = 65535 - 4;

  CLI::App app(kAbout, "herd");
  app.footer(kFooter);
  CLI::Option* const port =
      app.add_option("-p,--port", settings.port,
                     "TCP port of the first server, at 127.0.0.1; the others\n"
                     "get those behind it; 0 takes five free ones")
          ->check(number_between(0, kLastPort))
          ->type_name("PORT")
          ->capture_default_str();
  CLI::Option* const config =
      app.add_option("--config", file, "Other servers, addresses or neighbours (TOML)")
          ->type_name("FILE")
          ->excludes(port);
  app.add_option("--only", only, "Start this one of the file's servers, or Places")
      ->type_name("NAME")
      ->needs(config);
  add_backlog_option(app, settings.backlog);
  add_seconds_option(app, "--grace", settings.grace, kGraceHelp);
  add_seconds_option(app, "--idle-limit", settings.limits.idle,
                     "How long a client may take to send its line, and again to\n"
                     "take its answer, before it is disconnected",
                     0.001);
  add_seconds_option(app, "--places-limit", settings.limits.places,
                     "How long Places may take to answer before the client is\n"
                     "answered without it",
                     0.001);
  int exit_code = 0;
  if (!parse_arguments(app, argc, argv, exit_code)) return exit_code;

  try {
    std::signal(SIGPIPE, SIG_IGN);  // a closed stdout
    raise_file_limit();
    const bool from_file = config->count() > 0;
    herd::Config herd = from_file ? herd::read_config(file) : herd::built_in();
    if (only.empty()) return herd::run_all(std::move(herd), from_file, settings);
    if (herd.server(only) == nullptr && only != herd::kPlaces) {
      log_line(fmt::format("there is no server {:?}: --only takes {} or {}", only, herd.names(),
                           herd::kPlaces));
      return 2;
    }
    return herd::run_one(herd, only, settings);
  } catch (const std::exception& error) {
    log_line(error.what());
    return 1;
  }
}
