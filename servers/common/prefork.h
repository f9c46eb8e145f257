// How do a fixed number of processes serve one client at a time each?
//
// All of them block in accept on one shared listening socket. The kernel wakes exactly one for each
// client (the wait is exclusive: inet_csk_wait_for_connect), and who is busy takes none, so a
// client waits only while all are busy, and a dead worker takes nobody with it but its own client.
// Listeners of their own (SO_REUSEPORT) would deal clients out by hash, before anybody accepts
// them: to a worker that is blocked in its conversation for the next hour just as well, and with it
// they would be reset. EPOLLEXCLUSIVE would be a second system call per client for the same
// wake-up.
//
// Nothing passes between the processes but at the end: there the parent takes the clients that wait
// in the backlog, so that the listener can be closed, and hands them to the workers, who find
// accept failing and ask for these instead.
#pragma once

#include <cstddef>

#include "common/listener.h"
#include "common/stop.h"
#include "protocols/protocol.h"

namespace servers {

// Serves until stopped, with so many processes beside this one. Throws Failure.
void serve_preforked(std::size_t workers, Listener& listener, Protocol& protocol, Stop& stop);

}  // namespace servers
