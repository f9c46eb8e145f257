// A program that does with locks what its argument says: "convoy", "alone" or "calls".
#include <atomic>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <linux/futex.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

// By these names the tests know them.
extern "C" {
pthread_mutex_t contended_mutex;
std::atomic<std::uint32_t> counted_word = 0;
}

namespace {

constexpr int kThreads = 4;
std::atomic<bool> over = false;
volatile unsigned work = 0;

void take_turn() {
  pthread_mutex_lock(&contended_mutex);
  for (int i = 0; i < 100; ++i)
    work = work + 1;
  pthread_mutex_unlock(&contended_mutex);
}

void* take_turns(void*) {
  while (!over)
    take_turn();
  return nullptr;
}

void sleep_ms(long ms) {
  const timespec time{.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1'000'000};
  ::nanosleep(&time, nullptr);
}

int convoy() {
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  if (pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT) != 0) return 1;
  pthread_mutex_init(&contended_mutex, &attributes);
  pthread_t threads[kThreads];
  for (pthread_t& thread : threads)
    if (pthread_create(&thread, nullptr, take_turns, nullptr) != 0) return 1;
  sleep_ms(1'500);
  over = true;
  for (const pthread_t thread : threads)
    pthread_join(thread, nullptr);
  return 0;
}

// Long enough to be looked at while it lives.
int alone() {
  pthread_mutex_init(&contended_mutex, nullptr);
  for (int i = 0; i < 5'000; ++i)
    take_turn();
  sleep_ms(500);
  return 0;
}

// 30 waits that time out, 40 that find another value, 50 wakes of nobody.
int calls() {
  const timespec soon{.tv_sec = 0, .tv_nsec = 100'000};
  counted_word = 7;
  for (int i = 0; i < 30; ++i)
    ::syscall(SYS_futex, &counted_word, FUTEX_WAIT_PRIVATE, 7, &soon, nullptr, 0);
  for (int i = 0; i < 40; ++i)
    ::syscall(SYS_futex, &counted_word, FUTEX_WAIT_PRIVATE, 70, nullptr, nullptr, 0);
  for (int i = 0; i < 50; ++i)
    ::syscall(SYS_futex, &counted_word, FUTEX_WAKE_PRIVATE, 77, nullptr, nullptr, 0);
  sleep_ms(500);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const char* const what = argc > 1 ? argv[1] : "";
  if (std::strcmp(what, "convoy") == 0) return convoy();
  if (std::strcmp(what, "alone") == 0) return alone();
  return std::strcmp(what, "calls") == 0 ? calls() : 2;
}
