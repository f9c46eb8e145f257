#include "load/control.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <poll.h>
#include <string_view>
#include <sys/socket.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "snapshot/load_result.h"
#include "util/clock.h"

namespace tr::load {
namespace {

using nlohmann::json;

constexpr std::size_t kLengthBytes = sizeof(std::uint32_t);
// A result with every bucket of both histograms in use is below 2 MB.
constexpr std::uint32_t kLargest = 16 << 20;

Error broken_talk(std::string why, std::string remedy = {}) {
  return Error{.failure = Failure::kRun,
               .operation = {},
               .object = {},
               .code = 0,
               .why = std::move(why),
               .remedy = std::move(remedy)};
}

Status send_message(int fd, const json& message) {
  const std::vector<std::uint8_t> body = json::to_cbor(message);
  const auto length = static_cast<std::uint32_t>(body.size());
  std::string frame(kLengthBytes, '\0');
  std::memcpy(frame.data(), &length, kLengthBytes);
  frame.append(body.begin(), body.end());
  for (std::string_view rest = frame; !rest.empty();) {
    const ssize_t sent = ::send(fd, rest.data(), rest.size(), MSG_NOSIGNAL);
    if (sent < 0) {
      if (errno == EINTR) continue;
      return errno_error("send to", "the process at the other end of --control-fd");
    }
    rest.remove_prefix(static_cast<std::size_t>(sent));
  }
  return {};
}

// Takes one whole message off the front of `bytes`; nullopt when there is none yet.
Result<std::optional<json>> take_message(std::string& bytes) {
  if (bytes.size() < kLengthBytes) return std::optional<json>();
  std::uint32_t length = 0;
  std::memcpy(&length, bytes.data(), kLengthBytes);
  if (length > kLargest)
    return broken_talk(fmt::format("a control message claims to have {} bytes", length));
  if (bytes.size() < kLengthBytes + length) return std::optional<json>();
  const std::string_view body = std::string_view(bytes).substr(kLengthBytes, length);
  json message = json::from_cbor(body.begin(), body.end(), true, false);
  if (!message.is_object()) return broken_talk("a control message is no CBOR object");
  bytes.erase(0, kLengthBytes + length);
  return std::optional<json>(std::move(message));
}

json window_json(const Window& window) {
  return {{"open_ns", window.open_ns}, {"close_ns", window.close_ns}};
}

Window window_from(const json& message) {
  return {message.at("open_ns").get<std::uint64_t>(), message.at("close_ns").get<std::uint64_t>()};
}

Error error_from(const json& message) {
  const int failure = message.at("failure").get<int>();
  const bool known = failure >= static_cast<int>(Failure::kRun) &&
                     failure <= static_cast<int>(Failure::kNotAllowed);
  return Error{.failure = known ? static_cast<Failure>(failure) : Failure::kRun,
               .operation = message.at("operation").get<std::string>(),
               .object = message.at("object").get<std::string>(),
               .code = message.at("code").get<int>(),
               .why = message.at("why").get<std::string>(),
               .remedy = message.at("remedy").get<std::string>()};
}

Result<TracerEnd::Message> message_from(const json& message) try {
  const auto type = message.at("type").get<std::string>();
  if (type == "window") return TracerEnd::Message(window_from(message));
  if (type == "held") return TracerEnd::Message(Held{});
  if (type == "error") return error_from(message);
  if (type != "outcome")
    return broken_talk(fmt::format("the load generator sent a message of type \"{}\"", type));
  auto result = load_result_from_json(message.at("result"));
  if (!result) return std::move(result).error();
  const json& after = message.at("after");
  return TracerEnd::Message(
      Outcome{window_from(message),
              message.at("interrupted").get<bool>(),
              *std::move(result),
              {.bin_ns = after.at("bin_ns").get<std::uint64_t>(),
               .answers = after.at("answers").get<std::vector<std::uint64_t>>()}});
} catch (const json::exception& error) {
  return broken_talk(fmt::format("a message of the load generator is damaged: {}", error.what()));
}

}  // namespace

Result<ControlPair> make_control_pair() {
  std::array<int, 2> ends{};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return errno_error("create", "a socket pair");
  return ControlPair{Fd(ends[0]), Fd(ends[1])};
}

std::uint64_t LoadEnd::read_stop() {
  // A stop is one small message, written at once.
  std::string bytes(256, '\0');
  const ssize_t got = ::recv(socket_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
  bytes.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  const auto message = take_message(bytes);
  const std::uint64_t now = monotonic_ns();
  if (!message || !*message) return now;
  const auto close = (*message)->find("close_ns");
  if (close == (*message)->end() || !close->is_number_unsigned()) return now;
  return std::max(now, close->get<std::uint64_t>());
}

Status LoadEnd::announce(const Window& window) {
  json message = window_json(window);
  message["type"] = "window";
  return send_message(socket_.get(), message);
}

Status LoadEnd::hold() {
  if (Status told = send_message(socket_.get(), {{"type", "held"}}); !told) return told;
  std::string received;
  for (;;) {
    auto message = take_message(received);
    if (!message) return std::move(message).error();
    if (*message) {
      // A stop may still have been on its way.
      if ((*message)->value("type", json()) == "let_go") return {};
      continue;
    }
    std::array<char, 256> chunk;
    const ssize_t got = ::recv(socket_.get(), chunk.data(), chunk.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return {};
    received.append(chunk.data(), static_cast<std::size_t>(got));
  }
}

Status LoadEnd::finish(const Outcome& outcome) {
  json message = window_json(outcome.window);
  message["type"] = "outcome";
  message["interrupted"] = outcome.interrupted;
  message["result"] = load_result_to_json(outcome.result);
  message["after"] = {{"bin_ns", outcome.after.bin_ns}, {"answers", outcome.after.answers}};
  return send_message(socket_.get(), message);
}

Status LoadEnd::fail(const Error& error) {
  return send_message(socket_.get(), {{"type", "error"},
                                      {"failure", static_cast<int>(error.failure)},
                                      {"operation", error.operation},
                                      {"object", error.object},
                                      {"code", error.code},
                                      {"why", error.why},
                                      {"remedy", error.remedy}});
}

Result<std::optional<TracerEnd::Message>> TracerEnd::read(int timeout_ms) {
  const std::uint64_t deadline_ns =
      monotonic_ns() + static_cast<std::uint64_t>(std::max(timeout_ms, 0)) * 1'000'000;
  for (;;) {
    auto whole = take_message(received_);
    if (!whole) return std::move(whole).error();
    if (*whole) {
      auto message = message_from(**whole);
      if (!message) return std::move(message).error();
      return std::optional<Message>(*std::move(message));
    }
    int left_ms = -1;
    if (timeout_ms >= 0) {
      const std::uint64_t now = monotonic_ns();
      left_ms = now >= deadline_ns ? 0 : static_cast<int>((deadline_ns - now) / 1'000'000) + 1;
    }
    pollfd polled{socket_.get(), POLLIN, 0};
    const int ready = ::poll(&polled, 1, left_ms);
    if (ready < 0 && errno != EINTR) return errno_error("wait for", "the load generator");
    if (ready == 0) return std::optional<Message>();
    if (ready < 0) continue;
    std::array<char, 65536> chunk;
    const ssize_t got = ::recv(socket_.get(), chunk.data(), chunk.size(), MSG_DONTWAIT);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got < 0 && errno != ECONNRESET) return errno_error("read from", "the load generator");
    if (got <= 0)
      return broken_talk(received_.empty() ? "the load generator ended without a result"
                                           : "the load generator ended in the middle of a message",
                         "it was killed, or crashed: see its exit status");
    received_.append(chunk.data(), static_cast<std::size_t>(got));
  }
}

template <class T>
Result<T> TracerEnd::read_only(const char* what) {
  auto message = read(-1);
  if (!message) return std::move(message).error();
  if (T* wanted = std::get_if<T>(&**message)) return std::move(*wanted);
  return broken_talk(fmt::format("the load generator sent something else than {}", what));
}

Result<Window> TracerEnd::read_window() {
  return read_only<Window>("its window");
}
Result<Outcome> TracerEnd::read_outcome() {
  return read_only<Outcome>("its result");
}

Status TracerEnd::stop(std::uint64_t close_ns) {
  return send_message(socket_.get(), {{"type", "stop"}, {"close_ns", close_ns}});
}

Status TracerEnd::let_go() {
  return send_message(socket_.get(), {{"type", "let_go"}});
}

}  // namespace tr::load
