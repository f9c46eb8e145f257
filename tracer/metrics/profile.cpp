#include "metrics/profile.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <tuple>

#include "metrics/budget.h"

namespace tr::metrics {
namespace {

double ratio(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

// Adds up the weights of stacks that are not all known.
class Judge {
 public:
  explicit Judge(const Stacks& stacks) : stacks_(stacks) {}

  void add(std::uint64_t number, std::uint64_t weight) {
    const Stack& stack = stacks_.stacks[number];
    all_ += weight;
    if (stack.frames.empty() || stack.cut || stack.unreadable) incomplete_ += weight;
    if (std::ranges::any_of(stack.frames, [this](std::uint64_t frame) {
          return !stacks_.frames[frame].resolved();
        }))
      unresolved_ += weight;
  }
  [[nodiscard]] StackQuality verdict() const {
    return {.unresolved = ratio(unresolved_, all_), .incomplete = ratio(incomplete_, all_)};
  }

 private:
  const Stacks& stacks_;
  std::uint64_t all_ = 0;
  std::uint64_t unresolved_ = 0;
  std::uint64_t incomplete_ = 0;
};

CpuUse cpu_use(const Snapshot& snapshot, const CpuProfile& profile) {
  const Stacks& stacks = *snapshot.stacks;
  CpuUse use;
  use.cpu_ns = snapshot.total.user_ns + snapshot.total.system_ns;
  use.system_ns = snapshot.total.system_ns;
  std::map<std::uint64_t, FunctionRow> functions;
  Judge judge(stacks);
  for (const SampledStack& sampled : profile.stacks) {
    use.samples += sampled.samples;
    judge.add(sampled.stack, sampled.samples);
    const auto& frames = stacks.stacks[sampled.stack].frames;
    if (!frames.empty()) functions[frames.front()].self += sampled.samples;
    for (const std::uint64_t frame : std::set(frames.begin(), frames.end()))
      functions[frame].total += sampled.samples;
  }
  use.quality = judge.verdict();
  for (auto& [frame, row] : functions) {
    row.frame = frame;
    use.functions.push_back(row);
  }
  std::ranges::stable_sort(use.functions, [](const FunctionRow& a, const FunctionRow& b) {
    return std::tie(a.self, a.total) > std::tie(b.self, b.total);
  });
  return use;
}

OffCpu off_cpu(const Stacks& stacks) {
  OffCpu off;
  std::map<std::tuple<std::uint64_t, std::string, std::string, bool>, BlockedPath> paths;
  Judge judge(stacks);
  for (const BlockedStack& blocked : stacks.blocked) {
    const bool idle = waits_for_work(blocked);
    BlockedPath& path = paths[{blocked.stack, blocked.call, blocked.object, idle}];
    path = {.stack = blocked.stack,
            .call = blocked.call,
            .object = blocked.object,
            .idle = idle,
            .count = path.count + blocked.count,
            .ns = path.ns + blocked.ns};
    off.ns += blocked.ns;
    judge.add(blocked.stack, blocked.ns);
  }
  off.quality = judge.verdict();
  for (auto& [key, path] : paths)
    off.paths.push_back(std::move(path));
  std::ranges::stable_sort(off.paths, [](const BlockedPath& a, const BlockedPath& b) {
    return std::tie(a.idle, b.ns) < std::tie(b.idle, a.ns);
  });
  return off;
}

}  // namespace

double CpuUse::share_of(std::uint64_t of) const {
  return ratio(of, samples);
}

double CpuUse::ns_of(std::uint64_t of) const {
  return static_cast<double>(cpu_ns) * share_of(of);
}

double CpuUse::error_of(std::uint64_t of) const {
  const double share = share_of(of);
  return samples == 0 ? 0 : std::sqrt(share * (1 - share) / static_cast<double>(samples));
}

bool waits_for_work(const BlockedStack& blocked) {
  Wait wait;
  wait.call = blocked.call;
  wait.object = blocked.object;
  return waits_for_work(wait);
}

std::optional<StackFigures> stack_figures(const Snapshot& snapshot) {
  if (!snapshot.stacks) return std::nullopt;
  StackFigures figures;
  if (snapshot.stacks->profile) figures.cpu = cpu_use(snapshot, *snapshot.stacks->profile);
  if (snapshot.total.budget) figures.blocked = off_cpu(*snapshot.stacks);
  return figures;
}

}  // namespace tr::metrics
