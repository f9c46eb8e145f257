#include "load/arrival.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <sys/socket.h>
#include <sys/uio.h>

#include "util/clock.h"

namespace tr::load {
namespace {

std::int64_t ns(const timespec& time) {
  return std::int64_t{time.tv_sec} * static_cast<std::int64_t>(kNsPerSecond) + time.tv_nsec;
}

// The kernel's stamps are of CLOCK_REALTIME. What lies between the stamp and now is the same on
// both clocks, unless the other was set meanwhile: then the stamp says nothing.
std::uint64_t came_at(const timespec& stamp, std::int64_t read_realtime_ns, std::uint64_t read_ns) {
  constexpr std::int64_t kLongest = static_cast<std::int64_t>(kNsPerSecond);
  const std::int64_t age = read_realtime_ns - ns(stamp);
  return age < 0 || age > kLongest ? read_ns : read_ns - static_cast<std::uint64_t>(age);
}

}  // namespace

void note_arrivals(int socket) {
  const int on = 1;
  (void)::setsockopt(socket, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
}

Arrival receive_bytes(int socket, std::span<char> room, bool noted) {
  Arrival arrival;
  if (!noted) {
    arrival.bytes = ::recv(socket, room.data(), room.size(), 0);
    arrival.code = arrival.bytes < 0 ? errno : 0;
    arrival.read_ns = arrival.came_ns = monotonic_ns();
    return arrival;
  }
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(timespec))> control;
  iovec part{room.data(), room.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  arrival.bytes = ::recvmsg(socket, &message, 0);
  arrival.code = arrival.bytes < 0 ? errno : 0;
  // Before the other clock: what comes in between makes the arrival late, never early.
  timespec realtime{};
  if (arrival.bytes > 0) ::clock_gettime(CLOCK_REALTIME, &realtime);
  arrival.read_ns = arrival.came_ns = monotonic_ns();
  if (arrival.bytes <= 0) return arrival;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
       header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_TIMESTAMPNS) continue;
    timespec stamp{};
    std::memcpy(&stamp, CMSG_DATA(header), sizeof stamp);
    arrival.came_ns = came_at(stamp, ns(realtime), arrival.read_ns);
  }
  return arrival;
}

}  // namespace tr::load
