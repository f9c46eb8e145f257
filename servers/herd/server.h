// One server of the herd: it answers clients, tells its neighbours, and hears them.
#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <string_view>

#include "common/coroutine/service.h"
#include "herd/config.h"
#include "herd/lines.h"
#include "herd/link.h"
#include "herd/places_client.h"
#include "herd/table.h"

namespace servers::herd {

struct Limits {
  Milliseconds idle{60'000};   // for a client to send its line, and again to take its answer
  Milliseconds places{2'000};  // for Places to answer
};

class Server final : public CoroutineService {
 public:
  Server(Listener& listener, Stop& stop, const Config& config, const Node& self, Limits limits);

 private:
  struct Neighbour {
    Neighbour(const Node& its_node, Reactor& reactor, BufferPool& buffers, const Table& table,
              int number, const Node& self)
        : node(its_node), link(reactor, buffers, table, number, {self, its_node}) {}

    const Node& node;
    Link link;
    Socket* caller = nullptr;  // the connection that it has made
  };
  // That a neighbour's connection is being listened to.
  class Call;

  void serve(Fd client) override;
  [[nodiscard]] std::size_t clients() const override { return scope_.count() - others_; }

  Task<> converse(Fd fd);
  Task<> hear(Socket& socket, Buffer& buffer, Lines& lines, int neighbour);
  Task<std::string> answer(std::string_view line, Message message);
  Task<std::string> answer_whatsat(std::string_view line, WhatsAt asked);
  void learn(At at, int from);
  // The index of the neighbour that this caller is; -1 if it is none.
  [[nodiscard]] int neighbour_of(std::string_view name, int socket) const;

  const Config& config_;
  const Node& self_;
  Limits limits_;
  Table table_;
  PlacesClient places_;
  std::deque<Neighbour> neighbours_;  // which do not move
  RareLine nonsense_line_;
  std::size_t others_ = 0;  // of scope_: links and neighbours
  Scope scope_;             // first to go
};

}  // namespace servers::herd
