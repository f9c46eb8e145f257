#include "common/handoff.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/socket.h>

#include "common/log.h"

namespace servers {
namespace {

// The descriptor's number, or kInRights and the descriptor itself.
constexpr int kInRights = -1;
struct Message {
  int number = kInRights;
  iovec bytes{.iov_base = &number, .iov_len = sizeof number};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr header{.msg_name = nullptr,
                .msg_namelen = 0,
                .msg_iov = &bytes,
                .msg_iovlen = 1,
                .msg_control = control,
                .msg_controllen = sizeof control,
                .msg_flags = 0};
};

void put_into_rights(Message& message, int fd) {
  cmsghdr* const rights = CMSG_FIRSTHDR(&message.header);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(sizeof fd);
  std::memcpy(CMSG_DATA(rights), &fd, sizeof fd);
}

}  // namespace

Handoff::Handoff(To to, Taker taker) : to_(to) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    throw Failure::from_errno("connect the workers", "raise the limit of open files (ulimit -n)");
  giver_ = Fd(ends[0]);
  taker_ = Fd(ends[1]);
  if (taker == Taker::kDoesNotBlock) ::fcntl(taker_.get(), F_SETFL, O_NONBLOCK);
}

bool Handoff::give(Fd& client) const {
  Message message;
  if (to_ == To::kProcess) {
    put_into_rights(message, client.get());
  } else {
    message.number = client.get();
    message.header.msg_controllen = 0;
  }
  ssize_t sent = 0;
  do {
    sent = ::sendmsg(giver_.get(), &message.header, MSG_DONTWAIT | MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  if (sent < 0) return false;
  if (to_ == To::kProcess)
    client.reset();
  else
    (void)client.release();
  return true;
}

Fd take_handed_over(int taker_fd) {
  for (;;) {
    Message message;
    const ssize_t got = ::recvmsg(taker_fd, &message.header, MSG_CMSG_CLOEXEC);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return {};
    if (got == 0) {
      errno = EAGAIN;
      return {};
    }
    if (message.number != kInRights) return Fd(message.number);
    const cmsghdr* const rights = CMSG_FIRSTHDR(&message.header);
    if (rights == nullptr || rights->cmsg_type != SCM_RIGHTS) {
      errno = EMFILE;
      return {};
    }
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(rights), sizeof fd);
    return Fd(fd);
  }
}

}  // namespace servers
