#include "report/folded.h"

#include <algorithm>
#include <cmath>
#include <ranges>

#include <fmt/format.h>

#include "report/stacks.h"
#include "report/units.h"

namespace tr::report {
namespace {

// What stands between frames cannot stand in one.
std::string plain(std::string text) {
  std::ranges::replace(text, ';', ':');
  return text;
}

void put(std::string& out, std::string_view kind, const std::string& thread, const Stacks& stacks,
         std::uint64_t number, double ns) {
  const auto weight = static_cast<std::uint64_t>(std::llround(ns / 1000));
  if (weight == 0) return;
  out += fmt::format("{};{}", kind, plain(printable(thread)));
  const auto& frames = stacks.stacks[number].frames;
  if (frames.empty()) out += ";[no stack]";
  for (const std::uint64_t at : std::views::reverse(frames)) {
    const Frame& frame = stacks.frames[at];
    out += ';' + plain(frame_name(frame)) + (frame.kernel ? "_[k]" : "");
  }
  out += fmt::format(" {}\n", weight);
}

}  // namespace

std::string render_folded(const JudgedRun& run) {
  const Stacks& stacks = *run.snapshot.stacks;
  std::string out;
  if (stacks.profile)
    for (const SampledStack& sampled : stacks.profile->stacks)
      put(out, "on-CPU", sampled.thread, stacks, sampled.stack,
          run.metrics.stacks->cpu->ns_of(sampled.samples));
  for (const BlockedStack& blocked : stacks.blocked)
    put(out, metrics::waits_for_work(blocked) ? "idle" : "blocked", blocked.thread, stacks,
        blocked.stack, static_cast<double>(blocked.ns));
  return out;
}

}  // namespace tr::report
