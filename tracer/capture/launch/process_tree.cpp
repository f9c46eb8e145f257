#include "capture/launch/process_tree.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <system_error>

#include <fmt/format.h>

#include "util/text.h"

namespace tr::capture {
namespace {

namespace fs = std::filesystem;

// A tree that still grows after so many passes is not being adopted at all.
constexpr int kMaxPasses = 1000;

// The entries of a folder that are numbers: processes, or threads. One that vanishes meanwhile
// simply has none.
std::vector<pid_t> numbers_in(const fs::path& folder) {
  std::vector<pid_t> numbers;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error))
    if (const auto number = parse_u64(entry->path().filename().native()))
      numbers.push_back(static_cast<pid_t>(*number));
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

// The fourth field of /proc/PID/stat; the second is the name in parentheses, which may itself hold
// spaces and parentheses (proc(5)). Nullopt for a process that is gone.
std::optional<pid_t> parent_of(const std::string& proc, pid_t pid) {
  const auto stat = read_file(fmt::format("{}/{}/stat", proc, pid));
  if (!stat) return std::nullopt;
  const std::size_t name_end = stat->rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  const auto fields = split(std::string_view(*stat).substr(name_end + 1), ' ');
  if (fields.size() < 3) return std::nullopt;  // "", state, parent
  const auto parent = parse_u64(fields[2]);
  return parent ? std::optional(static_cast<pid_t>(*parent)) : std::nullopt;
}

using Children = std::map<pid_t, std::vector<pid_t>>;

Result<Children> all_children(const std::string& proc) {
  const std::vector<pid_t> processes = numbers_in(proc);
  if (processes.empty())
    return Error{.operation = "read the processes in",
                 .object = proc,
                 .why = "there are none",
                 .remedy = "mount it: mount -t proc proc /proc"};
  Children children;
  for (const pid_t pid : processes)
    if (const auto parent = parent_of(proc, pid)) children[*parent].push_back(pid);
  return children;
}

// A process that --pid may name.
Status check_is_process(const std::string& proc, pid_t pid) {
  const auto status = read_file(fmt::format("{}/{}/status", proc, pid));
  if (!status) return usage_error(fmt::format("no process has the pid {}", pid));
  for (const std::string_view line : split(*status, '\n')) {
    constexpr std::string_view kTgid = "Tgid:";
    if (!line.starts_with(kTgid)) continue;
    const auto tgid = parse_u64(trim(line.substr(kTgid.size())));
    if (tgid && static_cast<pid_t>(*tgid) != pid)
      return usage_error(fmt::format("{} is a thread of process {}", pid, *tgid),
                         fmt::format("name the process: --pid {}", *tgid));
  }
  return {};
}

}  // namespace

Result<std::vector<pid_t>> child_processes(const std::string& proc, pid_t pid) {
  auto children = all_children(proc);
  if (!children) return std::move(children).error();
  return std::move((*children)[pid]);
}

Result<std::vector<pid_t>> process_tree(const std::string& proc, pid_t pid) {
  if (const Status status = check_is_process(proc, pid); !status) return status.error();
  const auto children = all_children(proc);
  if (!children) return children.error();
  std::vector<pid_t> tree{pid};
  for (std::size_t i = 0; i < tree.size(); ++i)
    if (const auto found = children->find(tree[i]); found != children->end())
      tree.insert(tree.end(), found->second.begin(), found->second.end());
  std::sort(tree.begin(), tree.end());
  return tree;
}

Result<std::vector<Task>> tasks_of_tree(const std::string& proc, pid_t pid) {
  const auto processes = process_tree(proc, pid);
  if (!processes) return processes.error();
  std::vector<Task> tasks;
  for (const pid_t tgid : *processes)
    for (const pid_t tid : numbers_in(fmt::format("{}/{}/task", proc, tgid)))
      tasks.push_back({.tgid = tgid, .tid = tid});
  return tasks;
}

Result<std::size_t> for_each_new_task(const std::string& proc, pid_t pid,
                                      const std::function<Result<bool>(Task)>& adopt) {
  std::size_t adopted = 0;
  int quiet_passes = 0;
  for (int pass = 0; pass < kMaxPasses; ++pass) {
    const auto tasks = tasks_of_tree(proc, pid);
    if (!tasks) return tasks.error();
    const std::size_t before = adopted;
    for (const Task& task : *tasks) {
      const auto is_new = adopt(task);
      if (!is_new) return is_new.error();
      if (*is_new) ++adopted;
    }
    quiet_passes = adopted == before ? quiet_passes + 1 : 0;
    if (quiet_passes == 2) return adopted;
  }
  return Error{.operation = "find all threads of process",
               .object = fmt::format("{}", pid),
               .why = fmt::format("new ones still appeared after {} passes", kMaxPasses),
               .remedy = "attach while it starts fewer"};
}

}  // namespace tr::capture
