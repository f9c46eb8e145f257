#include "common/uring/ring.h"

#include <array>
#include <cerrno>
#include <fstream>
#include <new>
#include <poll.h>
#include <string_view>
#include <sys/mman.h>

#include <fmt/format.h>

#include "common/log.h"

namespace servers {
namespace {

constexpr std::array<unsigned, 3> kSetupFlags = {
    0,
    IORING_SETUP_COOP_TASKRUN | IORING_SETUP_SUBMIT_ALL,
    IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_SINGLE_ISSUER,
};

// What a kernel of this level has not got.
std::string_view missing(Ring::Level level) {
  switch (level) {
    case Ring::Level::kLinux5_15:
      return "buffer rings and multishot accept (since Linux 5.19), deferred task work (6.1)";
    case Ring::Level::kLinux5_19:
      return "deferred task work (since Linux 6.1)";
    case Ring::Level::kLinux6_1:
      break;
  }
  return {};
}

std::string remedy(int error) {
  switch (error) {
    case EPERM: {
      // https://docs.kernel.org/admin-guide/sysctl/kernel.html#io-uring-disabled
      int disabled = 0;
      std::ifstream("/proc/sys/kernel/io_uring_disabled") >> disabled;
      if (disabled != 0)
        return fmt::format("allow it: sysctl kernel.io_uring_disabled=0 (it is {})", disabled);
      return "a seccomp filter forbids it: in a container, run with one that allows io_uring "
             "(docker run --security-opt seccomp=unconfined)";
    }
    case ENOSYS:
      return "this kernel is built without it, or a container's seccomp filter hides it";
    case ENOMEM:
      return "raise the limit of locked memory (ulimit -l)";
    default:
      return "it needs Linux 5.15 or newer";
  }
}

[[noreturn]] void fail(std::string_view operation, int error) {
  throw Failure(failure_text(operation, error, remedy(error)));
}

std::byte* map_memory(std::size_t bytes) {
  void* const memory =
      ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw Failure::from_errno("get memory for receive buffers");
  return static_cast<std::byte*>(memory);
}

}  // namespace

Ring::Ring(Level level) : level_(level) {
  int error = set_up();
  while (error == EINVAL && level_ > Level::kLinux5_15) {
    level_ = static_cast<Level>(static_cast<int>(level_) - 1);
    error = set_up();
  }
  if (error != 0) fail("set up io_uring", error);
  if ((ring_.features & IORING_FEAT_EXT_ARG) == 0) fail("set up io_uring", EINVAL);
  io_uring_register_ring_fd(
      &ring_);  // spares each call a look-up; older kernels have no such thing
  provide_buffers();
  if (level_ < level)
    log_line(fmt::format("this kernel's io_uring has no {}: a message costs more than it need",
                         missing(level_)));
}

Ring::~Ring() {
  io_uring_queue_exit(&ring_);
  ::munmap(buffers_, kBuffers * kBufferBytes);
  if (buffer_ring_ != nullptr) ::munmap(buffer_ring_, buffer_ring_bytes());
}

// The errno.
int Ring::set_up() {
  io_uring_params parameters{};
  parameters.flags =
      IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP | kSetupFlags[static_cast<std::size_t>(level_)];
  parameters.cq_entries = kCompletions;
  return -io_uring_queue_init_params(kRequests, &ring_, &parameters);
}

void Ring::provide_buffers() {
  buffers_ = map_memory(kBuffers * kBufferBytes);
  if (level_ >= Level::kLinux5_19) {
    buffer_ring_ = new (map_memory(buffer_ring_bytes())) io_uring_buf_ring;
    io_uring_buf_reg registration{};
    registration.ring_addr = reinterpret_cast<std::uint64_t>(buffer_ring_);
    registration.ring_entries = kBuffers;
    registration.bgid = kGroup;
    const int error = -io_uring_register_buf_ring(&ring_, &registration, 0);
    if (error == 0) {
      buffers_out_ = kBuffers;
      for (unsigned id = 0; id < kBuffers; ++id)
        give_back(static_cast<BufferId>(id));
      return;
    }
    if (error != EINVAL) fail("register receive buffers with io_uring", error);
    ::munmap(buffer_ring_, buffer_ring_bytes());
    buffer_ring_ = nullptr;
    level_ = Level::kLinux5_15;
  }
  io_uring_prep_provide_buffers(&request(0), buffers_, kBufferBytes, kBuffers, kGroup, 0);
}

void Ring::give_back(BufferId id) {
  --buffers_out_;
  if (buffer_ring_ != nullptr) {
    io_uring_buf_ring_add(buffer_ring_, buffer(id), kBufferBytes, id,
                          io_uring_buf_ring_mask(kBuffers), 0);
    io_uring_buf_ring_advance(buffer_ring_, 1);
  } else {
    io_uring_prep_provide_buffers(&request(0), buffer(id), kBufferBytes, 1, kGroup, id);
  }
}

io_uring_sqe& Ring::request(std::uint64_t tag) {
  io_uring_sqe* free = io_uring_get_sqe(&ring_);
  if (free == nullptr) {
    const int submitted = io_uring_submit(&ring_);
    free = io_uring_get_sqe(&ring_);
    if (free == nullptr)
      throw Failure(
          failure_text("submit requests to io_uring", submitted < 0 ? -submitted : EBUSY, {}));
  }
  // io_uring_prep_... leaves it alone since liburing 2.2.
  free->user_data = tag;
  return *free;
}

void Ring::accept(int listener, std::uint64_t tag) {
  io_uring_sqe& accept = request(tag);
  if (level_ >= Level::kLinux5_19)
    io_uring_prep_multishot_accept(&accept, listener, nullptr, nullptr, SOCK_CLOEXEC);
  else
    io_uring_prep_accept(&accept, listener, nullptr, nullptr, SOCK_CLOEXEC);
}

void Ring::receive(int fd, std::uint64_t tag) {
  io_uring_sqe& receive = request(tag);
  if (level_ >= Level::kLinux6_1)
    io_uring_prep_recv_multishot(&receive, fd, nullptr, 0, 0);
  else
    io_uring_prep_recv(&receive, fd, nullptr, kBufferBytes, 0);
  receive.flags |= IOSQE_BUFFER_SELECT;
  receive.buf_group = kGroup;
}

void Ring::send(int fd, std::span<const std::byte> bytes, Send how, std::uint64_t tag) {
  io_uring_sqe& send = request(tag);
  // With MSG_WAITALL not to have sent all bytes is a failure, which is told in any case.
  const int all = how == Send::kNow ? 0 : MSG_WAITALL;
  const int now = how == Send::kWait ? 0 : MSG_DONTWAIT;
  io_uring_prep_send(&send, fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | all | now);
  if (how == Send::kNowOrTell) send.flags |= IOSQE_CQE_SKIP_SUCCESS;
}

void Ring::wait_for_input(int fd, std::uint64_t tag) {
  io_uring_prep_poll_add(&request(tag), fd, POLLIN);
}

void Ring::close(int fd, std::uint64_t tag) {
  io_uring_prep_close(&request(tag), fd);
}

void Ring::cancel(std::uint64_t cancelled, std::uint64_t tag) {
  io_uring_prep_cancel64(&request(tag), cancelled, 0);
}

void Ring::enter(int timeout_ms) {
  io_uring_cqe* first = nullptr;
  __kernel_timespec timeout{.tv_sec = timeout_ms / 1000,
                            .tv_nsec = timeout_ms % 1000 * 1'000'000LL};
  const int result = io_uring_submit_and_wait_timeout(&ring_, &first, 1,
                                                      timeout_ms < 0 ? nullptr : &timeout, nullptr);
  // EBUSY: completions must be taken first.
  if (result < 0 && result != -ETIME && result != -EINTR && result != -EBUSY && result != -EAGAIN)
    throw Failure(failure_text("wait for clients with io_uring", -result, {}));
}

}  // namespace servers
