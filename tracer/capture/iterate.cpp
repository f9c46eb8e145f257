#include "capture/iterate.h"

#include <cerrno>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "util/fd.h"

namespace tr::capture {

Status iterate(bpf_link* link, const std::string& over) {
  const Fd pass(bpf_iter_create(bpf_link__fd(link)));
  if (!pass) return errno_error("list", over);
  char ignored = 0;
  ssize_t got = 0;
  do
    got = ::read(pass.get(), &ignored, sizeof(ignored));
  while (got > 0 || (got < 0 && (errno == EINTR || errno == EAGAIN)));
  return got < 0 ? Status(errno_error("list", over)) : Status();
}

}  // namespace tr::capture
