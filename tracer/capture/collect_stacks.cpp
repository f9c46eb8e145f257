#include "capture/collect_stacks.h"

#include <algorithm>
#include <string_view>
#include <tuple>

namespace tr::capture {
namespace {

bool before(const Stack& a, const Stack& b) {
  return std::tie(a.frames, a.cut, a.unreadable) < std::tie(b.frames, b.cut, b.unreadable);
}

std::string name_of(const char (&comm)[TR_COMM_LENGTH]) {
  return {std::begin(comm), std::find(std::begin(comm), std::end(comm), '\0')};
}

// The tracer's own frames stand between a tracepoint and the program that took the stack there:
// from the innermost frame to the last of these.
bool is_of_tracepoint(std::string_view function) {
  return function.starts_with("bpf_") || function.starts_with("__bpf_") ||
         function.starts_with("__traceiter_");
}

// The C library's first functions of a process and of a thread.
bool begins_thread(std::string_view function) {
  return function == "_start" || function.ends_with("clone") || function.ends_with("clone3") ||
         function == "start_thread" || function == "thread_start";
}

}  // namespace

StackTable::StackTable(const RawStacks& raw, symbols::Symbols& symbols)
    : raw_(raw), symbols_(symbols), stacks_(before) {
  result_.stacks.emplace_back();
  stacks_.emplace(Stack{}, 0);
}

std::uint64_t StackTable::number(std::uint64_t hash) {
  const auto known = numbers_.find(hash);
  if (known != numbers_.end()) return known->second;
  const auto kept = raw_.stacks.find(hash);
  if (kept == raw_.stacks.end()) return 0;
  const tr_stack& raw = kept->second;
  Stack stack;
  stack.unreadable = (raw.unwinding & TR_UNREADABLE) != 0;
  const std::size_t in_kernel = std::min<std::size_t>(raw.kernel_frames, TR_KERNEL_FRAMES);
  constexpr std::size_t kMostOwn = 8;
  std::size_t own = 0;
  for (std::size_t i = 0; i < in_kernel; ++i) {
    stack.frames.push_back(kernel_frame(raw.kernel[i]));
    if (i < kMostOwn && is_of_tracepoint(result_.frames[stack.frames.back()].function)) own = i + 1;
  }
  stack.frames.erase(stack.frames.begin(), stack.frames.begin() + static_cast<std::ptrdiff_t>(own));
  const std::size_t in_user = std::min<std::size_t>(raw.user_frames, TR_USER_FRAMES);
  for (std::size_t i = 0; i < in_user; ++i)
    stack.frames.push_back(frame(raw, raw.user[i], i == 0));
  // Frame pointers do not say where they end.
  const bool whole = (raw.unwinding & TR_WHOLE) != 0 ||
                     (in_user > 0 && (raw.unwinding & TR_CUT) == 0 &&
                      begins_thread(result_.frames[stack.frames.back()].function));
  stack.cut = !whole && !stack.unreadable;
  const auto [same, is_new] = stacks_.try_emplace(stack, result_.stacks.size());
  if (is_new) result_.stacks.push_back(std::move(stack));
  numbers_.emplace(hash, same->second);
  return same->second;
}

std::uint64_t StackTable::frame(const tr_stack& stack, std::uint64_t address, bool innermost) {
  // Behind a call there may be another function already.
  const std::uint64_t at = innermost ? address : address - 1;
  const auto [known, is_new] = addresses_.try_emplace({stack.image, stack.process, at});
  if (is_new) {
    symbols::Code code =
        symbols_.code({.pid = static_cast<pid_t>(stack.process), .image = stack.image}, at);
    if (const auto [module, first] = modules_.try_emplace(code.module); first)
      module->second =
          symbols_.build_id({.pid = static_cast<pid_t>(stack.process), .image = stack.image}, at);
    std::uint64_t offset = 0;
    if (!code.resolved()) offset = code.module.empty() ? at : code.offset;
    known->second = number_of({.function = std::move(code.function),
                               .module = std::move(code.module),
                               .offset = offset,
                               .kernel = false});
  }
  return known->second;
}

std::uint64_t StackTable::kernel_frame(std::uint64_t address) {
  const auto [known, is_new] = addresses_.try_emplace({0, 0, address - 1});
  if (is_new) {
    symbols::Code code = symbols_.kernel(address - 1);
    const std::uint64_t offset = code.resolved() ? 0 : code.offset;
    known->second = number_of({.function = std::move(code.function),
                               .module = std::move(code.module),
                               .offset = offset,
                               .kernel = true});
  }
  return known->second;
}

Stacks StackTable::take() {
  for (auto& [path, build_id] : modules_)
    if (!path.empty()) result_.modules.push_back({.path = path, .build_id = std::move(build_id)});
  return std::move(result_);
}

std::uint64_t StackTable::number_of(Frame frame) {
  const auto [known, is_new] = frames_.try_emplace(
      {frame.function, frame.module, frame.offset, frame.kernel}, result_.frames.size());
  if (is_new) result_.frames.push_back(std::move(frame));
  return known->second;
}

Stacks collect_stacks(const RawStacks& raw, const RawCounts& counts, const Names& names,
                      StackTable& table) {
  // By stack, thread's name and cause: stacks that differ in addresses alone become one.
  std::map<std::tuple<std::uint64_t, std::string, std::uint32_t>, tr_stack_sum> waits;
  std::map<std::pair<std::uint64_t, std::string>, std::uint64_t> samples;
  for (const auto& [key, sum] : raw.sums) {
    const std::uint64_t stack = table.number(key.stack);
    if (key.cause == TR_ON_CPU) {
      samples[{stack, name_of(key.comm)}] += sum.count;
    } else {
      tr_stack_sum& all = waits[{stack, name_of(key.comm), key.cause}];
      all.count += sum.count;
      all.ns += sum.ns;
    }
  }
  for (const tr_thread& record : counts.records) {
    const auto open = open_wait(counts, record);
    if (!open) continue;
    const std::uint64_t hash = record.slot < raw.notes.size() ? raw.notes[record.slot].stack : 0;
    tr_stack_sum& all = waits[{table.number(hash), name_of(record.comm), open->cause}];
    ++all.count;
    all.ns += open->ns;
  }

  Stacks stacks = table.take();
  for (const auto& [key, sum] : waits) {
    const auto& [stack, thread, cause] = key;
    Wait wait = name_cause(cause, names);
    stacks.blocked.push_back({.stack = stack,
                              .thread = thread,
                              .call = std::move(wait.call),
                              .object = std::move(wait.object),
                              .waker = std::move(wait.waker),
                              .count = sum.count,
                              .ns = sum.ns});
  }
  std::ranges::stable_sort(stacks.blocked, std::ranges::greater{}, &BlockedStack::ns);
  if (!raw.event.empty()) {
    CpuProfile& profile = stacks.profile.emplace();
    profile.event = raw.event;
    profile.hz = raw.hz;
    for (const auto& [key, count] : samples)
      profile.stacks.push_back({.stack = key.first, .thread = key.second, .samples = count});
    std::ranges::stable_sort(profile.stacks, std::ranges::greater{}, &SampledStack::samples);
  }
  return stacks;
}

}  // namespace tr::capture
