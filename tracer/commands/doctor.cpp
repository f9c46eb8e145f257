#include "commands/doctor.h"

#include <algorithm>
#include <cstdio>
#include <memory>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "capture/environment.h"
#include "commands/command.h"
#include "commands/output.h"
#include "commands/parser.h"
#include "report/json_value.h"

namespace tr::commands {
namespace {

using capture::Finding;
using capture::Standing;

constexpr int kJsonVersion = 1;

std::string_view name_of(Standing standing) {
  switch (standing) {
    case Standing::kOk:
      return "ok";
    case Standing::kLimited:
      return "limited";
    case Standing::kMissing:
      break;
  }
  return "missing";
}

std::string headline(const Environment& machine) {
  std::vector<std::string> facts{"Linux " + machine.kernel, machine.architecture};
  for (const std::string& fact : {machine.cpu_model, machine.virtualization})
    if (!fact.empty()) facts.push_back(fact);
  if (machine.memory_bytes > 0)
    facts.push_back(
        fmt::format("{:.1f} GiB", static_cast<double>(machine.memory_bytes) / (1 << 30)));
  return fmt::format("{}", fmt::join(facts, ", "));
}

std::string conclusion(const capture::Diagnosis& diagnosis) {
  if (const Status verdict = diagnosis.verdict(); !verdict)
    return fmt::format("trace-run {}.", verdict.error().text());
  const bool all = std::all_of(diagnosis.findings.begin(), diagnosis.findings.end(),
                               [](const Finding& f) { return f.standing == Standing::kOk; });
  if (diagnosis.only_requirements) return "trace-run can trace servers here.";
  return all ? "trace-run can do everything here."
             : "trace-run can trace servers here; what is limited above, it does without.";
}

}  // namespace

void setup_doctor(App& app, int& exit_code) {
  const auto options = std::make_shared<DoctorOptions>();
  App doctor =
      app.add_subcommand("doctor", "Say what this machine allows, and what would allow more");
  const Option json = doctor->add_option(
      "--json", options->json,
      "Write the findings as JSON to this file; - for standard output, instead of "
      "the table");
  json->type_name("FILE");
  doctor->add_flag("--quick", options->quick,
                   "Check only what tracing cannot do without; load no probes");
  doctor->callback([options, &exit_code] { exit_code = run_doctor(*options); });
}

int run_doctor(const DoctorOptions& options) {
  const capture::Diagnosis diagnosis =
      options.quick ? capture::diagnose_requirements() : capture::diagnose();
  const Environment machine = capture::read_environment();
  const bool json_only = options.json == kStandardOutput;
  Status written =
      print(json_only ? doctor_json(diagnosis, machine) : doctor_table(diagnosis, machine));
  if (written && !options.json.empty() && !json_only)
    written = write_output(options.json, doctor_json(diagnosis, machine));
  if (!written) return report(written.error());
  const Status verdict = diagnosis.verdict();
  return verdict ? 0 : static_cast<int>(verdict.error().failure);
}

std::string doctor_table(const capture::Diagnosis& diagnosis, const Environment& machine,
                         std::size_t width) {
  std::size_t subjects = 0;
  for (const Finding& finding : diagnosis.findings)
    subjects = std::max(subjects, finding.subject.size());
  std::string table = headline(machine) + "\n\n";
  for (const Finding& finding : diagnosis.findings) {
    table +=
        wrapped(fmt::format("{:8} {:{}}  ", name_of(finding.standing), finding.subject, subjects),
                fmt::format("{} - {}", finding.value, finding.meaning), width);
    if (!finding.remedy.empty())
      table +=
          wrapped(fmt::format("{:8} {:{}}  remedy: ", "", "", subjects), finding.remedy, width);
  }
  return table + "\n" + conclusion(diagnosis) + "\n";
}

std::string doctor_json(const capture::Diagnosis& diagnosis, const Environment& machine) {
  report::Json document;
  document["schema_version"] = kJsonVersion;
  document["can_trace"] = diagnosis.verdict().ok();
  document["environment"] = {{"tool_version", machine.tool_version},
                             {"date", machine.date},
                             {"kernel", machine.kernel},
                             {"architecture", machine.architecture},
                             {"cpu_model", machine.cpu_model},
                             {"cpus", machine.cpus},
                             {"clocksource", machine.clocksource},
                             {"memory_bytes", machine.memory_bytes},
                             {"virtualization", machine.virtualization}};
  document["findings"] = report::Json::array();
  for (const Finding& finding : diagnosis.findings)
    document["findings"].push_back({{"id", finding.id},
                                    {"subject", finding.subject},
                                    {"standing", name_of(finding.standing)},
                                    {"required", finding.required},
                                    {"value", finding.value},
                                    {"meaning", finding.meaning},
                                    {"remedy", finding.remedy}});
  return document.text();
}

}  // namespace tr::commands
