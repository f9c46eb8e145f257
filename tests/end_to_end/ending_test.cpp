// However trace-run ends, it says what it has, and leaves nothing behind.
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <map>

#include <bpf/bpf.h>

#include "trace_run.h"
#include "util/text.h"

namespace tr::end_to_end {
namespace {

using testing::HasSubstr;

Command::Setup on_terminal() {
  Command::Setup setup;
  setup.terminal = true;  // the progress line tells how far it is
  return setup;
}

// Runs that do not end by themselves, in their window and before it.
const Words kOpenWindow{"--connections", "5", "--warmup", "0s", "--duration", "1h"};
const Words kLongWarmup{"--connections", "5", "--warmup", "1h", "--duration", "1s"};

Words with(Words words, const Words& more) {
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

// The BPF objects behind the descriptors of a process, by the kernel's name for their id.
std::map<std::string, std::vector<std::uint32_t>> bpf_objects(pid_t pid) {
  std::map<std::string, std::vector<std::uint32_t>> objects;
  const std::filesystem::path folder = "/proc/" + std::to_string(pid) + "/fdinfo";
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const auto info = read_file(entry.path());
    if (!info) continue;
    for (const std::string_view line : split(*info, '\n'))
      for (const char* kind : {"prog_id:", "map_id:", "link_id:"})
        if (line.starts_with(kind))
          if (const auto id = parse_u64(trim(line.substr(std::string_view(kind).size()))))
            objects[kind].push_back(static_cast<std::uint32_t>(*id));
  }
  return objects;
}

bool exists(const std::string& kind, std::uint32_t id) {
  const Fd object(kind == "prog_id:"  ? ::bpf_prog_get_fd_by_id(id)
                  : kind == "map_id:" ? ::bpf_map_get_fd_by_id(id)
                                      : ::bpf_link_get_fd_by_id(id));
  return object || errno != ENOENT;
}

TEST_F(EndToEnd, interrupted_in_the_window_it_reports_what_it_has) {
  Command command(
      trace_run(with(kOpenWindow, {"--json", path("report.json"), "servers/fork_echo"})),
      on_terminal());
  ASSERT_TRUE(command.wait_for_err("measuring: 0.3 s")) << command.err();
  command.interrupt();
  EXPECT_EQ(command.wait(), 0) << command.err();

  const Json report = read_json(path("report.json"));
  expect_sound(report);
  EXPECT_EQ(report["interrupted"], true);
  EXPECT_GT(report["throughput"]["messages"], 0U);
  EXPECT_GT(report["window_ns"], 300'000'000U);
  EXPECT_EQ(report["server_exit"]["code"], 0);
  EXPECT_THAT(command.out(), HasSubstr("messages/s"));
}

TEST_F(EndToEnd, interrupted_in_the_warm_up_it_ends) {
  Command command(trace_run(with(kLongWarmup, {"servers/epoll_echo"})), on_terminal());
  ASSERT_TRUE(command.wait_for_err("warming up")) << command.err();
  command.interrupt();
  EXPECT_EQ(command.wait(), 1);
  EXPECT_THAT(command.err(), HasSubstr("trace-run: interrupted before the measurement began"));
  EXPECT_EQ(command.out(), "");
}

TEST_F(EndToEnd, interrupted_in_the_warm_up_of_a_command_it_ends) {
  Command command(trace_run({"--load", "echo loading; sleep 3600", "--warmup", "1h",
                             "--server-output", path("output"), "servers/epoll_echo"}));
  ASSERT_TRUE(command.wait_for_err("loading")) << command.err();
  command.interrupt();
  EXPECT_EQ(command.wait(), 1);
  EXPECT_EQ(command.err(),
            "loading\ntrace-run: interrupted before the measurement began: there is nothing to "
            "report\n");
}

TEST_F(EndToEnd, interrupted_program_that_was_traced_alone) {
  Command command(
      trace_run({"--load", "none", "--json", path("report.json"), "--", "sleep", "3600"}),
      on_terminal());
  ASSERT_TRUE(command.wait_for_err("measuring: 0.1 s")) << command.err();
  command.interrupt();  // reaches the program as well, as Ctrl-C does
  EXPECT_EQ(command.wait(), 0) << command.err();
  const Json report = read_json(path("report.json"));
  EXPECT_EQ(report["interrupted"], true);
  EXPECT_EQ(report["server_exit"]["signal"], "SIGINT");
  EXPECT_EQ(report["server_exit"]["code"], nullptr);
}

class Killed : public EndToEnd {
 protected:
  // Kills the run while it measures.
  void kill_while_measuring(const Words& words, std::size_t least_processes) {
    Command command(trace_run(words), on_terminal());
    ASSERT_TRUE(command.wait_for_err("measuring: 0.1 s")) << command.err();
    EXPECT_GE(started().size(), least_processes);
    const auto objects = bpf_objects(command.pid());
    for (const char* kind : {"prog_id:", "map_id:", "link_id:"}) {
      const auto ids = objects.find(kind);
      ASSERT_TRUE(ids != objects.end()) << kind;
      for (const std::uint32_t id : ids->second)
        EXPECT_TRUE(exists(kind, id)) << kind << id;
    }

    command.signal(SIGKILL);
    EXPECT_EQ(command.wait(), -SIGKILL);
    EXPECT_TRUE(eventually([this] { return started().empty(); }));
    // The kernel lets go of them a while after the last descriptor.
    for (const auto& [kind, ids] : objects)
      for (const std::uint32_t id : ids)
        EXPECT_TRUE(eventually([&kind = kind, id] { return !exists(kind, id); })) << kind << id;
  }
};

TEST_F(Killed, no_server_no_load_no_guardian_no_probe_is_left) {
  // trace-run and two guardians, the load, the server and a child for each connection
  kill_while_measuring(with(kOpenWindow, {"servers/fork_echo"}), 3 + 1 + 1 + 5);
}

TEST_F(Killed, no_descendant_of_a_load_command_is_left) {
  // trace-run and two guardians, the server, the shell and its two children
  kill_while_measuring({"--load", "setsid sleep 3600 & sleep 3600; exit", "servers/epoll_echo"},
                       3 + 1 + 3);
}

}  // namespace
}  // namespace tr::end_to_end
