// Does a neighbour know what we know? A link calls it, tells it what there is to tell, and calls
// again when the connection is lost.
//
// A flood is one line and one send(2), on the connection that we made; the neighbour answers
// nothing (what it has to tell comes over the connection that it made). A connection begins with a
// line that says who calls, and with the whole table.
#pragma once

#include <functional>
#include <string>

#include "common/coroutine/condition.h"
#include "common/coroutine/dial.h"
#include "common/coroutine/task.h"
#include "herd/config.h"
#include "herd/table.h"

namespace servers::herd {

class Link {
 public:
  struct Ends {
    const Node& self;
    const Node& neighbour;
  };
  // `number` is the neighbour's in the table.
  Link(Reactor& reactor, BufferPool& buffers, const Table& table, int number, Ends ends);

  // Never ends by itself. While `quiet` says so nothing is told to the user.
  Task<> run(std::function<bool()> quiet);
  // The table has changed.
  void news() { news_.notify(); }
  // The neighbour is there: it has called us.
  void hurry() {
    if (!up_) pause_.notify();
  }

 private:
  // One connection, from its beginning to its end; or why there was none.
  Task<std::string> talk();
  // Waits for the connection's end. Nothing else comes from one that takes us for a neighbour.
  Task<> watch(Socket& socket);
  Task<bool> tell(Socket& socket);

  Reactor& reactor_;
  BufferPool& buffers_;
  Ends ends_;
  Feed feed_;
  Condition news_;
  Condition pause_;
  bool up_ = false;
  bool refused_ = false;
  std::string line_;  // being sent
};

}  // namespace servers::herd
