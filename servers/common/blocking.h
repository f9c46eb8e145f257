// How is one client served by somebody who has nothing else to do (a thread, a process)?
#pragma once

#include <cstddef>

#include "protocols/protocol.h"

namespace servers {

// On the stack of whoever calls serve_blocking(); only the pages that messages reach are touched.
inline constexpr std::size_t kBlockingBufferBytes = 65536;

// Serves the client on this blocking stream socket until the conversation is over. Back pressure
// comes by itself: nothing is received while an answer is being sent. A delay is slept, and what a
// client may take is the socket's SO_RCVTIMEO and SO_SNDTIMEO: set when it changes, not per
// message.
void serve_blocking(int client, Session& session);

}  // namespace servers
