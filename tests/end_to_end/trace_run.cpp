#include "trace_run.h"

#include <cstdlib>
#include <fstream>
#include <grp.h>
#include <stdexcept>
#include <unistd.h>

#include "util/text.h"

namespace tr::end_to_end {
namespace {

constexpr const char* kMark = "TRACE_RUN_TEST";

}  // namespace

Words trace_run(Words arguments) {
  arguments.insert(arguments.begin(), TRACE_RUN);
  return arguments;
}

Words short_run(Words more) {
  Words words{"--duration", "300ms", "--warmup", "200ms", "--connections", "20"};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

Ended run(Words argv, const Command::Setup& setup) {
  Command command(std::move(argv), setup);
  Ended ended;
  ended.code = command.wait();
  ended.out = command.out();
  ended.err = command.err();
  return ended;
}

bool nothing_answered(const Ended& ended) {
  return ended.code == 1 && ended.err.find("answered nothing") != std::string::npos;
}

Json read_json(const std::string& file) {
  std::ifstream stream(file);
  Json json = Json::parse(stream, nullptr, false);
  EXPECT_TRUE(json.is_object()) << file << " holds no JSON object";
  return json;
}

void drop_privileges() {
  constexpr uid_t kNobody = 65534;
  if (::setgroups(0, nullptr) != 0 || ::setresgid(kNobody, kNobody, kNobody) != 0 ||
      ::setresuid(kNobody, kNobody, kNobody) != 0)
    ::_exit(126);
}

WithoutPrivilege::WithoutPrivilege() {
  std::string folder = std::filesystem::temp_directory_path() / "trace-run-test-XXXXXX";
  if (::mkdtemp(folder.data()) == nullptr) throw std::runtime_error("cannot create " + folder);
  folder_ = folder;
  // Open to the users that some tests become.
  std::filesystem::permissions(folder_, std::filesystem::perms(0777));
  // The folder's name is nobody else's.
  mark_ = std::string(kMark) + "=" + folder;
  ::setenv(kMark, folder.c_str(), 1);
  // Runs are stored there, and not in the home of whoever tests.
  ::setenv("XDG_DATA_HOME", path("data").c_str(), 1);
}

WithoutPrivilege::~WithoutPrivilege() {
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

void WithoutPrivilege::TearDown() {
  EXPECT_TRUE(eventually([this] { return started().empty(); }))
      << started().size() << " processes are left, the first is " << started().front();
}

std::vector<pid_t> WithoutPrivilege::started() const {
  std::vector<pid_t> pids;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const auto pid = parse_u64(entry.path().filename().string());
    if (!pid || *pid == static_cast<std::uint64_t>(::getpid())) continue;
    const auto environment = read_file(entry.path() / "environ");
    if (!environment) continue;
    for (const std::string_view variable : split(*environment, '\0'))
      if (variable == mark_) pids.push_back(static_cast<pid_t>(*pid));
  }
  return pids;
}

void EndToEnd::SetUp() {
  const Ended doctor = run(trace_run({"doctor", "--quick"}));
  if (doctor.code == 3) {
    const std::string_view verdict = trim(doctor.out);
    GTEST_SKIP() << verdict.substr(verdict.rfind('\n') + 1);
  }
  ASSERT_EQ(doctor.code, 0) << doctor.out << doctor.err;
}

Json EndToEnd::measure(const Words& arguments) {
  Words words{"--quiet", "--json", path("report.json")};
  words.insert(words.end(), arguments.begin(), arguments.end());
  const Ended ended = run(trace_run(words));
  EXPECT_EQ(ended.code, 0) << ended.err;
  return read_json(path("report.json"));
}

namespace {

std::uint64_t sum_of(const Json& numbers) {
  std::uint64_t sum = 0;
  for (const Json& number : numbers)
    sum += number.get<std::uint64_t>();
  return sum;
}

// To the nanosecond: every thread's states to its life, and whose the CPUs were to all their time.
void expect_budget_adds_up(const Json& report) {
  const Json& budget = report["budget"];
  if (budget.is_null()) return;
  EXPECT_EQ(budget["residual_ns"], 0U);
  std::uint64_t lives_ns = 0;
  for (const Json& thread : budget["threads"]) {
    EXPECT_EQ(thread["residual_ns"], 0U) << thread;
    EXPECT_EQ(sum_of(thread["states"]), thread["life_ns"].get<std::uint64_t>()) << thread;
    lives_ns += thread["life_ns"].get<std::uint64_t>();
  }
  EXPECT_EQ(lives_ns, budget["life_ns"].get<std::uint64_t>());
  std::uint64_t states_ns = 0;
  for (const Json& state : budget["states"])
    states_ns += state["ns"].get<std::uint64_t>();
  EXPECT_EQ(states_ns, lives_ns);
  Json cpus = budget["cpu_time"];
  const auto count = cpus["cpus"].get<std::uint64_t>();
  cpus.erase("cpus");
  EXPECT_EQ(sum_of(cpus), count * report["window_ns"].get<std::uint64_t>());
  EXPECT_EQ(cpus["server_ns"].get<std::uint64_t>(),
            report["cpu"]["user_ns"].get<std::uint64_t>() +
                report["cpu"]["system_ns"].get<std::uint64_t>());
}

}  // namespace

void expect_sound(const Json& report) {
  expect_budget_adds_up(report);
  std::uint64_t syscalls = 0;
  for (const Json& thread : report["threads"]) {
    EXPECT_EQ(thread["user_ns"].get<std::uint64_t>() + thread["system_ns"].get<std::uint64_t>() +
                  thread["runqueue_ns"].get<std::uint64_t>() +
                  thread["blocked_ns"].get<std::uint64_t>(),
              thread["life_ns"].get<std::uint64_t>())
        << thread;
    syscalls += thread["syscalls"].get<std::uint64_t>();
  }
  EXPECT_FALSE(report["lost"].empty());
  for (const auto& [reason, count] : report["lost"].items())
    EXPECT_EQ(count, 0U) << reason;
  EXPECT_EQ(report["folded_threads"], 0U);
  std::uint64_t by_name = 0;
  for (const Json& call : report["syscalls"])
    by_name += call["calls"].get<std::uint64_t>();
  EXPECT_EQ(syscalls, by_name);
}

std::uint64_t calls(const Json& report, const std::string& name) {
  const auto call = report["syscalls"].find(name);
  return call == report["syscalls"].end() ? 0 : (*call)["calls"].get<std::uint64_t>();
}

}  // namespace tr::end_to_end
