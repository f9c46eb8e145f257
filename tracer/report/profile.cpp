#include <algorithm>

#include <fmt/format.h>

#include "report/names.h"
#include "report/sections.h"
#include "report/stacks.h"
#include "report/units.h"

namespace tr::report {
namespace {

using metrics::BlockedPath;
using metrics::CpuUse;
using metrics::FunctionRow;

constexpr std::size_t kNamed = 12;        // rows, unless everything is asked for
constexpr std::size_t kShownFrames = 5;   // of a stack, as above
constexpr std::size_t kLongestName = 60;  // of a function, as above: templates run on

double messages_of(const JudgedRun& run) {
  return static_cast<double>(run.metrics.messages.count.value_or(1));
}

std::string shortened(std::string name, const Detail& detail) {
  if (detail.full) return name;
  constexpr std::string_view kAnonymous = "(anonymous namespace)::";
  for (std::size_t at = 0; (at = name.find(kAnonymous, at)) != std::string::npos;)
    name.erase(at, kAnonymous.size());
  if (width_of(name) <= kLongestName) return name;
  name.resize(kLongestName - 3);
  while (!name.empty() && (static_cast<unsigned char>(name.back()) & 0xc0) == 0x80)
    name.pop_back();  // not in the middle of a character
  return printable(name + "...");
}

std::string error_text(double error) {
  return fmt::format("{:.1f} %", error * 100);
}

class FunctionTable {
 public:
  FunctionTable(const JudgedRun& run, const Detail& detail)
      : run_(run), detail_(detail), use_(*run.metrics.stacks->cpu) {
    table_.columns = {
        {"", Column::Align::kLeft},
        {run.metrics.messages.count ? "per message" : "in total", Column::Align::kPoint},
        {"share", Column::Align::kPoint},
        {"+-", Column::Align::kPoint},
        {"in", Column::Align::kLeft}};
  }

  // The first of these functions by samples.
  Table build(std::vector<FunctionRow> functions, std::uint64_t FunctionRow::*samples) {
    std::ranges::stable_sort(functions, std::ranges::greater{}, samples);
    for (const FunctionRow& row : functions) {
      const std::uint64_t count = row.*samples;
      if (count == 0 || (!detail_.full && table_.rows.size() == kNamed)) break;
      const Frame& frame = run_.snapshot.stacks->frames[row.frame];
      table_.rows.push_back(
          {{shortened(frame_name(frame), detail_),
            duration_text(use_.ns_of(count) / messages_of(run_),
                          use_.ns_of(functions.front().*samples) / messages_of(run_)),
            percent_text(use_.share_of(count)), error_text(use_.error_of(count)),
            module_name(frame)}});
    }
    return std::move(table_);
  }

 private:
  const JudgedRun& run_;
  const Detail& detail_;
  const CpuUse& use_;
  Table table_;
};

std::string quality_text(const metrics::StackQuality& quality, std::string_view of) {
  return fmt::format(
      "Frames without a name: in {} of {}. Stacks that do not reach their thread's first function: "
      "{}.",
      percent_text(quality.unresolved), of, percent_text(quality.incomplete));
}

// From the innermost of the program's own frames on.
std::string path_text(const JudgedRun& run, const BlockedPath& path, const Detail& detail) {
  const Stacks& stacks = *run.snapshot.stacks;
  std::vector<std::string> names;
  bool more = false;
  for (const std::uint64_t number : stacks.stacks[path.stack].frames) {
    const Frame& frame = stacks.frames[number];
    if (frame.kernel && !detail.full) continue;
    more = !detail.full && names.size() == kShownFrames;
    if (more) break;
    names.push_back(shortened(frame_name(frame), detail));
  }
  if (names.empty()) return "stack unknown";
  return joined(names, " < ") + (more ? " < ..." : "");
}

std::string wait_text(const BlockedPath& path) {
  const std::string call = path.call.empty() ? "outside system calls" : printable(path.call);
  const std::string_view object = object_name(path.object);
  return object.empty() ? call : fmt::format("{}, {}", call, object);
}

}  // namespace

std::string frame_name(const Frame& frame) {
  if (frame.resolved()) return printable(frame.function);
  if (frame.module.empty()) return "[unknown]";
  return fmt::format("{}+{:#x}", module_name(frame), frame.offset);
}

std::string module_name(const Frame& frame) {
  return printable(frame.module.substr(frame.module.rfind('/') + 1));
}

std::optional<Section> cpu_profile_section(const JudgedRun& run, const Detail& detail) {
  if (!run.metrics.stacks || !run.metrics.stacks->cpu) return std::nullopt;
  const CpuUse& use = *run.metrics.stacks->cpu;
  const CpuProfile& profile = *run.snapshot.stacks->profile;
  Section section;
  section.title = "Where the CPU time is spent";
  if (use.samples == 0) {
    section.remarks.push_back(fmt::format(
        "Not one sample of {} {} fell on the program: it used the CPU for {}.",
        printable(profile.event), profile.hz, duration_text(static_cast<double>(use.cpu_ns))));
    return section;
  }
  section.table = FunctionTable(run, detail).build(use.functions, &FunctionRow::self);
  section.remarks.push_back(fmt::format(
      "{} samples of {}, {} a second, share out the CPU time, {}, which is counted; +- is a share's"
      " standard error. The kernel's share, counted too: {}.",
      count_text(use.samples), printable(profile.event), profile.hz,
      duration_text(static_cast<double>(use.cpu_ns)),
      percent_text(use.cpu_ns == 0
                       ? 0
                       : static_cast<double>(use.system_ns) / static_cast<double>(use.cpu_ns))));
  if (profile.event == "cpu-clock")
    section.remarks.emplace_back(
        "cpu-clock is an interrupt: what runs with interrupts off, the probes at a switch among it,"
        " shows where they are turned on again.");
  section.remarks.push_back(quality_text(use.quality, "the samples"));
  return section;
}

std::optional<Section> callers_section(const JudgedRun& run, const Detail& detail) {
  if (!run.metrics.stacks || !run.metrics.stacks->cpu) return std::nullopt;
  const CpuUse& use = *run.metrics.stacks->cpu;
  std::vector<FunctionRow> own;
  std::ranges::copy_if(use.functions, std::back_inserter(own), [&](const FunctionRow& row) {
    return !run.snapshot.stacks->frames[row.frame].kernel;
  });
  if (own.empty()) return std::nullopt;
  Section section;
  section.title = "The program's functions, with all that they call";
  section.table = FunctionTable(run, detail).build(std::move(own), &FunctionRow::total);
  return section;
}

std::optional<Section> blocked_section(const JudgedRun& run, const Detail& detail) {
  if (!run.metrics.stacks || !run.metrics.stacks->blocked) return std::nullopt;
  const metrics::OffCpu& off = *run.metrics.stacks->blocked;
  if (off.paths.empty()) return std::nullopt;
  const bool per_message = run.metrics.messages.count.has_value();
  Section section;
  section.title = "Where threads block";
  Table table{{{"", Column::Align::kLeft},
               {per_message ? "per message" : "in total", Column::Align::kPoint},
               {"times", Column::Align::kPoint},
               {"", Column::Align::kLeft}},
              {}};
  for (const bool idle : {false, true}) {
    std::size_t named = 0;
    for (const BlockedPath& path : off.paths) {
      if (path.idle != idle) continue;
      if (named == 0) table.rows.push_back({{idle ? "idle, waiting for work" : "blocked"}});
      if (!detail.full && named == kNamed / 2) break;
      ++named;
      table.rows.push_back(
          {{wait_text(path), duration_text(static_cast<double>(path.ns) / messages_of(run)),
            per_message ? number_text(static_cast<double>(path.count) / messages_of(run))
                        : count_text(path.count),
            path_text(run, path, detail)},
           1});
    }
  }
  section.table = std::move(table);
  section.remarks.push_back(fmt::format("Each wait is counted, on its stack, {} in all.",
                                        duration_text(static_cast<double>(off.ns))));
  section.remarks.push_back(quality_text(off.quality, "that time"));
  return section;
}

}  // namespace tr::report
