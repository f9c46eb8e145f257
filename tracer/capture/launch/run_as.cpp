#include "capture/launch/run_as.h"

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <exception>
#include <fcntl.h>
#include <linux/close_range.h>
#include <string_view>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

#include "util/fd.h"

namespace tr::capture {
namespace {

// An answer is this, and behind it a value, or an error's operation, object, why and remedy.
struct Head {
  std::int32_t failure = 0;  // 0: a value
  std::int32_t code = 0;
  std::array<std::uint64_t, 4> lengths{};
};

// What the process may answer at most; it has read what nobody vouches for.
constexpr std::size_t kMostAnswer = std::size_t{2} << 30;

std::string answer_of(const Result<std::string>& result) {
  Head head;
  std::array<std::string_view, 4> texts{};
  if (result) {
    texts = {*result};
  } else {
    const Error& error = result.error();
    head.failure = static_cast<std::int32_t>(error.failure);
    head.code = error.code;
    texts = {error.operation, error.object, error.why, error.remedy};
  }
  std::string answer(sizeof head, '\0');
  for (std::size_t i = 0; i < texts.size(); ++i) {
    head.lengths[i] = texts[i].size();
    answer += texts[i];
  }
  std::memcpy(answer.data(), &head, sizeof head);
  return answer;
}

// Empty where these bytes are no whole answer.
std::optional<Result<std::string>> result_of(const std::string& answer) {
  Head head;
  if (answer.size() < sizeof head) return std::nullopt;
  std::memcpy(&head, answer.data(), sizeof head);
  std::string_view rest = std::string_view(answer).substr(sizeof head);
  std::array<std::string, 4> texts;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (head.lengths[i] > rest.size()) return std::nullopt;
    texts[i] = rest.substr(0, head.lengths[i]);
    rest.remove_prefix(head.lengths[i]);
  }
  if (head.failure == 0) return std::move(texts[0]);
  return Error{.failure = static_cast<Failure>(head.failure),
               .operation = std::move(texts[0]),
               .object = std::move(texts[1]),
               .code = head.code,
               .why = std::move(texts[2]),
               .remedy = std::move(texts[3])};
}

Result<std::string> as(const User& user, const std::function<Result<std::string>()>& work) {
  if (become(user) != 0) return errno_error("become the user", user.name);
  try {
    return work();
  } catch (const std::exception& failure) {
    return Error{.operation = "work as", .object = user.name, .why = failure.what()};
  }
}

// In the forked process. Whatever privilege lies in open descriptors is given up with the ids.
[[noreturn]] void answer_from(int pipe, const User& user,
                              const std::function<Result<std::string>()>& work) {
  constexpr int kAnswer = STDERR_FILENO + 1;
  if (pipe != kAnswer && ::dup2(pipe, kAnswer) < 0) ::_exit(1);
  if (::close_range(kAnswer + 1, ~0U, 0) != 0) ::_exit(1);
  const std::string answer = answer_of(as(user, work));
  std::string_view rest = answer;
  while (!rest.empty()) {
    const ssize_t written = ::write(kAnswer, rest.data(), rest.size());
    if (written < 0 && errno != EINTR) ::_exit(1);
    if (written > 0) rest.remove_prefix(static_cast<std::size_t>(written));
  }
  ::_exit(0);
}

std::string read_answer(int pipe) {
  std::string answer;
  std::array<char, 65536> chunk{};
  while (answer.size() < kMostAnswer) {
    const ssize_t got = ::read(pipe, chunk.data(), chunk.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    answer.append(chunk.data(), static_cast<std::size_t>(got));
  }
  return answer;
}

}  // namespace

Result<std::string> run_as(const User& user, const std::function<Result<std::string>()>& work) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return errno_error("create", "a pipe");
  Fd from(ends[0]);
  Fd to(ends[1]);
  const pid_t pid = ::fork();
  if (pid < 0) return errno_error("start", "a process of " + user.name);
  if (pid == 0) answer_from(to.get(), user, work);
  to.reset();
  const std::string answer = read_answer(from.get());
  from.reset();
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (auto result = result_of(answer)) return *std::move(result);
  return Error{.operation = "work as",
               .object = user.name,
               .why = WIFSIGNALED(status) ? fmt::format("ended by signal {}", WTERMSIG(status))
                                          : "it ended without an answer"};
}

}  // namespace tr::capture
