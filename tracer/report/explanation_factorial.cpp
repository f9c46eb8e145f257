#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "report/explanation.h"
#include "report/explanation_words.h"
#include "report/units.h"

namespace tr::report {
namespace {

using explain::Effect;
using explain::Factorial;
using explain::Setting;

std::string throughput_words(const std::optional<statistics::Estimate>& log_ratio) {
  if (!log_ratio) return {};
  std::string text = fmt::format("throughput {}", times_text(std::exp(log_ratio->value)));
  if (log_ratio->interval)
    text += fmt::format(" (95 %: {:.2f} to {:.2f})", std::exp(log_ratio->interval->low),
                        std::exp(log_ratio->interval->high));
  return text;
}

Fact effect_fact(std::string label, const Effect& effect, double like_ns) {
  Fact fact{std::move(label), {}};
  std::string text = fmt::format("{}: {} of CPU time per message{}", changes_words(effect.of),
                                 signed_duration(effect.cpu_ns.value, like_ns),
                                 interval_words(effect.cpu_ns.interval, like_ns));
  if (effect.of.size() == 2)
    text += " on what either does, where the other is made too; as much the other way without it";
  if (effect.of.size() > 2) text += " beyond all that";
  if (!effect.cpu_ns.interval)
    text += "; from single runs, nobody knows";
  else if (!effect.shown())
    text += "; may be chance";
  fact.lines.push_back(std::move(text));
  if (std::string throughput = throughput_words(effect.log_ratio); !throughput.empty())
    fact.lines.push_back(std::move(throughput));
  return fact;
}

Table setting_table(const Factorial& factorial) {
  Table table;
  table.columns = {{"setting", Column::Align::kLeft},
                   {"runs", Column::Align::kPoint},
                   {"CPU time per message", Column::Align::kPoint},
                   {"messages/s", Column::Align::kPoint}};
  const double like = factorial.settings.front().cpu_ns;
  for (const Setting& setting : factorial.settings)
    table.rows.push_back({{setting.changes.empty() ? "as it is" : changes_words(setting.changes),
                           count_text(setting.runs), duration_text(setting.cpu_ns, like),
                           whole_text(std::round(setting.per_second))},
                          0});
  return table;
}

}  // namespace

Section factorial_section(const explain::Explanation& explanation, const Factorial& factorial) {
  Section section;
  section.title = fmt::format("Changes together, of {}", side_name(explanation, factorial.on_b));
  const double like = factorial.settings.front().cpu_ns;
  for (const Effect& effect : factorial.effects)
    section.facts.push_back(
        effect_fact(fmt::format("{}.", section.facts.size() + 1), effect, like));
  section.table = setting_table(factorial);
  section.remarks.emplace_back(
      "Each effect is averaged over the runs with and without the other changes.");
  return section;
}

}  // namespace tr::report
