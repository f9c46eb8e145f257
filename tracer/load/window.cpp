#include "load/window.h"

#include <sys/eventfd.h>

namespace tr::load {

namespace {

// Moves it to `ns`, if that is earlier; true if it was.
bool move_forward(std::atomic<std::uint64_t>& moment, std::uint64_t ns) {
  std::uint64_t now = moment.load();
  do {
    if (ns >= now) return false;
  } while (!moment.compare_exchange_weak(now, ns));
  return true;
}

}  // namespace

void LiveWindow::plan(Window planned, std::uint64_t after_ns) {
  open_ns_ = planned.open_ns;
  close_ns_ = planned.close_ns;
  end_ns_ = planned.close_ns + after_ns;
  planned_ns_ = planned.close_ns - planned.open_ns;
  after_ns_ = after_ns;
}

AnswerBins LiveWindow::empty_bins() const {
  AnswerBins bins{.bin_ns = kBinNs, .answers = {}};
  while (planned_ns_ / kMaxBins >= bins.bin_ns)
    bins.bin_ns *= 2;
  bins.answers.resize(planned_ns_ / bins.bin_ns + 1);
  return bins;
}

AnswerBins LiveWindow::empty_bins_after() const {
  return {.bin_ns = kAfterBinNs, .answers = std::vector<std::uint64_t>(after_ns_ / kAfterBinNs)};
}

Result<int> LiveWindow::add_sleeper() {
  Fd event(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!event) return errno_error("create", "an eventfd");
  sleepers_.push_back(std::move(event));
  return sleepers_.back().get();
}

bool LiveWindow::close_early(std::uint64_t ns) {
  const bool closed = move_forward(close_ns_, ns);
  if (move_forward(end_ns_, ns))
    for (const Fd& sleeper : sleepers_)
      eventfd_write(sleeper.get(), 1);
  return closed;
}

void LiveWindow::lose_connection(std::uint64_t ns) {
  if (connections_.fetch_sub(1) == 1) close_early(ns);
}

}  // namespace tr::load
