#include "report/content.h"

#include "report/sections.h"
#include "report/units.h"
#include "report/warnings.h"

namespace tr::report {

Report build_report(const JudgedRun& run, const Detail& detail) {
  Report report;
  report.headline = headline(run);
  const auto add = [&](Section section) { report.sections.push_back(std::move(section)); };
  add(setting_section(run));
  const bool expects_messages = run.snapshot.config.load != "none";
  if (expects_messages || run.metrics.messages.count) add(result_section(run));
  if (auto latency = latency_section(run)) add(*std::move(latency));
  if (auto path = message_path_section(run, detail)) add(*std::move(path));
  if (auto tail = tail_section(run, detail)) add(*std::move(tail));
  if (auto hops = message_hops_section(run, detail)) add(*std::move(hops));
  add(cost_section(run, detail));
  if (auto budget = budget_section(run, detail)) add(*std::move(budget));
  for (Section& section : wait_sections(run, detail))
    add(std::move(section));
  if (auto waste = waste_section(run, detail)) add(*std::move(waste));
  for (Section& section : lock_sections(run, detail))
    add(std::move(section));
  for (const auto section : {cpu_profile_section, callers_section})
    if (auto part = section(run, detail)) add(*std::move(part));
  // With --waits the same stacks stand beside the causes.
  if (!run.snapshot.waits)
    if (auto blocked = blocked_section(run, detail)) add(*std::move(blocked));
  if (auto uring = uring_section(run, detail)) add(*std::move(uring));
  if (auto perf = perf_section(run, detail)) add(*std::move(perf));
  if (detail.syscalls) add(syscall_section(run, detail));
  if (detail.threads) add(thread_section(run, detail));
  // Who asks for the comparison is told why there is none; a document that holds everything is not.
  const bool comparable = !run.metrics.cross_checks.empty();
  if (detail.cross_check && (comparable || !detail.full)) add(cross_check_section(run));
  add(tracing_section(run, detail));
  for (const metrics::Doubt& doubt : run.doubts)
    report.warnings.push_back(warning_text(doubt, run));
  for (const std::string& note : run.snapshot.notes)
    report.notes.push_back(printable(note));
  return report;
}

}  // namespace tr::report
