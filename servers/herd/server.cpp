#include "herd/server.h"

#include <ctime>
#include <utility>

#include <fmt/format.h>

#include "herd/message.h"

namespace servers::herd {
namespace {

// How long a client that has its answer may leave the connection open.
constexpr Milliseconds kFarewell{2'000};
// So much of a line is shown to the user.
constexpr std::size_t kShown = 100;

std::int64_t realtime_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

}  // namespace

class Server::Call {
 public:
  Call(Server& server, Neighbour& neighbour, Socket& socket)
      : server_(server), neighbour_(neighbour), socket_(socket) {
    // One that calls anew has lost its old connection, even if nobody has told us so.
    if (neighbour_.caller != nullptr) neighbour_.caller->cut();
    neighbour_.caller = &socket_;
    neighbour_.link.hurry();
    ++server_.others_;
  }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;
  ~Call() {
    if (neighbour_.caller == &socket_) neighbour_.caller = nullptr;
    --server_.others_;
  }

 private:
  Server& server_;
  Neighbour& neighbour_;
  Socket& socket_;
};

Server::Server(Listener& listener, Stop& stop, const Config& config, const Node& self,
               Limits limits)
    : CoroutineService(listener, stop),
      config_(config),
      self_(self),
      limits_(limits),
      places_(reactor_, buffers_, config.places, limits.places) {
  for (const std::size_t index : self.neighbours) {
    neighbours_.emplace_back(config.servers[index], reactor_, buffers_, table_,
                             static_cast<int>(neighbours_.size()), self);
    ++others_;
    scope_.spawn(neighbours_.back().link.run([this] { return stop_.begun(); }));
  }
}

void Server::serve(Fd client) {
  scope_.spawn(converse(std::move(client)));
}

// A client's line and its answer; or a neighbour's first line, and all that follows.
Task<> Server::converse(Fd fd) {
  const int descriptor = fd.get();
  Socket client(reactor_, std::move(fd));
  Buffer buffer(buffers_);
  Lines lines(kMaxLine);
  Milliseconds patience = limits_.idle;
  bool whole = false;  // the line is as the client meant it
  std::string_view line;
  for (;;) {
    const ssize_t got = co_await client.receive(buffer, patience);
    if (got < 0 && got != -ETIMEDOUT) co_return;
    patience = kAsBefore;  // for the whole line
    if (got > 0) lines.add(buffer.first(static_cast<std::size_t>(got)));
    const auto next = lines.next();
    whole = next || (got == 0 && !lines.too_long());
    line = next ? *next : lines.rest();
    if (whole || got <= 0 || lines.too_long()) break;
  }
  if (line.empty() && !lines.has_begun()) co_return;  // nothing was said

  const Message message = whole ? parse_message(line) : Message{Invalid{}};
  if (const auto* const hello = std::get_if<Hello>(&message)) {
    const int caller = neighbour_of(hello->server, descriptor);
    if (caller >= 0) {
      notice_vanishing(descriptor);
      co_await hear(client, buffer, lines, caller);
      co_return;
    }
  }
  buffer.give_back();  // an answer may take its time
  const std::string said = co_await answer(line, message);
  const bool taken = co_await client.send(std::as_bytes(std::span(said)), limits_.idle);
  if (taken) co_await hang_up(client, buffer, kFarewell);
}

Task<> Server::hear(Socket& socket, Buffer& buffer, Lines& lines, int neighbour) {
  Neighbour& caller = neighbours_[static_cast<std::size_t>(neighbour)];
  const Call call(*this, caller, socket);
  lines.set_longest(kMaxFlood);
  for (;;) {
    while (const auto line = lines.next()) {
      auto at = At::parse(*line);
      if (!at || config_.server(at->server()) == nullptr) {
        nonsense_line_.say(fmt::format("{} has told {:?}, which is no AT line: connection closed",
                                       caller.node.name, line->substr(0, kShown)));
        co_return;
      }
      learn(*std::move(at), neighbour);
    }
    if (lines.too_long()) {
      nonsense_line_.say(fmt::format("{} has told a line of more than {} bytes: connection closed",
                                     caller.node.name, kMaxFlood));
      co_return;
    }
    const ssize_t got = co_await socket.receive(buffer, kForEver);
    if (got <= 0) co_return;
    lines.add(buffer.first(static_cast<std::size_t>(got)));
  }
}

Task<std::string> Server::answer(std::string_view line, Message message) {
  std::string said;
  if (const auto* const said_at = std::get_if<IAmAt>(&message)) {
    At at(self_.name, realtime_ns(), *said_at);
    said = at.line() + '\n';
    learn(std::move(at), Table::kClient);
  } else if (const auto* const asked = std::get_if<WhatsAt>(&message)) {
    said = co_await answer_whatsat(line, *asked);
  } else {
    said = refusal(line);
  }
  co_return said;
}

Task<std::string> Server::answer_whatsat(std::string_view line, WhatsAt asked) {
  const Table::Record* const record = table_.find(asked.client);
  if (record == nullptr) co_return refusal(line);
  const std::string at = record->at.line();  // the table changes while Places is asked
  std::string target = places_target(*parse_location(record->at.location()), asked.radius);
  const std::optional<std::string> places = co_await places_.ask(std::move(target), asked.bound);
  std::string said = places ? fmt::format("{}\n{}\n\n", at, *places) : refusal(line);
  co_return said;
}

void Server::learn(At at, int from) {
  if (!table_.put(std::move(at), from)) return;
  for (Neighbour& neighbour : neighbours_)
    neighbour.link.news();
}

int Server::neighbour_of(std::string_view name, int socket) const {
  const auto from = Address::of_peer(socket);
  for (std::size_t i = 0; i < neighbours_.size(); ++i) {
    const Node& node = neighbours_[i].node;
    if (node.name == name && from && from->with_port(0) == node.address.with_port(0))
      return static_cast<int>(i);
  }
  return -1;
}

}  // namespace servers::herd
