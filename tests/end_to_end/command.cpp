#include "command.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <stdexcept>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <thread>

#include <gtest/gtest.h>

#include "util/text.h"

namespace tr::end_to_end {
namespace {

using namespace std::chrono_literals;

struct Ends {
  Fd ours;
  Fd theirs;
};

Ends make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
  return {Fd(ends[0]), Fd(ends[1])};
}

Ends make_terminal() {
  int ours = -1;
  int theirs = -1;
  if (::openpty(&ours, &theirs, nullptr, nullptr, nullptr) != 0)
    throw std::runtime_error("no pseudo terminal");
  for (const int fd : {ours, theirs})
    ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  return {Fd(ours), Fd(theirs)};
}

}  // namespace

std::string find_program(const std::string& name) {
  const char* const path = std::getenv("PATH");
  for (const std::string_view folder : split(path == nullptr ? "" : path, ':')) {
    std::string file = std::string(folder) + "/" + name;
    if (::access(file.c_str(), X_OK) == 0) return file;
  }
  return {};
}

bool eventually(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(5ms);
  }
  return true;
}

Command::Command(std::vector<std::string> argv, const Setup& setup) {
  Ends out = make_pipe();
  Ends err = setup.terminal ? make_terminal() : make_pipe();
  const Fd nothing(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  // Opened before privileges are dropped: the way to it need not be open to everybody.
  const Fd program(::open(argv.at(0).c_str(), O_PATH | O_CLOEXEC));
  if (!program || !nothing) throw std::runtime_error("cannot open " + argv[0]);
  std::vector<char*> words;
  for (std::string& word : argv)
    words.push_back(word.data());
  words.push_back(nullptr);

  pid_ = ::fork();
  if (pid_ < 0) throw std::runtime_error("cannot fork");
  if (pid_ == 0) {
    ::setsid();
    ::dup2(nothing.get(), STDIN_FILENO);
    ::dup2(out.theirs.get(), STDOUT_FILENO);
    ::dup2(err.theirs.get(), STDERR_FILENO);
    if (setup.before_exec) setup.before_exec();
    ::syscall(SYS_execveat, program.get(), "", words.data(), environ, AT_EMPTY_PATH);
    ::_exit(127);
  }
  process_ = Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  if (!process_) throw std::runtime_error("cannot watch a child");
  out_.fd = std::move(out.ours);
  err_.fd = std::move(err.ours);
}

Command::~Command() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

void Command::signal(int number) const {
  ::kill(pid_, number);
}

void Command::interrupt() const {
  ::kill(-pid_, SIGINT);
}

bool Command::wait_for(const Stream& stream, std::string_view text) {
  const auto has = [&] { return stream.text.find(text) != std::string::npos; };
  return pump([&] { return has() || ended_; }) && has();
}

int Command::wait() {
  if (!pump([this] { return ended_; })) {
    ADD_FAILURE() << "it does not end; it said:\n" << err_.text;
    ::kill(pid_, SIGKILL);
  }
  if (!pump([this] { return !out_.fd && !err_.fd; }))
    ADD_FAILURE() << "it has ended, but somebody holds its output";
  int status = 0;
  ::waitpid(pid_, &status, 0);
  pid_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

bool Command::pump(const std::function<bool()>& until) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (!until()) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    if (left <= 0ms) return false;
    std::array<pollfd, 3> sources{{{out_.fd.get(), POLLIN, 0},
                                   {err_.fd.get(), POLLIN, 0},
                                   {ended_ ? -1 : process_.get(), POLLIN, 0}}};
    if (::poll(sources.data(), sources.size(), static_cast<int>(left.count())) < 0) continue;
    if (sources[0].revents != 0) read(out_);
    if (sources[1].revents != 0) read(err_);
    if (sources[2].revents != 0) ended_ = true;
  }
  return true;
}

void Command::read(Stream& stream) {
  std::array<char, 4096> buffer{};
  const ssize_t got = ::read(stream.fd.get(), buffer.data(), buffer.size());
  if (got > 0)
    stream.text.append(buffer.data(), static_cast<std::size_t>(got));
  else if (got == 0 || errno != EINTR)  // a terminal ends with EIO
    stream.fd.reset();
}

}  // namespace tr::end_to_end
