#include "common/handoff.h"

#include <cerrno>
#include <cstring>
#include <sys/socket.h>

#include "common/log.h"

namespace servers {
namespace {

// One byte, as an empty message would look like the end, and room for one descriptor.
struct Message {
  char byte = 0;
  iovec bytes{.iov_base = &byte, .iov_len = sizeof byte};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr header{.msg_name = nullptr,
                .msg_namelen = 0,
                .msg_iov = &bytes,
                .msg_iovlen = 1,
                .msg_control = control,
                .msg_controllen = sizeof control,
                .msg_flags = 0};
};

}  // namespace

Handoff::Handoff() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    throw Failure::from_errno("connect the worker processes");
  giver_ = Fd(ends[0]);
  taker_ = Fd(ends[1]);
}

Handoff::Given Handoff::give(const Fd& client) const {
  Message message;
  cmsghdr* const rights = CMSG_FIRSTHDR(&message.header);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(sizeof(int));
  const int fd = client.get();
  std::memcpy(CMSG_DATA(rights), &fd, sizeof fd);
  for (;;) {
    if (::sendmsg(giver_.get(), &message.header, MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
      return Given::kYes;
    if (errno == EAGAIN) return Given::kNotNow;
    if (errno != EINTR) return Given::kNever;
  }
}

Fd Handoff::take() const {
  for (;;) {
    Message message;
    const ssize_t got = ::recvmsg(taker_.get(), &message.header, MSG_CMSG_CLOEXEC);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return {};
    const cmsghdr* const rights = CMSG_FIRSTHDR(&message.header);
    if (rights == nullptr || rights->cmsg_type != SCM_RIGHTS) continue;  // no descriptor was free
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(rights), sizeof fd);
    return Fd(fd);
  }
}

}  // namespace servers
