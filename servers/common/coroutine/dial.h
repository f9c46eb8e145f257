// How does a coroutine call somebody? With a connection that notices when the other side vanishes.
#pragma once

#include <memory>
#include <optional>

#include "common/address.h"
#include "common/coroutine/socket.h"
#include "common/coroutine/task.h"

namespace servers {

struct Dialled {
  std::unique_ptr<Socket> socket;  // none: see error
  int error = 0;                   // errno
};

// Connects within this time, from a given address (of any port) if there is one.
[[nodiscard]] Task<Dialled> dial(Reactor& reactor, Address to, std::optional<Address> from,
                                 Milliseconds patience);

// Breaks a connection whose other side has not been heard of for some 15 s, whether it owes an
// acknowledgement or is only silent (then the kernel asks it): who loses power or its network ends
// without a word. Costs no messages.
void notice_vanishing(int socket);

}  // namespace servers
