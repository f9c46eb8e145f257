#include <algorithm>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "report/names.h"
#include "report/sections.h"
#include "report/units.h"

namespace tr::report {
namespace {

// With rows of their own: kinds of waits, stacks of each, frames of each part of a stack.
constexpr std::size_t kKinds = 5;
constexpr std::size_t kStacks = 3;
constexpr std::size_t kFrames = 5;

// Waits of one call at one kind of object, by stack.
struct Kind {
  std::uint64_t ns = 0;
  std::uint64_t count = 0;
  std::map<std::uint64_t, std::uint64_t> ns_by_stack;
};

using KindName = std::pair<std::string, std::string>;  // call and object

const Stack* stack_at(const Stacks& stacks, std::uint64_t number) {
  return number > 0 && number < stacks.stacks.size() ? &stacks.stacks[number] : nullptr;
}

const Frame* frame_at(const Stacks& stacks, std::uint64_t number) {
  return number < stacks.frames.size() ? &stacks.frames[number] : nullptr;
}

std::string frame_text(const Frame& frame) {
  if (frame.resolved()) return printable(frame.function);
  const std::string_view path = frame.module;
  const std::string_view file = path.substr(path.rfind('/') + 1);
  return file.empty() ? fmt::format("{:#x}", frame.offset)
                      : fmt::format("{}+{:#x}", printable(file), frame.offset);
}

// Every blocked thread is in these.
bool is_scheduler(const Frame& frame) {
  return frame.kernel && (frame.function == "__schedule" || frame.function == "schedule");
}

// "futex_wait in the kernel < pthread_cond_wait < Queue::take < ..."
std::string stack_text(const Stacks& stacks, const Stack& stack, bool full) {
  std::vector<std::string> kernel, user;
  for (const std::uint64_t number : stack.frames) {
    const Frame* frame = frame_at(stacks, number);
    if (frame == nullptr || is_scheduler(*frame)) continue;
    (frame->kernel ? kernel : user).push_back(frame_text(*frame));
  }
  const auto shorten = [full](std::vector<std::string>& frames) {
    if (full || frames.size() <= kFrames) return;
    frames.resize(kFrames);
    frames.emplace_back("...");
  };
  shorten(kernel);
  shorten(user);
  std::string text = joined(user, " < ");
  if (text.empty()) text = stack.unreadable ? "(stack not readable)" : "(no frames)";
  if (stack.cut && (full || user.size() <= kFrames)) text += " < ...";
  return kernel.empty() ? text : fmt::format("{}; in the kernel {}", text, joined(kernel, " < "));
}

// How much of the time is on stacks that are not known, or not wholly.
struct Unknown {
  std::uint64_t all_ns = 0;
  std::uint64_t none_ns = 0;     // no stack, or its user's part not readable
  std::uint64_t unnamed_ns = 0;  // some frame has no name
};

Unknown unknown_of(const Stacks& stacks) {
  Unknown unknown;
  for (const BlockedStack& blocked : stacks.blocked) {
    unknown.all_ns += blocked.ns;
    const Stack* stack = stack_at(stacks, blocked.stack);
    if (stack == nullptr || stack->unreadable) {
      unknown.none_ns += blocked.ns;
      continue;
    }
    const bool named = std::ranges::all_of(stack->frames, [&](std::uint64_t number) {
      const Frame* frame = frame_at(stacks, number);
      return frame != nullptr && frame->resolved();
    });
    if (!named) unknown.unnamed_ns += blocked.ns;
  }
  return unknown;
}

std::string remark_on(const Unknown& unknown) {
  const auto share = [&](std::uint64_t ns) {
    return percent_text(static_cast<double>(ns) / static_cast<double>(unknown.all_ns));
  };
  return fmt::format(
      "Innermost function first. Of this time {} is on stacks with a frame that has no name, {} on "
      "none that could be taken or read.",
      share(unknown.unnamed_ns), share(unknown.none_ns));
}

void put_kind(const Stacks& stacks, const Kind& kind, bool full, Table& table) {
  std::vector<std::pair<std::uint64_t, std::uint64_t>> heaviest;  // ns, number
  for (const auto& [number, ns] : kind.ns_by_stack)
    heaviest.emplace_back(ns, number);
  std::ranges::sort(heaviest, std::greater());
  const std::size_t shown = std::min(heaviest.size(), full ? 5 * kStacks : kStacks);
  std::uint64_t rest_ns = kind.ns;
  const auto share = [&](std::uint64_t ns) {
    return percent_text(kind.ns == 0 ? 0 : static_cast<double>(ns) / static_cast<double>(kind.ns));
  };
  for (std::size_t i = 0; i < shown; ++i) {
    const auto [ns, number] = heaviest[i];
    const Stack* stack = stack_at(stacks, number);
    table.rows.push_back(
        {{"", share(ns), "",
          stack == nullptr ? "(stack not known)" : stack_text(stacks, *stack, full)},
         1});
    rest_ns -= ns;
  }
  if (heaviest.size() > shown)
    table.rows.push_back(
        {{"", share(rest_ns), "", fmt::format("{} others", count_text(heaviest.size() - shown))},
         1});
}

}  // namespace

std::optional<Section> wait_stacks_section(const JudgedRun& run, const Detail& detail) {
  if (!run.snapshot.waits || !run.snapshot.stacks) return std::nullopt;
  const Stacks& stacks = *run.snapshot.stacks;
  std::map<KindName, Kind> kinds;
  for (const BlockedStack& blocked : stacks.blocked) {
    Kind& kind = kinds[{blocked.call, blocked.object}];
    kind.ns += blocked.ns;
    kind.count += blocked.count;
    kind.ns_by_stack[blocked.stack] += blocked.ns;
  }
  const Unknown unknown = unknown_of(stacks);
  if (unknown.all_ns == 0) return std::nullopt;
  std::vector<std::pair<KindName, Kind>> longest(kinds.begin(), kinds.end());
  std::ranges::stable_sort(longest, std::greater(),
                           [](const auto& entry) { return entry.second.ns; });
  Table table{{{"", Column::Align::kLeft},
               {"time", Column::Align::kPoint},
               {"times", Column::Align::kPoint},
               {"", Column::Align::kLeft}},
              {}};
  const std::size_t shown = detail.full ? longest.size() : std::min(kKinds, longest.size());
  for (std::size_t i = 0; i < shown; ++i) {
    const auto& [name, kind] = longest[i];
    table.rows.push_back({{wait_name(name.first, name.second),
                           duration_text(static_cast<double>(kind.ns)), count_text(kind.count)}});
    put_kind(stacks, kind, detail.full, table);
  }
  return Section{"Where it waits", {}, std::move(table), {remark_on(unknown)}};
}

}  // namespace tr::report
