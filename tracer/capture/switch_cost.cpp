#include "capture/switch_cost.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <fcntl.h>
#include <limits>
#include <system_error>
#include <thread>
#include <unistd.h>

#include "util/clock.h"
#include "util/cpu_set.h"
#include "util/fd.h"

namespace tr::capture {
namespace {

constexpr int kRounds = 10;
constexpr int kThereAndBack = 40;  // per round

struct Pipe {
  Fd out;
  Fd in;

  static std::optional<Pipe> make() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return std::nullopt;
    return Pipe{Fd(ends[0]), Fd(ends[1])};
  }
};

bool pass_on(const Pipe& from, const Pipe& to) {
  char byte = 0;
  return ::read(from.out.get(), &byte, 1) == 1 && ::write(to.in.get(), &byte, 1) == 1;
}

std::optional<double> hand_over(const Pipe& there, const Pipe& back) {
  const char byte = 0;
  std::uint64_t least = std::numeric_limits<std::uint64_t>::max();
  for (int round = 0; round < kRounds; ++round) {
    const std::uint64_t start = monotonic_ns();
    if (::write(there.in.get(), &byte, 1) != 1) return std::nullopt;
    for (int i = 1; i < kThereAndBack; ++i)
      if (!pass_on(back, there)) return std::nullopt;
    char last = 0;
    if (::read(back.out.get(), &last, 1) != 1) return std::nullopt;
    least = std::min(least, monotonic_ns() - start);
  }
  return static_cast<double>(least) / (2 * kThereAndBack);
}

}  // namespace

std::optional<double> switch_ns(int cpu) {
  auto there = Pipe::make();
  auto back = Pipe::make();
  const auto usable = usable_cpus();
  if (!there || !back || !usable || !pin_thread(0, {cpu})) return std::nullopt;
  std::optional<double> ns;
  try {
    const std::jthread other([&] {  // on the same CPU: it has that from its parent
      while (pass_on(*there, *back)) {
      }
      back->in.reset();
    });
    ns = hand_over(*there, *back);
    there->in.reset();
  } catch (const std::system_error&) {  // no more threads
  }
  (void)pin_thread(0, *usable);
  return ns;
}

}  // namespace tr::capture
