#include "load/window.h"

#include <sys/eventfd.h>

namespace tr::load {

void LiveWindow::plan(Window planned) {
  open_ns_ = planned.open_ns;
  close_ns_ = planned.close_ns;
  planned_ns_ = planned.close_ns - planned.open_ns;
}

AnswerBins LiveWindow::empty_bins() const {
  AnswerBins bins{.bin_ns = kBinNs, .answers = {}};
  while (planned_ns_ / kMaxBins >= bins.bin_ns)
    bins.bin_ns *= 2;
  bins.answers.resize(planned_ns_ / bins.bin_ns + 1);
  return bins;
}

Result<int> LiveWindow::add_sleeper() {
  Fd event(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!event) return errno_error("create", "an eventfd");
  sleepers_.push_back(std::move(event));
  return sleepers_.back().get();
}

bool LiveWindow::close_early(std::uint64_t ns) {
  std::uint64_t close = close_ns_.load();
  do {
    if (ns >= close) return false;
  } while (!close_ns_.compare_exchange_weak(close, ns));
  for (const Fd& sleeper : sleepers_)
    eventfd_write(sleeper.get(), 1);
  return true;
}

void LiveWindow::lose_connection(std::uint64_t ns) {
  if (connections_.fetch_sub(1) == 1) close_early(ns);
}

}  // namespace tr::load
