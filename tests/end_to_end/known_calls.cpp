// A program whose system calls are known: known_calls GETPPIDS CHILDREN NAPS calls getppid so many
// times, forks so many children that do nothing, one after another, and sleeps so many times.
#include <cstdlib>
#include <ctime>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  for (long i = std::atol(argv[1]); i > 0; --i)
    ::syscall(SYS_getppid);
  for (long i = std::atol(argv[2]); i > 0; --i) {
    const pid_t child = ::fork();
    if (child < 0) return 1;
    if (child == 0) ::_exit(0);
    int status = 0;
    if (::waitpid(child, &status, 0) != child || status != 0) return 1;
  }
  for (long i = std::atol(argv[3]); i > 0; --i) {
    const timespec nap{.tv_sec = 0, .tv_nsec = 100'000};
    if (::nanosleep(&nap, nullptr) != 0) return 1;
  }
  return 0;
}
