// http_server: HTTP with the concurrency of one's choice. Each is an executable of its own, found
// beside this one; this one becomes it.
#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <string>
#include <unistd.h>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "common/command_line.h"
#include "common/log.h"

namespace {

using namespace servers;

constexpr const char* kName = "http_server";

// What it is called here, and the model that does it.
const std::vector<std::pair<std::string, std::string>> kConcurrency = {
    {"thread", "thread"},        {"thread-pool", "threadpool"}, {"process", "fork"},
    {"process-pool", "prefork"}, {"async", "coroutine"},
};

// Returns only if that fails.
void become(const std::string& model, std::vector<std::string> arguments) {
  const auto folder = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  const std::string path = folder / fmt::format("{}_http", model);
  arguments.insert(arguments.begin(), path);
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (std::string& argument : arguments)
    argv.push_back(argument.data());
  argv.push_back(nullptr);
  ::execv(path.c_str(), argv.data());
  throw Failure::from_errno("start " + path, "it belongs beside http_server: build or install it");
}

}  // namespace

int main(int argc, char** argv) {
  set_program_name(kName);
  int port = 8085;
  int delay_ms = 0;
  bool verbose = false;
  std::string folder;
  std::string concurrency = kConcurrency.front().first;

  CommandLine line(
      "Serves the files of a folder over HTTP, with the concurrency of your choice.", kName,
      "Becomes thread_http, threadpool_http, fork_http, prefork_http or coroutine_http, "
      "which have\n"
      "more options. SIGINT (Ctrl-C) and SIGTERM end it once its clients are "
      "finished.\n");
  line.add_number("-p,--port", port, 0, 65535, "PORT",
                  "TCP port; 0 takes a free one and prints it");
  line.add_flag("-v,--verbose", verbose, "Log each request in one line on stderr");
  line.add_number("-d,--delay", delay_ms, 0, 3'600'000, "MS", "Hold each answer back so long");
  line.add_text("-f,--folder", folder, "FOLDER",
                "Folder whose files are served, and nothing outside it;\n"
                "default: a page of its own");
  std::vector<std::string> names;
  names.reserve(std::size(kConcurrency));
  for (const auto& [name, model] : kConcurrency)
    names.push_back(name);
  line.add_word("-c,--concurrency", concurrency, names, "KIND",
                "thread: one per client; thread-pool: a fixed number of threads;\n"
                "process: one per client; process-pool: a fixed number of\n"
                "processes; async: one thread, a coroutine per client");

  int exit_code = 0;
  if (!line.parse(argc, argv, exit_code)) return exit_code;
  try {
    std::vector<std::string> arguments = {"--port", std::to_string(port), "--delay",
                                          std::to_string(delay_ms)};
    if (!folder.empty()) arguments.insert(arguments.end(), {"--folder", folder});
    if (verbose) arguments.emplace_back("--verbose");
    const auto chosen =
        std::ranges::find(kConcurrency, concurrency, &std::pair<std::string, std::string>::first);
    become(chosen->second, std::move(arguments));
  } catch (const std::exception& error) {
    log_line(error.what());
  }
  return 1;
}
