#include "capture/launch/server_name.h"

#include <algorithm>
#include <filesystem>
#include <numeric>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "util/text.h"

namespace tr::capture {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "servers/";
constexpr std::string_view kPython = "python/";  // the one folder below that of the servers
constexpr const char* kDefaultSearchPath = "/bin:/usr/bin";  // execvp(3) without PATH
constexpr const char* kHowToList = "trace-run list shows the bundled servers";

enum class Kind { kMissing, kFolder, kNotExecutable, kExecutable };

Kind kind_of(const std::string& path) {
  struct stat entry {};
  if (::stat(path.c_str(), &entry) != 0) return Kind::kMissing;
  if (S_ISDIR(entry.st_mode)) return Kind::kFolder;
  // For root, access() grants execution where anybody may execute; the kernel does the same.
  return ::access(path.c_str(), X_OK) == 0 ? Kind::kExecutable : Kind::kNotExecutable;
}

bool is_executable(const std::string& path) {
  return kind_of(path) == Kind::kExecutable;
}

// Letters to insert, delete or replace to make one of the other.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({row[j] + 1, row[j + 1] + 1, replaced});
    }
  }
  return row.back();
}

// A slip of the keys, or a part of the name ("epoll").
bool is_similar(std::string_view typed, std::string_view name) {
  constexpr std::size_t kSlips = 2;
  constexpr std::size_t kTellingPart = 4;
  return edit_distance(typed, name) <= kSlips ||
         (typed.size() >= kTellingPart && name.find(typed) != std::string_view::npos);
}

Error unknown_server(std::string_view word, std::string_view name, const ServerFolders& folders) {
  std::vector<std::string> similar;
  for (const BundledServer& server : bundled_servers(folders))
    if (is_similar(name, server.name)) similar.push_back(server.name);
  std::string remedy =
      similar.empty() ? kHowToList : fmt::format("did you mean {}?", fmt::join(similar, " or "));
  if (word.find('/') != std::string_view::npos)
    return usage_error(fmt::format("there is no program {}", word), std::move(remedy));
  if (is_executable(fmt::format("./{}", word)))
    remedy = fmt::format("for the one in this folder, write ./{}", word);
  return usage_error(fmt::format("there is no program {} on PATH, and no bundled server", word),
                     std::move(remedy));
}

}  // namespace

ServerFolders server_folders(const std::string& executable_folder) {
  return {executable_folder + "/servers",
          (fs::path(executable_folder) / TRACE_RUN_LIBEXEC_FROM_BIN / "servers")
              .lexically_normal()
              .native()};
}

Result<ServerFolders> server_folders() {
  std::error_code error;
  const fs::path executable = fs::read_symlink("/proc/self/exe", error);
  if (error)
    return Error{.operation = "find the folder of",
                 .object = "trace-run",
                 .code = error.value(),
                 .why = "/proc/self/exe",
                 .remedy = "mount it: mount -t proc proc /proc"};
  return server_folders(executable.parent_path().native());
}

std::vector<BundledServer> bundled_servers(const ServerFolders& folders) {
  std::vector<BundledServer> servers;
  for (const std::string& folder : folders) {
    const auto table = read_file(folder + "/servers.tsv");
    if (!table) continue;
    for (const std::string_view line : split(*table, '\n')) {
      const auto columns = split(line, '\t');
      if (columns.size() != 3) continue;
      std::string path = fmt::format("{}/{}", folder, columns[0]);
      if (is_executable(path))
        servers.push_back({.name = std::string(columns[0]),
                           .protocol = std::string(columns[1]),
                           .description = std::string(columns[2]),
                           .path = std::move(path)});
    }
    if (!servers.empty()) break;
  }
  return servers;
}

std::optional<BundledServer> bundled_server(const std::string& path, const ServerFolders& folders) {
  for (BundledServer& server : bundled_servers(folders)) {
    std::error_code error;
    if (fs::equivalent(server.path, path, error)) return std::move(server);
  }
  return std::nullopt;
}

std::optional<std::string> find_program(std::string_view word, const char* search_path) {
  if (word.empty()) return std::nullopt;
  if (word.find('/') != std::string_view::npos)
    return is_executable(std::string(word)) ? std::optional(std::string(word)) : std::nullopt;
  for (const std::string_view folder :
       split(search_path == nullptr ? kDefaultSearchPath : search_path, ':')) {
    // An empty part means the working directory.
    std::string path = fmt::format("{}/{}", folder.empty() ? "." : folder, word);
    if (is_executable(path)) return path;
  }
  return std::nullopt;
}

Result<std::string> resolve_server(std::string_view word, const char* search_path,
                                   const ServerFolders& folders) {
  if (word.empty()) return usage_error("the server's name is empty", kHowToList);
  if (auto path = find_program(word, search_path)) return *std::move(path);

  const std::string_view name = word.starts_with(kPrefix) ? word.substr(kPrefix.size()) : word;
  const std::string_view file =
      name.starts_with(kPython) ? name.substr(kPython.size()) : name;  // below it: no way out
  if (!file.empty() && file.find('/') == std::string_view::npos)
    for (const std::string& folder : folders)
      if (std::string path = fmt::format("{}/{}", folder, name); is_executable(path)) return path;

  const bool is_path = word.find('/') != std::string_view::npos;
  const Kind kind = is_path ? kind_of(std::string(word)) : Kind::kMissing;
  if (kind == Kind::kFolder) return usage_error(fmt::format("{} is a folder", word), kHowToList);
  if (kind == Kind::kNotExecutable)
    return usage_error(fmt::format("{} is not executable", word),
                       fmt::format("chmod +x {}, or name its interpreter before it", word));
  return unknown_server(word, name, folders);
}

}  // namespace tr::capture
