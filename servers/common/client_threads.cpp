#include "common/client_threads.h"

#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/blocking.h"
#include "common/command_line.h"
#include "common/log.h"

namespace servers {

Clients::Clients() : told_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!told_) throw Failure::from_errno("set up the count of clients");
}

void Clients::enter(int client) {
  const std::lock_guard lock(mutex_);
  const auto index = static_cast<std::size_t>(client);
  if (index >= here_.size()) here_.resize(index + 1);
  here_[index] = true;
  ++count_;
}

void Clients::leave(int client) {
  const std::lock_guard lock(mutex_);
  here_[static_cast<std::size_t>(client)] = false;
  --count_;
  tell_if_due();
}

std::size_t Clients::count() const {
  const std::lock_guard lock(mutex_);
  return count_;
}

void Clients::tell_at(std::size_t count) {
  const std::lock_guard lock(mutex_);
  tell_at_ = count;
  tell_if_due();
}

void Clients::tell_if_due() {
  if (!tell_at_ || count_ > *tell_at_) return;
  tell_at_.reset();
  ::eventfd_write(told_.get(), 1);
}

void Clients::heard() const {
  eventfd_t times = 0;
  ::eventfd_read(told_.get(), &times);
}

void Clients::cut_off() {
  const std::lock_guard lock(mutex_);
  for (std::size_t client = 0; client < here_.size(); ++client)
    if (here_[client]) ::shutdown(static_cast<int>(client), SHUT_RDWR);
}

void Client::serve(Clients& clients) {
  serve_blocking(socket.get(), *session);
  session.reset();  // the protocol may go once the last client has left
  clients.leave(socket.get());
  socket.reset();
}

void StackSize::add_option(CommandLine& line) {
  // glibc takes a thread's own data and the guard from the stack: leave room beside the buffer.
  const long smallest = (::sysconf(_SC_THREAD_STACK_MIN) + kBlockingBufferBytes) / 1024 + 16;
  line.add_number("--stack-kib", kib_, smallest, 1024L * 1024, "KIB",
                  "Stack of each thread: address space, of which only\n"
                  "what messages reach becomes memory");
}

ThreadAttributes::ThreadAttributes(StackSize stack, Kind kind) {
  pthread_attr_init(&attributes_);
  pthread_attr_setdetachstate(
      &attributes_, kind == Kind::kDetached ? PTHREAD_CREATE_DETACHED : PTHREAD_CREATE_JOINABLE);
  if (pthread_attr_setstacksize(&attributes_, stack.bytes()) != 0)
    throw Failure("cannot make threads with stacks that small; raise --stack-kib");
}

Shortage thread_shortage(int error) {
  return {"start a thread for a client", error,
          "raise ulimit -u, ulimit -v, or sysctl kernel.threads-max, kernel.pid_max, "
          "vm.max_map_count"};
}

}  // namespace servers
