#include "server_process.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <poll.h>
#include <stdexcept>
#include <string>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace servers::test {
namespace {

constexpr int kPatienceMs = 60'000;

struct Pipe {
  Fd read;
  Fd write;
};

Pipe make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("pipe2 failed");
  return {Fd(ends[0]), Fd(ends[1])};
}

void wait_readable(int fd, const char* what) {
  pollfd polled{fd, POLLIN, 0};
  if (::poll(&polled, 1, kPatienceMs) != 1)
    throw std::runtime_error(std::string("gave up waiting for ") + what);
}

// Appends what can be read now; false at the end.
bool read_more(int fd, std::string& text, const char* what) {
  wait_readable(fd, what);
  char chunk[4096];
  const ssize_t got = ::read(fd, chunk, sizeof chunk);
  if (got <= 0) return false;
  text.append(chunk, static_cast<std::size_t>(got));
  return true;
}

constexpr std::string_view kPython = "python/";

bool is_script(const Fd& program) {
  char start[2] = {};
  return ::pread(program.get(), start, sizeof start, 0) == 2 && start[0] == '#' && start[1] == '!';
}

// Takes the first line from `text`, which is filled from fd as needed; "" if there is none.
std::string take_line(int fd, std::string& text, const char* what) {
  std::size_t end;
  while ((end = text.find('\n')) == std::string::npos)
    if (!read_more(fd, text, what)) return {};
  std::string line = text.substr(0, end);
  text.erase(0, end + 1);
  return line;
}

std::string read_to_end(int fd, std::string text) {
  while (read_more(fd, text, "the end of the server's output")) {
  }
  return text;
}

}  // namespace

std::string server_path(std::string_view model, std::string_view protocol) {
  if (model.starts_with(kPython)) return std::string(BUNDLED_SERVERS) + "/" + std::string(model);
  return std::string(protocol == "pieces" ? TEST_SERVERS : BUNDLED_SERVERS) + "/" +
         std::string(model) + "_" + std::string(protocol);
}

std::string ModelTest::name(const testing::TestParamInfo<const char*>& info) {
  std::string_view model = info.param;
  if (model.starts_with(kPython)) model.remove_prefix(kPython.size());
  std::string name(model);
  std::replace_if(
      name.begin(), name.end(), [](unsigned char c) { return std::isalnum(c) == 0; }, '_');
  return name;
}

void ModelTest::SetUp() {
  const std::string model = GetParam();
  for (const std::string module : {"uvloop", "gevent"}) {
    if (model.find("/" + module) == std::string::npos) continue;
    const std::string look_up = "import importlib.util as u, sys; sys.exit(not u.find_spec('" +
                                module + "'))";  // imports nothing: it is quick
    if (std::system(("/usr/bin/python3 -c \"" + look_up + "\"").c_str()) != 0)
      GTEST_SKIP() << "needs the Debian package python3-" << module;
  }
}

std::string ModelTest::model() {
  const std::string_view model = GetParam();
  return std::string(model.substr(0, model.find(' ')));
}

std::string ModelTest::server(std::string_view protocol) {
  return server_path(model(), protocol);
}

std::vector<std::string> ModelTest::serving(std::size_t clients, std::vector<std::string> more) {
  const std::string_view words = GetParam();
  if (const std::size_t space = words.find(' '); space != std::string_view::npos)
    more.emplace_back(words.substr(space + 1));
  if (model() == "threadpool" || model() == "prefork")
    more.insert(more.end(), {"--workers", std::to_string(clients)});
  if (model() == "epoll_workers") more.insert(more.end(), {"--workers", "2"});
  if (model() == "threadpool") more.insert(more.end(), {"--queue", "1"});
  return more;
}

std::size_t ModelTest::idle_clients() {
  if (serves_one()) return 0;
  if (model() == "prefork") return 100;
  return model() == "fork" ? 500 : kIdleClients;
}

bool ModelTest::serves_one() {
  return model() == "single";
}

ServerProcess::ServerProcess(const std::string& path, const std::vector<std::string>& arguments,
                             const std::function<void()>& before_exec) {
  std::vector<char*> argv{const_cast<char*>(path.c_str())};
  for (const std::string& argument : arguments)
    argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);

  // Opened first: a user that the child may become need not be allowed to reach the build folder.
  const Fd program(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!program) throw std::runtime_error("cannot open " + path);
  const bool script = is_script(program);
  Pipe out = make_pipe();
  Pipe err = make_pipe();
  pid_ = ::fork();
  if (pid_ < 0) throw std::runtime_error("fork failed");
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::dup2(out.write.get(), STDOUT_FILENO);
    ::dup2(err.write.get(), STDERR_FILENO);
    if (before_exec) before_exec();
    if (script) ::execv(path.c_str(), argv.data());  // its interpreter opens it by its path
    ::syscall(SYS_execveat, program.get(), "", argv.data(), environ, AT_EMPTY_PATH);
    ::_exit(127);
  }
  stdout_ = std::move(out.read);
  stderr_ = std::move(err.read);
}

ServerProcess::~ServerProcess() {
  if (pid_ >= 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  // What a sanitizer had to say about the server is no test's subject, and every test's failure.
  try {
    const std::string said = rest_of_stderr();
    if (said.find("Sanitizer") != std::string::npos ||
        said.find("runtime error") != std::string::npos)
      ADD_FAILURE() << said;
  } catch (const std::exception& error) {
    ADD_FAILURE() << error.what();
  }
}

const std::string& ServerProcess::ready_line() {
  if (!ready_asked_) {
    ready_asked_ = true;
    std::string text;
    ready_line_ = take_line(stdout_.get(), text, "the ready line");
    if (!text.empty()) throw std::runtime_error("more than the ready line on stdout: " + text);
  }
  return ready_line_;
}

std::uint16_t ServerProcess::port() {
  const std::string& line = ready_line();
  if (line.empty()) throw std::runtime_error("not ready: " + rest_of_stderr());
  return static_cast<std::uint16_t>(std::stoi(line.substr(line.rfind(':') + 1)));
}

void ServerProcess::signal(int number) const {
  ::kill(pid_, number);
}

int ServerProcess::wait() {
  const Fd process(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  wait_readable(process.get(), "the server's end");
  int status = 0;
  if (::waitpid(pid_, &status, 0) != pid_) throw std::runtime_error("waitpid failed");
  pid_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

std::string ServerProcess::next_error_line() {
  return take_line(stderr_.get(), stderr_text_, "a line on stderr");
}

std::string ServerProcess::rest_of_stdout() {
  return read_to_end(stdout_.get(), {});
}
std::string ServerProcess::rest_of_stderr() {
  return read_to_end(stderr_.get(), std::exchange(stderr_text_, {}));
}

std::vector<pid_t> ServerProcess::children() const {
  std::vector<pid_t> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    std::string stat;
    if (!std::getline(std::ifstream(entry.path() / "stat"), stat)) continue;
    // "PID (NAME) STATE PPID ...", where the name may contain anything.
    const std::size_t name_end = stat.rfind(')');
    if (name_end != std::string::npos && std::stoi(stat.substr(name_end + 4)) == pid_)
      found.push_back(std::stoi(stat));
  }
  return found;
}

std::size_t ServerProcess::open_files() const {
  std::size_t count = 0;
  std::vector<pid_t> processes = children();
  processes.push_back(pid_);
  for (const pid_t process : processes) {
    std::error_code gone;  // a child that has just ended
    std::filesystem::directory_iterator files("/proc/" + std::to_string(process) + "/fd", gone);
    for (; !gone && files != std::filesystem::directory_iterator(); files.increment(gone))
      ++count;
  }
  return count;
}

std::size_t ServerProcess::connections() {
  std::size_t count = 0;
  std::ifstream table("/proc/net/tcp");
  std::string line;
  std::getline(table, line);
  while (std::getline(table, line)) {
    // Number, local and remote address, state, queues, timer, retransmits, user, timeout, inode. An
    // inode of 0 belongs to nobody: not accepted yet, or closed and sending its last bytes.
    unsigned local_port = 0;
    unsigned state = 0;
    unsigned long inode = 0;
    constexpr unsigned kListen = 10;
    if (std::sscanf(line.c_str(), " %*d: %*8x:%x %*8x:%*x %x %*s %*s %*s %*d %*d %lu", &local_port,
                    &state, &inode) == 3 &&
        local_port == port() && state != kListen && inode != 0)
      ++count;
  }
  return count;
}

std::uint64_t ServerProcess::cpu_ns() const {
  std::uint64_t on_cpu = 0;
  std::ifstream("/proc/" + std::to_string(pid_) + "/schedstat") >> on_cpu;
  return on_cpu;
}

bool eventually(const std::function<bool()>& condition) {
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::milliseconds(kPatienceMs);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > give_up) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

}  // namespace servers::test
