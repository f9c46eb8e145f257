#include "capture/launch/wire.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <sys/socket.h>

namespace tr::capture {
namespace {

constexpr std::size_t kMaxDescriptors = 3;

// Room for the descriptors of one record, aligned as the kernel wants it.
struct alignas(cmsghdr) Control {
  std::array<char, CMSG_SPACE(kMaxDescriptors * sizeof(int))> bytes{};
};

}  // namespace

Result<std::pair<Fd, Fd>> Channel::pair() {
  std::array<int, 2> ends{};
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return errno_error("create", "a socket pair for the guardian");
  return std::pair(Fd(ends[0]), Fd(ends[1]));
}

bool Channel::send_bytes(std::span<const std::byte> record,
                         std::initializer_list<int> descriptors) {
  Control control;
  // sendmsg does not write through iov_base; the type is shared with recvmsg.
  iovec part{.iov_base = const_cast<std::byte*>(record.data()), .iov_len = record.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (descriptors.size() > 0) {
    message.msg_control = control.bytes.data();
    message.msg_controllen = CMSG_SPACE(descriptors.size() * sizeof(int));
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(descriptors.size() * sizeof(int));
    std::memcpy(CMSG_DATA(header), descriptors.begin(), descriptors.size() * sizeof(int));
  }
  for (;;) {
    if (sendmsg(socket_.get(), &message, MSG_NOSIGNAL) >= 0) return true;
    if (errno != EINTR) return false;
  }
}

Received Channel::receive_bytes(std::span<std::byte> record, std::vector<Fd>& descriptors,
                                bool wait) {
  Control control;
  iovec part{.iov_base = record.data(), .iov_len = record.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes.data();
  message.msg_controllen = control.bytes.size();
  ssize_t got = -1;
  do {
    got = recvmsg(socket_.get(), &message, MSG_CMSG_CLOEXEC | (wait ? 0 : MSG_DONTWAIT));
  } while (got < 0 && errno == EINTR);
  if (got < 0) return errno == EAGAIN ? Received::kNothing : Received::kClosed;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
       header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    std::array<int, kMaxDescriptors> handed{};
    const std::size_t bytes = header->cmsg_len - CMSG_LEN(0);
    std::memcpy(handed.data(), CMSG_DATA(header), std::min(bytes, sizeof(handed)));
    for (std::size_t i = 0; i < bytes / sizeof(int) && i < kMaxDescriptors; ++i)
      descriptors.emplace_back(handed[i]);
  }
  // 0 is the other end's farewell; a record of any other size does not come from our program.
  return got == static_cast<ssize_t>(record.size()) ? Received::kRecord : Received::kClosed;
}

void Channel::shut_down() {
  ::shutdown(socket_.get(), SHUT_RDWR);
}

}  // namespace tr::capture
