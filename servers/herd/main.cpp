// herd: five servers that pass on to each other where clients are.
#include <csignal>
#include <exception>
#include <string>

#include <fmt/format.h>

#include "common/command_line.h"
#include "common/log.h"
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
  constexpr std::uint16_t kLastPort = 65535 - 4;

  CommandLine line(kAbout, "herd", kFooter);
  const auto port = line.add_number("-p,--port", settings.port, 0, kLastPort, "PORT",
                                    "TCP port of the first server, at 127.0.0.1; the others\n"
                                    "get those behind it; 0 takes five free ones");
  const auto config =
      line.add_text("--config", file, "FILE", "Other servers, addresses or neighbours (TOML)");
  line.exclude(config, port);
  line.need(
      line.add_text("--only", only, "NAME", "Start this one of the file's servers, or Places"),
      config);
  line.add_backlog(settings.backlog);
  line.add_seconds("--grace", settings.grace, kGraceHelp);
  line.add_seconds("--idle-limit", settings.limits.idle,
                   "How long a client may take to send its line, and again to\n"
                   "take its answer, before it is disconnected",
                   0.001);
  line.add_seconds("--places-limit", settings.limits.places,
                   "How long Places may take to answer before the client is\n"
                   "answered without it",
                   0.001);
  int exit_code = 0;
  if (!line.parse(argc, argv, exit_code)) return exit_code;

  try {
    std::signal(SIGPIPE, SIG_IGN);  // a closed stdout
    raise_file_limit();
    const bool from_file = line.given(config);
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
