// Which program does the user mean by "servers/thread_echo", "redis-server" or "./mine"?
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "util/result.h"

namespace tr::capture {

// A server that comes with trace-run.
struct BundledServer {
  std::string name;         // "thread_echo", "python/thread"
  std::string protocol;     // what its clients speak: "echo", "http"
  std::string description;  // one line
  std::string path;
};

// Where bundled servers may be: the folder in the build tree, the folder when installed.
using ServerFolders = std::vector<std::string>;

// Those folders relative to this executable (/proc/self/exe).
Result<ServerFolders> server_folders();
// The same for an executable in `executable_folder`.
ServerFolders server_folders(const std::string& executable_folder);

// The bundled servers that are there, in the order of servers.tsv, which lies beside them
// (NAME<TAB>PROTOCOL<TAB>description, one a line). Nothing is executed. Empty where there are none.
std::vector<BundledServer> bundled_servers(const ServerFolders& folders);

// The path that a shell would execute for this word: itself if it has a slash, else the first
// executable file of that name on `search_path` (the PATH variable; null: the system's default).
// Nullopt where there is no such executable file.
std::optional<std::string> find_program(std::string_view word, const char* search_path);

// The bundled server that this path leads to, by whatever name; nullopt if it is none.
std::optional<BundledServer> bundled_server(const std::string& path, const ServerFolders& folders);

// The path of the program the user named: what a shell would execute, else the bundled server of
// that name, with or without "servers/" before it. Errors are usage errors; they name bundled
// servers that are spelt much like it.
Result<std::string> resolve_server(std::string_view word, const char* search_path,
                                   const ServerFolders& folders);

}  // namespace tr::capture
